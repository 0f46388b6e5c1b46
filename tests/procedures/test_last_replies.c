/* test_last_replies.c: the session ends while workers read and write for it: what they have done is answered.
 *
 * A worker is held up as in test_held_locks.c: a child reads from the pipe into memory that a file server withholds, and so keeps the
 * lock of the pipe until the server ends. The child gets none of the bytes. */
#include "ports.h"

#include "tests/support/fuse_silent.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, LATER_US = 300000 };

static struct fuse_silent fuse;

static int hold_pipe(void *data) {
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fuse.fd, 0);

    if (page == MAP_FAILED)
        return 2;
    (void)!read(*(int *)data, page, 1);
    return 0;
}

struct scene {
    portd_client *c; /* its session ends */
    portd_client *other;
    int ends[2];
    portd_id in, out;
    pid_t holder;
    struct io *read, *write;
};

static int sleep_on(void *data) {
    (void)data;
    (void)pause();
    return 0;
}

/* A worker has the read; one has the write. */
static void begin(struct scene *scene, const portd_options *options) {
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    scene->c = fixture_client(options);
    scene->other = fixture_client(NULL);
    make_blocking_pipe(scene->ends);
    portd_client *owner = options && options->reach ? scene->other : scene->c;
    scene->in = port_in(owner, scene->ends[0]);
    scene->out = port_out(owner, scene->ends[1]);
    fd_say(scene->ends[1], "a");
    scene->holder = fixture_fork(hold_pipe, &scene->ends[0]);
    bool held = fuse_silent_await(&fuse);
    scene->read = io_read_fast(scene->c, scene->in, 1, 0);
    scene->write = io_write_fast(scene->c, scene->out, "b", 1);
    int ping = portd_ping(scene->c, fixture_soon());
    if (held && ping == 1)
        return;
    fuse_silent_end(&fuse);
    fail_msg("the pipe is not held, or there is no broker");
}

static void end_hold(const struct scene *scene) {
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    assert_int_equal(fixture_reap(scene->holder), 0);
}

/* The replies come when the workers have returned, and then the connection ends. */
static void check_replies(struct scene *scene, size_t early) {
    assert_int_equal(early, 0);
    assert_int_equal(io_answer(scene->read), 1);
    assert_int_equal(scene->read->count, 1);
    assert_int_equal(scene->read->bytes[0], 'a');
    assert_int_equal(io_answer(scene->write), 1);
    assert_int_equal(scene->write->count, 1);
    fd_hear(scene->ends[0], "b");
    assert_int_equal(portd_ping(scene->c, fixture_soon()), PORTD_E_DISCONNECTED);
    assert_int_equal(portd_ping(scene->other, fixture_soon()), 1);
}

static void check_answered(struct scene *scene, size_t early) {
    check_replies(scene, early);
    fixture_until_fds(fixture_broker(), 1);
}

static size_t answers_of(const struct scene *scene) { return scene->read->answers + scene->write->answers; }

static void another_connection_ends_the_session(void **state) {
    struct scene scene = {0};

    (void)state;
    begin(&scene, NULL);
    int ended = portd_end_session(scene.other, portd_session_id(scene.c), fixture_soon());
    (void)portd_poll(scene.c, portd_now() + LATER_US);
    size_t early = answers_of(&scene);
    end_hold(&scene);
    assert_int_equal(ended, 1);
    check_answered(&scene, early);
}

static void its_own_connection_ends_the_session(void **state) {
    struct scene scene = {0};

    (void)state;
    begin(&scene, NULL);
    int ended = portd_end_session(scene.c, 0, fixture_soon());
    size_t early = answers_of(&scene);
    end_hold(&scene);
    assert_int_equal(ended, 1);
    check_answered(&scene, early);
}

static void its_owner_ends(void **state) {
    portd_options options = PORTD_OPTIONS_INIT;
    struct scene scene = {0};
    pid_t owner = fixture_fork(sleep_on, NULL);
    int quiet[2];

    (void)state;
    options.owner_pid = (uint32_t)owner;
    make_blocking_pipe(quiet);
    begin(&scene, &options);
    struct inflight *wait = ask_park_one(scene.c, ask_evt(scene.c, quiet[0], READ), 0);
    (void)kill(owner, SIGKILL);
    int waited = ask_answer(wait);
    (void)portd_ping(scene.other, fixture_soon());
    size_t early = answers_of(&scene);
    end_hold(&scene);
    (void)fixture_reap(owner);
    assert_int_equal(waited, 1);
    assert_int_equal(wait->ready[0].cause, EXPIRED);
    check_answered(&scene, early);
}

