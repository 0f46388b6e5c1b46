/* log_writer_unix.c: a ring buffer with one producer and one consumer.
 *
 * head and tail only grow; the bytes between them are in the ring. Only the producer moves head, past a whole line; only the consumer moves
 * tail. Each reads the other's index once, so it may see too little room or too few lines, never too many. `dropped` counts lines without a
 * notice. The side that exchanges it for 0 writes the notice: the producer before its next line, the consumer when the ring is empty. */
#define _GNU_SOURCE

#include "log_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STACK_SIZE = 128 * 1024, NOTICE_MAX = 128, STEP_NS = 1000 * 1000 };

static char ring[LOG_WRITER_RING];
static _Atomic size_t head, tail;
static _Atomic unsigned long dropped;
static _Atomic bool closing, over; /* over: the thread has seen closing and touches nothing from now on */
static const char *_Atomic notice_prefix = "";
static pthread_t thread;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t posted = PTHREAD_COND_INITIALIZER;
static bool work; /* with the lock: there may be lines, or `closing` is set */
static bool running;

/* ---- the consumer ----------------------------------------------------------------------------------------------------- */

/* Blocks as long as it takes, also if another process has made stderr non-blocking. False: write failed. */
static bool write_line(const char *line, size_t length) {
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

/* Copies the oldest line. Its length, or 0. */
static size_t line_take(char line[LOG_WRITER_LINE]) {
    size_t at = atomic_load_explicit(&tail, memory_order_relaxed), length = 0;

    if (at == atomic_load_explicit(&head, memory_order_acquire))
        return 0;
    do
        line[length] = ring[at++ % LOG_WRITER_RING];
    while (line[length++] != '\n');
    return length;
}

static size_t notice_make(char notice[NOTICE_MAX], unsigned long n) {
    int length = snprintf(notice, NOTICE_MAX, "%s%lu lines were dropped: the log is not read fast enough\n",
                          atomic_load(&notice_prefix), n);

    return length > 0 && length < NOTICE_MAX ? (size_t)length : 0;
}

static void write_all(void) {
    char line[LOG_WRITER_LINE];
    size_t length;

    while ((length = line_take(line)) > 0) {
        if (!write_line(line, length))
            atomic_fetch_add(&dropped, 1);
        atomic_fetch_add_explicit(&tail, length, memory_order_release);
    }
    unsigned long n = atomic_exchange(&dropped, 0);
    if (n > 0 && !write_line(line, notice_make(line, n)))
        atomic_fetch_add(&dropped, n);
}

static void post(void) {
    (void)pthread_mutex_lock(&lock);
    work = true;
    (void)pthread_cond_signal(&posted);
    (void)pthread_mutex_unlock(&lock);
}

static void await(void) {
    (void)pthread_mutex_lock(&lock);
    while (!work)
        (void)pthread_cond_wait(&posted, &lock);
    work = false;
    (void)pthread_mutex_unlock(&lock);
}

static void *run(void *unused) {
    bool last;

    (void)unused;
    do {
        await();
        last = atomic_load(&closing);
        write_all();
    } while (!last);
    atomic_store(&over, true);
    return NULL;
}

/* ---- the producer ----------------------------------------------------------------------------------------------------- */

static bool start(void) {
    pthread_attr_t attributes;
    sigset_t all, before;
    int error;

    if (running)
        return true;
    if (pthread_attr_init(&attributes))
        return false;
    atomic_store(&closing, false);
    atomic_store(&over, false);
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, run, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    running = !error;
    return running;
}

/* Without a thread: writes while poll reports room. Blocks only if another process writes between the two calls. */
static void write_what_fits(void) {
    struct pollfd look = {.fd = STDERR_FILENO, .events = POLLOUT};
    char line[LOG_WRITER_LINE];
    size_t length;

    while ((length = line_take(line)) > 0 && poll(&look, 1, 0) == 1) {
        (void)write_line(line, length);
        atomic_fetch_add_explicit(&tail, length, memory_order_release);
    }
}

static void ring_add(const char *line, size_t length) {
    size_t at = atomic_load_explicit(&head, memory_order_relaxed);

    for (size_t i = 0; i < length; i++)
        ring[(at + i) % LOG_WRITER_RING] = line[i];
    atomic_store_explicit(&head, at + length, memory_order_release);
}

bool log_writer_put(const char *prefix, const char *line, size_t length) {
    char notice[NOTICE_MAX];
    size_t used =
        atomic_load_explicit(&head, memory_order_relaxed) - atomic_load_explicit(&tail, memory_order_acquire);
    bool fits = LOG_WRITER_RING - used >= length + (atomic_load(&dropped) > 0 ? NOTICE_MAX : 0);

    atomic_store(&notice_prefix, prefix);
    if (fits) {
        unsigned long n = atomic_exchange(&dropped, 0);
        if (n > 0 && LOG_WRITER_RING - used >= length + NOTICE_MAX)
            ring_add(notice, notice_make(notice, n));
        else if (n > 0)
            atomic_fetch_add(&dropped, n);
        ring_add(line, length);
    } else if (atomic_fetch_add(&dropped, 1) > 0)
        return false; /* the first dropped line has woken the thread */
    if (start())
        post();
    else
        write_what_fits();
    return fits;
}

void log_writer_finish(unsigned patience_ms) {
    const struct timespec step = {.tv_nsec = STEP_NS};

    if (!running || atomic_load(&closing))
        return;
    atomic_store(&closing, true);
    post();
    for (unsigned i = 0; i < patience_ms && !atomic_load(&over); i++)
        (void)nanosleep(&step, NULL);
    if (!atomic_load(&over)) {
        (void)pthread_detach(thread);
        return;
    }
    (void)pthread_join(thread, NULL);
    running = false;
}
