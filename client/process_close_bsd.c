/* process_close_bsd.c: the BSDs close what is open from a number on in one call. */
#include "process.h"

#include <unistd.h>

int process_close_from(int first) {
    closefrom(first);
    return 0;
}
