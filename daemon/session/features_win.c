/* features_win.c: features.h for Windows: event objects for handles, hints for those of events, and no wake-one, for which the engine would need edges. */
#include "features.h"

char **features_list(bool trusted, size_t *n) {
    static char *features[] = {"handle-event-object",
                               "handle-hint",
                               "goodbye",
                               "ports",
                               "stats",
                               "monitor",
                               "owners",
                               "reach",
                               "undo",
                               "reload",
                               "hold",
                               "why",
                               "look"};
    (void)trusted;
    *n = sizeof features / sizeof *features;
    return features;
}

bool features_wakes_one(void) { return false; }
