/* test_closer_linger.c: closing on real threads, above all of lingering sockets. */
#include "closer_case.h"

#include "tests/support/fuse_silent.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

enum { LINGER_S = 30000 /* far longer than a test may last */ };

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

/* While a number is being closed nothing else can get it, or its record would be used twice. */
static void the_number_stays_taken_until_done(void **state) {
    int ends[2], others[2];

    (void)state;
    begin();
    assert_int_equal(pipe(ends), 0);
    closer_close(closer, ends[0], 1, on_done, NULL);
    struct pollfd look = {.fd = ends[1], .events = POLLOUT};
    do {
        assert_int_equal(poll(&look, 1, -1), 1);
    } while (!(look.revents & POLLERR));
    /* The reading end is closed, and the loop has not run yet. */
    assert_true(is_open(ends[0]));
    assert_int_equal(pipe(others), 0);
    assert_true(others[0] != ends[0] && others[1] != ends[0]);
    run_until(1);
    assert_false(is_open(ends[0]));
    close(ends[1]);
    close(others[0]);
    close(others[1]);
    end();
}

static void same_number_again_and_again(void **state) {
    (void)state;
    begin();
    for (size_t i = 0; i < 200; i++) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        closer_close(closer, fd, (uint32_t)i % 2, on_done, NULL);
        run_until(i + 1);
        assert_false(is_open(fd));
    }
    end();
}

/* A TCP connection over loopback: ends[0] lingers and has so much unsent that its peer, which does not read,
 * cannot take it. Returns how many bytes were sent. */
