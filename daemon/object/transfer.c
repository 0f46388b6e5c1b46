/* transfer.c: the queue of a port, and its first transfer in the descriptor's queue. */
#include "transfer.h"

#include "daemon/access/user.h"
#include "daemon/loop/identity.h"
#include "daemon/readiness/engine.h"
#include "descriptor.h"
#include "direction.h"
#include "extras.h"
#include "port.h"
#include "proto/container.h"
#include "registry.h"
#include "session_objects.h"
#include "utlist.h"
#include "waitable.h"
#include "waitqueue.h"

#include <errno.h>
#include <stddef.h>

static struct registry *registry_of(const struct port *port) { return port->waitable.object.owner->registry; }

static bool waits(const struct transfer *transfer) { return ring_has(&transfer->queue_node); }

static int direction_of(const struct transfer *transfer) {
    return stream_writes(transfer->stream.what) ? DIRECTION_WRITE : DIRECTION_READ;
}

/* Takes the transfer out of all queues and stops its pause. */
static void withdraw(struct transfer *transfer) {
    struct port *port = transfer->port;
    const struct descriptor *descriptor = waitable_source(&port->waitable);
    if (transfer->slowed && descriptor)
        user_give_round(descriptor->user);
    DL_DELETE(port->queue, transfer);
    if (waits(transfer))
        ring_remove(&transfer->queue_node);
    transfer->paused = transfer->slowed = false;
    loop_timer_free(&transfer->pause);
    waitable_trim(&port->waitable);
}

/* Bytes that a splice has moved are answered, however it ends. */
static int outcome(const struct transfer *transfer, int error) {
    return stream_splices(transfer->stream.what) && transfer->stream.count ? 0 : error;
}

static void finish(struct transfer *transfer, int error) {
    withdraw(transfer);
    transfer->error = outcome(transfer, error);
    transfer->done(transfer);
}

static void work(struct offload_job *job) {
    struct transfer *transfer = (struct transfer *)job;
    if (job->unfit)
        transfer->error = job->unfit == IDENTITY_CANNOT ? STREAM_E_RIGHTS : job->unfit;
    else if (transfer->unwanted && !stream_writes(transfer->stream.what))
        transfer->error = -EAGAIN;
    else
        transfer->error = stream_work(&transfer->stream);
}

static void try_first(struct port *port);
static void try_queue(struct waitqueue *queue, bool ready);
static void submit(struct transfer *transfer);

/* True if poll(2) reports when another try is worthwhile. */
static bool may_wait(const struct transfer *transfer) {
    return stream_waits(transfer->stream.type, stream_writes(transfer->stream.what)) &&
           !waitable_source(&transfer->port->waitable)->unwatched;
}

static void on_pause(struct loop_timer *timer);

/* Waits longer each time, so that a descriptor that never becomes ready costs little. Returns false if there is
 * no memory. */
static bool pause_for(struct transfer *transfer, unsigned times) {
    int64_t pause = (int64_t)TRANSFER_PAUSE_US << (times < TRANSFER_PAUSES ? times : TRANSFER_PAUSES);
    transfer->pause.fn = on_pause;
    transfer->paused =
        !loop_timer_set(registry_of(transfer->port)->env.loop, &transfer->pause, os_now_us() + pause);
    return transfer->paused;
}

/* Arms the watch. After WAITQUEUE_VAIN futile tries it is edge-triggered, and a missed edge would never be
 * reported again. So the transfer is also tried after a pause. */
static void watch(struct waitqueue *queue) {
    struct ring *node = ring_first(&queue->transfers);
    if (node && queue->vain >= WAITQUEUE_VAIN) {
        struct transfer *first = CONTAINER_OF(node, struct transfer, queue_node);
        if (!first->paused)
            (void)pause_for(first, queue->vain - WAITQUEUE_VAIN);
    }
    (void)descriptor_rearm(queue->descriptor);
}

static void tried_in_vain(struct transfer *transfer) {
    struct waitqueue *queue;
    if (!may_wait(transfer)) {
        if (!pause_for(transfer, transfer->vain++))
            transfer_fail(transfer);
        return;
    }
    queue = waitqueue_get(waitable_source(&transfer->port->waitable), direction_of(transfer));
    if (!queue) {
        transfer_fail(transfer);
        return;
    }
    queue->vain++;
    ring_add_first(&queue->transfers, &transfer->queue_node);
    if (queue->again)
        submit(transfer);
    else
        watch(queue);
}

