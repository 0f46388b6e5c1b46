/* emulation.h: faults of a kqueue that is emulated (emulation_kqueue.c). A real kernel, and epoll (emulation_none.c), have none; Windows lacks the
 * last two (emulation_none_win.c).
 *
 * Each is found by trying it without an engine, before the first case: a case that needs what the emulation lacks is skipped and says so. */
#ifndef EMULATION_H
#define EMULATION_H

enum fault {
    FAULT_NOT_POLLABLE,  /* the kqueue's descriptor is not readable when there are events */
    FAULT_TAKES_ERROR,   /* telling an error takes it from the socket (SO_ERROR) */
    FAULT_ONE_FILTER,    /* no second filter for a descriptor that has one */
    FAULT_KEEPS_CLOSED,  /* a knote stays after its number's close, and silences the number's next file */
    FAULT_SHORT_TIMEOUT, /* a timeout is rounded down */
    FAULT_NO_ROOM,       /* nothing tells whether a pipe has room */
    FAULT_NO_EDGES,      /* there are no edges */
    FAULT_ENDS
};

/* What is wrong, or NULL. */
const char *emulation_fault(enum fault fault);

/* Before the first case: finds the faults, and makes what the emulation makes once for the whole process. */
void emulation_begin(void);

/* Waits until those descriptors are open that test_fds_look has seen before the case: an emulation closes its own late. */
void emulation_settle(const unsigned char *before);

#endif
