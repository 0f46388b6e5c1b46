/* lease.c: how long a descriptor is held. */
#include "lease.h"

#include "failure.h"
#include "native.h"
#include "owner.h"

#include <errno.h>

static int open_process(const struct invocation *in, const char *text, portd_lease *lease) {
    uint32_t pid;
    int error;

    if (!owner_parse(text, &pid))
        return failure_usage(&in->output, "a process is a process id, 'parent' or 'session-leader'",
                             "--process %s: no such process, or portctl itself", text);
    error = lease_open_process(pid, &lease->process);
    if (error == 0)
        return 0;
    lease->process = -1;
    if (error == ENOSYS)
        return failure_code(&in->output, PORTD_E_UNSUPPORTED, "--ttl limits the time",
                            "--process %s: this system cannot hand a process to the broker", text);
    return failure_code(&in->output, PORTD_E_SYSTEM, NULL, "--process %s: cannot open the process: %s", text,
                        native_error_text(error));
}

int lease_parse(const struct invocation *in, portd_lease *lease) {
    const char *process = command_option(in, "process");
    bool forever = command_option(in, "forever") != NULL;

    *lease = (portd_lease)PORTD_LEASE_INIT;
    lease->ttl_us = (uint64_t)in->ttl_us;
    lease->hang_up = command_option(in, "hang-up") != NULL;
    if (forever && (in->ttl_us != 0 || process != NULL || lease->hang_up != 0))
        return failure_usage(&in->output, NULL, "--forever excludes --ttl, --process and --hang-up");
    return process != NULL ? open_process(in, process, lease) : 0;
}

void lease_close(portd_lease *lease) {
    if (lease->process != -1)
        native_close(lease->process);
    lease->process = -1;
}