/* The splice has moved some bytes and is unfinished. */
static void wait_on(struct transfer *transfer, bool ready) {
    struct waitqueue *queue =
        waitqueue_get(waitable_source(&transfer->port->waitable), direction_of(transfer));
    if (!queue) {
        transfer_fail(transfer);
        return;
    }
    queue->vain = 0;
    ring_add(&queue->transfers, &transfer->queue_node);
    if (ready || queue->again)
        try_queue(queue, true);
    else
        watch(queue);
}

/* Tries the next transfer: the oldest in the descriptor's queue. Each port has at most one there. */
static void go_on(struct port *port, struct waitqueue *queue) {
    if (port)
        try_first(port);
    if (!queue)
        return;
    try_queue(queue, false);
    waitqueue_update(queue);
}

static void on_pause(struct loop_timer *timer) {
    struct transfer *transfer = CONTAINER_OF(timer, struct transfer, pause);
    struct descriptor *descriptor = waitable_source(&transfer->port->waitable);
    struct waitqueue *queue = descriptor ? waitqueue_find(descriptor, direction_of(transfer)) : NULL;
    bool paused = transfer->paused, slowed = transfer->slowed;
    transfer->paused = transfer->slowed = false;
    if (slowed && descriptor)
        wait_on(transfer, false);
    else if (paused && descriptor && !transfer->working && (!waits(transfer) || (queue && !queue->trying)))
        submit(transfer);
}

/* Two splices can pass a byte to each other for hours, without a request. So after a round that moved little the transfer waits for its uid's next
 * place, and other ports go on. False: it is now, or there is no memory. */
static bool slow(struct transfer *transfer) {
    struct descriptor *descriptor = waitable_source(&transfer->port->waitable);
    bool little = transfer->stream.count - transfer->moved < TRANSFER_LITTLE;
    int64_t delay = little ? user_take_round(descriptor->user) : 0;
    if (!delay)
        return false;
    transfer->pause.fn = on_pause;
    transfer->slowed = transfer->paused =
        !loop_timer_set(registry_of(transfer->port)->env.loop, &transfer->pause, os_now_us() + delay);
    if (transfer->slowed)
        go_on(NULL, waitqueue_find(descriptor, direction_of(transfer)));
    return transfer->slowed;
}

/* The try did not complete the transfer: it continues when its descriptor is ready. */
static void tried(struct transfer *transfer, int error) {
    if (transfer->stream.count == transfer->moved || !may_wait(transfer))
        tried_in_vain(transfer);
    else if (!slow(transfer))
        wait_on(transfer, error == STREAM_E_MORE);
}

static void on_worked(struct offload_job *job) {
    struct transfer *transfer = (struct transfer *)job;
    struct port *port = transfer->port;
    struct waitqueue *queue = waitqueue_find(transfer->descriptor, direction_of(transfer));
    int error = transfer->error;
    bool again;
    transfer->working = false;
    transfer->descriptor->plain = transfer->stream.plain;
    if (queue && queue->trying == transfer)
        queue->trying = NULL;
    descriptor_end_job(transfer->descriptor);
    again = error == -EAGAIN || error == STREAM_E_MORE;
    if (again && !transfer->cancelled) {
        tried(transfer, error);
        return;
    }
    /* Bytes taken from the kernel are answered in any case, and so is an error that a socket reports only once. */
    if (transfer->cancelled && error && (again || !port))
        error = -ECANCELED;
    transfer->error = error = outcome(transfer, error);
    if (queue && !error)
        queue->vain = 0;
    if (port) {
        finish(transfer, error);
    } else {
        loop_timer_free(&transfer->pause);
        transfer->done(transfer);
    }
    go_on(port, queue);
}

/* The broker ends: sessions and ports have ended, and the registry frees the descriptor. */
static void drop(struct offload_job *job) {
    struct transfer *transfer = (struct transfer *)job;
    loop_timer_free(&transfer->pause);
    transfer->error = -ECANCELED;
    transfer->dropped = true;
    transfer->done(transfer);
}

