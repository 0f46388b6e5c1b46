/* test_lifetime.c: the broker's copy exists as long as something refers to it, is closed as soon as nothing does, and never
 * changes state that its holders share. */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

enum { CONNECTION = 1 };

/* A socket whose only copy is the broker's; its other end is returned. */
static int hand_over(int ends[2], portd_client *c, portd_id *s, portd_id *e) {
    int number;

    make_pair(SOCK_STREAM, ends);
    number = ends[0];
    if (s)
        *s = ask_semaphore(c, number, READ);
    if (e)
        *e = ask_evt(c, number, READ);
    fixture_close(number);
    assert_false(at_end(ends[1]));
    return number;
}

static void one_copy_for_all_objects_of_a_number(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    fixture_until_fds(fixture_broker(), CONNECTION);
    portd_id ids[4] = {ask_semaphore(c, p[0], READ), ask_semaphore(c, p[0], WRITE), ask_evt(c, p[0], READ),
                       ask_evt(c, p[0], WRITE)};
    fixture_until_fds(fixture_broker(), CONNECTION + 1);
    for (int i = 1; i < 4; i++)
        assert_true(ask_item(c, ids[i]).descriptor == ask_item(c, ids[0]).descriptor);
    assert_int_equal(ask_item(c, portd_session_id(c)).descriptors, 1);
}

static void dropped_when_the_last_semaphore_fires(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    (void)fill(p[0]);
    portd_id r = ask_semaphore(c, p[0], READ), w = ask_semaphore(c, p[0], WRITE);
    fixture_close(p[0]);
    assert_int_equal(shutdown(p[1], SHUT_WR), 0);
    assert_until(c, r, HALF_CLOSE);
    assert_false(fixture_broker_fds(fixture_broker()) == fixture_broker()->fds + CONNECTION);
    assert_true(drain(p[1]) > 0); /* makes room, so the other one fires too */
    assert_until(c, w, READY);
    assert_true(fixture_poll(p[1], POLLIN) & POLLHUP);
    fixture_until_fds(fixture_broker(), CONNECTION);
    assert_true(ask_item(c, r).descriptor == 0);
}

static void dropped_when_removed_or_released(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id s, e;
    int p[2];

    (void)state;
    int number = hand_over(p, c, &s, &e);
    assert_int_equal(portd_release(c, (portd_id[]){s, e}, 2, fixture_soon()), 1);
    assert_false(at_end(p[1])); /* released while registered: later */
    ask_no_evts(c, number);
    assert_false(at_end(p[1]));
    assert_int_equal(portd_remove(c, s, fixture_soon()), 1);
    assert_true(at_end(p[1]));
    fixture_until_fds(fixture_broker(), CONNECTION);
}

static void dropped_when_the_session_ends(void **state) {
    portd_client *c = fixture_client(NULL), *last;
    int p[2], q[2];

    (void)state;
    (void)hand_over(p, c, &(portd_id){0}, &(portd_id){0});
    fixture_disconnect(c);
    until_end(p[1]);
    c = fixture_client(NULL);
    last = fixture_joined(c);
    (void)hand_over(q, c, &(portd_id){0}, NULL);
    assert_int_equal(portd_end_session(c, 0, fixture_soon()), 1);
    until_end(q[1]);
    fixture_disconnect(last);
    fixture_disconnect(c);
    fixture_until_fds(fixture_broker(), 0);
}

struct held {
    int fd, told;
};

/* A client with objects for fd, waiting for ever; it closes fd itself. */
static int hold_and_wait(void *data) {
    const struct held *held = data;
    portd_client *client;
    portd_id ids[2];
    portd_ready ready[2];

    if (portd_connect(fixture_address(), NULL, fixture_soon(), &client) != 1 ||
        portd_fd_to_semaphore(client, held->fd, READ, fixture_soon(), &ids[0]) != 1 ||
        portd_fd_to_evt(client, held->fd, READ, PORTD_FD, fixture_soon(), &ids[1]) != 1 ||
        close(held->fd) != 0 || write(held->told, "!", 1) != 1)
        return 1;
    (void)portd_wait(client, ids, 2, 0, PORTD_FOREVER, ready);
    return 2;
}

