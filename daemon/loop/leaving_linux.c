/* leaving_linux.c: leaving.h. The threads take numbers one by one. When they make no progress another thread is started: close(2) removes the
 * number from the table before it blocks, so a stuck thread holds no number.
 *
 * The kernel walks all locks of an inode for each close of a descriptor of it, also in exit and whatever signal the process gets. Clients can put a
 * million on what they hand over, under thousands of numbers. So if there are any, what has none is closed first, and the rest by exit: the peers of others
 * see the end at once. Sockets that may linger come last of these.
 *
 * Before the last part the calling thread gets a table of its own (unshare), with copies of everything but the files. So the others do not
 * close the last copies, which would linger, and exit closes the calling thread's copies, without lingering. */
#define _GNU_SOURCE

#include "leaving.h"

#include "daemon/base/facts_linux.h"
#include "daemon/base/file_locks_linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    STACK_SIZE = 64 * 1024,
    ROUND_MS = 10,
    ROUNDS = 200,
    PATIENCE_MS = 1000 + ROUNDS * ROUND_MS, /* for one part */
    THREADS = 128,
    STANDARD = 3
};

enum { PART_FILES, PART_UNLOCKED, PART_LINGERING, PART_ALL, PARTS };

/* Each part has its own: a thread that was stuck in an earlier one may come back, and goes on there. */
struct part {
    atomic_size_t next, at_work;
};

static struct {
    size_t limit;
    struct part parts[PARTS];
    atomic_bool stayed; /* a thread is stuck */
    sem_t back, parts_done, go_on, all_gone;
} leaving;

/* Whether fd may be a file on a server; true if the kernel does not say. */
static bool is_file(int fd) {
    struct facts facts;
    int error = facts_of(fd, &facts);

    return error ? error != -EBADF : S_ISREG(facts.mode) || S_ISDIR(facts.mode);
}

static bool may_linger(int fd) {
    struct linger linger = {0};
    socklen_t size = sizeof(linger);

    return getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size) == 0 && linger.l_onoff && linger.l_linger;
}

static bool is_of_part(const struct part *part, int fd) {
    switch (part - leaving.parts) {
    case PART_FILES:
        return is_file(fd);
    case PART_UNLOCKED:
        return !is_file(fd) && !file_locks_exist(fd) && !may_linger(fd);
    case PART_LINGERING:
        return !is_file(fd) && !file_locks_exist(fd);
    default:
        return true;
    }
}

static bool any_locks(void) {
    size_t fd = STANDARD;

    while (fd < leaving.limit && (is_file((int)fd) || !file_locks_exist((int)fd)))
        fd++;
    return fd < leaving.limit;
}

/* A thread that is stuck may be in a call on that number. The thread sanitizer, which watches close(), would report that as a race. */
static void close_number(int fd) { (void)syscall(SYS_close, fd); }

static void *close_some(void *context) {
    struct part *part = context;
    size_t fd;

    while ((fd = atomic_fetch_add(&part->next, 1)) < leaving.limit)
        if (is_of_part(part, (int)fd))
            close_number((int)fd);
    atomic_fetch_sub(&part->at_work, 1);
    (void)sem_post(&leaving.back);
    return context;
}

static bool start(void *(*run)(void *context), void *context) {
    pthread_attr_t attributes;
    pthread_t thread;
    bool started;

    if (pthread_attr_init(&attributes))
        return false;
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    started = pthread_create(&thread, &attributes, run, context) == 0;
    (void)pthread_attr_destroy(&attributes);
    return started;
}

static bool start_one(struct part *part) {
    atomic_fetch_add(&part->at_work, 1);
    if (start(close_some, part))
        return true;
    atomic_fetch_sub(&part->at_work, 1);
    return false;
}

static bool await(sem_t *posted, int64_t ms) {
    struct timespec until;
    int result;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += (time_t)(ms / 1000) + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while ((result = sem_timedwait(posted, &until)) < 0 && errno == EINTR)
        ;
    return result == 0;
}

/* Closes numbers from `first` on. Whether all threads of this part have ended. */
static bool close_all(size_t first, struct part *part) {
    size_t before = SIZE_MAX, threads = 0;

    part->next = first;
    for (int round = 0; round < ROUNDS; round++) {
        size_t next = part->next;
        if (threads && (!part->at_work || (next >= leaving.limit && next == before)))
            break; /* the remaining threads are stuck with numbers that are out of the table already */
        if ((!threads || next == before) && threads < THREADS)
            threads += start_one(part);
        before = next;
        (void)await(&leaving.back, ROUND_MS);
    }
    return !part->at_work;
}

static void *leave(void *context) {
    leaving.stayed = !close_all(STANDARD, &leaving.parts[PART_FILES]);
    if (any_locks()) {
        if (!close_all(STANDARD, &leaving.parts[PART_UNLOCKED]))
            leaving.stayed = true;
        (void)close_all(STANDARD, &leaving.parts[PART_LINGERING]); /* exit interrupts those that linger */
    }
    (void)sem_post(&leaving.parts_done);
    while (sem_wait(&leaving.go_on) < 0)
        ;
    (void)close_all(0, &leaving.parts[PART_ALL]);
    (void)sem_post(&leaving.all_gone);
    return context;
}

/* One more than the highest open number. */
static size_t top(size_t limit) {
    DIR *numbers = opendir("/proc/self/fd");
    size_t highest = 0;

    if (!numbers)
        return limit;
    for (const struct dirent *entry; (entry = readdir(numbers));) {
        size_t number = strtoul(entry->d_name, NULL, 10);
        if (number > highest)
            highest = number;
    }
    (void)closedir(numbers);
    return highest + 1;
}

bool leaving_close(size_t limit, bool left_behind) {
    sigset_t all;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
    leaving.limit = top(limit);
    if (sem_init(&leaving.back, 0, 0) || sem_init(&leaving.parts_done, 0, 0) ||
        sem_init(&leaving.go_on, 0, 0) || sem_init(&leaving.all_gone, 0, 0) || !start(leave, NULL))
        return left_behind;
    (void)await(&leaving.parts_done, (PARTS - 1) * PATIENCE_MS);
    if (!left_behind && !leaving.stayed)
        return false;
    (void)unshare(CLONE_FILES); /* if it fails, sockets linger for a while */
    (void)sem_post(&leaving.go_on);
    (void)await(&leaving.all_gone, PATIENCE_MS);
    return true;
}