static size_t lingering_pair(int ends[2]) {
    static char bytes[65536];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
    size_t sent = 0;
    ssize_t n;

    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends[0], (struct sockaddr *)&address, length), 0);
    ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(ends[1] >= 0);
    close(listener);
    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    memset(bytes, 'x', sizeof(bytes));
    while ((n = send(ends[0], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        sent += (size_t)n;
    assert_int_equal(errno, EAGAIN);
    return sent;
}

static size_t read_to_the_end(int fd) {
    static char bytes[65536];
    size_t total = 0;
    ssize_t n;

    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        total += (size_t)n;
    assert_int_equal(n, 0);
    return total;
}

/* The number is the placeholder's from the moment the worker closes, so it waits for the file system now. */
static void await_closing(int fd, const char *before) {
    char path[32], link[64];
    ssize_t n;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    do {
        n = readlink(path, link, sizeof(link) - 1);
        assert_true(n > 0);
        link[n] = '\0';
    } while (strncmp(link, before, strlen(before)) == 0);
}

static unsigned port_of(int fd, int (*name)(int fd, struct sockaddr *address, socklen_t *length)) {
    struct sockaddr_in address = {0};
    socklen_t length = sizeof(address);

    assert_int_equal(name(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

/* Whether the other end of that connection is not established any more. Its descriptor is not looked at: whoever does may be its last holder, and then
 * it is closed, and waited for, there. */
static bool is_lingering(int fd) {
    enum { ESTABLISHED = 1 };
    const unsigned ours = port_of(fd, getsockname), theirs = port_of(fd, getpeername);
    unsigned local, remote, state = ESTABLISHED;
    char line[512];
    FILE *file = fopen("/proc/self/net/tcp", "re");

    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, " %*u: %*x:%x %*x:%x %x", &local, &remote, &state) == 3 && local == theirs &&
            remote == ours)
            break;
        else
            state = ESTABLISHED;
    (void)fclose(file);
    return state != ESTABLISHED;
}

static void await_lingering(int fd) {
    while (!is_lingering(fd))
        ;
}

static void a_lingering_socket_holds_up_nobody_and_loses_nothing(void **state) {
    static const char lingering[] = "lingering", other[] = "other";
    int ends[2], pipe_ends[2];
    char byte;

    (void)state;
    begin();
    size_t sent = lingering_pair(ends);
    assert_int_equal(pipe(pipe_ends), 0);
    closer_close(closer, ends[0], 1000, on_done, (void *)(uintptr_t)lingering);
    await_lingering(ends[1]);
    closer_close(closer, pipe_ends[1], 2000, on_done, (void *)(uintptr_t)other);
    assert_int_equal(read(pipe_ends[0], &byte, 1), 0); /* closed by another worker, without the loop */
    run_until(2);                                      /* the peer has not read anything yet */
    assert_true(done_order[0] != done_order[1]);
    assert_int_equal(closer_pending(closer), 0);
    assert_int_equal(read_to_the_end(ends[1]), sent);
    close(ends[1]);
    close(pipe_ends[0]);
    end();
}

/* One uid with more lingering sockets than there are workers. */
static void many_lingering_sockets_of_one_uid_hold_up_no_other(void **state) {
    enum { SOCKETS = OFFLOAD_WORKERS + 2 };
    int ends[SOCKETS][2], pipe_ends[2];
    size_t sent[SOCKETS];
    char byte;

    (void)state;
    begin();
    for (size_t i = 0; i < SOCKETS; i++)
        sent[i] = lingering_pair(ends[i]);
    assert_int_equal(pipe(pipe_ends), 0);
    for (size_t i = 0; i < SOCKETS; i++)
        closer_close(closer, ends[i][0], 1000, on_done, NULL);
    closer_close(closer, pipe_ends[1], 2000, on_done, NULL);
    assert_int_equal(read(pipe_ends[0], &byte, 1), 0);
    /* No signal is sent while the loop does not run, so the first one is still waiting. */
    assert_int_equal(closer_pending(closer), SOCKETS + 1);
    run_until(SOCKETS + 1);
    for (size_t i = 0; i < SOCKETS; i++) {
        assert_int_equal(read_to_the_end(ends[i][1]), sent[i]);
        close(ends[i][1]);
    }
    close(pipe_ends[0]);
    end();
}

/* A Unix socket in whose queue a lingering socket lies: closing the one closes the other. */
static void a_lingering_socket_in_a_queue_is_closed_by_a_worker_too(void **state) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {
        .header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec byte = {.iov_base = (char[1]){'x'}, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room)};
    int ends[2], carrier[2];

    (void)state;
    begin();
    size_t sent = lingering_pair(ends);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, carrier), 0);
    memcpy(CMSG_DATA(&control.header), &ends[0], sizeof(int));
    assert_int_equal(sendmsg(carrier[0], &message, 0), 1);
    close(carrier[0]);
    close(ends[0]); /* not the last one: the queue has another */
    closer_close(closer, carrier[1], 1000, on_done, NULL);
    run_until(1);
    assert_int_equal(read_to_the_end(ends[1]), sent);
    close(ends[1]);
    end();
}

/* No signal ends this one: the kernel waits for the server's answer. */
static void a_silent_file_server_holds_up_nobody_else(void **state) {
    struct fuse_silent fuse;
    int ends[2];

    (void)state;
    if (!fuse_silent_open(&fuse))
        test_skip("needs root and FUSE");
    begin();
    assert_int_equal(pipe(ends), 0);
    closer_close(closer, fuse.fd, 1000, on_done, &fuse);
    await_closing(fuse.fd, fuse.folder);
    closer_close(closer, ends[0], 2000, on_done, ends);
    closer_close(closer, ends[1], 2000, on_done, ends);
    run_until(2);
    assert_int_equal(closer_pending(closer), 1);
    fuse_silent_end(&fuse);
    run_until(3);
    assert_ptr_equal(done_order[2], &fuse);
    end();
}

/* Thousands that are thrown away must not take a hundred milliseconds each: they are all closed before six of another uid are, whose
 * closes somebody waits for. */
