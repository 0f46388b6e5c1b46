/* kqueue.c: engine.h on the BSDs and macOS.
 *
 * A watch has up to two knotes, one for each direction, whose key is the number and the filter. A table by number has the rest: the token, and
 * what is armed. engine_wait makes one event of a watch's two, and disables the knote that has not fired. A close of the number removes the
 * knotes, but engine_disarm must come before it all the same, since the table then still has the entry.
 *
 * one-shot  EV_DISPATCH disables the knote after each event and keeps it. Arming again is EV_ADD and EV_ENABLE, which also check whether the
 *           descriptor is ready now: EV_ENABLE alone does not everywhere (NetBSD).
 * edge      EV_CLEAR. Arming again makes the knote anew, which checks.
 * kept      neither.
 * hang-ups  EV_CLEAR. What comes meanwhile is reported by the kernel as well, and dropped here. A socket has both knotes, all else that for reading;
 *           a pipe also that for writing, where it is open for nothing else.
 *
 * kqueue(2) differs from the contract, and between systems:
 * - A file on a disk is readable unless its position is at its end: it is refused here (knote.c), before the kernel is asked.
 * - EV_EOF is not a hang-up on a socket, so the state is probed then (knote.c, probe_*.c).
 * - EVFILT_WRITE is refused where a pipe's other end is closed (EPIPE; NetBSD: EBADF). And on NetBSD the knote for writing a full pipe tells
 *   nothing when the reader goes. The knote for reading tells both, so a pipe has that knote, whatever it is armed for. (FreeBSD's pipes are
 *   open for both directions at either end.)
 * - FreeBSD takes a knote for what a FIFO is not open for, and never lets it fire; OpenBSD refuses it. So what is open for writing alone has the knote for
 *   writing, whatever it is armed for.
 * - A knote that is there only for the end (extra) must not be used up by data: it has EV_CLEAR in place of EV_DISPATCH, and what it tells of the
 *   other direction is dropped.
 * - SO_ERROR is left alone. A kqueue can be watched by poll(2) and another kqueue. Nobody can pass one to another process. */
#define _GNU_SOURCE

#include "engine.h"
#include "knote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <sys/event.h>
#include <time.h>

enum {
    EVENTS_AT_ONCE = 128,
    ENTRIES = 64,       /* the table's first size */
    LONGEST_S = 1000000 /* macOS refuses a timeout above 100,000,000 s */
};

enum mode { ONE_SHOT, EDGE, KEPT, HANG_UPS };

/* A descriptor with knotes. */
struct entry {
    uint64_t token;
    uint8_t place;      /* where engine_wait has put its last event */
    uint8_t armed : 2;  /* the interest; 0 after the event of a one-shot watch */
    uint8_t knotes : 2; /* the directions that the kernel has knotes for */
    uint8_t mode : 2;
    uint8_t type : 2;
    uint8_t extra : 2; /* those of the knotes that tell an end alone */
    uint8_t ended : 2; /* the directions whose knotes have told their end */
};

struct engine {
    int kqueue;
    struct entry *table;
    size_t size;
};

static const struct timespec now = {0, 0};

struct engine *engine_new(void) {
    struct engine *engine = calloc(1, sizeof(*engine));
    int error;

    if (!engine)
        return NULL;
    engine->kqueue = kqueue();
    if (engine->kqueue >= 0 && fcntl(engine->kqueue, F_SETFD, FD_CLOEXEC) == 0)
        return engine;
    error = errno;
    os_close(engine->kqueue);
    free(engine);
    errno = error;
    return NULL;
}

void engine_free(struct engine *engine) {
    if (!engine)
        return;
    os_close(engine->kqueue);
    free(engine->table);
    free(engine);
}

const char *engine_name(void) { return "kqueue"; }

os_fd engine_pollable(const struct engine *engine) { return engine->kqueue; }

/* ---- the table --------------------------------------------------------------------------------------------------------- */

static struct entry *find_entry(const struct engine *engine, uintptr_t fd) {
    return fd < engine->size ? &engine->table[fd] : NULL;
}

/* The entry of fd, which is not negative. NULL: no memory. */
static struct entry *get_entry(struct engine *engine, os_fd fd) {
    size_t size = engine->size ? engine->size : ENTRIES;
    struct entry *table;

    while (size <= (size_t)fd)
        size *= 2;
    if (size > engine->size) {
        table = realloc(engine->table, size * sizeof(*table));
        if (!table)
            return NULL;
        memset(table + engine->size, 0, (size - engine->size) * sizeof(*table));
        engine->table = table;
        engine->size = size;
    }
    return &engine->table[fd];
}

/* ---- knotes ------------------------------------------------------------------------------------------------------------ */

/* One change, for direction ENGINE_READ or ENGINE_WRITE. 0 or an error number. After EINTR it has been made. */
static int change(const struct engine *engine, os_fd fd, unsigned direction, unsigned short flags) {
    struct kevent event = {.ident = (uintptr_t)fd,
                           .filter = direction == ENGINE_READ ? EVFILT_READ : EVFILT_WRITE,
                           .flags = flags};

    return kevent(engine->kqueue, &event, 1, NULL, 0, &now) < 0 && errno != EINTR ? errno : 0;
}

