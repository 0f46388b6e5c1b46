/* features_linux.c: features.h for Linux. */
#include "features.h"

/* The last one tells who should attach an eventfd: a client that need not is answered faster. */
char **features_list(bool trusted, size_t *n) {
    static char *features[] = {"handle-eventfd", "handle-epoll", "handle-attach", "wait-one",
                               "goodbye",        "owner-pidfd",  "ports",         "stats",
                               "monitor",        "owners",       "reach",         "splice",
                               "undo",           "reload",       "hold",          "why",
                               "spool",          "look",         "resize",        "handle-attach-eventfd"};
    *n = sizeof features / sizeof *features - (trusted ? 1 : 0);
    return features;
}

bool features_wakes_one(void) { return true; }
