/* features_bsd.c: features.h for the BSDs and macOS: hints for handles of events, no pidfds and no splice. */
#include "features.h"

char **features_list(bool trusted, size_t *n) {
    static char *features[] = {"handle-pipe", "handle-hint", "wait-one", "goodbye", "ports",
                               "stats",       "monitor",     "owners",   "reach",   "undo",
                               "reload",      "hold",        "why",      "look",    "resize"};
    (void)trusted;
    *n = sizeof features / sizeof *features;
    return features;
}

bool features_wakes_one(void) { return true; }
