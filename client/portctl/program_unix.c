/* program_unix.c: exec of a program on Unix, in the same process, so that its parent and LISTEN_PID are right.
 *
 * A copy may have a number that another one is to get. So those are first moved to unused numbers; then nothing that is
 * still needed is overwritten. All descriptors that portctl has opened are close-on-exec, so the program gets no others. The
 * original standard error is duplicated until the exec: a failure is printed there.
 */
#define _GNU_SOURCE
#include "program.h"

#include "failure.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int program_set(const char *name, const char *value) {
    int rc = value != NULL ? setenv(name, value, 1) : unsetenv(name);

    return rc != 0 ? errno : 0;
}

/* 0: removes it. */
static int set_number(const char *name, uint64_t value) {
    char number[32];

    snprintf(number, sizeof(number), "%llu", (unsigned long long)value);
    return program_set(name, value > 0 ? number : NULL);
}

int program_announce(size_t n, const char *names) {
    uint64_t identity = 0;
    int rc = set_number("LISTEN_FDS", n);

    if (n > 0 && !program_identity(&identity))
        identity = 0;
    if (rc == 0)
        rc = set_number("LISTEN_PID", n > 0 ? (uint64_t)getpid() : 0);
    if (rc == 0)
        rc = program_set("LISTEN_FDNAMES", n > 0 ? names : NULL);
    return rc == 0 ? set_number("LISTEN_PIDFDID", identity) : rc;
}

const char *program_refusal(portd_native number) {
    (void)number;
    return NULL;
}

static bool is_wanted(int number, const struct program_place *places, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (places[i].number == number)
            return true;
    return false;
}

/* A duplicate under a number that is no place, or -1 and errno. */
static int dup_aside(int number, const struct program_place *places, size_t n) {
    int least = PROGRAM_LISTEN_FIRST, got;

    while ((got = fcntl(number, F_DUPFD_CLOEXEC, least)) >= 0 && is_wanted(got, places, n)) {
        close(got);
        least = got + 1;
    }
    return got;
}

/* 0, or -1 and errno. */
static int move_aside(struct program_place *places, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int moved;

        if (!is_wanted((int)places[i].copy, places, n))
            continue;
        moved = dup_aside((int)places[i].copy, places, n);
        if (moved < 0)
            return -1;
        close((int)places[i].copy);
        places[i].copy = moved;
    }
    return 0;
}

/* 0; or -1, errno, and *number is the place that failed. */
static int put_in_place(const struct program_place *places, size_t n, portd_native *number) {
    for (size_t i = 0; i < n; i++)
        if (dup2((int)places[i].copy, (int)places[i].number) < 0) {
            *number = places[i].number;
            return -1;
        }
    return 0;
}

int program_not_run(const struct output *output, const char *program, int error) {
    if (error == ENOENT || error == ENOTDIR)
        return failure_own(output, "no_program", PORTCTL_NO_PROGRAM, NULL, "no such program: '%s'", program);
    return failure_own(output, "cannot_run", PORTCTL_CANNOT_RUN, NULL, "cannot run '%s': %s", program,
                       strerror(error));
}

/* 0, or an errno, as the exec would fail. */
static int check_path(const char *path) {
    struct stat status;

    if (stat(path, &status) != 0)
        return errno;
    if (!S_ISREG(status.st_mode))
        return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* As execvp does: what may not be run is passed over, and told if there is nothing else. */
static int check_folders(const char *program) {
    const char *folders = getenv("PATH");
    int error = ENOENT;

    for (const char *at = folders != NULL ? folders : "/bin:/usr/bin"; at != NULL;) {
        size_t length = strcspn(at, ":");
        char *path = text_print("%.*s%s%s", (int)length, at, length > 0 ? "/" : "", program);
        int this = check_path(path);

        free(path);
        if (this == 0)
            return 0;
        error = this == EACCES ? EACCES : error;
        at = at[length] == ':' ? at + length + 1 : NULL;
    }
    return error;
}

int program_check(const struct output *output, const char *program) {
    int error = strchr(program, '/') != NULL ? check_path(program)
                : program[0] != '\0'         ? check_folders(program)
                                             : ENOENT;

    return error == 0 ? 0 : program_not_run(output, program, error);
}

int program_become(const struct output *output, char *const *words, struct program_place *places, size_t n) {
    int saved = dup_aside(2, places, n), rc = saved < 0 ? -1 : move_aside(places, n), error;
    portd_native number = -1;

    if (rc == 0)
        rc = put_in_place(places, n, &number);
    if (rc == 0) {
        execvp(words[0], words);
        rc = 1;
    }
    error = errno;
    if (saved >= 0)
        dup2(saved, 2);
    for (size_t i = 0; i < n; i++)
        close((int)places[i].copy);
    if (rc > 0)
        return program_not_run(output, words[0], error);
    if (number >= 0)
        return failure_code(output, PORTD_E_SYSTEM,
                            "descriptor numbers are below the limit that 'ulimit -n' shows",
                            "cannot use descriptor number %lld: %s", (long long)number, strerror(error));
    return failure_code(output, PORTD_E_SYSTEM, NULL, "cannot duplicate a descriptor: %s", strerror(error));
}
