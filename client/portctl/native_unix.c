/* native_unix.c: portctl's platform functions on Unix. */
#define _GNU_SOURCE
#include "native.h"

#include "reader.h"
#include "stop.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static unsigned was_closed; /* bit mask of the standard streams that were closed at the start */

char **native_words(int *n, char **words) {
    (void)n;
    return words;
}

int native_guard_standard(void) {
    for (int stream = 0; stream <= 2; stream++) {
        int got;

        if (fcntl(stream, F_GETFD) >= 0)
            continue;
        /* This is the lowest free number. The wrong direction makes reads and writes fail with EBADF. It is
         * close-on-exec, so an exec'd program finds it closed. */
        got = open("/dev/null", (stream == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
        if (got < 0)
            return errno;
        was_closed |= 1u << stream;
    }
    return 0;
}

portd_native native_number(uint64_t number) { return (portd_native)number; }

bool native_is_open(portd_native number) {
    if (number < 3 && (was_closed & (1u << number)) != 0)
        return false;
    return fcntl((int)number, F_GETFD) >= 0;
}

const char *native_error_text(int error) { return strerror(error); }

bool native_translates_text(void) { return false; }

bool native_is_terminal(int stream) { return isatty(stream) == 1; }

size_t native_terminal_width(void) {
    struct winsize size = {0};

    if (ioctl(1, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

uint64_t native_wall_us(void) {
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void native_close(portd_native number) { close((int)number); }

bool native_writes_pipe(portd_native number) {
    struct stat status;

    return fstat((int)number, &status) == 0 && S_ISFIFO(status.st_mode) &&
           (fcntl((int)number, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

bool native_has_peer(portd_native number) {
    struct stat status;

    return fstat((int)number, &status) != 0 || S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) ||
           isatty((int)number) == 1;
}

bool native_listens(portd_native number) {
    int listens = 0;
    socklen_t size = sizeof(listens);

    return getsockopt((int)number, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

bool native_is_file(portd_native number) {
    struct stat status;

    return fstat((int)number, &status) == 0 && S_ISREG(status.st_mode);
}

/* The offset of a file that is appended to says nothing until it has been written. */
bool native_feeds_itself(portd_native from, portd_native to) {
    struct stat input, output;
    off_t read_at, written_at;
    int flags = fcntl((int)to, F_GETFL);

    if (fstat((int)from, &input) != 0 || fstat((int)to, &output) != 0 || !S_ISREG(output.st_mode) ||
        input.st_dev != output.st_dev || input.st_ino != output.st_ino)
        return false;
    read_at = lseek((int)from, 0, SEEK_CUR);
    written_at = (flags & O_APPEND) != 0 ? output.st_size : lseek((int)to, 0, SEEK_CUR);
    return read_at < written_at;
}

int native_time_left(int64_t deadline) {
    int64_t left = deadline - portd_now();

    if (deadline == PORTD_FOREVER)
        return -1;
    return left <= 0 ? 0 : left > INT64_C(3600000000) ? 3600000 : (int)((left + 999) / 1000);
}

int native_await(portd_native number, bool writable, int64_t deadline) {
    struct pollfd descriptor = {(int)number, writable ? POLLOUT : POLLIN, 0};

    for (;;) {
        int n = poll(&descriptor, 1, native_time_left(deadline));

        if (n > 0)
            return 1;
        if (n < 0 && errno != EINTR)
            return PORTD_E_SYSTEM;
        if (stop_asked() != 0 || (deadline != PORTD_FOREVER && portd_now() >= deadline))
            return 0;
    }
}

int64_t native_read_input(void *bytes, size_t size, int64_t deadline) {
    for (;;) {
        int rc = native_await(0, false, deadline);
        ssize_t n = rc > 0 ? read(0, bytes, size) : 0;

        if (rc <= 0)
            return rc < 0 ? rc : PORTD_E_TIMEOUT;
        if (n >= 0 || (errno != EINTR && errno != EAGAIN))
            return n >= 0 ? n : PORTD_E_SYSTEM;
    }
}

/* Standard output has lost its reader (poll: an error for a pipe, a hang-up for a socket or terminal): ends portctl by SIGPIPE.
 * If that is ignored, writing a byte sets stdio's error. */
static int end_by_sigpipe(void) {
    (void)raise(SIGPIPE);
    putchar('\n');
    (void)fflush(stdout);
    return PORTD_E_SYSTEM;
}

int native_sleep(const portd_client *client) {
    unsigned events = portd_get_events(client);
    struct pollfd polls[2] = {{(int)portd_get_fd(client), 0, 0}, {1, reader_events(1), 0}};

    if (events & PORTD_EVENT_READ)
        polls[0].events |= POLLIN;
    if (events & PORTD_EVENT_WRITE)
        polls[0].events |= POLLOUT;
    if (poll(polls, 2, native_time_left(portd_get_timeout(client))) > 0 && polls[1].revents != 0)
        return end_by_sigpipe();
    return 1;
}

char *native_daemon(void) {
    char own[4096], *path;
    size_t length = native_own_path(own, sizeof(own));

    while (length > 0 && own[length - 1] != '/')
        length--;
    if (length == 0)
        return NULL;
    path = text_print("%.*sportd", (int)length, own);
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* As the library does. A relative path is ignored. */
static const char *folder_of(const char *variable) {
    const char *folder = getenv(variable);

    return folder != NULL && folder[0] == '/' ? folder : NULL;
}

bool native_user(const char *name, uint64_t *uid) {
    const struct passwd *user = getpwnam(name);

    if (user != NULL)
        *uid = user->pw_uid;
    return user != NULL;
}

bool native_user_place(void) {
    const char *runtime = folder_of("XDG_RUNTIME_DIR"), *temporary = folder_of("TMPDIR");
    const char *place = runtime != NULL ? runtime : temporary != NULL ? temporary : "/tmp";

    return faccessat(AT_FDCWD, place, W_OK | X_OK, AT_EACCESS) == 0;
}

char *native_user_address(void) {
    const char *runtime = folder_of("XDG_RUNTIME_DIR"), *temporary = folder_of("TMPDIR");

    if (runtime != NULL)
        return text_print("unix:%s/portd/portd.sock", runtime);
    return text_print("unix:%s/portd-%lu/portd.sock", temporary != NULL ? temporary : "/tmp",
                      (unsigned long)geteuid());
}
