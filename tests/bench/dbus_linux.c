/* dbus_linux.c: dbus-daemon and dbus-broker as peers: org.freedesktop.DBus.Peer.Ping, which the bus answers itself.
 *
 * The messages are written by hand, so that no library's time is measured and none is needed. dbus-broker's own launcher
 * wants systemd and its journal; so the listener and a policy that allows everything are handed to it here, over the
 * socket on which it takes orders. */
#define _GNU_SOURCE

#include "peer.h"

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1024, HEADER = 16, CALL = 1, REPLY = 2, BACKLOG = 16, PATIENCE_SECONDS = 5 };
enum field {
    FIELD_PATH = 1,
    FIELD_INTERFACE = 2,
    FIELD_MEMBER = 3,
    FIELD_TO = 6,
    FIELD_SIGNATURE = 8,
    FIELD_FDS = 9
};

struct dbus {
    pid_t pid;
    int socket;
    int orders; /* dbus-broker's, -1: none */
    size_t size, answer;
    uint8_t ping[MESSAGE_MAX];
};

/* ---- messages ---------------------------------------------------------------------------------------- */

struct out {
    uint8_t bytes[MESSAGE_MAX];
    size_t n;
};

static void put(struct out *out, const void *bytes, size_t n) {
    errno = 0;
    if (n > sizeof(out->bytes) - out->n)
        bench_fail("dbus: a long message");
    memcpy(out->bytes + out->n, bytes, n);
    out->n += n;
}

static void put_align(struct out *out, size_t to) {
    static const uint8_t zeros[8];

    put(out, zeros, (to - out->n % to) % to);
}

static void put_u32(struct out *out, uint32_t value) {
    put_align(out, sizeof(value));
    put(out, &value, sizeof(value));
}

static void put_u64(struct out *out, uint64_t value) {
    put_align(out, sizeof(value));
    put(out, &value, sizeof(value));
}

static void put_string(struct out *out, const char *text) {
    put_u32(out, (uint32_t)strlen(text));
    put(out, text, strlen(text) + 1);
}

static void put_signature(struct out *out, const char *text) {
    uint8_t length = (uint8_t)strlen(text);

    put(out, &length, 1);
    put(out, text, length + 1U);
}

static void put_field(struct out *out, enum field field, const char *type, const char *text) {
    uint8_t code = (uint8_t)field;

    put_align(out, 8);
    put(out, &code, 1);
    put_signature(out, type);
    if (*type == 'g')
        put_signature(out, text);
    else
        put_string(out, text);
}

/* Where the length goes; its elements begin at the next multiple of 8. */
static size_t array_begin(struct out *out) {
    put_u32(out, 0);
    size_t at = out->n;
    put_align(out, 8);
    return at;
}

static void array_end(struct out *out, size_t at) {
    uint32_t length = (uint32_t)(out->n - (at + 7) / 8 * 8);

    memcpy(out->bytes + at - sizeof(length), &length, sizeof(length));
}

static void call_begin(struct out *out, uint32_t serial) {
    const uint16_t one = 1;
    uint8_t little;

    memcpy(&little, &one, 1);
    const uint8_t start[] = {little ? 'l' : 'B', CALL, 0, 1};
    out->n = 0;
    put(out, start, sizeof(start));
    put_u32(out, 0); /* of the body */
    put_u32(out, serial);
    put_u32(out, 0); /* of the fields */
}

static void fields_end(struct out *out) {
    array_end(out, HEADER);
    put_align(out, 8);
}

static void bus_call(struct out *out, uint32_t serial, const char *interface, const char *member) {
    call_begin(out, serial);
    put_field(out, FIELD_PATH, "o", "/org/freedesktop/DBus");
    put_field(out, FIELD_INTERFACE, "s", interface);
    put_field(out, FIELD_MEMBER, "s", member);
    put_field(out, FIELD_TO, "s", "org.freedesktop.DBus");
    fields_end(out);
}

static void read_all(int from, uint8_t *bytes, size_t n) {
    for (size_t got = 0; got < n;) {
        ssize_t more = read(from, bytes + got, n - got);
        if (more <= 0)
            bench_fail("dbus: read");
        got += (size_t)more;
    }
}

