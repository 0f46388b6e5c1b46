/* side_door.c: opens and closes it. */
#include "side_door.h"

#include "base/log.h"
#include "door.h"

int side_door_open(struct side_door *door, const struct config *config, enum config_key key) {
    const char *address = config_text(config, key);
    if (!address)
        return 0;
    int error =
        transport_listen(address, (unsigned)config_number(config, CONFIG_MODE), &door->fd, &door->file);
    if (error) {
        door_complain(address, error);
        return error;
    }
    door->address = address;
    return 0;
}

int side_door_try(const struct config *config, enum config_key key) {
    struct side_door door = {.fd = OS_FD_NONE};
    int error = side_door_open(&door, config, key);
    side_door_close(&door);
    os_close(door.fd);
    return error;
}

int side_door_listen(struct side_door *door, const struct dialect *dialect, struct sessions *sessions,
                     struct users *users) {
    if (!door->address)
        return 0;
    int error = listener_open(&door->listener, door->fd, sessions, users);
    listener_speak(&door->listener, dialect);
    door->listens = true;
    if (!error)
        log_write(LOG_LEVEL_INFO, "listening for clients of another protocol; address=%s", door->address);
    return error;
}

void side_door_close(struct side_door *door) {
    if (!door->address)
        return;
    transport_refuse(door->fd);
    transport_unlink(door->address, &door->file);
    if (door->listens)
        listener_close(&door->listener);
    door->address = NULL;
}
