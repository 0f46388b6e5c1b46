/* streams_plain.c: for a stdio whose streams cannot be replaced. A write to a full, non-blocking stream then fails, and one to a full, blocking stream
 * waits without limit. */
#include "native.h"

int native_wait_for_streams(void) { return 0; }

void native_limit_streams(int64_t deadline) { (void)deadline; }

bool native_output_late(void) { return false; }

int native_output_error(void) { return 0; }
