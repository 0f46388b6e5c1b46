/* leaving_bsd.c: leaving.h where threads cannot have tables of their own.
 *
 * A thread closes the numbers, and is left behind if a close does not return: then exit closes the rest. The listener has a low number, so
 * it is closed early. */
#include "leaving.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

enum { STEP_MS = 1, PATIENCE_MS = 3000, STANDARD = 3 };

static struct {
    pthread_mutex_t lock;
    size_t limit;
    bool done;
} leaving = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_done(void) {
    (void)pthread_mutex_lock(&leaving.lock);
    bool done = leaving.done;
    (void)pthread_mutex_unlock(&leaving.lock);
    return done;
}

static void *close_all(void *context) {
    for (size_t fd = STANDARD; fd < leaving.limit; fd++)
        (void)close((int)fd);
    (void)pthread_mutex_lock(&leaving.lock);
    leaving.done = true;
    (void)pthread_mutex_unlock(&leaving.lock);
    return context;
}

bool leaving_close(size_t limit, bool left_behind) {
    const struct timespec step = {.tv_nsec = STEP_MS * 1000 * 1000};
    pthread_t thread;
    sigset_t all;

    if (!left_behind)
        return false; /* exit does the same, and waits for nobody */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
    leaving.limit = limit;
    if (pthread_create(&thread, NULL, close_all, NULL))
        return true;
    (void)pthread_detach(thread);
    for (int i = 0; i < PATIENCE_MS / STEP_MS && !is_done(); i++)
        (void)nanosleep(&step, NULL);
    return true;
}
