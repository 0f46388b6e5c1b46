/* inspect_kinds_unix.c: what inspect.h asks for the sake of Windows. */
#include "inspect.h"

/* What cannot be watched is always ready. */
bool inspect_tells_ready(enum inspect_type type, bool write) {
    (void)type;
    (void)write;
    return true;
}

/* The engine tells. */
bool inspect_is_unwatchable(enum inspect_type type) {
    (void)type;
    return false;
}

bool inspect_sockets_are_apart(void) { return false; }
