/* test_engine.c: the contract of engine.h, on the kinds of descriptor that every Unix has. The same file is for every engine. */
#include "engine_case.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const unsigned half_closed = ENGINE_READ | ENGINE_HALF_CLOSE;

static void pair_of_pipe(struct pair *pair) {
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    *pair = (struct pair){ends[0], ends[1], excite_by_writing, false};
}

static void pair_of_fifo(struct pair *pair) {
    char path[] = "/tmp/test_engine.XXXXXX", fifo[64];

    assert_non_null(mkdtemp(path));
    (void)snprintf(fifo, sizeof(fifo), "%s/fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    pair->fd = open(fifo, O_RDONLY | O_NONBLOCK);
    *pair = (struct pair){pair->fd, open(fifo, O_WRONLY), excite_by_writing, false};
    assert_int_equal(unlink(fifo), 0);
    assert_int_equal(rmdir(path), 0);
}

static void pair_of_unix(struct pair *pair, int type) {
    int ends[2];

    if (socketpair(AF_UNIX, type, 0, ends))
        ends[0] = ends[1] = -1; /* macOS has no SOCK_SEQPACKET */
    *pair = (struct pair){ends[0], ends[1], excite_by_writing, true};
}

static void pair_of_unix_stream(struct pair *pair) { pair_of_unix(pair, SOCK_STREAM); }

static void pair_of_unix_dgram(struct pair *pair) { pair_of_unix(pair, SOCK_DGRAM); }

static void pair_of_unix_seqpacket(struct pair *pair) { pair_of_unix(pair, SOCK_SEQPACKET); }

static int bound(int type, struct sockaddr_in *address) {
    int fd = socket(AF_INET, type, 0);
    socklen_t length = sizeof(*address);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
    return fd;
}

static void pair_of_udp(struct pair *pair) {
    struct sockaddr_in address;
    int fd = bound(SOCK_DGRAM, &address), other = socket(AF_INET, SOCK_DGRAM, 0);

    assert_int_equal(connect(other, (struct sockaddr *)&address, sizeof(address)), 0);
    *pair = (struct pair){fd, other, excite_by_writing, true};
}

static void pair_of_tcp(struct pair *pair) {
    struct sockaddr_in address;
    int listener = bound(SOCK_STREAM, &address), other = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(other, (struct sockaddr *)&address, sizeof(address)), 0);
    *pair = (struct pair){accept(listener, NULL, NULL), other, excite_by_writing, true};
    close(listener);
}

static void excite_by_connecting(struct pair *pair) {
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    assert_int_equal(getsockname(pair->fd, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(connect(pair->other, (struct sockaddr *)&address, length), 0);
}

static void pair_of_listener(struct pair *pair) {
    struct sockaddr_in address;
    int listener = bound(SOCK_STREAM, &address);

    assert_int_equal(listen(listener, 1), 0);
    *pair = (struct pair){listener, socket(AF_INET, SOCK_STREAM, 0), excite_by_connecting, false};
}

static void pair_of_pty_master(struct pair *pair) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    *pair = (struct pair){master, open(ptsname(master), O_RDWR | O_NOCTTY), excite_by_writing, true};
}

static void excite_by_a_line(struct pair *pair) { assert_int_equal(write(pair->other, "line\n", 5), 5); }

static void pair_of_pty_slave(struct pair *pair) {
    pair_of_pty_master(pair);
    *pair = (struct pair){pair->other, pair->fd, excite_by_a_line, true};
}

const struct kind engine_kinds[] = {
    {"pipe", pair_of_pipe},
    {"fifo", pair_of_fifo},
    {"unix stream", pair_of_unix_stream},
    {"unix datagram", pair_of_unix_dgram},
    {"unix seqpacket", pair_of_unix_seqpacket},
    {"udp", pair_of_udp},
    {"tcp", pair_of_tcp},
    {"listener", pair_of_listener},
    {"pty master", pair_of_pty_master},
    {"pty slave", pair_of_pty_slave},
    {NULL, NULL},
};

static void a_file_on_a_disk_is_unsupported(void **state) {
    char path[] = "/tmp/test_engine.XXXXXX";
    int fds[] = {mkstemp(path), open("/tmp", O_RDONLY | O_DIRECTORY)};

    (void)state;
    engine_begin();
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
        assert_unsupported(fds[i]);
        close(fds[i]);
    }
    assert_int_equal(unlink(path), 0);
    engine_free(engine);
}

