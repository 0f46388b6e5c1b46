/* placeholder_win.c: placeholder.h where a handle's value is free as soon as CloseHandle or closesocket begins.
 *
 * Nothing can take its place, so placeholder_put closes it, and there is nothing to drop. The system may give the value to another handle
 * before the loop knows. That harms nobody: whatever knew the descriptor by its value (the engine, the connection, the object) has let
 * go of it before the closer gets it, and the closer's records do not go by value.
 *
 * closesocket of a socket that lingers may wait for its peer, and no interrupt ends that: its worker counts as stuck then (offload.h). */
#include "placeholder.h"

int placeholder_open(struct placeholder *placeholder) {
    placeholder->fd = OS_FD_NONE;
    return 0;
}

void placeholder_close(struct placeholder *placeholder) { placeholder->fd = OS_FD_NONE; }

void placeholder_put(const struct placeholder *placeholder, os_fd fd) {
    (void)placeholder;
    os_close(fd);
}

void placeholder_drop(os_fd fd) { (void)fd; }
