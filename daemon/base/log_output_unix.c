/* log_output_unix.c: log_output.h with POSIX threads. */
#define _GNU_SOURCE

#include "log_output.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STACK_SIZE = 128 * 1024, STEP_NS = 1000 * 1000 };

static pthread_t thread;
static void (*thread_runs)(void);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t posted = PTHREAD_COND_INITIALIZER;
static bool work; /* with the lock: posted and not awaited */

/* Compares with JOURNAL_STREAM, since stderr may have been redirected after it was set. */
bool log_output_takes_priorities(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat status;
    char rest;

    if (!stream || sscanf(stream, "%" SCNuMAX ":%" SCNuMAX "%c", &device, &inode, &rest) != 2)
        return false;
    return fstat(STDERR_FILENO, &status) == 0 && (uintmax_t)status.st_dev == device &&
           (uintmax_t)status.st_ino == inode;
}

/* Also if another process has made stderr non-blocking. */
bool log_output_write(const char *line, size_t length) {
    while (length > 0) {
        ssize_t n = write(STDERR_FILENO, line, length);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd look = {.fd = STDERR_FILENO, .events = POLLOUT};
            (void)poll(&look, 1, -1);
        } else if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            line += n;
            length -= (size_t)n;
        }
    }
    return true;
}

bool log_output_has_room(void) {
    struct pollfd look = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&look, 1, 0) == 1;
}

static void *run(void *unused) {
    thread_runs();
    return unused;
}

bool log_output_start(void (*run_this)(void)) {
    pthread_attr_t attributes;
    sigset_t all, before;
    int error;

    if (pthread_attr_init(&attributes))
        return false;
    thread_runs = run_this;
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, run, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return !error;
}

void log_output_join(void) { (void)pthread_join(thread, NULL); }

void log_output_leave(void) { (void)pthread_detach(thread); }

void log_output_post(void) {
    (void)pthread_mutex_lock(&lock);
    work = true;
    (void)pthread_cond_signal(&posted);
    (void)pthread_mutex_unlock(&lock);
}

void log_output_await(void) {
    (void)pthread_mutex_lock(&lock);
    while (!work)
        (void)pthread_cond_wait(&posted, &lock);
    work = false;
    (void)pthread_mutex_unlock(&lock);
}

void log_output_pause(void) {
    const struct timespec step = {.tv_nsec = STEP_NS};

    (void)nanosleep(&step, NULL);
}
