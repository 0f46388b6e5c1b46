/* transfer.c: the queue of a port. */
#include "transfer.h"

#include "utlist.h"

#include <errno.h>
#include <stddef.h>

static struct registry *registry_of(const struct port *port) {
    return port->indicator.object.owner->registry;
}

static void finish(struct transfer *transfer, int error) {
    DL_DELETE(transfer->port->queue, transfer);
    transfer->error = error;
    transfer->waiting = transfer->paused = false;
    loop_timer_free(&transfer->pause);
    transfer->done(transfer);
}

static void work(struct offload_job *job) {
    struct transfer *transfer = (struct transfer *)job;
    transfer->error = job->unfit ? job->unfit : stream_work(&transfer->stream);
}

static void try_all(struct port *port);
static void submit(struct transfer *transfer);

/* Whether poll(2) may be asked and tells when it is worth trying. */
static bool may_wait(const struct transfer *transfer) {
    return stream_waits(transfer->stream.type) && !transfer->port->indicator.descriptor->unwatched;
}

static void go_on(struct transfer *transfer) {
    if (may_wait(transfer)) {
        transfer->waiting = true;
        descriptor_rearm(transfer->port->indicator.descriptor);
    } else {
        submit(transfer); /* asked anew, behind the uid's other jobs */
    }
}

static void on_pause(struct loop_timer *timer) {
    struct transfer *transfer = (struct transfer *)((char *)timer - offsetof(struct transfer, pause));
    transfer->paused = false;
    go_on(transfer);
}

static void tried_in_vain(struct transfer *transfer) {
    int64_t now = os_now_us();
    transfer->vain = now - transfer->vain_at < TRANSFER_ROW_US ? transfer->vain + 1 : 0;
    transfer->vain_at = now;
    transfer->pause.fn = on_pause;
    transfer->paused =
        transfer->vain >= TRANSFER_VAIN &&
        !loop_timer_set(registry_of(transfer->port)->loop, &transfer->pause, now + TRANSFER_PAUSE_US);
    if (!transfer->paused)
        go_on(transfer);
}

static void on_worked(struct offload_job *job) {
    struct transfer *transfer = (struct transfer *)job;
    struct port *port = transfer->port;
    int error = transfer->error;
    transfer->working = false;
    transfer->descriptor->plain = transfer->stream.plain;
    descriptor_end_job(transfer->descriptor);
    if (error == -EAGAIN && !transfer->cancelled) {
        tried_in_vain(transfer);
        return;
    }
    /* What was taken from the kernel is answered, come what may: bytes, and an error that a socket tells once. */
    if (transfer->cancelled && error && (error == -EAGAIN || !port))
        transfer->error = error = -ECANCELED;
    if (!port) {
        loop_timer_free(&transfer->pause);
        transfer->done(transfer);
        return;
    }
    finish(transfer, error);
    try_all(port);
}

/* The broker ends: sessions and ports have, and the descriptor goes with the registry. */
static void drop(struct offload_job *job) {
    struct transfer *transfer = (struct transfer *)job;
    loop_timer_free(&transfer->pause);
    transfer->error = -ECANCELED;
    transfer->done(transfer);
}

static void submit(struct transfer *transfer) {
    struct port *port = transfer->port;
    struct descriptor *descriptor = port->indicator.descriptor;
    transfer->descriptor = descriptor;
    descriptor_begin_job(descriptor);
    transfer->working = true;
    transfer->waiting = false;
    transfer->stream.identity = transfer->identity;
    transfer->stream.plain = descriptor->plain;
    transfer->job = (struct offload_job){.work = work,
                                         .done = on_worked,
                                         .drop = drop,
                                         .uid = (uint32_t)descriptor->user->uid,
                                         .identity = transfer->identity,
                                         .quick = stream_is_quick(transfer->stream.type)};
    offload_submit(registry_of(port)->offload, &transfer->job);
}

/* Whether it is worth a worker's time. Of what the loop may not ask about a worker finds out. */
static bool may_be_ready(const struct transfer *transfer) {
    const struct descriptor *descriptor = transfer->port->indicator.descriptor;
    struct engine_probe probe = {transfer->stream.fd,
                                 transfer->stream.what == STREAM_WRITE ? ENGINE_WRITE : ENGINE_READ, 0};
    return !may_wait(transfer) || descriptor->guard || engine_probe(&probe, 1) || probe.events;
}

/* The first one goes to a worker or waits. */
static void try_all(struct port *port) {
    struct transfer *transfer = port->queue;
    if (!port->indicator.descriptor)
        return;
    if (transfer && !transfer->working && transfer->room(transfer)) {
        if (may_be_ready(transfer))
            submit(transfer);
        else
            transfer->waiting = true;
    }
    descriptor_rearm(port->indicator.descriptor);
}

void transfer_start(struct transfer *transfer) {
    struct port *port = transfer->port;
    const struct descriptor *descriptor = port->indicator.descriptor;
    transfer->stream.fd = descriptor->fd;
    transfer->stream.type = (enum inspect_type)descriptor->type;
    DL_APPEND(port->queue, transfer);
    if (port->queue == transfer)
        try_all(port);
}

void transfer_go_on(struct port *port) {
    if (port->queue && !port->queue->waiting && !port->queue->paused)
        try_all(port);
}

bool transfer_cancel(struct transfer *transfer) {
    struct port *port = transfer->port;
    bool first = port && port->queue == transfer;
    if (transfer->working) {
        transfer->cancelled = true;
        return false;
    }
    DL_DELETE(port->queue, transfer);
    loop_timer_free(&transfer->pause);
    if (first && port->queue)
        try_all(port);
    return true;
}

void transfer_end_all(struct port *port) {
    struct transfer *transfer, *next;
    DL_FOREACH_SAFE (port->queue, transfer, next) {
        if (transfer->working) {
            DL_DELETE(port->queue, transfer);
            transfer->cancelled = true;
            transfer->port = NULL;
        } else {
            finish(transfer, -ECANCELED);
        }
    }
}

bool transfer_wants(const struct port *port) { return port->queue && port->queue->waiting; }

void transfer_on_ready(struct port *port) {
    if (port->queue && port->queue->waiting) {
        port->queue->waiting = false;
        try_all(port);
    }
}

void transfer_fail_waiting(struct port *port) {
    while (port->queue && !port->queue->working)
        finish(port->queue, -ENOMEM);
}
