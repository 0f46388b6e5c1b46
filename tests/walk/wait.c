/* wait.c: starts one wait and is woken from it, for scripts/walk. Each step begins when the broker sleeps. */
#include "client/portd.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/* Not instrumented: the walk is that of the library. */
#define PLAIN __attribute__((no_instrument_function))

PLAIN static void on_ready(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(int *)data = result->code;
}

PLAIN int main(int argc, char **argv) {
    portd_client *client;
    portd_id event;
    int ends[2], code = 0;

    if (argc != 2 || pipe(ends) < 0 || portd_connect(argv[1], NULL, PORTD_FOREVER, &client) != 1 ||
        portd_fd_to_evt(client, ends[0], PORTD_MODE_READ, PORTD_FD, PORTD_FOREVER, &event) != 1)
        return 1;
    (void)poll(NULL, 0, 200);
    if (portd_wait_start(client, &event, 1, 0, PORTD_FOREVER, on_ready, &code, NULL) != 1)
        return 1;
    (void)portd_poll(client, portd_now() + 200000);
    if (write(ends[1], "x", 1) != 1)
        return 1;
    (void)poll(NULL, 0, 200);
    while (!code)
        (void)portd_poll(client, PORTD_FOREVER);
    portd_disconnect(client);
    return code == 1 ? 0 : 1;
}
