/* iocp.c: engine.h on Windows.
 *
 * Windows tells of operations that have ended, not of files that are ready. So an armed watch is an operation that ends when the file is ready and changes nothing
 * (operation_win.h). Its end comes through a completion port, once, so each watch is one-shot without another call. A watch keeps its last operation and
 * uses it again.
 *
 * kept    level-triggered: it is looked at whenever the engine is asked; while it is not ready it has an operation, and is not looked at.
 * looked  a synchronous pipe has no such operation (kind_win.h), nor has a pipe's end to which no client has come. It is looked at whenever the engine is asked, and
 *         every LOOK_US to LOOK_MOST_US while it sleeps.
 *
 * Edges cannot be told, nor room in a pipe, nor what a wait would reset: unsupported. No signal interrupts engine_sleep. */
#include "daemon/base/table.h"
#include "engine.h"
#include "operation_win.h"
#include "utlist.h"

#include <errno.h>
#include <stdlib.h>

enum { EVENTS_AT_ONCE = 128, LOOK_US = 10000, LOOK_MOST_US = 50000, LONGEST_MS = 1000000000 };

struct engine {
    struct operations operations;
    struct table kept;             /* operations by handle */
    struct engine_operation *look; /* to be looked at */
    size_t n_look;
    int64_t look_us; /* the time to the next look */
};

struct engine *engine_new(void) {
    struct engine *engine = calloc(1, sizeof(*engine));
    int error;

    if (!engine)
        return NULL;
    table_init(&engine->kept, offsetof(struct engine_operation, key),
               0); /* clients cannot choose the values of handles */
    engine->look_us = LOOK_US;
    error = operations_init(&engine->operations);
    if (!error)
        return engine;
    free(engine);
    errno = -error;
    return NULL;
}

void engine_free(struct engine *engine) {
    if (!engine)
        return;
    table_deinit(&engine->kept);
    if (operations_end(&engine->operations)) /* if not, the system may still write to them */
        free(engine);
}

const char *engine_name(void) { return "iocp"; }

os_fd engine_pollable(const struct engine *engine) { return engine->operations.port; }

/* ---- arming ------------------------------------------------------------------------------------------------------------ */

static void look_at(struct engine *engine, struct engine_operation *operation) {
    DL_APPEND2(engine->look, operation, look_prev, look_next);
    engine->n_look++;
    operation->is_looked_at = true;
}

static void look_away(struct engine *engine, struct engine_operation *operation) {
    if (!operation->is_looked_at)
        return;
    DL_DELETE2(engine->look, operation, look_prev, look_next);
    engine->n_look--;
    operation->is_looked_at = false;
}

static void drop(struct engine *engine, struct engine_operation *operation) {
    look_away(engine, operation);
    operation_drop(operation);
}

/* A registered wait tells a little later: not what is signalled already. */
static int start(struct engine *engine, struct engine_operation *operation) {
    if (operation->kind == KIND_WAITABLE && kind_look(operation_fd(operation), KIND_WAITABLE, ENGINE_READ))
        return operation_start_ready(operation);
    int error = operation->kind == KIND_LOOKED ? -EAGAIN : operation_start(operation);
    if (error != -EAGAIN)
        return error;
    look_at(engine, operation);
    engine->look_us = LOOK_US;
    return 0;
}

bool engine_can_watch(struct engine *engine, os_fd fd) {
    (void)engine;
    return kind_of(fd) != KIND_UNKNOWN;
}

/* Makes the operation if it is NULL. The kind is the handle's until it is disarmed. */
static int prepare(struct engine *engine, struct engine_operation **operation, os_fd fd, int kind,
                   unsigned interest) {
    if (kind < 0)
        return kind;
    if (kind == KIND_UNKNOWN || (kind != KIND_SOCKET && interest & ENGINE_WRITE))
        return ENGINE_E_UNSUPPORTED;
    if (!*operation)
        *operation = operation_new(&engine->operations, fd, (enum kind)kind);
    return *operation ? 0 : -ENOMEM;
}

int engine_arm(struct engine *engine, struct engine_watch *watch, os_fd fd, unsigned interest, bool edge,
               uint64_t token) {
    struct engine_operation *last = watch->operation, *operation = NULL;
    bool same = last && last->key == (uintptr_t)fd;
    int error;

    if (fd == engine->operations.port)
        return ENGINE_E_CYCLE;
    if (edge)
        return ENGINE_E_UNSUPPORTED;
    if (same && !last->pending && !last->is_looked_at)
        operation = last;
    error = prepare(engine, &operation, fd, same ? (int)last->kind : kind_of(fd), interest);
    if (error)
        return error;
    operation->interest = interest & ENGINE_INTERESTS;
    operation->token = token;
    error = start(engine, operation);
    if (error) {
        if (operation != last)
            drop(engine, operation);
        return error;
    }
    if (last && operation != last)
        drop(engine, last);
    *watch = (struct engine_watch){.interest = interest & ENGINE_INTERESTS, .operation = operation};
    return 0;
}

void engine_disarm(struct engine *engine, struct engine_watch *watch, os_fd fd) {
    (void)fd;
    if (watch->operation)
        drop(engine, watch->operation);
    *watch = (struct engine_watch){0};
}

static void forget(struct engine *engine, struct engine_operation *operation) {
    table_remove(&engine->kept, operation);
    drop(engine, operation);
}

