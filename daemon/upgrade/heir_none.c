/* heir_none.c: no broker takes over from another one here. */
#include "heir.h"

#include <string.h>

int heir_begin(struct heir *heir, os_fd link) {
    (void)link;
    memset(heir, 0, sizeof *heir);
    return 0;
}

os_fd heir_take_door(struct heir *heir, const char *address, struct transport_file *file) {
    (void)heir;
    (void)address;
    (void)file;
    return OS_FD_NONE;
}

int heir_read(struct heir *heir, void (*fn)(void *context, struct store_entry *entry), void *context) {
    (void)heir;
    (void)fn;
    (void)context;
    return 0;
}

int heir_connect(struct heir *heir, struct sessions *sessions) {
    (void)heir;
    (void)sessions;
    return 0;
}

int heir_take_over(struct heir *heir) {
    (void)heir;
    return 0;
}

void heir_fail(struct heir *heir, const char *why) {
    (void)heir;
    (void)why;
}

void heir_deinit(struct heir *heir) { (void)heir; }