static void dropped_when_the_client_is_killed(void **state) {
    int p[2], told[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    make_pipe(told);
    pid_t child = fixture_fork(hold_and_wait, &(struct held){p[0], told[1]});
    fixture_close(p[0]);
    assert_true(fixture_poll(told[0], POLLIN) & POLLIN);
    assert_false(at_end(p[1]));
    fixture_until_fds(fixture_broker(), CONNECTION + 1);
    fixture_end(child);
    until_end(p[1]);
    fixture_until_fds(fixture_broker(), 0);
}

/* No copy is kept of what brought no object: none, refused, the same file once more. */
static void nothing_is_kept_that_nothing_refers_to(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id id;
    int p[2], q[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    for (int i = 0; i < 20; i++)
        (void)ask_semaphore(c, p[0], READ);
    fixture_until_fds(fixture_broker(), CONNECTION + 1);
    int path = fixture_own(open("/", O_PATH | O_CLOEXEC)),
        directory = fixture_own(open("/", O_RDONLY | O_CLOEXEC));
    assert_int_equal(portd_fd_to_evt(c, path, READ, PORTD_FD, fixture_soon(), &id), PORTD_E_INVALID);
    assert_none(ask_semaphore(c, directory, READ));
    fixture_until_fds(fixture_broker(), CONNECTION + 1);
    make_pipe(q);
    assert_cause(c, ask_semaphore(c, q[1], WRITE), READY); /* fired: nothing refers to it */
    fixture_close(q[1]);
    until_end(q[0]);
    ask_no_semaphores(c, p[0]);
    fixture_close(p[0]);
    assert_true(at_end(p[1]));
    fixture_until_fds(fixture_broker(), CONNECTION);
}

static void each_session_has_its_own_copy(void **state) {
    portd_client *a = fixture_client(NULL), *b = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    int number = p[0];
    portd_id of_a = ask_evt(a, number, READ), of_b = ask_evt(b, number, READ);
    assert_new(of_a, of_b);
    fixture_until_fds(fixture_broker(), 2 + 2);
    fixture_close(p[0]);
    struct inflight *wait_a = ask_park_one(a, of_a, 0), *wait_b = ask_park_one(b, of_b, 0);
    put(p[1]);
    assert_answer(wait_a, of_a, READY);
    assert_answer(wait_b, of_b, READY);
    ask_no_evts(a, number);
    assert_false(at_end(p[1]));
    ask_no_evts(b, number);
    assert_true(fixture_poll(p[1], 0) & POLLHUP); /* at once, with the unread byte an error, too */
}

/* ---- what all holders share --------------------------------------------------------------------------------------- */

static void exercise(portd_client *c, int fd) {
    portd_id s = ask_semaphore(c, fd, READ), e = ask_evt(c, fd, READ);

    if (s)
        (void)ask_handle(c, s);
    (void)ask_handle(c, e);
    struct inflight *wait = ask_park_one(c, e, PORTD_WAIT_ONE);
    if (wait->request)
        portd_cancel(wait->request);
    (void)ask_answer(wait);
    (void)ask_cause(c, e);
    ask_no_semaphores(c, fd);
    ask_no_evts(c, fd);
}

static void flags_offset_and_bytes_stay(void **state) {
    portd_client *c = fixture_client(NULL);
    char bytes[8] = "";
    int p[2];

    (void)state;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0); /* blocking, as most are */
    (void)fixture_own(p[0]);
    (void)fixture_own(p[1]);
    int flags = fcntl(p[0], F_GETFL);
    assert_false(flags & O_NONBLOCK);
    assert_int_equal(write(p[1], "abcd", 4), 4);
    exercise(c, p[0]);
    assert_int_equal(fcntl(p[0], F_GETFL), flags);
    assert_int_equal(read(p[0], bytes, sizeof(bytes)), 4);
    assert_string_equal(bytes, "abcd");

    char path[FIXTURE_PATH + 8];
    (void)snprintf(path, sizeof(path), "%s/file", fixture_broker()->folder);
    int file = fixture_own(open(path, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(file, "contents", 8), 8);
    assert_int_equal(lseek(file, 3, SEEK_SET), 3);
    flags = fcntl(file, F_GETFL);
    exercise(c, file);
    assert_int_equal(fcntl(file, F_GETFL), flags);
    assert_int_equal(lseek(file, 0, SEEK_CUR), 3);
}

static void the_brokers_close_shuts_nothing_down(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_tcp(p);
    exercise(c, p[0]);
    fixture_disconnect(c);
    fixture_until_fds(fixture_broker(), 0);
    put(p[0]);
    put(p[1]);
    assert_true(fixture_poll(p[0], POLLIN | POLLRDHUP) == POLLIN);
    assert_true(fixture_poll(p[1], POLLIN | POLLRDHUP) == POLLIN);
}

/* A close that lingers would block for a minute. It must hold up neither the loop nor, for long, the answer; and
 * the peer gets every byte. */
static void a_lingering_close_blocks_nobody(void **state) {
    const struct linger linger = {.l_onoff = 1, .l_linger = 60};
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    int p[2];

    (void)state;
    make_tcp(p);
    assert_int_equal(setsockopt(p[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    size_t sent = fill(p[0]);
    int number = p[0];
    portd_id e = ask_evt(c, number, READ);
    assert_cause(c, e, IDLE);
    fixture_close(p[0]); /* the broker's is the last copy now */
    ask_no_evts(c, number);
    assert_int_equal(portd_ping(other, fixture_soon()), 1);
    size_t received = 0;
    while (fixture_poll(p[1], POLLIN | POLLRDHUP)) {
        size_t n = drain(p[1]);
        received += n;
        if (n == 0)
            break;
    }
    assert_int_equal(received, sent);
    fixture_until_fds(fixture_broker(), 2);
}

TEST_MAIN(FIXTURE_CASE(one_copy_for_all_objects_of_a_number),
          FIXTURE_CASE(dropped_when_the_last_semaphore_fires), FIXTURE_CASE(dropped_when_removed_or_released),
          FIXTURE_CASE(dropped_when_the_session_ends), FIXTURE_CASE(dropped_when_the_client_is_killed),
          FIXTURE_CASE(nothing_is_kept_that_nothing_refers_to), FIXTURE_CASE(each_session_has_its_own_copy),
          FIXTURE_CASE(flags_offset_and_bytes_stay), FIXTURE_CASE(the_brokers_close_shuts_nothing_down),
          FIXTURE_CASE(a_lingering_close_blocks_nobody))
