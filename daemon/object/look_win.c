/* look_win.c: look.h on Windows, which tells the addresses of sockets only: another holder's use of a handle can make other questions wait. */
#include "look.h"

void look_begin(os_fd fd, enum inspect_type type, struct look_state *state) {
    (void)fd;
    (void)type;
    *state = (struct look_state){0};
}

void look_fill(os_fd fd, enum inspect_type type, struct look *look) {
    look_begin(fd, type, &look->state);
    if (inspect_is_socket(type))
        (void)stream_addresses(fd, &look->local, &look->peer);
}

int look_listen(os_fd fd, enum inspect_type type, uint16_t *lost) {
    (void)fd;
    (void)type;
    (void)lost;
    return LOOK_E_NO_WAY;
}

int look_set_flags(os_fd fd, unsigned flags) {
    (void)fd;
    (void)flags;
    return LOOK_E_NO_WAY;
}
