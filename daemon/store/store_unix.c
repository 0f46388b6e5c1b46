/* store_unix.c: orders as frames. An order that cannot be sent at once waits with copies of its descriptors. */
#define _GNU_SOURCE
#include "store.h"

#include "daemon/base/log.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/loop.h"
#include "keeper.h"
#include "keeper.pb-c.h"
#include "order.h"
#include "proto/channel.h"
#include "proto/container.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WAITING_MOST = FRAME_FDS_MAX, /* descriptors of orders that are not sent */
    RETRY_US = 20000,             /* after the kernel had no room for descriptors */
    PATIENCE_MS = 10000           /* for the keeper's answers at the start */
};

struct store {
    struct loop *loop;
    struct closer *closer;
    struct fd_table *fd_table;
    struct loop_watch watch;
    struct channel_scratch scratch;
    struct channel channel;
    struct ring waiting;     /* orders that are not sent, or not whole */
    struct ring sent;        /* those that are not answered */
    struct loop_timer timer; /* a frame is tried again */
    uint64_t serial;
    size_t n_waiting; /* descriptors of `waiting` */
    os_uid user;      /* of the last frame that was sent: the channel may have copies of its descriptors */
    bool kept;
};

/* ---- the end of the keeper ---------------------------------------------------------------------------------------- */

static void finish(struct store_order *order, int error) {
    ring_remove(&order->node);
    store_cancel(order);
    if (order->done)
        order->done(order, error);
}

void store_leave(struct store *store) {
    struct ring all, *node;
    if (!store || !store->kept)
        return;
    store->kept = false;
    loop_unwatch(&store->watch);
    loop_timer_clear(&store->timer);
    ring_init(&all);
    ring_move_all(&all, &store->sent);
    ring_move_all(&all, &store->waiting);
    store->n_waiting = 0;
    while ((node = ring_first(&all)) != NULL)
        finish(CONTAINER_OF(node, struct store_order, node), 0);
}

static bool is_gone(int error) {
    return error == -EPIPE || error == -ECONNRESET || error == -EBADF || error == -ENOTCONN;
}

/* With a keeper that lives, and cannot be spoken with, nothing that was asked for may be answered: the broker ends at once, as by a signal, and the keeper
 * starts the next one. */
static void lose(struct store *store, int error) {
    if (!store->kept)
        return;
    if (!is_gone(error)) {
        log_write(LOG_LEVEL_ERROR, "this broker cannot go on with its keeper, which starts another one: %s",
                  os_error_text(-error));
        log_close();
        _exit(EXIT_FAILURE);
    }
    log_write(LOG_LEVEL_ERROR,
              "the keeper has gone: what is held ends with this broker; restart portd; error=%s",
              os_error_text(-error));
    store_leave(store);
}

/* ---- sending ------------------------------------------------------------------------------------------------------ */

/* 0; -EBUSY: later; or another negative errno. */
static int send_frame(struct store *store, const struct store_frame *frame) {
    uint8_t *body;
    if (frame->n_fds && !channel_pending(&store->channel))
        store->user = frame->user;
    if (frame->n_fds)
        return channel_put_fds(&store->channel, frame->bytes, frame->length, frame->fds, frame->n_fds);
    if (channel_pending(&store->channel))
        return -EBUSY;
    body = channel_put(&store->channel, frame->length);
    if (!body)
        return -ENOMEM;
    memcpy(body, frame->bytes, frame->length);
    return channel_flush(&store->channel);
}

/* Sends what the channel takes. 0 or a negative errno: the keeper is lost. Of all else (no memory, too many descriptors on their way) the kernel may
 * have enough in a moment. */
static int send_waiting(struct store *store) {
    struct ring *node;
    while ((node = ring_first(&store->waiting)) != NULL) {
        struct store_order *order = CONTAINER_OF(node, struct store_order, node);
        struct store_frame *frame = order->frames;
        int error = frame ? send_frame(store, frame) : 0;
        if (error && is_gone(error))
            return error;
        if (error && error != -EBUSY)
            (void)loop_timer_set(store->loop, &store->timer, os_now_us() + RETRY_US);
        if (error)
            return 0;
        if (frame) {
            store->n_waiting -= frame->n_fds;
            order->frames = frame->next;
            frame_free(frame);
        }
        if (order->frames)
            continue;
        order->last = NULL;
        ring_remove(&order->node);
        ring_add(&store->sent, &order->node);
    }
    return 0;
}