static void remove_knotes(const struct engine *engine, os_fd fd, struct entry *entry, unsigned directions) {
    for (unsigned direction = ENGINE_READ; direction <= ENGINE_WRITE; direction <<= 1)
        if (entry->knotes & directions & direction)
            (void)change(engine, fd, direction, EV_DELETE);
    entry->knotes &= ENGINE_INTERESTS & ~directions;
}

/* libkqueue since 2.6.4 refuses EV_ADD of a knote that it has: then a new one is made. */
static int add_knote(const struct engine *engine, os_fd fd, struct entry *entry, unsigned direction,
                     enum mode mode) {
    bool clears = mode == EDGE || mode == HANG_UPS || entry->extra & direction;
    unsigned short flags = clears             ? EV_ADD | EV_ENABLE | EV_CLEAR
                           : mode == ONE_SHOT ? EV_ADD | EV_ENABLE | EV_DISPATCH
                                              : EV_ADD | EV_ENABLE;
    int error = change(engine, fd, direction, flags);

    if (error && entry->knotes & direction) {
        remove_knotes(engine, fd, entry, direction);
        error = change(engine, fd, direction, flags);
    }
    if (!error)
        entry->knotes |= direction & ENGINE_INTERESTS;
    return error;
}

/* The directions that knotes are needed for. */
static unsigned wanted_knotes(os_fd fd, const struct entry *entry, unsigned interest, enum mode mode) {
    unsigned wanted = mode == HANG_UPS && entry->type != KNOTE_SOCKET ? ENGINE_READ : interest;

    if (!interest || entry->type != KNOTE_PIPE)
        return wanted;
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
        return ENGINE_INTERESTS;
    return wanted | ENGINE_READ;
}

/* Whether the other knote will do where this one is refused. */
static bool is_dispensable(const struct entry *entry, unsigned direction, int error) {
    return (direction == ENGINE_WRITE && knote_is_dead_end(error)) ||
           (entry->type == KNOTE_PIPE && knote_is_unsupported(error));
}

/* Makes the knotes those of the interest, and enables them. 0 or an error number. The flags of a knote are those that it was made with. */
static int set_knotes(const struct engine *engine, os_fd fd, struct entry *entry, unsigned interest,
                      enum mode mode) {
    unsigned wanted = wanted_knotes(fd, entry, interest, mode), extra = wanted & ~interest;
    bool anew = entry->mode != mode || mode == EDGE || mode == HANG_UPS;
    int refusal = 0;

    remove_knotes(engine, fd, entry, anew ? ENGINE_INTERESTS : entry->extra ^ extra);
    entry->extra = extra & ENGINE_INTERESTS;
    for (unsigned direction = ENGINE_READ; direction <= ENGINE_WRITE; direction <<= 1) {
        int error = wanted & direction ? add_knote(engine, fd, entry, direction, mode) : 0;
        if (error && !is_dispensable(entry, direction, error))
            return error;
        if (error)
            refusal = error;
    }
    remove_knotes(engine, fd, entry, ~wanted);
    return entry->knotes ? 0 : refusal;
}

/* ---- arming ------------------------------------------------------------------------------------------------------------ */

static int failure(int error) {
    if (error == ELOOP)
        return ENGINE_E_CYCLE;
    return knote_is_unsupported(error) ? ENGINE_E_UNSUPPORTED : -error;
}

static int arm(struct engine *engine, os_fd fd, unsigned interest, enum mode mode, uint64_t token) {
    int type = knote_type(fd), error;
    struct entry *entry;

    if (type < 0)
        return type;
    if (type == KNOTE_FILE)
        return ENGINE_E_UNSUPPORTED;
    if (fd == engine->kqueue)
        return ENGINE_E_CYCLE;
    entry = get_entry(engine, fd);
    if (!entry)
        return -ENOMEM;
    entry->type = (uint8_t)type & 3u;
    error = set_knotes(engine, fd, entry, interest, mode);
    if (error) { /* as before; where the kernel refuses that, too, there is nothing left to try */
        enum mode before = entry->mode;
        remove_knotes(engine, fd, entry, ENGINE_INTERESTS); /* one may have the flags of the new mode */
        (void)set_knotes(engine, fd, entry, entry->armed, before);
        return failure(error);
    }
    entry->token = token;
    entry->armed = interest & ENGINE_INTERESTS;
    entry->ended = 0;
    entry->mode = mode & 3u;
    return 0;
}

static void disarm(const struct engine *engine, os_fd fd) {
    struct entry *entry = fd < 0 ? NULL : find_entry(engine, (uintptr_t)fd);

    if (!entry)
        return;
    remove_knotes(engine, fd, entry, ENGINE_INTERESTS);
    *entry = (struct entry){0};
}

/* Adding a knote runs nothing that could block; it is gone before anybody waits. */
bool engine_can_watch(struct engine *engine, os_fd fd) {
    int type = knote_type(fd), error;

    if (type == KNOTE_FILE || type == KNOTE_PIPE)
        return type == KNOTE_PIPE;
    error = change(engine, fd, ENGINE_READ, EV_ADD);
    if (!error)
        (void)change(engine, fd, ENGINE_READ, EV_DELETE);
    return !knote_is_unsupported(error);
}

