/* doorway_post_bsd.c: a door for sd_notify(3) is for programs of systemd, which runs on Linux only. */
#include "doorway.h"

const char *doorway_check_post(const char *text) {
    (void)text;
    return "there is such a door on Linux only";
}
