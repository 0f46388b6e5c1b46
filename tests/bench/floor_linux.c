/* floor_linux.c: floor.h with epoll, eventfd and SCM_RIGHTS.
 *
 * The first byte of a request says what it is. The system calls are the cheapest that do the work: the
 * server reads by recvmsg, since any request may bring descriptors, and the client that expects none by
 * read; only what carries one is sent by sendmsg. */
#define _GNU_SOURCE

#include "floor.h"

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE = 32, READ_MAX = 65536, FDS_ROOM = 8 };
enum { DUPFD_QUERY = 1024 + 3 /* F_DUPFD_QUERY, Linux 6.10 */, COMPARE_FILES = 0 /* KCMP_FILE */ };

/* What a request asks for; the two wakes also say what the pipe does from then on. */
enum kind { KIND_ECHO, KIND_GIVE, KIND_WAKE, KIND_WAKE_HANDLE, KIND_KEEP, KIND_FORGET };

struct floor {
    pid_t server;
    pid_t keeper;
    int socket;
    int pipe;   /* the writing end */
    int handle; /* an eventfd that both have */
    int passed; /* an eventfd to be put */
};

union control {
    struct cmsghdr align;
    unsigned char bytes[CMSG_SPACE(FDS_ROOM * sizeof(int))];
};

static void send_bytes(int fd, const void *bytes, size_t size) {
    if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        bench_fail("floor: send");
}

static void send_with(int fd, const void *bytes, size_t size, int passed) {
    union control control;
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(sizeof(int))};
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);

    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(item), &passed, sizeof(passed));
    if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)size)
        bench_fail("floor: sendmsg");
}

/* Bytes received, 0 at the end; *passed is the descriptor that came, or -1. */
static size_t receive_with(int fd, void *bytes, size_t size, int *passed) {
    union control control;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control)};
    ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

    *passed = -1;
    if (got < 0)
        bench_fail("floor: recvmsg");
    const struct cmsghdr *item = CMSG_FIRSTHDR(&message);
    if (item && item->cmsg_type == SCM_RIGHTS)
        memcpy(passed, CMSG_DATA(item), sizeof(*passed));
    return (size_t)got;
}

static void watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        bench_fail("floor: epoll_ctl");
}

/* ---- the server -------------------------------------------------------------------------------------- */

/* A server that keeps what it is given has to know whether it has it already. */
static void serve_passed(int passed, int kept) {
    static pid_t self;

    if (fcntl(passed, DUPFD_QUERY, kept) < 0) {
        if (self == 0)
            self = getpid();
        (void)syscall(SYS_kcmp, self, self, COMPARE_FILES, passed, kept);
    }
    (void)close(passed);
}

/* What the server has of its own. */
struct service {
    int client, pipe, handle, known;
    int keeper; /* the third process */
    int held;   /* what it was given and has given that, too; -1: nothing */
};

static void serve_hold(struct service *service, uint8_t kind, int passed) {
    static const uint8_t forget[MESSAGE] = {KIND_FORGET}, keep[MESSAGE] = {KIND_KEEP};

    if (kind == KIND_KEEP) {
        service->held = passed;
        send_with(service->keeper, keep, sizeof(keep), passed);
    } else {
        (void)close(service->held);
        service->held = -1;
        send_bytes(service->keeper, forget, sizeof(forget));
    }
}

static void serve_request(struct service *service, uint8_t *kind) {
    static uint8_t bytes[READ_MAX];
    int passed;
    size_t size = receive_with(service->client, bytes, sizeof(bytes), &passed);

    if (size == 0)
        _exit(0);
    *kind = bytes[0];
    if (*kind == KIND_KEEP || *kind == KIND_FORGET)
        serve_hold(service, *kind, passed);
    else if (passed >= 0)
        serve_passed(passed, service->known);
    if (*kind == KIND_GIVE)
        send_with(service->client, bytes, size, service->handle);
    else
        send_bytes(service->client, bytes, size);
}

static void serve_pipe(const struct service *service, uint8_t kind) {
    static const uint8_t answer[MESSAGE];
    const uint64_t one = 1;
    uint8_t byte;

    if (read(service->pipe, &byte, 1) != 1)
        _exit(0);
    if (kind == KIND_WAKE)
        send_bytes(service->client, answer, sizeof(answer));
    else if (write(service->handle, &one, sizeof(one)) != sizeof(one))
        _exit(1);
}

static _Noreturn void serve(struct service *service) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    uint8_t kind = KIND_ECHO;
    struct epoll_event events[16];

    if (epoll < 0)
        bench_fail("floor: epoll_create1");
    watch(epoll, service->client);
    watch(epoll, service->pipe);
    for (;;) {
        int n = epoll_wait(epoll, events, 16, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == service->client)
                serve_request(service, &kind);
            else
                serve_pipe(service, kind);
        }
    }
}

/* Has what the server gives it, until that says otherwise. */
static _Noreturn void keep(int server) {
    uint8_t bytes[MESSAGE];
    int held = -1, passed;

    while (receive_with(server, bytes, sizeof(bytes), &passed) > 0) {
        if (held >= 0)
            (void)close(held);
        held = passed;
    }
    _exit(0);
}

