/* line_win.c: line.h by named pipes. */
#include "tests/support/test.h"

#include "tests/support/line.h"

#include <windows.h>

os_fd line_listen(struct line_place *place) {
    static unsigned n;
    os_fd listener = OS_FD_NONE;

    (void)snprintf(place->address, sizeof(place->address), "npipe:portd-test-%lu-%u", GetCurrentProcessId(),
                   n++);
    assert_int_equal(transport_listen(place->address, 0600, &listener, &place->file), 0);
    return listener;
}

void line_unlisten(struct line_place *place, os_fd listener) {
    transport_unlink(place->address, &place->file);
    os_close(listener);
}

struct transport line_accept(os_fd listener) {
    struct transport server = transport_none();

    line_await(listener);
    assert_int_equal(transport_accept(listener, &server), 0);
    return server;
}

void line_open(struct transport *server, struct transport *client) {
    struct line_place place;
    os_fd listener = line_listen(&place);

    assert_int_equal(transport_connect(place.address, client), 0);
    *server = line_accept(listener);
    line_unlisten(&place, listener);
}

bool line_is_ready(os_fd pollable) { return WaitForSingleObject(pollable, 0) == WAIT_OBJECT_0; }

void line_await(os_fd pollable) { assert_int_equal(WaitForSingleObject(pollable, LINE_MS), WAIT_OBJECT_0); }