int engine_arm(struct engine *engine, struct engine_watch *watch, os_fd fd, unsigned interest, bool edge,
               uint64_t token) {
    int result;

    if (!watch->known) /* what a number that was closed too early has left */
        disarm(engine, fd);
    if (interest == ENGINE_HANG_UP)
        result = arm(engine, fd, ENGINE_INTERESTS, HANG_UPS, token);
    else
        result = arm(engine, fd, interest, edge ? EDGE : ONE_SHOT, token);
    if (!result)
        *watch = (struct engine_watch){.interest = interest & ENGINE_INTERESTS,
                                       .edge = edge,
                                       .hang_up = interest == ENGINE_HANG_UP,
                                       .known = true};
    return result;
}

void engine_disarm(struct engine *engine, struct engine_watch *watch, os_fd fd) {
    if (watch->known)
        disarm(engine, fd);
    *watch = (struct engine_watch){0};
}

int engine_keep(struct engine *engine, os_fd fd, unsigned before, unsigned interest, uint64_t token) {
    if (interest)
        return arm(engine, fd, interest, KEPT, token);
    if (before)
        disarm(engine, fd);
    return 0;
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */

/* What a fired knote tells its watch. Where its descriptor is at an end, or could be ready for the other direction, too, a probe tells
 * the rest. A probe may need a descriptor, and there may be none: a knote that tells nothing twice must not be lost then, so both ends of a
 * socket are a hang-up without it, too. */
static unsigned events_of(struct entry *entry, const struct kevent *fired) {
    struct engine_probe probe = {.fd = (os_fd)fired->ident, .interest = entry->armed};
    unsigned events = knote_events(entry->type, fired);

    if (fired->flags & EV_EOF)
        entry->ended |= fired->filter == EVFILT_READ ? ENGINE_READ : ENGINE_WRITE;
    if (entry->type == KNOTE_SOCKET && entry->ended == ENGINE_INTERESTS)
        events |= ENGINE_HANG_UP;
    if ((fired->flags & EV_EOF || (entry->mode == ONE_SHOT && entry->armed == ENGINE_INTERESTS)) &&
        engine_probe(&probe, 1) == 0)
        events |= probe.events;
    if (entry->mode == HANG_UPS)
        return events & (ENGINE_HANG_UP | ENGINE_ERROR);
    if (!(entry->armed & ENGINE_READ))
        events &= ~(unsigned)(ENGINE_READ | ENGINE_HALF_CLOSE);
    if (!(entry->armed & ENGINE_WRITE))
        events &= ~(unsigned)ENGINE_WRITE;
    return events;
}

/* A one-shot watch has been told: its knotes must not fire. EV_DISPATCH has disabled the one that has. */
static void silence(const struct engine *engine, struct entry *entry, const struct kevent *fired) {
    unsigned awake = entry->extra | (fired->filter == EVFILT_READ ? ENGINE_WRITE : ENGINE_READ);

    entry->armed = 0;
    for (unsigned direction = ENGINE_READ; direction <= ENGINE_WRITE; direction <<= 1)
        if (entry->knotes & awake & direction)
            (void)change(engine, (os_fd)fired->ident, direction, EV_DISABLE);
}

/* Also after EV_DISABLE the second knote's event may be in the same answer: its watch is not armed then. */
static int collect(struct engine *engine, struct engine_event *events, size_t n,
                   const struct timespec *timeout) {
    struct kevent fired[EVENTS_AT_ONCE];
    unsigned short most =
        n < EVENTS_AT_ONCE ? (unsigned short)n : EVENTS_AT_ONCE; /* kevent takes an int, on NetBSD a size_t */
    int count = kevent(engine->kqueue, NULL, 0, fired, most, timeout), told = 0;

    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        struct entry *entry = find_entry(engine, fired[i].ident);
        unsigned found = entry && entry->armed ? events_of(entry, &fired[i]) : 0;
        if (!found)
            continue;
        if (entry->place < told && events[entry->place].token == entry->token) {
            events[entry->place].events |= found;
        } else {
            entry->place = (uint8_t)told;
            events[told++] = (struct engine_event){.token = entry->token, .events = found};
        }
        if (entry->mode == ONE_SHOT)
            silence(engine, entry, &fired[i]);
    }
    return told;
}

int engine_wait(struct engine *engine, struct engine_event *events, size_t n) {
    return collect(engine, events, n, &now);
}

int engine_sleep(struct engine *engine, struct engine_event *events, size_t n, int64_t timeout_us) {
    struct timespec timeout = {.tv_sec = LONGEST_S};

    if (timeout_us < (int64_t)LONGEST_S * 1000000) {
        timeout.tv_sec = (time_t)(timeout_us / 1000000);
        timeout.tv_nsec = (long)(timeout_us % 1000000 * 1000);
    }
    return collect(engine, events, n, timeout_us < 0 ? NULL : &timeout);
}
