/* transfer_win.h: one read or one write of a file, pipe, socket or console, that also ends for other reasons. */
#ifndef TRANSFER_WIN_H
#define TRANSFER_WIN_H

#include "client/portd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <windows.h>

enum transfer_end {
    TRANSFER_DONE,
    TRANSFER_FILE_END,
    TRANSFER_FAILED,  /* see errno */
    TRANSFER_LATE,    /* the deadline passed */
    TRANSFER_STOPPED, /* stop.h */
    TRANSFER_LOOK     /* `watch` is signalled */
};

/* The handle of a descriptor: 0 to 2 are the standard streams. NULL: there is none. */
HANDLE transfer_handle(portd_native number);

bool transfer_is_socket(HANDLE handle);

/* Milliseconds until the deadline, rounded up; for the system's calls. */
DWORD transfer_time_left(int64_t deadline);

/* Reads what is there, waiting for it: TRANSFER_DONE and *count, at least 1; TRANSFER_FILE_END, which is an empty packet where packets are kept apart;
 * TRANSFER_FAILED, TRANSFER_LATE, TRANSFER_STOPPED, or TRANSFER_LOOK: `watch`, unless that is -1, is signalled. But for the first nothing was taken, unless the system
 * cannot take a read back. *cut: a packet was longer. */
enum transfer_end transfer_read(portd_native from, void *bytes, size_t size, portd_native watch,
                                int64_t deadline, size_t *count, bool *cut);

/* Writes once: TRANSFER_DONE, TRANSFER_FAILED, TRANSFER_LATE or TRANSFER_STOPPED, and *count in either case. */
enum transfer_end transfer_write(portd_native to, const void *bytes, size_t size, int64_t deadline,
                                 size_t *count);

#endif