static void asking_what_can_be_watched_disturbs_no_watch(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, pair.other, ENGINE_WRITE), 0);
    assert_true(engine_can_watch(engine, pair.fd));
    assert_true(told() & ENGINE_WRITE);
    engine_disarm(engine, &watch, pair.other);
    pair.excite(&pair);
    assert_true(engine_can_watch(engine, pair.fd));
    assert_true(sleeps());
    pair_close(&pair);
    engine_free(engine);
}

static void the_engine_itself_is_a_cycle(void **state) {
    struct engine_watch watch = {0};

    (void)state;
    engine_begin();
    assert_int_equal(arm(&watch, engine_pollable(engine), ENGINE_READ), ENGINE_E_CYCLE);
    assert_int_equal(engine_watch_interest(&watch), 0);
    engine_free(engine);
}

static void writing_where_nobody_reads_is_told(void **state) {
    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    for (size_t interest = ENGINE_WRITE; interest <= ENGINE_INTERESTS; interest++) {
        struct engine_watch watch = {0};
        struct pair pair;
        engine_begin();
        pair_of_pipe(&pair);
        close(pair.fd);
        assert_int_equal(arm(&watch, pair.other, (unsigned)interest), 0);
        assert_true(told() & (ENGINE_HANG_UP | ENGINE_ERROR));
        assert_int_equal(told(), 0);
        assert_int_equal(arm(&watch, pair.other, (unsigned)interest), 0);
        assert_true(told() & (ENGINE_HANG_UP | ENGINE_ERROR));
        assert_true(probed(pair.other, (unsigned)interest) & (ENGINE_HANG_UP | ENGINE_ERROR));
        engine_disarm(engine, &watch, pair.other);
        close(pair.other);
        engine_free(engine);
    }
}

/* Not with MSG_DONTWAIT, which NetBSD ignores when sending. */
static void fill(int fd) {
    static const char bytes[4096];
    int flags = fcntl(fd, F_GETFL);

    assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (write(fd, bytes, sizeof(bytes)) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

static void who_waits_for_room_is_told_that_the_reader_has_gone(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_begin();
    pair_of_pipe(&pair);
    fill(pair.other);
    assert_int_equal(arm(&watch, pair.other, ENGINE_WRITE), 0);
    assert_int_equal(told(), 0);
    close(pair.fd);
    assert_true(told() & (ENGINE_HANG_UP | ENGINE_ERROR));
    assert_int_equal(told(), 0);
    engine_disarm(engine, &watch, pair.other);
    close(pair.other);
    engine_free(engine);
}

/* The first event, where there is room for no other. */
static void assert_first(unsigned events, uint64_t token) {
    struct engine_event event;

    assert_int_equal(engine_wait(engine, &event, 1), 1);
    assert_int_equal(event.events, events);
    assert_true(event.token == token);
}

/* One event for both directions, and the other direction is not told later. */
static void a_watch_of_both_directions_is_told_once(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_begin();
    pair_of_unix_stream(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_INTERESTS), 0);
    assert_int_equal(told(), ENGINE_WRITE);
    pair.excite(&pair);
    assert_int_equal(told(), 0);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_INTERESTS), 0);
    assert_first(ENGINE_INTERESTS, TOKEN);
    assert_true(sleeps());
    engine_disarm(engine, &watch, pair.fd);
    assert_int_equal(engine_keep(engine, pair.fd, 0, ENGINE_INTERESTS, TOKEN), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(told(), ENGINE_INTERESTS);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_INTERESTS, ENGINE_READ, TOKEN), 0);
    assert_int_equal(told(), ENGINE_READ);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_READ, 0, TOKEN), 0);
    pair_close(&pair);
    engine_free(engine);
}

