/* ends_win.c: ends.h by named pipes. */
#include "tests/support/test.h"

#include "tests/support/ends.h"

#include <windows.h>

os_fd ends_listen(struct ends_place *place) {
    static unsigned n;
    os_fd listener = OS_FD_NONE;

    (void)snprintf(place->address, sizeof(place->address), "npipe:portd-test-%lu-%u", GetCurrentProcessId(),
                   n++);
    assert_int_equal(transport_listen(place->address, 0600, &listener, &place->file), 0);
    return listener;
}

void ends_unlisten(struct ends_place *place, os_fd listener) {
    transport_unlink(place->address, &place->file);
    os_close(listener);
}

struct transport ends_accept(os_fd listener) {
    struct transport server = transport_none();

    ends_await(listener);
    assert_int_equal(transport_accept(listener, &server), 0);
    return server;
}

void ends_open(struct transport *server, struct transport *client) {
    struct ends_place place;
    os_fd listener = ends_listen(&place);

    assert_int_equal(transport_connect(place.address, client), 0);
    *server = ends_accept(listener);
    ends_unlisten(&place, listener);
}

bool ends_is_ready(os_fd pollable) { return WaitForSingleObject(pollable, 0) == WAIT_OBJECT_0; }

void ends_await(os_fd pollable) { assert_int_equal(WaitForSingleObject(pollable, ENDS_MS), WAIT_OBJECT_0); }
