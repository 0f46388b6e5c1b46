/* opens_unix.c: opens.h for Linux. */
#include "opens.h"

#include "tests/support/fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <termios.h>

const char opens_system[] = "";

int open_table(int fd) { return (void)fd, PORTD_SOCKET; } /* it is one with that of files */

int open_terminal(int *slave) {
    struct termios settings;
    int m = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), s;
    assert_true(m >= 0 && !grantpt(m) && !unlockpt(m));
    s = open(ptsname(m), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(s >= 0 && !tcgetattr(s, &settings));
    cfmakeraw(&settings);
    assert_int_equal(tcsetattr(s, TCSANOW, &settings), 0);
    *slave = fixture_own(s);
    return m;
}

static int open_memory(const char *text) {
    int fd = memfd_create("scenario", MFD_CLOEXEC);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
                lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static int open_timer(bool expired) {
    struct itimerspec when = {.it_value = {0, expired ? 1 : 0}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    assert_true(fd >= 0 && !timerfd_settime(fd, 0, &when, NULL));
    return fd;
}

int open_epoll(int target) {
    struct epoll_event event = {.events = EPOLLIN};
    int fd = epoll_create1(EPOLL_CLOEXEC);
    assert_true(fd >= 0 && !epoll_ctl(fd, EPOLL_CTL_ADD, target, &event));
    return fd;
}

static int open_signal(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int open_kind(const char *what, const char *argument) {
    if (strcmp(what, "event") == 0)
        return eventfd((unsigned)atoi(argument), EFD_CLOEXEC | EFD_NONBLOCK);
    if (strcmp(what, "timer") == 0 || strcmp(what, "stopped") == 0)
        return open_timer(what[0] == 't');
    if (strcmp(what, "memory") == 0 || strcmp(what, "file") == 0)
        return open_memory(what[0] == 'f' ? argument : "");
    if (strcmp(what, "null") == 0)
        return open("/dev/null", O_RDWR | O_CLOEXEC);
    if (strcmp(what, "folder") == 0)
        return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (strcmp(what, "opath") == 0)
        return open("/", O_PATH | O_CLOEXEC);
    return strcmp(what, "signal") == 0 ? open_signal() : -1;
}