static void a_failure_changes_nothing(void **state) {
    struct engine_watch watch = {0}, before;
    struct pair pair;

    (void)state;
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, 1000, ENGINE_READ), -EBADF);
    assert_int_equal(engine_watch_interest(&watch), 0);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    before = watch;
    assert_int_equal(arm(&watch, 1000, ENGINE_WRITE), -EBADF);
    assert_memory_equal(&watch, &before, sizeof(watch));
    pair.excite(&pair);
    assert_int_equal(told(), ENGINE_READ);
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
}

static void arming_again_replaces_interest_and_token(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_begin();
    pair_of_unix_stream(&pair);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ, false, 1), 0);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_WRITE, false, UINT64_MAX), 0);
    assert_first(ENGINE_WRITE, UINT64_MAX);
    pair.excite(&pair);
    assert_true(sleeps());
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ | ENGINE_WRITE, false, 2), 0);
    assert_first(ENGINE_INTERESTS, 2);
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
}

static void an_edge_watch_tells_of_each_new_activity(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;
    char bytes[8];

    (void)state;
    engine_begin();
    pair_of_unix_stream(&pair);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ, true, TOKEN), 0);
    assert_true(engine_watch_is_edge(&watch));
    assert_int_equal(told(), 0);
    for (size_t i = 0; i < 3; i++) {
        pair.excite(&pair); /* what came before is still unread */
        assert_int_equal(told(), ENGINE_READ);
        assert_int_equal(told(), 0);
    }
    assert_int_equal(read(pair.fd, bytes, sizeof(bytes)), 8);
    assert_int_equal(told(), 0);
    /* Arming again looks at the state. */
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ, true, TOKEN), 0);
    assert_int_equal(told(), ENGINE_READ);
    /* And it can become a watch for one answer. */
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    assert_false(engine_watch_is_edge(&watch));
    assert_int_equal(told(), ENGINE_READ);
    pair.excite(&pair);
    assert_int_equal(told(), 0);
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
}

static void a_number_used_again_tells_nothing_of_the_old(void **state) {
    struct engine_watch old = {0}, new = {0};
    struct pair first, second;

    (void)state;
    engine_begin();
    pair_of_pipe(&first);
    int copy = dup(first.fd); /* the open file lives on */
    assert_int_equal(engine_arm(engine, &old, first.fd, ENGINE_READ, false, 1), 0);
    engine_disarm(engine, &old, first.fd);
    pair_of_pipe(&second);
    assert_int_equal(dup2(second.fd, first.fd), first.fd);
    assert_int_equal(engine_arm(engine, &new, first.fd, ENGINE_READ, false, 2), 0);
    first.excite(&first);
    assert_int_equal(told(), 0);
    second.excite(&second);
    assert_first(ENGINE_READ, 2);
    engine_disarm(engine, &new, first.fd);
    close(copy);
    pair_close(&first);
    pair_close(&second);
    engine_free(engine);
}

static void an_entry_that_vanished_is_made_again(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;
    int number;

    (void)state;
    engine_skip_with(FAULT_KEEPS_CLOSED);
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    number = pair.fd;
    pair_close(&pair); /* too early: the kernel drops its entry */
    pair_of_pipe(&pair);
    assert_int_equal(pair.fd, number);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    pair.excite(&pair);
    assert_int_equal(told(), ENGINE_READ);
    engine_disarm(engine, &watch, pair.fd);
    engine_disarm(engine, &watch, pair.fd); /* harmless */
    pair_close(&pair);
    engine_free(engine);
}

/* Linux says error, others hang-up. */
static bool is_gone(unsigned events) {
    return events && !(events & ~(unsigned)(ENGINE_HANG_UP | ENGINE_ERROR));
}

