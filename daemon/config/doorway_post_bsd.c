/* doorway_post_bsd.c: letters are not implemented. */
#include "doorway.h"

const char *doorway_check_post(const char *text) {
    (void)text;
    return "there is such a door on Linux only";
}
