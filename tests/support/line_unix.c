/* line_unix.c: line.h by sockets. */
#include "tests/support/test.h"

#include "tests/support/line.h"

#include <poll.h>
#include <sys/socket.h>

os_fd line_listen(struct line_place *place) {
    os_fd listener = OS_FD_NONE;

    strcpy(place->folder, "/tmp/portd-line-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->address, sizeof(place->address), "unix:%s/portd.sock", place->folder);
    assert_int_equal(transport_listen(place->address, 0600, &listener, &place->file), 0);
    return listener;
}

void line_unlisten(struct line_place *place, os_fd listener) {
    transport_unlink(place->address, &place->file);
    os_close(listener);
    (void)rmdir(place->folder);
}

struct transport line_accept(os_fd listener) {
    struct transport server = transport_none();

    line_await(listener);
    assert_int_equal(transport_accept(listener, &server), 0);
    return server;
}

void line_open(struct transport *server, struct transport *client) {
    int pair[2];

    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), errno);
    *server = (struct transport){.end = pair[0]};
    *client = (struct transport){.end = pair[1]};
}

static bool is_ready(os_fd pollable, int ms) {
    struct pollfd p = {.fd = pollable, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

bool line_is_ready(os_fd pollable) { return is_ready(pollable, 0); }

void line_await(os_fd pollable) { assert_true(is_ready(pollable, LINE_MS)); }