static void hang_up_and_error_are_told_whatever_the_interest(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_begin();
    pair_of_pipe(&pair); /* the reading end, watched for writing */
    assert_int_equal(arm(&watch, pair.fd, ENGINE_WRITE), 0);
    close(pair.other);
    assert_int_equal(told(), ENGINE_HANG_UP);
    assert_int_equal(probed(pair.fd, ENGINE_WRITE), ENGINE_HANG_UP);
    engine_disarm(engine, &watch, pair.fd);
    close(pair.fd);

    pair_of_pipe(&pair); /* with bytes left */
    pair.excite(&pair);
    close(pair.other);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    assert_int_equal(told(), ENGINE_READ | ENGINE_HANG_UP);
    assert_int_equal(probed(pair.fd, ENGINE_READ), ENGINE_READ | ENGINE_HANG_UP);
    engine_disarm(engine, &watch, pair.fd);
    close(pair.fd);

    pair_of_pipe(&pair); /* the writing end, watched for reading */
    assert_int_equal(arm(&watch, pair.other, ENGINE_READ), 0);
    close(pair.fd);
    assert_true(is_gone(told()));
    assert_true(is_gone(probed(pair.other, ENGINE_READ)));
    engine_disarm(engine, &watch, pair.other);
    close(pair.other);

    pair_of_unix_stream(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    close(pair.other);
    assert_int_equal(told(), half_closed | ENGINE_HANG_UP);
    assert_int_equal(probed(pair.fd, ENGINE_READ), half_closed | ENGINE_HANG_UP);
    engine_disarm(engine, &watch, pair.fd);
    close(pair.fd);
    engine_free(engine);
}

static void half_close_is_told_with_read_only(void **state) {
    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    for (size_t tcp = 0; tcp < 2; tcp++) {
        struct engine_watch watch = {0};
        struct pair pair;
        unsigned room = tcp ? ENGINE_WRITE : 0; /* the peer may acknowledge some bytes at any time */
        char byte;
        engine_begin();
        if (tcp)
            pair_of_tcp(&pair);
        else
            pair_of_unix_stream(&pair);
        fill(pair.fd);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_WRITE), 0);
        assert_int_equal(told() & ~room, 0);
        assert_int_equal(shutdown(pair.other, SHUT_WR), 0);
        assert_int_equal(recv(pair.fd, &byte, 1, MSG_PEEK), 0); /* it has arrived */
        assert_int_equal(told() & ~room, 0);
        assert_int_equal(probed(pair.fd, ENGINE_WRITE) & ~room, 0);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
        assert_int_equal(told(), half_closed);
        assert_int_equal(probed(pair.fd, ENGINE_READ), half_closed);
        engine_disarm(engine, &watch, pair.fd);
        pair_close(&pair);
        engine_free(engine);
    }
}

