/* door.c: opens and closes the listener.
 *
 * An idle broker that exits must not lose a client that connects meanwhile. So it removes the socket file first: then only
 * clients that opened the file before can still connect, and they are in the listener's queue, which is checked afterwards. An
 * inherited listener stays open in the process that passed it, and so does its queue. */
#include "door.h"

#include "base/log.h"
#include "config/config.h"
#include "proto/peer.h"
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Some errnos need a better text than os_error_text's. */
void door_complain(const char *address, int error) {
    const char *why = os_error_text(-error);
    if (error == -EADDRINUSE)
        why = "another program is listening there, perhaps a broker";
    else if (error == -EBUSY)
        why = "another broker is starting or stopping there and holds the lock";
    else if (error == -EEXIST)
        why = "the existing file is not a socket";
    else if (error == -EPERM)
        why = "the lock file, of that name with .lock added, belongs to another user";
    else if (error == -ENOTEMPTY)
        why =
            "what has that name with .lock added is not an empty file, so no broker's lock: move it away, or "
            "use another address";
    log_write(LOG_LEVEL_ERROR, "cannot listen on %s: %s", address, why);
}

/* The address to listen on if no listener was inherited: root's is the system's. */
static int choose_address(struct door *door, const struct config *config) {
    const char *listen = config_text(config, CONFIG_LISTEN);
    int error;
    if (listen) {
        (void)snprintf(door->address, sizeof door->address, "%s", listen);
        return 0;
    }
    if (peer_self() != 0) {
        error = address_user(door->address, 1);
        if (error == -EPERM)
            log_write(LOG_LEVEL_ERROR,
                      "cannot use the directory of %s: it belongs to another user, or others may write to "
                      "it; set XDG_RUNTIME_DIR (or TMPDIR), or use --listen",
                      door->address);
        else if (error)
            log_write(LOG_LEVEL_ERROR,
                      "cannot create the directory of %s: %s; XDG_RUNTIME_DIR, if set, else TMPDIR must name "
                      "a directory in which this user can create a directory, or use --listen",
                      *door->address ? door->address : "this user's socket", os_error_text(-error));
        return error;
    }
    (void)snprintf(door->address, sizeof door->address, "%s", address_system());
    error = address_system_make();
    if (error)
        log_write(LOG_LEVEL_ERROR, "cannot prepare the directory of %s: %s", door->address,
                  error == -EPERM ? "it must belong to root and be writable by nobody else"
                                  : os_error_text(-error));
    return error;
}

static int adopt(struct door *door) {
    int error = transport_adopt(door->listener);
    if (!error && !transport_listens(door->listener))
        error = -EINVAL;
    if (error)
        log_write(LOG_LEVEL_ERROR, "LISTEN_FDS does not name a listening Unix stream socket: %s",
                  os_error_text(-error));
    else
        log_write(LOG_LEVEL_INFO, "listening on the inherited socket");
    return error;
}

void door_discard_stored(struct door *door) {
    for (size_t i = 0; i < door->n_stored; i++)
        os_close(door->stored[i].fd);
    free(door->stored);
    door->stored = NULL;
    door->n_stored = 0;
}

int door_inherit(struct door *door, os_fd listener) {
    *door = (struct door){.listener = listener, .file.lock = OS_FD_NONE};
    return adopt(door);
}

static int open_listener(struct door *door, const struct config *config) {
    int error, given = service_listener(config_text(config, CONFIG_LISTEN) ? NULL : &door->listener,
                                        &door->stored, &door->n_stored);
    if (given > 0)
        return adopt(door);
    if (given < 0 && !config_text(config, CONFIG_LISTEN)) {
        log_write(LOG_LEVEL_ERROR, "invalid LISTEN_FDS: %s", os_error_text(-given));
        return given;
    }
    error = choose_address(door, config);
    if (error)
        return error;
    error = transport_listen(door->address, (unsigned)config_number(config, CONFIG_MODE), &door->listener,
                             &door->file);
    if (!error)
        log_write(LOG_LEVEL_INFO, "listening; address=%s", door->address);
    else if (error == -EADDRINUSE &&
             config_number(config, CONFIG_IDLE_EXIT)) /* started on demand, and a broker is there */
        log_write(LOG_LEVEL_INFO, "another program is already listening, perhaps a broker; address=%s",
                  door->address);
    else
        door_complain(door->address, error);
    door->own = !error && strncmp(door->address, "fd:", 3) != 0;
    return error;
}

int door_open(struct door *door, const struct config *config) {
    *door = (struct door){.listener = OS_FD_NONE, .file.lock = OS_FD_NONE};
    int error = open_listener(door, config);
    if (error)
        door_discard_stored(door);
    return error;
}

int door_leave(struct door *door) {
    int error;
    if (transport_waits(door->listener))
        return -EAGAIN;
    if (!door->own)
        return 0;
    error = transport_hide(door->address, &door->file);
    if (error)
        return error;
    if (transport_waits(door->listener)) {
        transport_show(door->address, &door->file);
        return -EAGAIN;
    }
    door_close(door);
    return 0;
}

void door_close(struct door *door) {
    if (!door->own)
        return;
    door->own = false;
    transport_refuse(door->listener);
    transport_unlink(door->address, &door->file);
}
