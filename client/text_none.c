/* text_none.c: text.h where text mode has no meaning. */
#include "text.h"

int text_note(portd_client *client, portd_id port) {
    (void)client;
    (void)port;
    return 0;
}

int text_read_start(portd_client *client, portd_id port, size_t size, unsigned flags,
                    portd_callback *callback, void *data, portd_request **request) {
    (void)client;
    (void)port;
    (void)size;
    (void)flags;
    (void)callback;
    (void)data;
    (void)request;
    return 0;
}

int text_write_start(portd_client *client, portd_id port, const void *bytes, size_t size,
                     portd_callback *callback, void *data, portd_request **request) {
    (void)client;
    (void)port;
    (void)bytes;
    (void)size;
    (void)callback;
    (void)data;
    (void)request;
    return 0;
}
