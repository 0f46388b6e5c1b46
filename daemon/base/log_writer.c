/* log_writer.c: a ring buffer with one producer and one consumer.
 *
 * head and tail only grow; the bytes between them are in the ring. Only the producer moves head, past a whole line; only the consumer moves
 * tail. Each reads the other's index once, so it may see too little room or too few lines, never too many. `dropped` counts lines without a
 * notice. The side that exchanges it for 0 writes the notice: the producer before its next line, the consumer when the ring is empty. */
#include "log_writer.h"

#include "log_output.h"

#include <stdatomic.h>
#include <stdio.h>

enum { NOTICE_MAX = 128 };

static char ring[LOG_WRITER_RING];
static _Atomic size_t head, tail;
static _Atomic unsigned long dropped;
static _Atomic bool closing, over; /* over: the thread has seen closing and touches nothing from now on */
static const char *_Atomic notice_prefix = "";
static bool running;

/* ---- the consumer ----------------------------------------------------------------------------------------------------- */

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
        if (!log_output_write(line, length))
            atomic_fetch_add(&dropped, 1);
        atomic_fetch_add_explicit(&tail, length, memory_order_release);
    }
    unsigned long n = atomic_exchange(&dropped, 0);
    if (n > 0 && !log_output_write(line, notice_make(line, n)))
        atomic_fetch_add(&dropped, n);
}

static void run(void) {
    bool last;

    do {
        log_output_await();
        last = atomic_load(&closing);
        write_all();
    } while (!last);
    atomic_store(&over, true);
}

/* ---- the producer ----------------------------------------------------------------------------------------------------- */

static bool start(void) {
    if (running)
        return true;
    atomic_store(&closing, false);
    atomic_store(&over, false);
    running = log_output_start(run);
    return running;
}

/* Without a thread: writes while there is room. Blocks only if another process writes between the two calls. */
static void write_what_fits(void) {
    char line[LOG_WRITER_LINE];
    size_t length;

    while ((length = line_take(line)) > 0 && log_output_has_room()) {
        (void)log_output_write(line, length);
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
        log_output_post();
    else
        write_what_fits();
    return fits;
}

void log_writer_finish(unsigned patience_ms) {
    if (!running || atomic_load(&closing))
        return;
    atomic_store(&closing, true);
    log_output_post();
    for (unsigned i = 0; i < patience_ms && !atomic_load(&over); i++)
        log_output_pause();
    if (!atomic_load(&over)) {
        log_output_leave();
        return;
    }
    log_output_join();
    running = false;
}
