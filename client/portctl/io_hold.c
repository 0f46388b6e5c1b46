/* io_hold.c: a port of what is held under a name, for cat, write and relay. It is in a session of portctl's own, and ends with that. */
#include "io.h"

#include "failure.h"
#include "hold.h"

static int wrap(struct io *io, const struct holds *holds, int direction) {
    unsigned flags = direction == PORTD_DIRECTION_READ    ? PORTD_READ
                     : direction == PORTD_DIRECTION_WRITE ? PORTD_WRITE
                                                          : PORTD_READ | PORTD_WRITE;
    portd_client *client = io->broker.client;
    portd_id input = 0, output = 0;
    int rc = hold_check(io->in, client);

    if (rc != 0)
        return rc;
    rc = portd_hold_to_port(client, hold_owner(holds), holds->names[0], flags, io->in->deadline, &input,
                            &output);
    if (rc < 0)
        return hold_fail(io->in, client, rc, NULL);
    io->port = input != 0 ? input : output;
    return 0;
}

int io_open_hold(struct io *io, const char *word, int direction) {
    struct broker_wish wish = {.session = BROKER_ALONE, .start = true, .deadline = io->in->deadline};
    struct holds holds = {.n = 0};
    int rc = hold_add(io->in, &holds, word);

    if (rc == 0)
        rc = hold_read_owner(io->in, &holds);
    if (rc == 0)
        rc = broker_connect(io->in, &wish, &io->broker);
    if (rc == 0 && (rc = wrap(io, &holds, direction)) != 0)
        broker_disconnect(&io->broker);
    return rc;
}