static void throw_away_many(void) {
    enum { SOCKETS = 60, WAITED_FOR = 6 };
    static int ends[SOCKETS][2], others[WAITED_FOR][2];
    struct discard_queue discard_queue;
    size_t sent[SOCKETS];

    done_count = 0;
    discard_queue_init(&discard_queue);
    for (size_t i = 0; i < SOCKETS; i++)
        sent[i] = lingering_pair(ends[i]);
    for (size_t i = 0; i < WAITED_FOR; i++)
        (void)lingering_pair(others[i]);
    for (size_t i = 0; i < WAITED_FOR; i++)
        closer_close(closer, others[i][0], 2000, on_done, others);
    for (size_t i = 0; i < SOCKETS; i++)
        closer_discard(closer, &discard_queue, ends[i][0], 1000, on_done, ends);
    run_until(SOCKETS + WAITED_FOR);
    assert_ptr_equal(done_order[SOCKETS + WAITED_FOR - 1], others);
    assert_ptr_equal(done_order[SOCKETS + WAITED_FOR - 2], others);
    assert_int_equal(closer_pending(closer), 0);
    assert_true(ring_is_empty(&discard_queue.records) && !discard_queue.busy);
    for (size_t i = 0; i < SOCKETS; i++) {
        assert_false(is_open(ends[i][0]));
        assert_int_equal(read_to_the_end(ends[i][1]), sent[i]);
        close(ends[i][1]);
    }
    for (size_t i = 0; i < WAITED_FOR; i++)
        close(others[i][1]);
}

/* Once more than there may be bins at a time: each is given back. */
static void what_is_thrown_away_is_closed_together(void **state) {
    (void)state;
    begin();
    for (int round = 0; round <= CLOSER_BINS; round++)
        throw_away_many();
    end();
}

/* Of all kinds, of several uids, and again and again with the same numbers. */
static void piles_of_all_kinds(void **state) {
    enum { ROUNDS = 20, EACH = 16, PILES = 3, KINDS = 4 };
    struct discard_queue discard_queues[PILES];
    size_t n = 0;

    (void)state;
    begin();
    for (size_t i = 0; i < PILES; i++)
        discard_queue_init(&discard_queues[i]);
    for (size_t round = 0; round < ROUNDS; round++) {
        done_count = n = 0;
        for (size_t i = 0; i < EACH; i++) {
            int fds[KINDS];
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
            assert_int_equal(pipe(fds + 2), 0);
            for (size_t k = 0; k < KINDS; k++, n++)
                closer_discard(closer, &discard_queues[i % PILES], fds[k], (uint32_t)(i % PILES), on_done,
                               NULL);
        }
        run_until(n);
        assert_int_equal(closer_pending(closer), 0);
    }
    end();
}

/* What is not closed yet when all ends is done with all the same, and on no discard queue any more. */
static void piles_at_the_end(void **state) {
    enum { SOCKETS = 8 };
    int ends[SOCKETS][2];
    struct discard_queue discard_queue;

    (void)state;
    begin();
    discard_queue_init(&discard_queue);
    for (size_t i = 0; i < SOCKETS; i++) {
        (void)lingering_pair(ends[i]);
        closer_discard(closer, &discard_queue, ends[i][0], 1000, on_done, NULL);
    }
    end();
    assert_int_equal(done_count, SOCKETS);
    assert_true(ring_is_empty(&discard_queue.records));
    for (size_t i = 0; i < SOCKETS; i++) {
        close(ends[i][1]); /* first: this ends what the other waits for */
        close(ends[i][0]);
    }
}

TEST_MAIN(TEST_CASE(the_number_stays_taken_until_done), TEST_CASE(same_number_again_and_again),
          TEST_CASE(a_lingering_socket_holds_up_nobody_and_loses_nothing),
          TEST_CASE(many_lingering_sockets_of_one_uid_hold_up_no_other),
          TEST_CASE(a_lingering_socket_in_a_queue_is_closed_by_a_worker_too),
          TEST_CASE(what_is_thrown_away_is_closed_together), TEST_CASE(piles_of_all_kinds),
          TEST_CASE(piles_at_the_end), TEST_CASE(a_silent_file_server_holds_up_nobody_else))