/* 0 or a negative errno. */
static int update_interest(struct store *store) {
    return loop_set(&store->watch, channel_pending(&store->channel) ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void set_interest(struct store *store) {
    int error = update_interest(store);
    if (error)
        lose(store, error);
}

static void on_retry(struct loop_timer *timer) {
    struct store *store = CONTAINER_OF(timer, struct store, timer);
    int error = send_waiting(store);
    if (error)
        lose(store, error);
    else
        set_interest(store);
}

bool store_is_full(const struct store *store) { return store->n_waiting >= WAITING_MOST; }

int store_commit(struct store *store, struct store_order *order) {
    bool first = ring_is_empty(&store->waiting);
    int error, lost;
    if (!store->kept) {
        store_cancel(order);
        return 1;
    }
    order->serial = ++store->serial;
    error = order_seal(order);
    if (error) {
        store_cancel(order);
        return error;
    }
    ring_add(&store->waiting, &order->node);
    store->n_waiting += order_count_fds(order);
    lost = first ? send_waiting(store) : 0;
    error = lost ? 0 : order_copy_fds(order, store->closer, store->fd_table); /* of what waits */
    if (!lost)
        lost = update_interest(store);
    if (!lost && !error)
        return 0;
    store->n_waiting -=
        order_count_fds(order); /* the keeper forgets the part that it has with the next order */
    ring_remove(&order->node);
    store_cancel(order);
    if (!lost)
        return error;
    lose(store, lost);
    return 1;
}

/* What is no order. 0 or a negative errno. */
static int say(struct store *store, const Portd__Keeper__V1__Order *message) {
    uint8_t *body = channel_put(&store->channel, portd__keeper__v1__order__get_packed_size(message));
    if (!body)
        return -ENOMEM;
    (void)portd__keeper__v1__order__pack(message, body);
    return channel_flush(&store->channel);
}

static void tell(struct store *store, const Portd__Keeper__V1__Order *message) {
    int error = store->kept ? say(store, message) : 0;
    if (error)
        lose(store, error);
    else if (store->kept)
        set_interest(store);
}

void store_ready(struct store *store) {
    Portd__Keeper__V1__Order message = PORTD__KEEPER__V1__ORDER__INIT;
    message.ready = true;
    tell(store, &message);
}

void store_reloading(struct store *store, bool begins) {
    Portd__Keeper__V1__Order message = PORTD__KEEPER__V1__ORDER__INIT;
    message.reloading = begins;
    message.reloaded = !begins;
    tell(store, &message);
}

/* ---- receiving ---------------------------------------------------------------------------------------------------- */

static int answer_alive(struct store *store) {
    Portd__Keeper__V1__Order message = PORTD__KEEPER__V1__ORDER__INIT;
    message.alive = true;
    return say(store, &message);
}

/* 0 or a negative errno. */
static int take_answer(struct store *store, const Portd__Keeper__V1__Answer *answer) {
    if (answer->ask)
        return answer_alive(store);
    for (struct ring *node = store->sent.next; node != &store->sent; node = node->next) {
        struct store_order *order = CONTAINER_OF(node, struct store_order, node);
        if (order->serial != answer->serial)
            continue;
        finish(order, -answer->error);
        break;
    }
    return 0;
}

static void drop_fds(struct channel_frame *frame) {
    while (frame->n_fds > 0)
        os_close(frame->fds[--frame->n_fds]);
}

static void on_answer(struct loop_watch *watch, unsigned events) {
    struct store *store = CONTAINER_OF(watch, struct store, watch);
    struct channel_frame frame;
    int result = 0, error = 0;
    if (events & LOOP_WRITE) {
        error = channel_flush(&store->channel);
        if (!error && !channel_pending(&store->channel))
            error = send_waiting(store);
    }
    if (!error && events & LOOP_READ) {
        result = channel_fill(&store->channel, channel_drop_fd, &store->channel);
        error = result == CHANNEL_E_END ? -EPIPE : result < 0 ? result : 0;
    }
    if (result == 1) {
        while (!error && store->kept && (error = channel_next(&store->channel, &frame)) == 1) {
            Portd__Keeper__V1__Answer *answer =
                portd__keeper__v1__answer__unpack(NULL, frame.length, frame.body);
            drop_fds(&frame);
            error = answer ? take_answer(store, answer) : -ENOMEM;
            portd__keeper__v1__answer__free_unpacked(answer, NULL);
        }
        if (channel_rest(&store->channel))
            error = -ENOMEM;
    }
    if (error)
        lose(store, error < 0 ? error : -EPROTO);
    if (store->kept)
        set_interest(store);
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
    int error = say(store, &message);
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
    store->timer.fn = on_retry;
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

void store_inherit(os_fd *channel, os_fd *listener) {
    const char *text = getenv(KEEPER_VARIABLE);
    char *end = NULL;
    long pid = text ? strtol(text, &end, 10) : 0;
    *channel = *listener = OS_FD_NONE;
    if (!text)
        return;
    if (end != text && !*end && pid == (long)getppid()) {
        *channel = KEEPER_CHANNEL;
        *listener = KEEPER_LISTENER;
        if (transport_adopt(*channel) || transport_adopt(*listener))
            *channel = *listener = OS_FD_NONE;
    }
    (void)unsetenv(KEEPER_VARIABLE); /* not for programs that are started by this one */
}
