/* store_send_unix.c: orders as frames. An order that cannot be sent at once waits with copies of its descriptors; one that nobody waits for stays open while
 * it is the last, so that however much is told while the keeper does not read, it is little more than its bytes. What the kernel has no room for is
 * tried again in a moment: only a keeper that has gone is lost. */
#include "store_sending.h"

#include "daemon/base/log.h"
#include "keeper.pb-c.h"
#include "order.h"
#include "proto/container.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WAITING_MOST = FRAME_FDS_MAX,    /* descriptors of orders that are not sent */
    WAITING_BYTES_MOST = 256 * 1024, /* of these orders */
    RETRY_US = 20000                 /* after the kernel had no room */
};

/* ---- the end of the keeper ---------------------------------------------------------------------------------------- */

void store_finish(struct store_order *order, int error) {
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
    store->n_waiting = store->n_bytes = 0;
    while ((node = ring_first(&all)) != NULL)
        store_finish(CONTAINER_OF(node, struct store_order, node), 0);
}

static bool is_gone(int error) {
    return error == -EPIPE || error == -ECONNRESET || error == -EBADF || error == -ENOTCONN;
}

/* With a keeper that lives, and cannot be spoken with, nothing that was asked for may be answered: the broker ends at once, as by a signal, and the keeper
 * starts the next one. */
void store_lose(struct store *store, int error) {
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

/* 0 or a negative errno: the keeper is lost. Of all else (no memory, too many descriptors on their way) the kernel may have enough in a moment. */
static int send_later(struct store *store, int error) {
    if (is_gone(error))
        return error;
    store->later = true;
    return loop_timer_set(store->loop, &store->timer, os_now_us() + RETRY_US);
}

/* 0; -EBUSY: when the keeper has read; or another negative errno. */
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
    return 0; /* the caller flushes */
}

static bool has_word(const struct store *store) {
    return store->word.ready || store->word.alive || store->word.reloading || store->word.reloaded;
}

/* 0 or -ENOMEM. */
static int put_word(struct store *store) {
    Portd__Keeper__V1__Order message = PORTD__KEEPER__V1__ORDER__INIT;
    message.ready = store->word.ready;
    message.alive = store->word.alive;
    message.reloading = store->word.reloading;
    message.reloaded = store->word.reloaded;
    uint8_t *body = channel_put(&store->channel, portd__keeper__v1__order__get_packed_size(&message));
    if (!body)
        return -ENOMEM;
    (void)portd__keeper__v1__order__pack(&message, body);
    memset(&store->word, 0, sizeof store->word);
    return 0;
}

/* Seals it when its turn comes, if it is open. 0; -EBUSY; or another negative errno. */
static int send_order(struct store *store, struct store_order *order) {
    int error = order->open ? order_seal(order) : 0;
    if (error)
        return error;
    order->open = false;
    while (order->frames) {
        struct store_frame *frame = order->frames;
        error = send_frame(store, frame);
        if (error)
            return error;
        store->n_waiting -= frame->n_fds;
        store->n_bytes -= frame->counted;
        order->frames = frame->next;
        frame_free(frame);
        error = channel_flush(&store->channel);
        if (error)
            return error;
    }
    order->last = NULL;
    ring_remove(&order->node);
    ring_add(&store->sent, &order->node);
    return 0;
}

/* Sends what the channel takes. 0 or a negative errno: the keeper is lost. */
static int send_waiting(struct store *store) {
    struct ring *node;
    int error = store->later ? -EBUSY : channel_flush(&store->channel);
    if (!error && has_word(store))
        error = put_word(store);
    while (!error && (node = ring_first(&store->waiting)) != NULL)
        error = send_order(store, CONTAINER_OF(node, struct store_order, node));
    if (!error)
        error = channel_flush(&store->channel);
    return error && error != -EBUSY ? send_later(store, error) : 0;
}

/* 0 or a negative errno. */
static int update_interest(struct store *store) {
    bool writes = channel_pending(&store->channel) && !store->later;
    return loop_set(&store->watch, writes ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* Sends, and the keeper may be lost. */
void store_go_on(struct store *store) {
    int error = send_waiting(store);
    if (!error)
        error = update_interest(store);
    if (error)
        store_lose(store, error);
}

void store_on_retry(struct loop_timer *timer) {
    struct store *store = CONTAINER_OF(timer, struct store, timer);
    store->later = false;
    store_go_on(store);
}

bool store_is_full(const struct store *store) {
    return store->n_waiting >= WAITING_MOST || store->n_bytes >= WAITING_BYTES_MOST;
}

bool store_is_idle(const struct store *store) {
    return ring_is_empty(&store->waiting) && ring_is_empty(&store->sent) && !channel_pending(&store->channel);
}

static void count(struct store *store, struct store_order *order) {
    for (struct store_frame *frame = order->frames; frame; frame = frame->next) {
        store->n_bytes += sizeof *frame + frame->length - frame->counted;
        frame->counted = sizeof *frame + frame->length;
    }
}

/* It is not sent: the keeper forgets the part that it has with the next order. */
static void withdraw(struct store *store, struct store_order *order) {
    store->n_waiting -= order_count_fds(order);
    for (const struct store_frame *frame = order->frames; frame; frame = frame->next)
        store->n_bytes -= frame->counted;
    ring_remove(&order->node);
    store_cancel(order);
}

int store_commit(struct store *store, struct store_order *order) {
    bool first = ring_is_empty(&store->waiting);
    int error, lost;
    if (!store->kept || !order->frames) {
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
    count(store, order);
    lost = first ? send_waiting(store) : 0;
    error = lost ? 0 : order_copy_fds(order, store->closer, store->fd_table); /* of what waits */
    if (!lost)
        lost = update_interest(store);
    if (!lost && !error)
        return 0;
    withdraw(store, order);
    if (!lost)
        return error;
    store_lose(store, lost);
    return 1;
}

/* ---- what nobody waits for ---------------------------------------------------------------------------------------- */

static void on_told(struct store_order *order, int error) {
    if (error)
        log_write(LOG_LEVEL_ERROR, "the keeper cannot keep a part of what it is told: %s",
                  os_error_text(-error));
    free(order);
}

struct store_order *store_open(struct store *store) {
    struct ring *last = store->waiting.prev;
    struct store_order *order = CONTAINER_OF(last, struct store_order, node);
    if (!ring_is_empty(&store->waiting) && order->open)
        return order;
    order = calloc(1, sizeof *order);
    if (!order)
        return NULL;
    order->open = true;
    order->done = on_told;
    return order;
}

void store_tell(struct store *store, struct store_order *order) {
    bool first = ring_is_empty(&store->waiting);
    bool is_new = !ring_has(&order->node);
    if (is_new && (!store->kept || !order->frames)) {
        store_cancel(order);
        free(order);
        return;
    }
    if (is_new) {
        order->serial = ++store->serial;
        ring_add(&store->waiting, &order->node);
    }
    count(store, order);
    if (first)
        store_go_on(store);
}

void store_ready(struct store *store) {
    if (!store->kept)
        return;
    store->word.ready = true;
    store_go_on(store);
}

void store_reloading(struct store *store, bool begins) {
    if (!store->kept)
        return;
    if (begins)
        store->word.reloading = true;
    else
        store->word.reloaded = true;
    store_go_on(store);
}