static pid_t keeper_fork(int server) {
    pid_t pid = process_fork();

    if (pid == 0)
        keep(server);
    return pid;
}

struct floor *floor_start(void) {
    struct floor *floor = malloc(sizeof(*floor));
    int sockets[2], keepers[2], ends[2];

    if (!floor || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, keepers) < 0)
        bench_fail("floor: starting");
    floor->keeper = keeper_fork(keepers[1]);
    (void)close(keepers[1]);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0 || pipe2(ends, O_CLOEXEC) < 0)
        bench_fail("floor: starting");
    floor->handle = eventfd(0, EFD_CLOEXEC);
    floor->passed = eventfd(0, EFD_CLOEXEC);
    if (floor->handle < 0 || floor->passed < 0)
        bench_fail("floor: eventfd");
    floor->socket = sockets[0];
    floor->pipe = ends[1];
    floor->server = process_fork();
    if (floor->server == 0) {
        (void)close(sockets[0]);
        (void)close(ends[1]);
        struct service service = {sockets[1], ends[0], floor->handle, floor->passed, keepers[0], -1};
        serve(&service);
    }
    (void)close(keepers[0]);
    (void)close(sockets[1]);
    (void)close(ends[0]);
    return floor;
}

void floor_end(struct floor *floor) {
    process_end(floor->server);
    process_end(floor->keeper);
    (void)close(floor->socket);
    (void)close(floor->pipe);
    (void)close(floor->handle);
    (void)close(floor->passed);
    free(floor);
}

/* ---- the client -------------------------------------------------------------------------------------- */

static void ask(const struct floor *floor, uint8_t kind, int passed) {
    const uint8_t request[MESSAGE] = {kind};

    if (passed >= 0)
        send_with(floor->socket, request, sizeof(request), passed);
    else
        send_bytes(floor->socket, request, sizeof(request));
}

static void answer_read(const struct floor *floor) {
    uint8_t answer[MESSAGE];

    if (read(floor->socket, answer, sizeof(answer)) != sizeof(answer))
        bench_fail("floor: read");
}

void floor_rtt(void *subject, double *us, size_t n) {
    const struct floor *floor = subject;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        ask(floor, KIND_ECHO, -1);
        answer_read(floor);
        us[i] = bench_now() - start;
    }
}

void floor_put(void *subject, double *us, size_t n) {
    const struct floor *floor = subject;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        ask(floor, KIND_ECHO, floor->passed);
        answer_read(floor);
        us[i] = bench_now() - start;
    }
}

void floor_hold_put(void *subject, double *us, size_t n) {
    const struct floor *floor = subject;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        ask(floor, KIND_KEEP, floor->passed);
        answer_read(floor);
        us[i] = bench_now() - start;
        ask(floor, KIND_FORGET, -1);
        answer_read(floor);
    }
}

void floor_get(void *subject, double *us, size_t n) {
    const struct floor *floor = subject;
    uint8_t answer[MESSAGE];
    int got;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        ask(floor, KIND_GIVE, -1);
        if (receive_with(floor->socket, answer, sizeof(answer), &got) != sizeof(answer) || got < 0)
            bench_fail("floor: no descriptor came");
        (void)close(got);
        us[i] = bench_now() - start;
    }
}

static void pipe_write(const struct floor *floor) {
    if (write(floor->pipe, "", 1) != 1)
        bench_fail("floor: write");
}

void floor_wake(void *subject, double *us, size_t n) {
    const struct floor *floor = subject;

    for (size_t i = 0; i < n; i++) {
        ask(floor, KIND_WAKE, -1);
        answer_read(floor);
        double start = bench_now();
        pipe_write(floor);
        answer_read(floor);
        us[i] = bench_now() - start;
    }
}

void floor_wake_handle(void *subject, double *us, size_t n) {
    const struct floor *floor = subject;
    struct pollfd look = {.fd = floor->handle, .events = POLLIN};
    uint64_t count;

    for (size_t i = 0; i < n; i++) {
        ask(floor, KIND_WAKE_HANDLE, -1);
        answer_read(floor);
        double start = bench_now();
        pipe_write(floor);
        if (poll(&look, 1, -1) != 1)
            bench_fail("floor: poll");
        us[i] = bench_now() - start;
        if (read(floor->handle, &count, sizeof(count)) != sizeof(count))
            bench_fail("floor: read of the eventfd");
    }
}

void floor_pipeline(void *subject, double *us, size_t n) {
    static uint8_t requests[BENCH_DEPTH * MESSAGE];
    const struct floor *floor = subject;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        send_bytes(floor->socket, requests, sizeof(requests));
        for (size_t got = 0; got < sizeof(requests);) {
            ssize_t more = read(floor->socket, requests + got, sizeof(requests) - got);
            if (more <= 0)
                bench_fail("floor: read");
            got += (size_t)more;
        }
        us[i] = bench_now() - start;
    }
}
