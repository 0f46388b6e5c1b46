/* screen_linux.c: the terminal that portctl is run on.
 *
 * Status flags are never changed, since other programs share them: a read or a write can wait in spite of poll, so a timer interrupts it. */
#define _GNU_SOURCE
#include "screen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

enum { LONGEST_US = 20 * 1000 };

static const int signals[] = {SIGWINCH, SIGCONT, SIGTSTP, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

static volatile sig_atomic_t came[SIGNALS];
static int bell[2] = {-1, -1};
static bool raw;
static struct termios before;

static void on_signal(int number) {
    int error = errno;

    for (int i = 0; i < SIGNALS; i++)
        if (signals[i] == number)
            came[i] = 1;
    (void)!write(bell[1], "", 1); /* it does not block; full is as good */
    errno = error;
}

static void on_alarm(int number) { (void)number; }

/* What is ignored stays so. */
static void heed(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler}, old;

    sigfillset(&action.sa_mask);
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

/* In the background it stops portctl, as it does any program. */
static void make_raw(void) {
    struct termios wanted = before;

    if (!raw)
        return;
    cfmakeraw(&wanted);
    while (tcsetattr(0, TCSANOW, &wanted) != 0 && errno == EINTR)
        continue;
}

static void restore(void) {
    sigset_t alone, mask;

    if (!raw)
        return;
    sigemptyset(&alone);
    sigaddset(&alone, SIGTTOU); /* in the background, too */
    sigprocmask(SIG_BLOCK, &alone, &mask);
    while (tcsetattr(0, TCSANOW, &before) != 0 && errno == EINTR)
        continue;
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* The program that started portctl may have blocked them. */
static void unblock(void) {
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGALRM);
    for (int i = 0; i < SIGNALS; i++)
        sigaddset(&mask, signals[i]);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
}

int screen_open(void) {
    struct sigaction alarm = {.sa_handler = on_alarm};

    if (pipe2(bell, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    sigaction(SIGALRM, &alarm, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    raw = isatty(0) == 1 && tcgetattr(0, &before) == 0;
    for (int i = 0; i < SIGNALS; i++)
        heed(signals[i], on_signal);
    unblock();
    (void)atexit(restore);
    make_raw();
    return bell[0];
}

bool screen_is_terminal(void) { return raw; }

bool screen_size(struct winsize *size) {
    return (ioctl(0, TIOCGWINSZ, size) == 0 || ioctl(1, TIOCGWINSZ, size) == 0) && size->ws_row > 0 &&
           size->ws_col > 0;
}

int screen_signal(void) {
    char bytes[64];

    while (read(bell[0], bytes, sizeof(bytes)) > 0)
        continue;
    for (int i = 0; i < SIGNALS; i++)
        if (came[i]) {
            came[i] = 0;
            return signals[i];
        }
    return 0;
}

void screen_stop(void) {
    restore();
    (void)raise(SIGSTOP);
    make_raw();
}

void screen_renew(void) { make_raw(); }

void screen_close(bool wipes) {
    static const char wipe[] =
        "\033[?1047l\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?2004l\033[?1l\033>\033[?25h\033[0m\r\n";
    const char *kind = getenv("TERM");

    if (raw && wipes && isatty(1) == 1 && kind != NULL && strcmp(kind, "dumb") != 0)
        (void)screen_write(1, wipe, sizeof(wipe) - 1);
    restore();
    raw = false;
}

void screen_raise(int number) {
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void limit_call(int microseconds) {
    const struct itimerval limit = {{0, microseconds}, {0, microseconds}};
    int error = errno;

    setitimer(ITIMER_REAL, &limit, NULL);
    errno = error;
}

long screen_write(int to, const void *bytes, unsigned long size) {
    ssize_t n;

    limit_call(LONGEST_US);
    n = write(to, bytes, size);
    limit_call(0);
    return n;
}

long screen_read(int from, void *bytes, unsigned long size) {
    ssize_t n;

    limit_call(LONGEST_US);
    n = read(from, bytes, size);
    limit_call(0);
    return n;
}
