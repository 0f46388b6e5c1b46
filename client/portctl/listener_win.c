/* listener_win.c: portctl makes no listening sockets on Windows. */
#include "listener.h"

#include "failure.h"

int listener_check(const struct invocation *in, const char *address) {
    return failure_code(&in->output, PORTD_E_UNSUPPORTED,
                        "'socket N' has one held that portctl has inherited",
                        "listen %s: portctl makes no listening sockets on Windows", address);
}

int listener_open(const struct invocation *in, const char *address, portd_native *listener) {
    *listener = -1;
    return listener_check(in, address);
}

void listener_forget(const char *address) { (void)address; }