/* Its connection reaches the ports of the other one, which stay, and are read and written as before. */
static void the_ports_are_of_another_session(void **state) {
    portd_options options = PORTD_OPTIONS_INIT;
    struct scene scene = {0};

    (void)state;
    options.reach = true;
    begin(&scene, &options);
    struct io *next = io_read_fast(scene.c, scene.in, 1, 0); /* no worker has it */
    int ended = portd_end_session(scene.c, 0, fixture_soon());
    size_t early = answers_of(&scene);
    end_hold(&scene);
    assert_int_equal(ended, 1);
    check_replies(&scene, early);
    assert_int_equal(io_answer(next), PORTD_E_UNCERTAIN);
    port_say(scene.other, scene.out, "c");
    port_hear(scene.other, scene.in, "c");
    fixture_until_fds(fixture_broker(), 3); /* the connection, and two copies */
}

/* A worker that returns too late, and one that returns after its client has closed: the reply is lost, and nothing else is. */
static void a_worker_that_does_not_return(void **state) {
    struct scene scene = {0};

    (void)state;
    begin(&scene, NULL);
    int ended = portd_end_session(scene.other, portd_session_id(scene.c), fixture_soon());
    int code = 0;
    while (code >= 0 && answers_of(&scene) < 2)
        code = portd_poll(scene.c, fixture_soon());
    int ping = portd_ping(scene.other, fixture_soon());
    int read = scene.read->code, write = scene.write->code;
    end_hold(&scene);
    assert_int_equal(ended, 1);
    assert_int_equal(ping, 1);
    assert_int_equal(read, PORTD_E_UNCERTAIN);
    assert_int_equal(write, PORTD_E_UNCERTAIN);
    fixture_until_fds(fixture_broker(), 1);
    begin(&scene, NULL);
    ended = portd_end_session(scene.other, portd_session_id(scene.c), fixture_soon());
    fixture_disconnect(scene.c);
    end_hold(&scene);
    assert_int_equal(ended, 1);
    fixture_until_fds(fixture_broker(), 2);
}

static bool is_readable(void *fd) { return fixture_poll(*(const int *)fd, POLLIN) & POLLIN; }

/* It has moved some bytes through the port of another session, and waits for more. */
static void a_splice_that_waits(void **state) {
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *other = fixture_client(NULL), *c;
    int ends[2], mine[2];

    (void)state;
    options.reach = true;
    for (int i = 0; i < 2; i++) {
        c = fixture_client(&options);
        make_blocking_pipe(ends);
        make_pipe(mine);
        portd_id in = port_in(other, ends[0]);
        struct io *splice = io_splice(c, in, mine[1], 10, 10);
        fd_say(ends[1], "abc");
        assert_true(fixture_until(is_readable, &mine[0]));
        assert_true(io_still_inflight(splice));
        assert_int_equal(portd_end_session(i ? other : c, i ? portd_session_id(c) : 0, fixture_soon()), 1);
        assert_int_equal(io_answer(splice), 1);
        assert_int_equal(splice->count, 3);
        fd_hear(mine[0], "abc");
        fd_say(ends[1], "d");
        port_hear(other, in, "d");
    }
}

static bool one_is_closed(void *before) {
    return fixture_broker_fds(fixture_broker()) + 1 == *(const size_t *)before;
}

/* Two pipes are held, with a read and a write of each: as many stuck jobs as a uid may have, so no worker begins another read. Its client
 * closes before one does: the bytes are for the next reader. */
static void a_read_that_no_worker_has_begun(void **state) {
    struct scene scenes[2] = {0};
    struct fuse_silent first;
    int ends[2];

    (void)state;
    begin(&scenes[0], NULL);
    first = fuse;
    begin(&scenes[1], NULL);
    portd_client *c = scenes[1].c, *joined = fixture_joined(c);
    make_blocking_pipe(ends);
    portd_id in = port_in(c, ends[0]);
    fd_say(ends[1], "z");
    (void)io_read_fast(joined, in, 1, 0);
    int ping = portd_ping(joined, fixture_soon());
    fixture_until_closed(joined);
    size_t before = fixture_broker_fds(fixture_broker());
    fixture_disconnect(joined);
    bool gone = fixture_until(one_is_closed, &before);
    end_hold(&scenes[1]);
    fuse = first;
    end_hold(&scenes[0]);
    assert_int_equal(ping, 1);
    assert_true(gone);
    port_hear(c, in, "z");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(io_answer(scenes[i].read), 1);
        assert_int_equal(io_answer(scenes[i].write), 1);
    }
}

TEST_MAIN(FIXTURE_CASE(another_connection_ends_the_session),
          FIXTURE_CASE(its_own_connection_ends_the_session), FIXTURE_CASE(its_owner_ends),
          FIXTURE_CASE(the_ports_are_of_another_session), FIXTURE_CASE(a_worker_that_does_not_return),
          FIXTURE_CASE(a_read_that_no_worker_has_begun), FIXTURE_CASE(a_splice_that_waits))
