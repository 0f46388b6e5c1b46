/* test_away.c: a table of the smallest size, and one uid that fills it with discarded descriptors.
 *
 * Lingering sockets are in the queues of connections whose clients have exited, many more than the table has slots. They come in
 * crowds, each as large as the queue of the listener. However they are closed, other clients find a slot at every moment: they may have to wait, and are never refused. */
#define _GNU_SOURCE

#include "guest.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { AWAY = 1500, LEAST = 16, BEGIN = 800, STRANGER = 7654, LINGER_S = 60 };

/* ---- in the child, without assertions -------------------------------------------------------------------------------- */

static int make_listener(struct sockaddr_in *name) {
    socklen_t length = sizeof *name;
    int small = 2048, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) ||
        bind(fd, (const struct sockaddr *)name, sizeof *name) || listen(fd, 2 * AWAY) ||
        getsockname(fd, (struct sockaddr *)name, &length))
        return -1;
    return fd;
}

/* Its peer never reads. */
static int make_lingering(const struct sockaddr_in *name) {
    static char bytes[65536];
    struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
    int small = 4096, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) ||
        connect(fd, (const struct sockaddr *)name, sizeof *name) || fcntl(fd, F_SETFL, O_NONBLOCK))
        return -1;
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) ? -1 : fd;
}

/* The beginning of a frame, and a descriptor with it. */
static int send_half(int connection, int fd) {
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {(char[]){"x"}, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);

    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(item), &fd, sizeof fd);
    return sendmsg(connection, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* 0; or an errno: EAGAIN if the broker's queue is full. */
static int throw_away(const struct sockaddr_un *broker, const struct sockaddr_in *peer) {
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), fd = -1, error = 0;

    if (connection < 0 || connect(connection, (const struct sockaddr *)broker, sizeof *broker))
        error = errno;
    else if ((fd = make_lingering(peer)) < 0 || send_half(connection, fd))
        error = errno ? errno : EIO;
    (void)close(connection); /* the queue has the other */
    (void)close(fd);
    return error;
}

struct attack {
    struct sockaddr_un broker;
    int done[2], go[2];
};

/* While the broker is held. When its queue is full, says so and is told to go on. */
static char throw_all_away(const struct attack *attack, const struct sockaddr_in *peer) {
    struct pollfd go = {.fd = attack->go[0], .events = POLLIN};
    char byte;

    if (!guest_become(STRANGER))
        return 's';
    for (int i = 0; i < AWAY;) {
        int error = throw_away(&attack->broker, peer);
        if (!error)
            i++;
        else if (error != EAGAIN || write(attack->done[1], "w", 1) != 1 || poll(&go, 1, -1) != 1 ||
                 read(go.fd, &byte, 1) != 1)
            return 'f';
    }
    return 'd';
}

/* Stays, so that their other ends do. */
static int attack_body(void *data) {
    const struct attack *attack = data;
    struct sockaddr_in peer;
    char how = make_listener(&peer) < 0 ? 'f' : throw_all_away(attack, &peer);

    if (write(attack->done[1], &how, 1) == 1)
        (void)pause();
    return 0;
}

/* ---- the cases -------------------------------------------------------------------------------------------------------- */

/* The smallest limit of descriptors with which a broker begins. */
static size_t smallest_table(void) {
    static const char *const options[] = {"--mode", "0666", NULL};
    static struct fixture probe;
    struct raw raw;

    guest_start_limited(&probe, 2 * BEGIN, options);
    guest_open_at(&raw, probe.address);
    raw_reply *reply = guest_status(&raw);
    size_t least = 2 * BEGIN - reply->status->descriptors_free - 1 + LEAST;
    raw_free(reply);
    guest_close(&raw);
    fixture_stop(&probe);
    return least;
}

/* Behind all that were thrown away. */
static void one_finds_room(const struct fixture *broker, int readable) {
    struct raw after;

    guest_open_at(&after, broker->address);
    (void)guest_semaphore(&after, readable, 5);
    guest_close(&after);
}

static void others_find_room(size_t table) {
    static struct fixture fixture, *broker = &fixture;
    struct attack attack = {.broker = {.sun_family = AF_UNIX}};
    struct raw before;
    int pipe[2];
    char how = 0;

    guest_start_open(broker, table);
    (void)snprintf(attack.broker.sun_path, sizeof attack.broker.sun_path, "%.100s",
                   broker->address + strlen("unix:"));
    guest_pipe(attack.done);
    guest_pipe(attack.go);
    guest_open_at(&before, broker->address);
    guest_pipe(pipe);
    fixture_hold(broker);
    pid_t child = fixture_fork(attack_body, &attack);
    for (;;) {
        assert_true(fixture_poll(attack.done[0], POLLIN));
        assert_int_equal(read(attack.done[0], &how, 1), 1);
        fixture_continue(broker);
        if (how != 'w')
            break;
        one_finds_room(broker, pipe[0]);
        fixture_hold(broker);
        assert_int_equal(write(attack.go[1], "g", 1), 1);
    }
    if (how == 's')
        test_skip("needs to become another user");
    assert_int_equal(how, 'd');
    for (int i = 0; i < 3; i++)
        one_finds_room(broker, pipe[0]);
    (void)guest_semaphore(&before, pipe[0], 6);
    guest_close(&before);
    fixture_end(child);
}

static void in_the_smallest_table(void **state) {
    (void)state;
    others_find_room(smallest_table());
}

static void in_a_small_table(void **state) {
    (void)state;
    others_find_room(1100);
}

TEST_MAIN(FIXTURE_CASE_BARE(in_the_smallest_table), FIXTURE_CASE_BARE(in_a_small_table))
