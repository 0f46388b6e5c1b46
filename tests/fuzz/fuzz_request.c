/* fuzz_request.c: the broker's sessions, with the real engine, loop and workers, and clients that send what the input says.
 *
 * The input is a script. Each step is one byte, its parameters follow; what is missing at the end counts as 0:
 *
 *     0 a l l body...   the client sends a body of l bytes (two bytes, little-endian) as a request. a says what is attached:
 *                       the low two bits how many descriptors, the next five the first of them, the highest a lie
 *                       about how many there are
 *     1 a l l body...   the same, but only as far as half of it is sent
 *     2 k               somebody writes into the other end of descriptor k
 *     3 k               somebody reads from it until it is empty
 *     4 c               from now on client c (0 to 3), which is connected if it is not
 *     5                 the client disconnects
 *     6                 the client reads its replies and checks them
 *     7                 the client says hello and joins the session of client 0
 *
 * Client 0 has said hello. After each step the loop turns until nothing happens any more. Ids begin at the same place with every
 * input, so they can be guessed: session 13, then 8 for each object, with the kind in the low three bits.
 *
 * In the end the clients are gone and the sessions ended. Then there is no object, no user, no connection, no taken slot
 * and no open descriptor more than before. */
#define _GNU_SOURCE

#include "daemon/loop/closer.h"
#include "daemon/loop/offload.h"
#include "daemon/object/cause.h"
#include "daemon/session/connection.h"
#include "portd.pb-c.h"
#include "proto/status.h"
#include "tests/support/on_socket.h"
#include "tests/support/world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CLIENTS = 4,
    SLOTS = 48, /* free ones: few, so that the table is full in some inputs */
    KINDS = 18
};

struct client {
    int fd; /* -1: not connected */
    size_t sent, answered;
};

struct run {
    const uint8_t *at, *end;
    struct client clients[CLIENTS];
    struct client *client;
    int near[KINDS], far[KINDS]; /* what is handed in; the other ends, or -1 */
};

static uint8_t next(struct run *run) { return run->at < run->end ? *run->at++ : 0; }

/* ---- descriptors to hand in ------------------------------------------------------------------------------------------- */

