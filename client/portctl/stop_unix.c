/* stop_unix.c: signals that end portctl in order.
 *
 * A system call that begins just after the signal would not be interrupted by it, and a write can block in spite of poll. So a timer's signal
 * interrupts them again and again, from the deadline or the first signal on.
 *
 * timeout(1) sends its signal to the program and to the process group, so twice: only a later one counts as the second. */
#define _GNU_SOURCE
#include "stop.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>

enum {
    AGAIN_US = 20 * 1000,
    TWICE_US = 200 * 1000,
    LONGEST_S = INT32_MAX /* the most that 32 bits can say */
};

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static atomic_int asked;
static portd_client *volatile woken; /* NULL: none */
static int64_t first;                /* when the signal came; the handlers' alone */
static _Atomic int64_t limit;        /* 0: none */

static bool begun, timed;
static struct itimerval timer_before; /* while timed */
static struct sigaction alarm_before;
static sigset_t mask_before;

static void interrupt_in(int64_t us) {
    struct itimerval timer = {.it_interval = {0, AGAIN_US}};

    us = us <= 0 ? 1 : us < LONGEST_S * INT64_C(1000000) ? us : LONGEST_S * INT64_C(1000000);
    timer.it_value.tv_sec = (time_t)(us / 1000000);
    timer.it_value.tv_usec = (suseconds_t)(us % 1000000);
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* From now on all calls are interrupted. */
static void ask(int why) {
    first = portd_now();
    asked = why;
    interrupt_in(AGAIN_US);
    if (woken != NULL)
        (void)portd_wakeup(woken);
}

static void on_alarm(int signal) {
    int error = errno;

    (void)signal;
    if (asked == 0 && limit != 0 && portd_now() >= limit)
        ask(STOP_LIMIT);
    errno = error;
}

/* It is blocked if that of the program which portctl replaced was. */
static void heed_alarm(struct sigaction *before, sigset_t *mask) {
    struct sigaction alarm = {.sa_handler = on_alarm};
    sigset_t alone;

    sigfillset(&alarm.sa_mask);
    sigaction(SIGALRM, &alarm, before);
    sigemptyset(&alone);
    sigaddset(&alone, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alone, mask);
}

/* Runs with all signals blocked. setitimer is not in POSIX's list for signal handlers, but is a system call everywhere. */
static void on_signal(int number) {
    int error = errno;

    if (asked == 0) {
        ask(number);
    } else if (portd_now() - first >= TWICE_US) {
        (void)signal(number, SIG_DFL);
        (void)raise(number); /* when this returns */
    }
    errno = error;
}

void stop_begin(int64_t deadline, portd_client *client) {
    struct sigaction action = {.sa_handler = on_signal}, before;

    begun = true;
    sigfillset(&action.sa_mask);
    heed_alarm(NULL, NULL);
    if (deadline != PORTD_FOREVER)
        interrupt_in(deadline - portd_now());
    woken = client;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

void stop_timer_start(int64_t deadline) {
    timed = !begun && deadline != PORTD_FOREVER;
    if (!timed)
        return;
    heed_alarm(&alarm_before, &mask_before);
    getitimer(ITIMER_REAL, &timer_before);
    interrupt_in(deadline - portd_now());
}

void stop_timer_end(void) {
    int error = errno;

    if (!timed)
        return;
    setitimer(ITIMER_REAL, &timer_before, NULL);
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
    sigaction(SIGALRM, &alarm_before, NULL);
    errno = error;
}

/* The timer may run for the deadline, and a signal may come meanwhile. */
void stop_after(int64_t us) {
    struct itimerval timer = {.it_value = {0, 0}};
    int64_t left;

    limit = portd_now() + us;
    getitimer(ITIMER_REAL, &timer);
    left = timer.it_value.tv_sec * INT64_C(1000000) + timer.it_value.tv_usec;
    if (left == 0 || left > us)
        interrupt_in(us);
    if (asked != 0)
        interrupt_in(AGAIN_US);
}

int stop_asked(void) { return asked; }

void stop_use_client(portd_client *client) { woken = client; }

void stop_leave_client(void) { woken = NULL; }

void stop_raise(void) {
    int number = asked;

    if (number <= 0)
        return;
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}
