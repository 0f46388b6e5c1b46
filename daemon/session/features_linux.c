/* features_linux.c: features.h for Linux. */
#include "features.h"

char **features_list(size_t *n) {
    static char *features[] = {"handle-eventfd", "handle-epoll", "handle-attach", "wait-one", "goodbye",
                               "owner-pidfd",    "ports",        "stats",         "monitor",  "owners",
                               "reach",          "splice",       "undo"};
    *n = sizeof features / sizeof *features;
    return features;
}