/* Its size; what is no reply is passed over. */
static size_t read_reply(int from) {
    uint8_t bytes[MESSAGE_MAX];
    uint32_t body, fields;
    size_t size;

    do {
        read_all(from, bytes, HEADER);
        memcpy(&body, bytes + 4, sizeof(body));
        memcpy(&fields, bytes + 12, sizeof(fields));
        size = (HEADER + (size_t)fields + 7) / 8 * 8 + body;
        errno = 0;
        if (size > sizeof(bytes))
            bench_fail("dbus: a long answer");
        read_all(from, bytes + HEADER, size - HEADER);
        if (bytes[1] != REPLY && bytes[1] != 4 /* a signal */)
            bench_fail("dbus: an error is answered");
    } while (bytes[1] != REPLY);
    return size;
}

static void send_text(int to, const char *text, size_t size) {
    if (send(to, text, size, MSG_NOSIGNAL) != (ssize_t)size)
        bench_fail("dbus: send");
}

/* A bus that does not like what it reads may say nothing. */
static void read_soon(int from) {
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};

    if (setsockopt(from, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
        bench_fail("SO_RCVTIMEO");
}

static void read_lines(int from, size_t n) {
    uint8_t byte;

    while (n > 0) {
        read_all(from, &byte, 1);
        n -= byte == '\n';
    }
}

/* ---- the client -------------------------------------------------------------------------------------- */

static void say_hello(struct dbus *dbus, const char *path) {
    static const char begin[] = "\0AUTH EXTERNAL\r\nDATA\r\n", go[] = "BEGIN\r\n";
    struct out out;

    dbus->socket = process_connect(path);
    read_soon(dbus->socket);
    send_text(dbus->socket, begin, sizeof(begin) - 1);
    read_lines(dbus->socket, 2);
    send_text(dbus->socket, go, sizeof(go) - 1);
    bus_call(&out, 1, "org.freedesktop.DBus", "Hello");
    send_text(dbus->socket, (const char *)out.bytes, out.n);
    (void)read_reply(dbus->socket);
    bus_call(&out, 2, "org.freedesktop.DBus.Peer", "Ping");
    memcpy(dbus->ping, out.bytes, out.n);
    dbus->size = out.n;
    send_text(dbus->socket, (const char *)out.bytes, out.n);
    dbus->answer =
        read_reply(dbus->socket); /* and what came between, so that only answers come from now on */
}

void dbus_ping(void *subject, double *us, size_t n) {
    const struct dbus *dbus = subject;
    uint8_t got[MESSAGE_MAX];

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        if (write(dbus->socket, dbus->ping, dbus->size) != (ssize_t)dbus->size ||
            read(dbus->socket, got, sizeof(got)) != (ssize_t)dbus->answer)
            bench_fail("dbus");
        us[i] = bench_now() - start;
    }
}

static struct dbus *dbus_new(void) {
    struct dbus *dbus = calloc(1, sizeof(*dbus));

    if (!dbus)
        bench_fail("calloc");
    dbus->orders = -1;
    return dbus;
}

void dbus_end(struct dbus *dbus) {
    if (!dbus)
        return;
    (void)close(dbus->socket);
    if (dbus->orders >= 0)
        (void)close(dbus->orders);
    process_end(dbus->pid);
    free(dbus);
}

/* ---- dbus-daemon ------------------------------------------------------------------------------------- */

struct dbus *dbus_daemon_start(void) {
    static char program[] = "dbus-daemon", foreground[] = "--nofork", no_file[] = "--nopidfile";
    if (!process_installed(program))
        return NULL;
    const char *path = process_path("dbus-daemon.sock"), *rules = process_path("dbus-daemon.conf");
    char option[256];
    FILE *file = fopen(rules, "we");
    struct dbus *dbus = dbus_new();

    if (!file ||
        fprintf(file,
                "<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>"
                "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow "
                "eavesdrop=\"true\"/><allow "
                "own=\"*\"/></policy></busconfig>\n",
                path) < 0 ||
        fclose(file) != 0)
        bench_fail(rules);
    (void)snprintf(option, sizeof(option), "--config-file=%s", rules);
    char *argv[] = {program, option, foreground, no_file, NULL};
    dbus->pid = process_start(argv, -1, -1);
    say_hello(dbus, path);
    return dbus;
}

