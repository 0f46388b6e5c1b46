/* lease.h: how long a descriptor is held: --ttl, --process, --hang-up and --forever. */
#ifndef LEASE_H
#define LEASE_H

#include "client/portctl/command.h"
#include "client/portd.h"

/* The option --process. */
#define LEASE_OPTION_PROCESS                                                                                 \
    { "process", "PROCESS", "drop it when this process ends", false, "parent|session-leader" }

/* The option --hang-up. */
#define LEASE_OPTION_HANG_UP                                                                                 \
    { "hang-up", NULL, "drop it when it hangs up", false, NULL }

/* Fills the lease; with --process it has the process open. Returns 0, or the exit code of an error that has been printed. Call
 * lease_close in either case. */
int lease_parse(const struct invocation *in, portd_lease *lease);
void lease_close(portd_lease *lease);

/* Opens a process for the broker to watch: 0, or an errno; ENOSYS: the system cannot. */
int lease_open_process(uint32_t pid, portd_native *process);

#endif