static void submit(struct transfer *transfer) {
    struct port *port = transfer->port;
    struct descriptor *descriptor = waitable_source(&port->waitable);
    transfer->descriptor = descriptor;
    descriptor_begin_job(descriptor);
    transfer->working = true;
    transfer->stream.identity = transfer->identity;
    transfer->stream.plain = descriptor->plain;
    transfer->moved = transfer->stream.count;
    transfer->paused = false;
    loop_timer_clear(&transfer->pause);
    if (waits(transfer))
        ring_remove(&transfer->queue_node);
    if (may_wait(transfer)) {
        struct waitqueue *queue = waitqueue_find(descriptor, direction_of(transfer));
        if (queue) {
            queue->trying = transfer;
            queue->again = false;
        }
    }
    transfer->job = (struct offload_job){.work = work,
                                         .done = on_worked,
                                         .drop = drop,
                                         .uid = descriptor->user->uid,
                                         .identity = transfer->identity,
                                         .quick = stream_is_quick(&transfer->stream)};
    offload_submit(registry_of(port)->env.offload, &transfer->job);
}

/* True if a try is worth a worker's time. For a descriptor that the loop may not poll, a worker finds out. So it does for character devices: of those
 * that the loop may poll, /dev/random takes bytes at any time but reports room only while the kernel lacks entropy. */
static bool may_be_ready(const struct transfer *transfer) {
    const struct descriptor *descriptor = waitable_source(&transfer->port->waitable);
    struct engine_probe probe = {transfer->stream.fd,
                                 stream_writes(transfer->stream.what) ? ENGINE_WRITE : ENGINE_READ, 0};
    return extras_thread_watch(descriptor->extras) || descriptor->type == INSPECT_CHARACTER ||
           engine_probe(&probe, 1) || probe.events;
}

/* Submits the queue's first transfer if none is being tried. ready: the descriptor is known to be ready and need not be probed. */
static void try_queue(struct waitqueue *queue, bool ready) {
    struct ring *node = ring_first(&queue->transfers);
    if (!node || queue->trying)
        return;
    struct transfer *transfer = CONTAINER_OF(node, struct transfer, queue_node);
    if (ready || (queue->vain < WAITQUEUE_VAIN && may_be_ready(transfer)))
        submit(transfer);
    else
        watch(queue);
}

/* Submits the port's first transfer, or queues it behind those of other ports. */
static void try_first(struct port *port) {
    struct transfer *transfer = port->queue;
    struct descriptor *descriptor = waitable_source(&port->waitable);
    struct waitqueue *queue;
    if (!descriptor || !transfer || transfer->working || transfer->paused || waits(transfer) ||
        !transfer->room(transfer))
        return;
    if (!may_wait(transfer)) {
        submit(transfer);
        return;
    }
    queue = waitqueue_get(descriptor, direction_of(transfer));
    if (!queue) {
        transfer_fail(transfer);
        return;
    }
    ring_add(&queue->transfers, &transfer->queue_node);
    try_queue(queue, false);
}

void transfer_start(struct transfer *transfer) {
    struct port *port = transfer->port;
    const struct descriptor *descriptor = waitable_source(&port->waitable);
    transfer->stream.fd = descriptor->fd;
    transfer->stream.type = (enum inspect_type)descriptor->type;
    DL_APPEND(port->queue, transfer);
    if (port->queue == transfer)
        try_first(port);
}

void transfer_ready(struct waitqueue *queue) { try_queue(queue, true); }

void transfer_go_on(struct port *port) { try_first(port); }

bool transfer_cancel(struct transfer *transfer) {
    struct port *port = transfer->port;
    const struct descriptor *descriptor = port ? waitable_source(&port->waitable) : NULL;
    if (transfer->working) {
        transfer->cancelled = true;
        return false;
    }
    withdraw(transfer);
    transfer->error = outcome(transfer, -ECANCELED);
    go_on(port, descriptor ? waitqueue_find(descriptor, direction_of(transfer)) : NULL);
    if (descriptor)
        (void)descriptor_rearm(waitable_source(&port->waitable));
    return true;
}

void transfer_on_port_ended(struct port *port, struct descriptor *descriptor) {
    struct transfer *first = port->queue;
    struct waitqueue *queue = first ? waitqueue_find(descriptor, direction_of(first)) : NULL;
    if (!first)
        return;
    if (first->working) {
        DL_DELETE(port->queue, first);
        first->cancelled = true;
        first->port = NULL;
    } else if (waits(first)) {
        ring_remove(&first->queue_node);
    }
    if (queue) {
        try_queue(queue, false);
        waitqueue_update(queue);
    }
}

void transfer_end(struct port *port) { finish(port->queue, -ECANCELED); }

void transfer_fail(struct transfer *transfer) {
    struct port *port = transfer->port;
    finish(transfer, -ENOMEM);
    try_first(port);
}
