/* streams_plain.c: for a stdio whose streams cannot be replaced. A write to a full, non-blocking stream then fails. */
#include "native.h"

int native_wait_for_streams(void) { return 0; }
