/* emulation_none_win.c: what Windows lacks. */
#include "engine_case.h"

#include <winsock2.h>

#include <stddef.h>

const char *emulation_fault(enum fault fault) {
    switch (fault) {
    case FAULT_NO_ROOM:
        return "nothing tells on Windows whether a pipe has room";
    case FAULT_NO_EDGES:
        return "there are no edges on Windows";
    default:
        return NULL;
    }
}

/* The first probe opens a handle of the driver of sockets, which stays open. */
void emulation_begin(void) {
    struct engine_probe probe = {.fd = OS_FD_NONE};
    WSADATA data;

    assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
    assert_int_equal(engine_probe(&probe, 1), 0);
}

void emulation_settle(const unsigned char *before) { (void)before; }
