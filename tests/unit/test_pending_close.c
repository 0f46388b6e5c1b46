/* test_pending_close.c: many requests of one uid wait for the close of one descriptor. They are answered in turns of the uid, and one whose
 * connection ends meanwhile does not keep the others from it. */
#include "tests/support/test.h"

#include "daemon/object/descriptor.h"
#include "daemon/object/waitable.h"
#include "portd.pb-c.h"
#include "proto/frame.h"
#include "tests/support/on_socket.h"
#include "tests/support/world.h"

#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 8, EACH = 100, ALL = CONNECTIONS * EACH, WAITING = ALL / 2 };

static struct {
    int fds[CONNECTIONS];
    struct descriptor *descriptor;
    struct user *other;
    struct task task; /* of the other uid */
    size_t
        least; /* in flight while some, but not all, had been answered; SIZE_MAX: it has seen no such time */
} closed;

static void ask(int fd, const Portd__V1__Request *request, const os_fd *fds, size_t n_fds) {
    uint8_t bytes[256];
    size_t length = portd__v1__request__pack(request, bytes + FRAME_HEADER);

    frame_encode(bytes, (struct frame_header){.length = (uint32_t)length, .n_fds = (uint16_t)n_fds});
    assert_int_equal(on_socket_send(fd, bytes, FRAME_HEADER + length, fds, n_fds), FRAME_HEADER + length);
}

static void greet(int fd) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Hello hello = PORTD__V1__HELLO__INIT;

    hello.version_min = hello.version_max = 1;
    hello.reach = true;
    request.id = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    request.hello = &hello;
    ask(fd, &request, NULL, 0);
}

static void wrap(int fd, os_fd file) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapFileDescriptor wrapped = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;

    wrapped.number = 5;
    wrapped.read = true;
    request.id = 2;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT;
    request.file_descriptor_to_port = &wrapped;
    ask(fd, &request, &file, 1);
}

static void close_port(int fd, uint64_t port, uint64_t id) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Close message = PORTD__V1__CLOSE__INIT;

    message.id = port;
    request.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_CLOSE;
    request.close = &message;
    ask(fd, &request, NULL, 0);
}

static bool all_are_in_flight(void) { return world.sessions.n_inflight == ALL; }
static bool half_are_in_flight(void) { return world.sessions.n_inflight == WAITING; }
static bool none_is_in_flight(void) { return world.sessions.n_inflight == 0; }
static bool nobody_is_there(void) { return world.fd_table.used == world.used; }

static void on_turn(struct task *task) {
    size_t n = world.sessions.n_inflight;

    if (n < WAITING && n > 0)
        closed.least = n;
    if (n > 0)
        turn_queue(&closed.other->lane, task);
}

static const struct object *find_port(void) {
    const struct session *session = world.sessions.list;
    const struct object *object = session ? session->session_objects.objects : NULL;

    while (object && object_kind_of(object->id) != OBJECT_PORT)
        object = object->next;
    return object;
}

static bool there_is_a_port(void) { return find_port() != NULL; }

static void replies_come_in_turns(void **state) {
    int ends[2];

    (void)state;
    assert_return_code(pipe(ends), errno);
    for (int i = 0; i < CONNECTIONS; i++) {
        closed.fds[i] = world_connect();
        assert_true(closed.fds[i] >= 0);
        greet(closed.fds[i]);
        world_until_idle();
    }
    wrap(closed.fds[0], ends[0]);
    assert_true(world_until(there_is_a_port));
    uint64_t port = find_port()->id;
    closed.descriptor = waitable_source((const struct waitable *)registry_find(&world.registry, port));
    descriptor_begin_job(closed.descriptor); /* it is closed when that ends */
    for (int i = 0; i < CONNECTIONS; i++)
        for (uint64_t k = 0; k < EACH; k++) {
            close_port(closed.fds[i], port, 3 + k);
            world_until_idle();
        }
    assert_true(world_until(all_are_in_flight));
    for (int i = 1; i < CONNECTIONS; i += 2) /* theirs are among the others */
        os_close(closed.fds[i]);
    assert_true(world_until(half_are_in_flight));
    closed.other = user_ref(&world.users, world.users.own + 1);
    assert_non_null(closed.other);
    closed.task.step = on_turn;
    closed.least = SIZE_MAX;
    turn_queue(&closed.other->lane, &closed.task);
    descriptor_end_job(closed.descriptor);
    assert_true(world_until(none_is_in_flight));
    assert_true(closed.least < WAITING);
    world_until_idle();
    user_unref(closed.other);
    for (int i = 0; i < CONNECTIONS; i += 2)
        os_close(closed.fds[i]);
    os_close(ends[0]);
    os_close(ends[1]);
    assert_true(world_until(nobody_is_there));
}

static int begin(void **state) {
    (void)state;
    world_make(64);
    return 0;
}

static int end(void **state) {
    (void)state;
    world_free();
    return 0;
}

TEST_MAIN(cmocka_unit_test_setup_teardown(replies_come_in_turns, begin, end))
