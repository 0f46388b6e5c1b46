/* guest_unix.c: what guest.h says of users, limits and memory, which only Unix has, and of unread bytes. */
#define _GNU_SOURCE

#include "guest.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

long guest_memory(pid_t pid, const char *line) {
    char path[64], text[256];
    long kilobytes = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (kilobytes < 0 && fgets(text, sizeof(text), file))
        if (strncmp(text, line, strlen(line)) == 0)
            kilobytes = strtol(text + strlen(line), NULL, 10);
    fclose(file);
    assert_true(kilobytes >= 0);
    return kilobytes;
}

/* A limit that was lowered may not be raised again by everybody, so it is lowered where the broker begins: by a script that
 * becomes the broker. */
void guest_start_limited(struct fixture *fixture, size_t descriptors, const char *const *options) {
    const char *named = getenv("PORTD_DAEMON");
    char script[] = "/tmp/portd-limited-XXXXXX", daemon[512], text[700];

    if (!named || !*named)
        test_skip("needs PORTD_DAEMON");
    (void)snprintf(daemon, sizeof(daemon), "%s", named);
    int n =
        snprintf(text, sizeof(text), "#!/bin/sh\nulimit -n %zu && exec '%s' \"$@\"\n", descriptors, daemon);
    int fd = mkstemp(script);
    assert_true(fd >= 0);
    bool written = write(fd, text, (size_t)n) == n && fchmod(fd, 0700) == 0;
    (void)close(fd);
    assert_true(written);
    (void)setenv("PORTD_DAEMON", script, 1);
    fixture_start(fixture, options);
    (void)setenv("PORTD_DAEMON", daemon, 1);
    (void)unlink(script);
}

void guest_start_open(struct fixture *fixture, size_t descriptors) {
    static const char *const open_to_all[] = {"--mode", "0666", NULL};

    if (geteuid() != 0)
        test_skip("only root may become somebody else");
    if (descriptors)
        guest_start_limited(fixture, descriptors, open_to_all);
    else
        fixture_start(fixture, open_to_all);
}

void guest_connect_as(struct raw *raw, unsigned uid, const char *address) {
    assert_int_equal(setegid(uid) + seteuid(uid), 0);
    int error = raw_connect(raw, address);
    assert_int_equal(seteuid(0) + setegid(0), 0);
    assert_int_equal(error, 0);
    fixture_own(raw->fd);
}

bool guest_become(unsigned uid) {
    return setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0;
}

bool guest_socket_stays(void) { return true; }
