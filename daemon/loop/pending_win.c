/* pending_win.c: pending.h where no descriptor reports the signals of the thread that polls it. */
#include "pending.h"

void pending_begin_thread(void) {}

void pending_call(void (*work)(void *context), void *context) { work(context); }
