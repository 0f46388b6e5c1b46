/* fdstore_linux.c: the pairs of sockets, and the datagrams to the service manager (systemd). */
#define _GNU_SOURCE
#include "fdstore.h"

#include "daemon/base/log.h"
#include "daemon/service.h"
#include "proto/container.h"
#include "utlist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_US = 2000000, MESSAGE_MAX = 96 };

struct fdstore_removal {
    uint64_t serial;
    struct fdstore_removal *prev, *next;
};

/* ---- datagrams ---------------------------------------------------------------------------------------------------- */

/* With fd attached, unless it is OS_FD_NONE. 0 or a negative errno. */
static int send_one(os_fd to, const void *bytes, size_t length, const os_fd *fds, size_t n_fds) {
    union {
        char bytes[CMSG_SPACE(FDSTORE_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {(void *)(uintptr_t)bytes, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;
    if (n_fds) {
        message.msg_control = control.bytes;
        message.msg_controllen = (socklen_t)CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = (socklen_t)CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
    }
    do
        sent = sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* FDPOLL=0: the manager looks at its end for a hang-up otherwise, and the other end is closed. */
static int tell(const struct fdstore *fdstore, const char *what, uint64_t serial, const os_fd *end) {
    char text[MESSAGE_MAX];
    int length =
        snprintf(text, sizeof text, "%s\nFDNAME=" SERVICE_STORED_PREFIX "%016" PRIx64 "\n", what, serial);
    return send_one(fdstore->watch.fd, text, (size_t)length, end, end ? 1 : 0);
}

static void is_done(struct fdstore_item *item) {
    void (*done)(void *context) = item->done;
    item->done = NULL;
    if (done)
        done(item->context);
}

static void complain(const char *what, int error) {
    log_write(LOG_LEVEL_ERROR, "%s: %s; it would not outlive the keeper", what, os_error_text(-error));
}

/* 0: all was sent, or cannot be; 1: the manager has no room now. */
static int send_all(struct fdstore *fdstore) {
    struct fdstore_item *item;
    struct fdstore_removal *removal;
    int error;
    while ((item = fdstore->unsent) != NULL) {
        error = tell(fdstore, "FDSTORE=1\nFDPOLL=0", item->serial, &item->end);
        if (error == -EAGAIN)
            return 1;
        DL_DELETE(fdstore->unsent, item);
        item->unsent = false;
        if (error)
            complain("cannot give to the service manager what is held", error);
        is_done(item);
    }
    while ((removal = fdstore->removals) != NULL) {
        error = tell(fdstore, "FDSTOREREMOVE=1", removal->serial, NULL);
        if (error == -EAGAIN)
            return 1;
        DL_DELETE(fdstore->removals, removal);
        free(removal);
    }
    return 0;
}

static void go_on(struct fdstore *fdstore) {
    int later = send_all(fdstore), error = loop_set(&fdstore->watch, later ? LOOP_WRITE : 0);
    if (!later) {
        loop_timer_clear(&fdstore->timer);
        fdstore->late = false;
    } else if (!error && !fdstore->waits) {
        error = loop_timer_set(fdstore->watch.loop, &fdstore->timer, os_now_us() + WAIT_US);
    }
    fdstore->waits = later;
    if (error)
        complain("cannot wait for the service manager", error);
}

static void on_writable(struct loop_watch *watch, unsigned events) {
    (void)events;
    go_on(CONTAINER_OF(watch, struct fdstore, watch));
}

static void on_late(struct loop_timer *timer) {
    struct fdstore *fdstore = CONTAINER_OF(timer, struct fdstore, timer);
    struct fdstore_item *item;
    complain("the service manager does not read what is held", -ETIMEDOUT);
    fdstore->late = true;
    DL_FOREACH (fdstore->unsent, item)
        is_done(item);
}

/* ---- items -------------------------------------------------------------------------------------------------------- */

int fdstore_init(struct fdstore *fdstore, struct loop *loop) {
    *fdstore = (struct fdstore){.watch = {.fd = OS_FD_NONE, .fn = on_writable}, .timer = {.fn = on_late}};
    int error = service_connect(&fdstore->watch.fd);
    if (error || fdstore->watch.fd == OS_FD_NONE)
        return error;
    error = loop_timer_prepare(loop, &fdstore->timer);
    if (!error)
        error = loop_watch(loop, &fdstore->watch, 0);
    if (error) {
        fdstore_deinit(fdstore);
        return error;
    }
    fdstore->is_there = true;
    return 0;
}

void fdstore_deinit(struct fdstore *fdstore) {
    struct fdstore_removal *removal, *next;
    DL_FOREACH_SAFE (fdstore->removals, removal, next)
        free(removal);
    loop_unwatch(&fdstore->watch);
    loop_timer_free(&fdstore->timer);
    os_close(fdstore->watch.fd);
    fdstore->watch.fd = OS_FD_NONE;
}

static bool has_room(const struct fdstore *fdstore, size_t n_fds, bool needed) {
    size_t most = FDSTORE_ITEMS + (needed ? FDSTORE_SPARE : 0);
    return fdstore->n_items - fdstore->leaving_items < most &&
           (!n_fds || fdstore->n_fds - fdstore->leaving_fds + n_fds <= FDSTORE_MOST);
}

static void count(struct fdstore *fdstore, struct fdstore_item *item, size_t n_fds) {
    item->n_fds = n_fds;
    fdstore->n_fds += n_fds;
    fdstore->n_items++;
}

int fdstore_keep(struct fdstore *fdstore, struct fdstore_item *item, const uint8_t *bytes, size_t length,
                 const os_fd *fds, size_t n_fds, bool needed, void (*done)(void *context), void *context) {
    int ends[2], error;
    if (!has_room(fdstore, n_fds, needed))
        return -EDQUOT;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
        return -errno;
    error = send_one(ends[1], bytes, length, fds, n_fds);
    os_close(ends[1]);
    if (error) {
        os_close(ends[0]);
        return error;
    }
    *item = (struct fdstore_item){
        .end = ends[0], .serial = ++fdstore->issued, .done = done, .context = context, .unsent = true};
    count(fdstore, item, n_fds);
    DL_APPEND(fdstore->unsent, item);
    go_on(fdstore);
    if (fdstore->late)
        is_done(item);
    return 0;
}

static void remove_later(struct fdstore *fdstore, uint64_t serial) {
    struct fdstore_removal *removal = calloc(1, sizeof *removal);
    if (!removal) {
        log_write(LOG_LEVEL_WARNING,
                  "no memory to have the service manager forget an item; its descriptors are closed");
        return;
    }
    removal->serial = serial;
    DL_APPEND(fdstore->removals, removal);
    go_on(fdstore);
}

/* The next message of the queue. Its length, -EAGAIN: none; or another negative errno. */
static ssize_t receive(os_fd end, int flags, uint8_t *room, size_t size, os_fd fds[FDSTORE_FDS_MAX],
                       size_t *n_fds) {
    union {
        char bytes[CMSG_SPACE(FDSTORE_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {room, size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    ssize_t length;
    *n_fds = 0;
    do
        length = recvmsg(end, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT | flags);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        *n_fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(header), *n_fds * sizeof(int));
    }
    return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EMSGSIZE : length;
}

size_t fdstore_forget(struct fdstore *fdstore, struct fdstore_item *item, os_fd fds[FDSTORE_FDS_MAX]) {
    uint8_t byte;
    size_t n_fds;
    if (!item->serial)
        return 0;
    (void)receive(item->end, 0, &byte, 1, fds, &n_fds);
    if (item->unsent) {
        DL_DELETE(fdstore->unsent, item);
        is_done(item);
    }
    os_close(item->end);
    fdstore->n_fds -= item->n_fds;
    fdstore->n_items--;
    if (item->leaves) {
        fdstore->leaving_fds -= item->n_fds;
        fdstore->leaving_items--;
    }
    remove_later(fdstore, item->serial); /* also if it was not sent: the manager ignores it */
    *item = (struct fdstore_item){0};
    return n_fds;
}

int fdstore_load(struct fdstore *fdstore, struct fdstore_item *item, os_fd end, uint64_t serial,
                 uint8_t *room, size_t size, struct fdstore_found *found) {
    if (serial > fdstore->issued)
        fdstore->issued = serial;
    ssize_t length = receive(end, MSG_PEEK, room, size, found->fds, &found->n_fds);
    if (length == 0) /* also what a stream socket without its other end has */
        length = -EINVAL;
    if (length < 0) {
        for (size_t i = 0; i < found->n_fds; i++)
            os_close(found->fds[i]);
        os_close(end);
        remove_later(fdstore, serial);
        return (int)length;
    }
    *item = (struct fdstore_item){.end = end, .serial = serial};
    count(fdstore, item, found->n_fds);
    found->bytes = room;
    found->length = (size_t)length;
    return 0;
}