/* The first end of a connection that the other has reset, once a watch for writing has told it. */
static void reset_and_tell(struct pair *pair, struct engine_watch *watch) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    unsigned events;

    pair_of_tcp(pair);
    assert_int_equal(setsockopt(pair->other, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(pair->other);
    do { /* it may still be on its way, and there is room */
        assert_int_equal(arm(watch, pair->fd, ENGINE_WRITE), 0);
        events = told_in_time();
    } while (events == ENGINE_WRITE);
    assert_true(events & ENGINE_ERROR);
}

static void a_reset_connection_is_an_error(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_begin();
    reset_and_tell(&pair, &watch);
    engine_disarm(engine, &watch, pair.fd);
    close(pair.fd);
    engine_free(engine);
}

static void telling_an_error_takes_it_from_nobody(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;
    int error = 0;
    socklen_t size = sizeof(error);

    (void)state;
    engine_skip_with(FAULT_TAKES_ERROR);
    engine_begin();
    reset_and_tell(&pair, &watch);
    assert_true(probed(pair.fd, ENGINE_WRITE) & ENGINE_ERROR);
    assert_int_equal(getsockopt(pair.fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    assert_int_equal(error, ECONNRESET);
    engine_disarm(engine, &watch, pair.fd);
    close(pair.fd);
    engine_free(engine);
}

static void two_copies_of_one_open_file_are_two_watches(void **state) {
    struct engine_watch watches[2] = {{0}, {0}};
    struct engine_event events[4];
    struct pair pair;

    (void)state;
    engine_begin();
    pair_of_pipe(&pair);
    int copy = dup(pair.fd);
    assert_int_equal(engine_arm(engine, &watches[0], pair.fd, ENGINE_READ, false, 1), 0);
    assert_int_equal(engine_arm(engine, &watches[1], copy, ENGINE_READ, false, 2), 0);
    pair.excite(&pair);
    assert_int_equal(engine_wait(engine, events, 4), 2);
    assert_true(events[0].token + events[1].token == 3);
    engine_disarm(engine, &watches[0], pair.fd);
    assert_int_equal(engine_arm(engine, &watches[1], copy, ENGINE_READ, false, TOKEN), 0);
    assert_int_equal(told(), ENGINE_READ);
    engine_disarm(engine, &watches[1], copy);
    close(copy);
    pair_close(&pair);
    engine_free(engine);
}

/* More that are ready than are asked for at once: each is told once, none is lost. */
static void many_answers_come_in_portions(void **state) {
    enum { MANY = 300 };
    struct engine_watch watches[MANY] = {{0}};
    struct engine_event events[200];
    size_t times[MANY] = {0}, total = 0;
    int fds[MANY], n;
    struct pair pair;

    (void)state;
    engine_begin();
    pair_of_pipe(&pair);
    pair.excite(&pair);
    for (size_t i = 0; i < MANY; i++) {
        fds[i] = dup(pair.fd);
        assert_int_equal(engine_arm(engine, &watches[i], fds[i], ENGINE_READ, false, i), 0);
    }
    assert_int_equal(engine_wait(engine, events, 1), 1);
    times[events[0].token]++;
    while ((n = engine_wait(engine, events, 200)) > 0) {
        for (int i = 0; i < n; i++)
            times[events[i].token]++;
        total += (size_t)n;
    }
    assert_int_equal(n, 0);
    assert_int_equal(total, MANY - 1);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(times[i], 1);
        engine_disarm(engine, &watches[i], fds[i]);
        close(fds[i]);
    }
    pair_close(&pair);
    engine_free(engine);
}

static void the_engine_is_readable_when_it_has_something_to_tell(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_NOT_POLLABLE);
    engine_begin();
    pair_of_pipe(&pair);
    struct pollfd look = {.fd = engine_pollable(engine), .events = POLLIN};
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    assert_int_equal(poll(&look, 1, 0), 0);
    pair.excite(&pair);
    assert_int_equal(poll(&look, 1, 0), 1);
    assert_int_equal(told(), ENGINE_READ);
    assert_int_equal(poll(&look, 1, 0), 0);
    assert_int_equal(fcntl(look.fd, F_GETFD), FD_CLOEXEC);
    assert_non_null(engine_name());
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
    engine_free(NULL);
}

static void probing_many_at_once(void **state) {
    struct engine_probe probes[ENGINE_PROBES + 1];
    struct pair idle, ready;

    (void)state;
    pair_of_pipe(&idle);
    pair_of_pipe(&ready);
    ready.excite(&ready);
    for (size_t i = 0; i < ENGINE_PROBES + 1; i++)
        probes[i] =
            (struct engine_probe){.fd = i % 2 ? ready.fd : idle.fd, .interest = ENGINE_READ, .events = 0xff};
    probes[4] = (struct engine_probe){.fd = 1000, .interest = ENGINE_READ}; /* not open */
    assert_int_equal(engine_probe(probes, ENGINE_PROBES), 0);
    for (size_t i = 0; i < ENGINE_PROBES; i++)
        assert_int_equal(probes[i].events, i == 4 ? ENGINE_ERROR : i % 2 ? ENGINE_READ : 0);
    assert_int_equal(engine_probe(probes, ENGINE_PROBES + 1), -EINVAL);
    assert_int_equal(engine_probe(probes, 0), 0);
    pair_close(&idle);
    pair_close(&ready);
}

static void what_is_kept_is_told_as_long_as_it_holds(void **state) {
    struct pair pair;

    (void)state;
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(engine_keep(engine, pair.fd, 0, 0, TOKEN), 0);
    assert_int_equal(engine_keep(engine, pair.fd, 0, ENGINE_READ, TOKEN), 0);
    assert_int_equal(told(), 0);
    pair.excite(&pair);
    for (int i = 0; i < 3; i++)
        assert_int_equal(told(), ENGINE_READ);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_READ, 0, TOKEN), 0);
    assert_int_equal(told(), 0);
    assert_int_equal(engine_keep(engine, pair.fd, 0, ENGINE_READ, TOKEN), 0);
    assert_int_equal(told(), ENGINE_READ);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_READ, 0, TOKEN), 0);
    pair_close(&pair);
    engine_free(engine);
}

