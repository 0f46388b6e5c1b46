/* side_door.c: opens and closes it. */
#include "side_door.h"

#include "base/log.h"
#include "door.h"
#include "proto/letter.h"
#include "upgrade/heir.h"

int side_door_open(struct side_door *door, const struct config *config, enum config_key key,
                   struct heir *heir) {
    const char *address = config_text(config, key);
    if (!address)
        return 0;
    door->fd = heir_take_door(heir, address, &door->file);
    if (door->fd != OS_FD_NONE) {
        door->address = address;
        return 0;
    }
    unsigned mode = (unsigned)config_number(config, CONFIG_MODE);
    int error = key == CONFIG_DOOR_NOTIFY ? letter_bind(address, mode, &door->fd, &door->file)
                                          : transport_listen(address, mode, &door->fd, &door->file);
    if (error) {
        door_complain(address, error);
        return error;
    }
    door->address = address;
    return 0;
}

int side_door_try(const struct config *config, enum config_key key) {
    struct side_door door = {.fd = OS_FD_NONE};
    struct heir none = {.is_one = false};
    int error = side_door_open(&door, config, key, &none);
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

int side_door_take(struct side_door *door, struct sessions *sessions, struct users *users) {
    if (!door->address)
        return 0;
    int error = post_open(&door->post, door->fd, sessions, users);
    door->takes = true;
    if (!error)
        log_write(LOG_LEVEL_INFO, "waiting for notifications; address=%s", door->address);
    return error;
}

void side_door_close(struct side_door *door) {
    if (!door->address)
        return;
    transport_refuse(door->fd);
    transport_unlink(door->address, &door->file);
    if (door->listens)
        listener_close(&door->listener);
    if (door->takes)
        post_close(&door->post);
    door->address = NULL;
}