/* A new one is looked at first. */
int engine_keep(struct engine *engine, os_fd fd, unsigned before, unsigned interest, uint64_t token) {
    struct engine_operation *last = table_find(&engine->kept, (uintptr_t)fd), *operation;
    int kind;

    (void)before;
    if (!interest) {
        if (last)
            forget(engine, last);
        return 0;
    }
    if (fd == engine->operations.port)
        return ENGINE_E_CYCLE;
    kind = last ? (int)last->kind : kind_of_own(fd);
    if (kind < 0)
        return kind;
    if (kind == KIND_UNKNOWN || ((kind == KIND_PIPE || kind == KIND_LOOKED) && interest & ENGINE_WRITE))
        return ENGINE_E_UNSUPPORTED;
    operation =
        last && kind == KIND_WAITABLE ? last : operation_new(&engine->operations, fd, (enum kind)kind);
    if (!operation)
        return -ENOMEM;
    operation->interest = interest & ENGINE_INTERESTS;
    operation->token = token;
    operation->is_kept = true;
    if (operation == last)
        return 0;
    if (last)
        forget(engine, last);
    if (table_add(&engine->kept, operation)) { /* not after a removal */
        drop(engine, operation);
        return -ENOMEM;
    }
    look_at(engine, operation);
    return 0;
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */

/* 0: it is pending; -EAGAIN: there is nothing yet to start; or another error. */
static int start_looked(struct engine_operation *operation) {
    if (operation->kind == KIND_LOOKED ||
        (operation->kind == KIND_PIPE && kind_is_listening(operation_fd(operation))))
        return -EAGAIN;
    return operation_start(operation);
}

/* What a look tells. An operation whose end tells it is started instead. */
static unsigned look(struct engine *engine, struct engine_operation *operation) {
    unsigned events = operation->kind == KIND_SOCKET || operation->kind == KIND_PIPE
                          ? 0
                          : kind_look(operation_fd(operation), operation->kind, operation->interest);
    int error = events ? -EAGAIN : start_looked(operation);

    look_away(engine, operation);
    if (error && (operation->is_kept || (error == -EAGAIN && !events)))
        look_at(engine, operation);
    else if (error && !events)
        events = operation->interest; /* its owner arms it, and gets the error */
    return events;
}

/* Looks at up to *left operations, those that were not looked at longest, until `room` events are told. */
static int tell_looks(struct engine *engine, struct engine_event *events, size_t room, size_t *left) {
    size_t told = 0;

    for (; *left > 0 && told < room; --*left) {
        struct engine_operation *operation = engine->look;
        unsigned found = look(engine, operation);
        if (found)
            events[told++] = (struct engine_event){.token = operation->token, .events = found};
    }
    return (int)told;
}

/* An operation has ended. Whether it has told something: if it is over the operation is started again. */
static bool has_told(struct engine *engine, struct engine_operation *operation) {
    if (operation->is_kept)
        look_at(engine, operation);
    else if (!operation->events && start(engine, operation))
        operation->events = operation->interest; /* its owner arms it, and gets the error */
    return operation->events != 0;
}

/* Waits for packets, ms at most. *taken: how many, also of dropped operations. Returns how many events, or a negative errno. */
static int tell_packets(struct engine *engine, struct engine_event *events, size_t room, DWORD ms,
                        size_t *taken) {
    OVERLAPPED_ENTRY packets[EVENTS_AT_ONCE];
    struct engine_operation *ended[EVENTS_AT_ONCE];
    ULONG most = room < EVENTS_AT_ONCE ? (ULONG)room : EVENTS_AT_ONCE, n = 0;
    size_t n_ended = 0;
    int told = 0;

    *taken = 0;
    if (!most)
        return 0;
    if (!GetQueuedCompletionStatusEx(engine->operations.port, packets, most, &n, ms, FALSE))
        return GetLastError() == WAIT_TIMEOUT ? 0 : -EIO;
    *taken = n;
    for (ULONG i = 0; i < n; i++) {
        ended[n_ended] = (struct engine_operation *)(void *)packets[i].lpOverlapped;
        n_ended += operation_take(ended[n_ended]);
    }
    operations_check(ended, n_ended);
    for (size_t i = 0; i < n_ended; i++)
        if (has_told(engine, ended[i]))
            events[told++] = (struct engine_event){.token = ended[i]->token, .events = ended[i]->events};
    return told;
}

/* How long to wait for a packet: until the next look at most. */
static DWORD patience(struct engine *engine, int64_t until) {
    int64_t left = until == INT64_MAX ? INT64_MAX : until - os_now_us();

    if (engine->n_look > 0 && left > engine->look_us) {
        left = engine->look_us;
        engine->look_us = left * 2 < LOOK_MOST_US ? left * 2 : LOOK_MOST_US;
    }
    if (left == INT64_MAX)
        return INFINITE;
    return left <= 0 ? 0 : left > (int64_t)LONGEST_MS * 1000 ? LONGEST_MS : (DWORD)((left + 999) / 1000);
}

/* Half of the room is for packets, so that neither those nor the looks keep the others waiting. */
static int collect(struct engine *engine, struct engine_event *events, size_t n, int64_t until) {
    for (;;) {
        size_t left = engine->n_look, taken;
        int told = tell_looks(engine, events, (n + 1) / 2, &left), packets;
        packets = tell_packets(engine, events + told, n - (size_t)told,
                               told || !until ? 0 : patience(engine, until), &taken);
        if (packets < 0)
            return told ? told : packets;
        told += packets;
        told += tell_looks(engine, events + told, n - (size_t)told, &left);
        if (told)
            engine->look_us = LOOK_US;
        if (told || (!taken && (!until || os_now_us() >= until)))
            return told;
    }
}

int engine_wait(struct engine *engine, struct engine_event *events, size_t n) {
    return collect(engine, events, n, 0);
}

int engine_sleep(struct engine *engine, struct engine_event *events, size_t n, int64_t timeout_us) {
    int64_t now = os_now_us();

    return collect(engine, events, n,
                   timeout_us < 0 || timeout_us > INT64_MAX - now ? INT64_MAX : now + timeout_us);
}