static void what_is_not_kept_hides_even_a_hang_up(void **state) {
    int ends[2];

    (void)state;
    engine_begin();
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(engine_keep(engine, ends[0], 0, ENGINE_READ, TOKEN), 0);
    close(ends[1]);
    assert_int_equal(told(), ENGINE_HANG_UP);
    assert_int_equal(engine_keep(engine, ends[0], ENGINE_READ, 0, TOKEN), 0);
    assert_int_equal(told(), 0);
    close(ends[0]);
    assert_int_equal(engine_keep(engine, ends[0], 0, ENGINE_READ, TOKEN), -EBADF);
    engine_free(engine);
}

static void sleeping_ends_with_an_answer_or_in_time(void **state) {
    struct engine_event event;
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_SHORT_TIMEOUT);
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    int64_t start = os_now_us();
    assert_int_equal(engine_sleep(engine, &event, 1, 1500), 0);
    assert_true(os_now_us() - start >= 1500);
    assert_int_equal(engine_sleep(engine, &event, 1, 0), 0);
    pair.excite(&pair);
    assert_int_equal(engine_sleep(engine, &event, 1, -1), 1);
    assert_int_equal(event.token, TOKEN);
    assert_int_equal(event.events, ENGINE_READ);
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
}

ENGINE_MAIN(ENGINE_CASES_OF_KINDS, ENGINE_CASE(a_file_on_a_disk_is_unsupported),
            ENGINE_CASE(asking_what_can_be_watched_disturbs_no_watch),
            ENGINE_CASE(the_engine_itself_is_a_cycle), ENGINE_CASE(writing_where_nobody_reads_is_told),
            ENGINE_CASE(who_waits_for_room_is_told_that_the_reader_has_gone),
            ENGINE_CASE(a_watch_of_both_directions_is_told_once), ENGINE_CASE(a_failure_changes_nothing),
            ENGINE_CASE(arming_again_replaces_interest_and_token),
            ENGINE_CASE(an_edge_watch_tells_of_each_new_activity),
            ENGINE_CASE(a_number_used_again_tells_nothing_of_the_old),
            ENGINE_CASE(an_entry_that_vanished_is_made_again),
            ENGINE_CASE(hang_up_and_error_are_told_whatever_the_interest),
            ENGINE_CASE(half_close_is_told_with_read_only), ENGINE_CASE(a_reset_connection_is_an_error),
            ENGINE_CASE(telling_an_error_takes_it_from_nobody),
            ENGINE_CASE(two_copies_of_one_open_file_are_two_watches),
            ENGINE_CASE(many_answers_come_in_portions),
            ENGINE_CASE(the_engine_is_readable_when_it_has_something_to_tell),
            ENGINE_CASE(probing_many_at_once), ENGINE_CASE(what_is_kept_is_told_as_long_as_it_holds),
            ENGINE_CASE(what_is_not_kept_hides_even_a_hang_up),
            ENGINE_CASE(sleeping_ends_with_an_answer_or_in_time))
