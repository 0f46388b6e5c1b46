/* doorway_unix.c: a socket file, whose mode and folder say who may come. */
#include "doorway.h"

#include "proto/address.h"

const char *doorway_check(const char *text) {
    struct address address;
    const char *fault = address_parse(text, &address);
    if (!fault && (address.kind != ADDRESS_UNIX || address.path[0] != '/'))
        fault = "expected unix: and the path of a socket file, such as unix:/run/portd/s6.sock";
    return fault;
}
