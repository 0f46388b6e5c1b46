/* test_door.c: a broker that exits, and clients that connect meanwhile. */

#include "tests/support/test.h"

#include "daemon/config/config.h"
#include "daemon/door.h"
#include "tests/support/on_socket.h"

#include <sys/socket.h>

static char folder[64], address[128];
static struct config config;

static void make(void) {
    (void)snprintf(folder, sizeof(folder), "/tmp/portd-door-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(address, sizeof(address), "unix:%s/portd.sock", folder);
    config =
        (struct config){.settings = {[CONFIG_LISTEN] = {.text = address}, [CONFIG_MODE] = {.number = 0600}}};
}

static void a_client_that_waits_keeps_the_door_open(void **state) {
    struct door door;
    os_fd client, server;

    (void)state;
    make();
    assert_int_equal(door_open(&door, &config), 0);
    assert_int_equal(on_socket_connect(address, &client), 0);
    assert_int_equal(door_leave(&door), -EAGAIN);
    assert_int_equal(on_socket_accept(door.listener, &server), 0);
    os_close(server);
    os_close(client);
    assert_int_equal(on_socket_connect(address, &client), 0); /* as before */
    assert_int_equal(door_leave(&door), -EAGAIN);
    assert_int_equal(on_socket_accept(door.listener, &server), 0);
    os_close(server);
    assert_int_equal(door_leave(&door), 0);
    assert_int_equal(on_socket_connect(address, &server), -ENOENT);
    os_close(client);
    os_close(door.listener);
    assert_return_code(rmdir(folder), errno);
}

/* There is no file that could be taken away first. */
static void a_name_is_given_up_at_once(void **state) {
    struct door door;
    os_fd client;
    char name[64];

    (void)state;
    make();
    (void)snprintf(name, sizeof(name), "unix:@portd-door-%d", (int)getpid());
    config.settings[CONFIG_LISTEN].text = name;
    assert_int_equal(door_open(&door, &config), 0);
    assert_int_equal(door_leave(&door), 0);
    assert_int_equal(on_socket_connect(name, &client), -ECONNREFUSED);
    os_close(door.listener);
    assert_return_code(rmdir(folder), errno);
}

/* Its queue is there for the next broker. */
static void a_listener_of_somebody_else_stays_open(void **state) {
    struct door own, other;
    os_fd client;
    char number[32];

    (void)state;
    make();
    assert_int_equal(door_open(&own, &config), 0);
    (void)snprintf(number, sizeof(number), "fd:%d", own.listener);
    config.settings[CONFIG_LISTEN].text = number;
    assert_int_equal(door_open(&other, &config), 0);
    assert_int_equal(door_leave(&other), 0);
    door_close(&other);
    assert_int_equal(on_socket_connect(address, &client), 0);
    assert_int_equal(door_leave(&other), -EAGAIN);
    os_close(client);
    door_close(&own);
    os_close(own.listener);
    assert_return_code(rmdir(folder), errno);
}

/* It is ready for ever, and nobody can come. */
static void a_listener_that_was_shut_down_keeps_nobody(void **state) {
    struct door own, other;
    char number[32];

    (void)state;
    make();
    assert_int_equal(door_open(&own, &config), 0);
    (void)snprintf(number, sizeof(number), "fd:%d", own.listener);
    config.settings[CONFIG_LISTEN].text = number;
    assert_int_equal(door_open(&other, &config), 0);
    transport_refuse(own.listener);
    assert_int_equal(door_leave(&other), 0);
    door_close(&own);
    os_close(own.listener);
    assert_return_code(rmdir(folder), errno);
}

/* What has the name of the lock is somebody's file. */
static void a_door_that_cannot_be_closed_stays_open(void **state) {
    struct door door;
    os_fd client, server;
    char lock[128];

    (void)state;
    make();
    assert_int_equal(door_open(&door, &config), 0);
    (void)snprintf(lock, sizeof(lock), "%s/portd.sock.lock", folder);
    FILE *file = fopen(lock, "w");
    assert_non_null(file);
    assert_true(fputs("mine", file) >= 0 && fclose(file) == 0);
    assert_int_equal(door_leave(&door), -ENOTEMPTY);
    assert_int_equal(on_socket_connect(address, &client), 0);
    assert_int_equal(on_socket_accept(door.listener, &server), 0);
    os_close(server);
    os_close(client);
    assert_return_code(unlink(lock), errno);
    assert_int_equal(door_leave(&door), 0);
    os_close(door.listener);
    assert_return_code(rmdir(folder), errno);
}

TEST_MAIN(TEST_CASE(a_client_that_waits_keeps_the_door_open), TEST_CASE(a_name_is_given_up_at_once),
          TEST_CASE(a_listener_of_somebody_else_stays_open),
          TEST_CASE(a_listener_that_was_shut_down_keeps_nobody),
          TEST_CASE(a_door_that_cannot_be_closed_stays_open))
