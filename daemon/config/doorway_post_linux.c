/* doorway_post_linux.c: every sender is told. */
#include "doorway.h"

const char *doorway_check_post(const char *text) { return doorway_check(text); }
