/* consumer.c: a third-party program that has only what is installed. C99; scripts/check-install.sh builds and runs it.
 *
 * It queries the broker at PORTD_ADDRESS, blocking and without blocking, and prints the version of the library. */
#define _POSIX_C_SOURCE 200809L

#include <portd.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void on_pong(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(int *)data = result->code;
}

/* A byte goes into the pipe and comes out of the port; the number is given away. */
static int move_a_byte(portd_client *client) {
    portd_id input, readable;
    portd_ready ready;
    char byte = 0;
    size_t n;
    int ends[2];

    if (pipe(ends) < 0)
        return 0;
    if (portd_fd_to_evt(client, ends[0], PORTD_MODE_READ, PORTD_FD, PORTD_FOREVER, &readable) != 1)
        return 0;
    if (portd_fd_to_port_take(client, ends[0], "consumer", PORTD_READ, PORTD_FOREVER, &input, NULL) != 1)
        return 0;
    if (portd_wait(client, &readable, 1, 0, 0, &ready) != 0 || write(ends[1], "b", 1) != 1)
        return 0;
    if (portd_wait(client, &readable, 1, 0, PORTD_FOREVER, &ready) != 1 || ready.cause != PORTD_CAUSE_READY)
        return 0;
    if (portd_port_read(client, input, &byte, 1, 0, PORTD_FOREVER, &n, NULL) != 1 || n != 1 || byte != 'b')
        return 0;
    return portd_port_close(client, input, PORTD_FOREVER) == 1 && close(ends[1]) == 0;
}

int main(void) {
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client;
    char why[256] = "";
    int pong = 0;

    options.message = why;
    options.message_size = sizeof(why);
    if (portd_connect(NULL, &options, portd_now() + 10 * 1000000, &client) < 0) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    if (!move_a_byte(client) || portd_ping_start(client, on_pong, &pong, NULL) != 1) {
        fprintf(stderr, "%s\n", portd_last_error(client));
        return 2;
    }
    while (pong == 0 && portd_poll(client, PORTD_FOREVER) > 0)
        continue;
    portd_disconnect(client);
    if (pong != 1 || portd_version() != PORTD_VERSION_HEX || !portd_has_feature("ports"))
        return 3;
    printf("%u.%u.%u\n", portd_version() >> 16, portd_version() >> 8 & 255, portd_version() & 255);
    return 0;
}
