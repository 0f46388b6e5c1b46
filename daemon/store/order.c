/* order.c: builds the frames of an order. */
#include "order.h"

#include "daemon/access/fd_table.h"
#include "daemon/loop/closer.h"
#include "keeper.pb-c.h"
#include "proto/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_ROOM = FRAME_DATA_MAX };

static void on_closed(void *context) { fd_table_give(context, 1); }

void frame_free(struct store_frame *frame) {
    for (size_t i = 0; frame->closer && i < frame->n_fds; i++)
        closer_close(frame->closer, frame->fds[i], frame->user, on_closed, frame->fd_table);
    free(frame->bytes);
    free(frame);
}

void store_cancel(struct store_order *order) {
    struct store_frame *frame;
    while ((frame = order->frames) != NULL) {
        order->frames = frame->next;
        frame_free(frame);
    }
    order->last = NULL;
}

static struct store_frame *frame_new(struct store_order *order) {
    struct store_frame *frame = calloc(1, sizeof *frame);
    if (!frame)
        return NULL;
    if (order->last)
        order->last->next = frame;
    else
        order->frames = frame;
    order->last = frame;
    return frame;
}

/* A frame with room for a message of that size and so many descriptors. */
static struct store_frame *room_for(struct store_order *order, size_t size, size_t n_fds) {
    struct store_frame *frame = order->last;
    if (!frame || frame->length + size > FRAME_ROOM || frame->n_fds + n_fds > FRAME_FDS_MAX)
        frame = frame_new(order);
    if (!frame || frame->length + size <= frame->room)
        return frame;
    size_t room = frame->room ? 2 * frame->room : size;
    while (room < frame->length + size)
        room *= 2;
    uint8_t *bytes = realloc(frame->bytes, room);
    if (!bytes)
        return NULL;
    frame->bytes = bytes;
    frame->room = room;
    return frame;
}

static int append(struct store_order *order, const Portd__Keeper__V1__Order *message, const os_fd *fds,
                  size_t n_fds, os_uid user) {
    struct store_frame *frame = room_for(order, portd__keeper__v1__order__get_packed_size(message), n_fds);
    if (!frame)
        return -ENOMEM;
    frame->length += portd__keeper__v1__order__pack(message, frame->bytes + frame->length);
    for (size_t i = 0; i < n_fds; i++)
        frame->fds[frame->n_fds++] = fds[i];
    if (n_fds)
        frame->user = user; /* one user gives all of an order */
    return 0;
}

int store_keep(struct store_order *order, const struct store_entry *entry) {
    Portd__Keeper__V1__Order message = PORTD__KEEPER__V1__ORDER__INIT;
    Portd__Keeper__V1__Entry packed = PORTD__KEEPER__V1__ENTRY__INIT, *list = &packed;
    packed.key = entry->key;
    packed.user = entry->user;
    packed.fds = (uint32_t)entry->n_fds;
    packed.record = (ProtobufCBinaryData){entry->length, (uint8_t *)(uintptr_t)entry->record};
    message.keep = &list;
    message.n_keep = 1;
    return append(order, &message, entry->fds, entry->n_fds, entry->user);
}

int store_forget(struct store_order *order, uint64_t key) {
    Portd__Keeper__V1__Order message = PORTD__KEEPER__V1__ORDER__INIT;
    message.forget = &key;
    message.n_forget = 1;
    return append(order, &message, NULL, 0, 0);
}

int store_start_next(struct store_order *order, os_fd link) {
    Portd__Keeper__V1__Order message = PORTD__KEEPER__V1__ORDER__INIT;
    message.next = true;
    return append(order, &message, &link, 1, 0);
}

int order_seal(struct store_order *order) {
    for (struct store_frame *frame = order->frames; frame; frame = frame->next) {
        Portd__Keeper__V1__Order message = PORTD__KEEPER__V1__ORDER__INIT;
        message.serial = order->serial;
        message.more = frame->next != NULL;
        size_t size = portd__keeper__v1__order__get_packed_size(&message);
        uint8_t *bytes = realloc(frame->bytes, frame->length + size);
        if (!bytes)
            return -ENOMEM;
        frame->bytes = bytes;
        frame->room = frame->length + size;
        frame->length += portd__keeper__v1__order__pack(&message, bytes + frame->length);
    }
    return 0;
}

static int copy_frame(struct store_frame *frame, struct closer *closer, struct fd_table *fd_table) {
    os_fd copies[FRAME_FDS_MAX];
    size_t made = 0;
    int error = fd_table_may_keep(fd_table, frame->n_fds)
                    ? channel_copy_fds(copies, frame->fds, frame->n_fds, &made)
                    : -EMFILE;
    fd_table_take(fd_table, made);
    while (error && made > 0)
        closer_close(closer, copies[--made], frame->user, on_closed, fd_table);
    if (error)
        return error;
    memcpy(frame->fds, copies, made * sizeof *copies);
    frame->closer = closer;
    frame->fd_table = fd_table;
    return 0;
}

int order_copy_fds(struct store_order *order, struct closer *closer, struct fd_table *fd_table) {
    int error = 0;
    for (struct store_frame *frame = order->frames; frame && !error; frame = frame->next)
        if (frame->n_fds && !frame->closer)
            error = copy_frame(frame, closer, fd_table);
    return error;
}

size_t order_count_fds(const struct store_order *order) {
    size_t n = 0;
    for (const struct store_frame *frame = order->frames; frame; frame = frame->next)
        n += frame->n_fds;
    return n;
}

int order_read(const uint8_t *bytes, size_t length, const os_fd *fds, size_t n_fds, size_t *taken,
               void (*fn)(void *context, struct store_entry *entry), void *context) {
    Portd__Keeper__V1__Order *order = portd__keeper__v1__order__unpack(NULL, length, bytes);
    int error = order ? 0 : -EPROTO;
    *taken = 0;
    for (size_t i = 0; order && i < order->n_keep && !error; i++) {
        const Portd__Keeper__V1__Entry *from = order->keep[i];
        struct store_entry entry = {.key = from->key,
                                    .user = from->user,
                                    .record = from->record.data,
                                    .length = from->record.len,
                                    .n_fds = from->fds};
        if (from->fds > STORE_FDS_MAX || from->fds > n_fds - *taken) {
            error = -EPROTO;
            break;
        }
        if (from->fds)
            memcpy(entry.fds, fds + *taken, from->fds * sizeof *entry.fds);
        *taken += from->fds;
        fn(context, &entry);
    }
    portd__keeper__v1__order__free_unpacked(order, NULL);
    return error;
}