static void open_pair(struct run *run, int at, int type) {
    int pair[2];

    require(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    run->near[at] = pair[0];
    run->far[at] = pair[1];
}

static void open_kinds(struct run *run) {
    struct epoll_event event = {.events = EPOLLIN};
    sigset_t signals;
    int ends[2];

    for (size_t i = 0; i < KINDS; i++)
        run->near[i] = run->far[i] = -1;
    for (int i = 0; i < 2; i++) {
        require(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
        run->near[2 * i] = run->far[2 * i + 1] = ends[0];
        run->near[2 * i + 1] = run->far[2 * i] = ends[1];
    }
    open_pair(run, 4, SOCK_STREAM);
    open_pair(run, 5, SOCK_DGRAM);
    open_pair(run, 6, SOCK_SEQPACKET);
    run->near[7] = run->far[7] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    run->near[8] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    run->near[9] = run->far[9] = memfd_create("file", MFD_CLOEXEC);
    run->near[10] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    run->near[11] = open("/dev/null", O_RDWR | O_CLOEXEC);
    run->near[12] = epoll_create1(EPOLL_CLOEXEC);
    require(epoll_ctl(run->near[12], EPOLL_CTL_ADD, run->near[0], &event) == 0);
    run->near[13] = (int)syscall(SYS_pidfd_open, getpid(), 0);
    run->near[14] = open("/", O_PATH | O_CLOEXEC);
    (void)sigemptyset(&signals);
    run->near[15] = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    run->near[16] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    run->near[17] = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < KINDS; i++)
        require(run->near[i] >= 0);
}

/* The two pipes have each end twice in the tables. */
static void close_kinds(struct run *run) {
    for (size_t i = 0; i < KINDS; i++) {
        os_close(run->near[i]);
        if (i >= 4 && i <= 6)
            os_close(run->far[i]);
    }
}

static void write_far(const struct run *run, uint8_t which) {
    int fd = run->far[which % KINDS];
    uint64_t word = 1;

    if (fd >= 0)
        (void)!write(fd, &word, sizeof(word));
}

static void drain_far(const struct run *run, uint8_t which) {
    int fd = run->far[which % KINDS];
    uint8_t bytes[4096];

    for (int i = 0; fd >= 0 && i < 64 && read(fd, bytes, sizeof(bytes)) > 0; i++)
        ;
}

/* ---- clients ------------------------------------------------------------------------------------------------------------ */

static void client_connect(struct client *client) {
    int fd = client->fd < 0 ? world_connect() : -1;

    if (fd >= 0)
        *client = (struct client){.fd = fd};
}

static void client_disconnect(struct client *client) {
    os_close(client->fd);
    client->fd = -1;
}

static void client_send(struct client *client, const uint8_t *bytes, size_t size, const int *fds, size_t n) {
    ptrdiff_t sent = client->fd < 0 ? -1 : on_socket_send(client->fd, bytes, size, fds, n);

    (void)sent;
    client->sent++;
}

/* One reply, with as many descriptors as its kind has. */
static void check_reply(struct client *client, const struct channel_frame *frame) {
    Portd__V1__Reply *reply = portd__v1__reply__unpack(NULL, frame->length, frame->body);

    require(reply && !frame->mismatch);
    bool handle = reply->result_case == PORTD__V1__REPLY__RESULT_HANDLE ||
                  reply->result_case == PORTD__V1__REPLY__RESULT_PORT_DUP;
    require(frame->n_fds == (handle && !reply->error ? 1 : 0));
    require(!reply->error == (reply->result_case != PORTD__V1__REPLY__RESULT__NOT_SET));
    if (reply->error)
        require(reply->error->code && status_utf8(reply->error->message) && reply->error->message[0]);
    if (reply->result_case == PORTD__V1__REPLY__RESULT_LIST)
        for (size_t i = 1; i < reply->list->n_items; i++)
            require(reply->list->items[i - 1]->id < reply->list->items[i]->id);
    if (reply->result_case == PORTD__V1__REPLY__RESULT_MONITOR)
        for (size_t i = 1; i < reply->monitor->n_notices; i++)
            require(reply->monitor->notices[i - 1]->seq < reply->monitor->notices[i]->seq);
    portd__v1__reply__free_unpacked(reply, NULL);
    require(++client->answered <= client->sent);
}

static void discard(void *context, os_fd fd) {
    (void)context;
    os_close(fd);
}

/* Everything that is there, and what comes when room is made by that. */
static void client_read(struct client *client, struct channel *channel) {
    for (int more = 1; more == 1;) {
        struct channel_frame frame;
        more = channel_fill(channel, discard, NULL);
        while (more == 1 && channel_next(channel, &frame) == 1) {
            check_reply(client, &frame);
            for (size_t i = 0; i < frame.n_fds; i++)
                os_close(frame.fds[i]);
        }
        if (more == 1)
            (void)channel_rest(channel);
        world_until_idle();
    }
}

/* A reply that has come in half is lost with the channel, so only whole ones may be left: the broker has sent all. */
static void client_read_all(struct client *client) {
    struct channel_scratch scratch;
    struct channel channel;

    if (client->fd < 0)
        return;
    require(channel_scratch_init(&scratch) == 0);
    channel_init(&channel, on_socket(client->fd), &scratch, FRAME_LONG_MAX);
    client_read(client, &channel);
    require(channel_has_frame(&channel) == false);
    channel_deinit(&channel, discard, NULL);
    channel_scratch_deinit(&scratch);
}

/* ---- the script ----------------------------------------------------------------------------------------------------------- */

static void step_request(struct run *run, bool half) {
    static uint8_t bytes[FRAME_HEADER + 65535];
    uint8_t attached = next(run);
    size_t n = attached & 3, first = attached >> 2 & 31, length = next(run);
    int fds[3];

    length |= (size_t)next(run) << 8;
    if (length > (size_t)(run->end - run->at))
        length = (size_t)(run->end - run->at);
    for (size_t i = 0; i < n; i++)
        fds[i] = run->near[(first + i) % KINDS];
    frame_encode(bytes, (struct frame_header){.length = (uint32_t)length,
                                              .n_fds = (uint16_t)(attached & 0x80 ? 2 : n)});
    memcpy(bytes + FRAME_HEADER, run->at, length);
    run->at += length;
    client_send(run->client, bytes, half ? (FRAME_HEADER + length) / 2 : FRAME_HEADER + length, fds, n);
}

static void step_hello(struct run *run, bool join) {
    Portd__V1__Hello hello = PORTD__V1__HELLO__INIT;
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    uint8_t bytes[FRAME_HEADER + 256];
    char token[SESSION_TOKEN_MAX] = "";

    if (join && world.sessions.list)
        session_write_token(world.sessions.list, token);
    hello.version_min = hello.version_max = 1;
    hello.token = token;
    request.id = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    request.hello = &hello;
    size_t length = portd__v1__request__pack(&request, bytes + FRAME_HEADER);
    frame_encode(bytes, (struct frame_header){.length = (uint32_t)length});
    client_send(run->client, bytes, FRAME_HEADER + length, NULL, 0);
}

static void step(struct run *run) {
    switch (next(run) % 8) {
    case 0:
        step_request(run, false);
        break;
    case 1:
        step_request(run, true);
        break;
    case 2:
        write_far(run, next(run));
        break;
    case 3:
        drain_far(run, next(run));
        break;
    case 4:
        run->client = &run->clients[next(run) % CLIENTS];
        client_connect(run->client);
        break;
    case 5:
        client_disconnect(run->client);
        break;
    case 6:
        client_read_all(run->client);
        break;
    default:
        step_hello(run, true);
        break;
    }
    world_until_idle();
}

/* Sessions with an owner or a time of their own are ended, also those that a worker's answer makes only now. */
static bool is_quiet(void) {
    while (world.sessions.list)
        session_end(world.sessions.list, CAUSE_EXPIRED);
    return world.sessions.n_connections == 0 && world.fd_table.used == world.used &&
           world.users.by_uid.used == world.users.n_owing && offload_pending(world.offload) == 0 &&
           closer_pending(world.closer) == 0;
}

/* The clients go. What workers have in hand comes back. */
static void end(struct run *run) {
    for (size_t i = 0; i < CLIENTS; i++)
        client_disconnect(&run->clients[i]);
    world_until_idle();
    if (!world_until(is_quiet)) {
        (void)fprintf(stderr,
                      "not quiet: %zu connections, %zu descriptors and %zu before, %zu users of whom %zu "
                      "owe, %zu jobs, %zu closes\n",
                      (size_t)world.sessions.n_connections, (size_t)world.fd_table.used, (size_t)world.used,
                      world.users.by_uid.used, world.users.n_owing, (size_t)offload_pending(world.offload),
                      (size_t)closer_pending(world.closer));
        require(is_quiet());
    }
    require(world.registry.objects.used == 0 && world.registry.waits == 0);
    require(world.users.n_monitors == 0);
    require(world.sessions.by_id.used == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct run run;
    size_t before;

    if (!world.loop)
        world_make(SLOTS);
    world.registry.shuffle.rounds = 0;
    world.registry.epoch = 0;
    world.registry.issued = 1;
    before = world_count_fds();
    run = (struct run){.at = data, .end = data + size};
    for (size_t i = 0; i < CLIENTS; i++)
        run.clients[i].fd = -1;
    open_kinds(&run);
    run.client = &run.clients[0];
    client_connect(run.client);
    step_hello(&run, false);
    world_until_idle();
    while (run.at < run.end)
        step(&run);
    end(&run);
    close_kinds(&run);
    require(world_count_fds() == before);
    return 0;
}
