/* same_file_bsd.c: same_file.h where no process may compare another one's descriptors. */
#include "same_file.h"

enum same_file same_file(pid_t one, pid_t other, int number) {
    (void)one;
    (void)other;
    (void)number;
    return SAME_FILE_UNKNOWN;
}
