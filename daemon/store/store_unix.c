/* store_unix.c: the keeper's answers, and what it gives back at the start. */
#define _GNU_SOURCE
#include "daemon/loop/closer.h"
#include "keeper.h"
#include "keeper.pb-c.h"
#include "program.h"
#include "proto/container.h"
#include "store_sending.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 /* for the keeper's answers at the start */ };

/* ---- receiving ---------------------------------------------------------------------------------------------------- */

static void take_answer(struct store *store, const Portd__Keeper__V1__Answer *answer) {
    if (answer->ask) {
        store->word.alive = true;
        return;
    }
    for (struct ring *node = store->sent.next; node != &store->sent; node = node->next) {
        struct store_order *order = CONTAINER_OF(node, struct store_order, node);
        if (order->serial != answer->serial)
            continue;
        store_finish(order, -answer->error);
        break;
    }
}

static void drop_fds(struct channel_frame *frame) {
    while (frame->n_fds > 0)
        os_close(frame->fds[--frame->n_fds]);
}

/* A passing lack of memory while something is received cannot be told from a lost answer: the keeper is asked anew by the next broker. */
static void on_answer(struct loop_watch *watch, unsigned events) {
    struct store *store = CONTAINER_OF(watch, struct store, watch);
    struct channel_frame frame;
    int result = 0, error = 0;
    if (events & LOOP_READ) {
        result = channel_fill(&store->channel, channel_drop_fd, &store->channel);
        error = result == CHANNEL_E_END ? -EPIPE : result < 0 ? result : 0;
    }
    if (result == 1) {
        while (!error && store->kept && (error = channel_next(&store->channel, &frame)) == 1) {
            Portd__Keeper__V1__Answer *answer =
                portd__keeper__v1__answer__unpack(NULL, frame.length, frame.body);
            drop_fds(&frame);
            error = answer ? 0 : -ENOMEM;
            if (answer)
                take_answer(store, answer);
            portd__keeper__v1__answer__free_unpacked(answer, NULL);
        }
        if (channel_rest(&store->channel))
            error = -ENOMEM;
    }
    if (error)
        store_lose(store, error < 0 ? error : -EPROTO);
    if (store->kept)
        store_go_on(store);
}

/* 1: it was the last one; 0; or a negative errno. */
static int give(struct channel_frame *frame, void (*fn)(void *context, struct store_entry *entry),
                void *context) {
    Portd__Keeper__V1__Answer *answer = portd__keeper__v1__answer__unpack(NULL, frame->length, frame->body);
    int result = answer ? answer->serial != 0 : -ENOMEM;
    if (answer && answer->entry &&
        (frame->mismatch || frame->n_fds != answer->entry->fds || frame->n_fds > STORE_FDS_MAX))
        result = -EPROTO;
    if (answer && answer->entry && result == 0) {
        struct store_entry entry = {.key = answer->entry->key,
                                    .record = answer->entry->record.data,
                                    .length = answer->entry->record.len,
                                    .n_fds = frame->n_fds};
        memcpy(entry.fds, frame->fds, frame->n_fds * sizeof *entry.fds);
        frame->n_fds = 0;
        fn(context, &entry);
    }
    drop_fds(frame);
    portd__keeper__v1__answer__free_unpacked(answer, NULL);
    return result;
}

static int read_all(struct store *store, void (*fn)(void *context, struct store_entry *entry),
                    void *context) {
    struct pollfd question = {.fd = transport_pollable(store->channel.transport), .events = POLLIN};
    struct channel_frame frame;
    int result = 0;
    while (result == 0) {
        int n = poll(&question, 1, PATIENCE_MS);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ETIMEDOUT;
        n = channel_fill(&store->channel, channel_drop_fd, &store->channel);
        if (n < 0 || n == CHANNEL_E_END)
            return n < 0 ? n : -EPIPE;
        if (n == 0)
            continue;
        while (result == 0 && (n = channel_next(&store->channel, &frame)) == 1)
            result = give(&frame, fn, context);
        if (n == CHANNEL_E_PROTOCOL)
            result = -EPROTO;
        if (channel_rest(&store->channel))
            result = -ENOMEM;
    }
    return result < 0 ? result : 0;
}

int store_read(struct store *store, void (*fn)(void *context, struct store_entry *entry), void *context) {
    Portd__Keeper__V1__Order message = PORTD__KEEPER__V1__ORDER__INIT;
    message.ask = true;
    message.serial = ++store->serial;
    uint8_t *body = channel_put(&store->channel, portd__keeper__v1__order__get_packed_size(&message));
    if (!body)
        return -ENOMEM;
    (void)portd__keeper__v1__order__pack(&message, body);
    int error = channel_flush(&store->channel);
    return error ? error : read_all(store, fn, context);
}

/* ---- the store ---------------------------------------------------------------------------------------------------- */

static void drop_fd(void *context, os_fd fd) {
    const struct store *store = context;
    closer_close(store->closer, fd, store->user, NULL, NULL);
}

struct store *store_new(struct loop *loop, struct closer *closer, struct fd_table *fd_table, os_fd channel) {
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    store->loop = loop;
    store->closer = closer;
    store->fd_table = fd_table;
    store->kept = channel != OS_FD_NONE;
    ring_init(&store->waiting);
    ring_init(&store->sent);
    if (!store->kept)
        return store;
    store->watch = (struct loop_watch){.fd = channel, .fn = on_answer};
    store->timer.fn = store_on_retry;
    int error = channel_scratch_init(&store->scratch);
    if (!error)
        error = loop_timer_prepare(loop, &store->timer);
    if (!error) {
        channel_init(&store->channel, (struct transport){channel}, &store->scratch, FRAME_LONG_MAX);
        store->channel.discard = drop_fd;
        store->channel.discard_context = store;
        error = loop_watch(loop, &store->watch, LOOP_READ);
    }
    if (!error)
        return store;
    store->kept = false;
    store_free(store);
    errno = -error;
    return NULL;
}

bool store_is_kept(const struct store *store) { return store->kept; }

void store_free(struct store *store) {
    if (!store)
        return;
    store_leave(store);
    loop_timer_free(&store->timer);
    if (store->channel.scratch) {
        channel_deinit(&store->channel, drop_fd, store);
        transport_close(store->channel.transport);
    }
    channel_scratch_deinit(&store->scratch);
    free(store);
}

void store_inherit(struct store_inherited *inherited) {
    const char *text = getenv(KEEPER_VARIABLE);
    char *end = NULL;
    long pid = text ? strtol(text, &end, 10) : 0;
    *inherited = (struct store_inherited){OS_FD_NONE, OS_FD_NONE, OS_FD_NONE};
    if (!text)
        return;
    bool has_link = strcmp(end, KEEPER_HAS_LINK) == 0;
    if (end != text && (!*end || has_link) && pid == (long)getppid()) {
        *inherited = (struct store_inherited){KEEPER_CHANNEL, KEEPER_LISTENER,
                                              has_link ? (os_fd)KEEPER_LINK : OS_FD_NONE};
        if (transport_adopt(KEEPER_CHANNEL) || transport_adopt(KEEPER_LISTENER) ||
            (has_link && transport_adopt(KEEPER_LINK)))
            inherited->channel = inherited->listener = inherited->link = OS_FD_NONE;
    }
    program_name();
    (void)unsetenv(KEEPER_VARIABLE); /* not for programs that are started by this one */
}
