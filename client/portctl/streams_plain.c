/* streams_plain.c: a stdio whose streams cannot be replaced. One that is full and non-blocking is a failure of the call then. */
#include "native.h"

int native_wait_for_streams(void) { return 0; }
