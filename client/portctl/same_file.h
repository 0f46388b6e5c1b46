/* same_file.h: whether two processes have the same open file under a number. */
#ifndef SAME_FILE_H
#define SAME_FILE_H

#include <sys/types.h>

enum same_file { SAME_FILE_NO, SAME_FILE_YES, SAME_FILE_UNKNOWN /* this user may not know */ };

/* The number must be open in `one`. */
enum same_file same_file(pid_t one, pid_t other, int number);

#endif