/* ---- dbus-broker ------------------------------------------------------------------------------------- */

/* Whoever sends or receives anything may: the verdict, its priority, four names, two kinds, and how many descriptors. */
static void put_transmission(struct out *out) {
    size_t at = array_begin(out);

    put_u32(out, true);
    put_u64(out, 1);
    for (int i = 0; i < 4; i++)
        put_string(out, "");
    put_u32(out, 0);
    put_u32(out, 0);
    put_u64(out, 0);
    put_u64(out, UINT64_MAX);
    array_end(out, at);
}

/* For all uids: to connect, to own every name that begins with nothing, to send, to receive. */
static void put_policy(struct out *out) {
    size_t uids = array_begin(out);

    put_u32(out, UINT32_MAX);
    put_align(out, 8);
    put_u32(out, true);
    put_u64(out, 1);
    size_t names = array_begin(out);
    put_u32(out, true);
    put_u64(out, 1);
    put_u32(out, true);
    put_string(out, "");
    array_end(out, names);
    put_transmission(out);
    put_transmission(out);
    array_end(out, uids);
    array_end(out, array_begin(out)); /* ranges of uids, SELinux names */
    array_end(out, array_begin(out));
    put_u32(out, false); /* AppArmor */
    put_string(out, "");
}

static void add_listener(int orders, int listener) {
    static const char begin[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
    struct out out;
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};

    send_text(orders, begin, sizeof(begin) - 1);
    read_lines(orders, 3);
    call_begin(&out, 1);
    put_field(&out, FIELD_PATH, "o", "/org/bus1/DBus/Broker");
    put_field(&out, FIELD_INTERFACE, "s", "org.bus1.DBus.Broker");
    put_field(&out, FIELD_MEMBER, "s", "AddListener");
    put_field(&out, FIELD_SIGNATURE, "g", "ohv");
    put_align(&out, 8);
    put(&out, (const uint8_t[]){FIELD_FDS}, 1);
    put_signature(&out, "u");
    put_u32(&out, 1);
    fields_end(&out);
    size_t body = out.n;
    put_string(&out, "/org/bus1/DBus/Listener/0");
    put_u32(&out, 0);
    put_signature(
        &out,
        "(a(u(bta(btbs)a(btssssuutt)a(btssssuutt)))a(buu(bta(btbs)a(btssssuutt)a(btssssuutt)))a(ss)bs)");
    put_align(&out, 8);
    put_policy(&out);
    uint32_t length = (uint32_t)(out.n - body);
    memcpy(out.bytes + 4, &length, sizeof(length));
    struct iovec part = {.iov_base = out.bytes, .iov_len = out.n};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(item), &listener, sizeof(listener));
    if (sendmsg(orders, &message, MSG_NOSIGNAL) != (ssize_t)out.n)
        bench_fail("dbus-broker: sendmsg");
    (void)read_reply(orders);
}

static int listener_open(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, BACKLOG) < 0)
        bench_fail(path);
    return fd;
}

struct dbus *dbus_broker_start(void) {
    static char program[] = "dbus-broker", orders[] = "--controller", machine[] = "--machine-id",
                id[] = "00000000000000000000000000000001";
    char number[16];
    int ends[2];

    if (!process_installed(program))
        return NULL;
    const char *path = process_path("dbus-broker.sock");
    struct dbus *dbus = dbus_new();
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || fcntl(ends[0], F_SETFD, FD_CLOEXEC) < 0)
        bench_fail("socketpair");
    (void)snprintf(number, sizeof(number), "%d", ends[1]);
    char *argv[] = {program, orders, number, machine, id, NULL};
    dbus->pid = process_start(argv, -1, -1);
    (void)close(ends[1]);
    dbus->orders = ends[0];
    read_soon(dbus->orders);
    int listener = listener_open(path);
    add_listener(dbus->orders, listener);
    (void)close(listener);
    say_hello(dbus, path);
    return dbus;
}
