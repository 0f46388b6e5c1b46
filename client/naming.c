/* naming.c: processes are named by pidfds where the system has them: the broker may be in another pid namespace. */
#include "naming.h"

#include "client.h"

#include <errno.h>
#include <stdio.h>

/* Adds a process, by pidfd, or by pid where the system has no pidfds. 0 or PORTD_E_*. */
static int name_process(portd_client *client, struct naming *naming, uint32_t pid, const char *field) {
    char why[64];
    int r;

    if (naming->n_fds + naming->n_pids == PORTD_OWNERS_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, field, "too many processes");
    r = naming->n_pids > 0 ? -ENOSYS : process_open(pid, &naming->fds[naming->n_fds]);
    if (r == 0) {
        naming->n_fds++;
        return 0;
    }
    if (r == -ENOSYS && naming->n_fds == 0) {
        naming->pids[naming->n_pids++] = pid;
        return 0;
    }
    if (r != -ESRCH && r != -EINVAL)
        return client_fail(client, error_of_errno(r), -r, field, os_error_text(-r));
    snprintf(why, sizeof(why), "no process %lu", (unsigned long)pid);
    return client_fail(client, PORTD_E_INVALID, -r, field, why);
}

static int name_owners(portd_client *client, const portd_options *options, struct naming *naming) {
    int r = 0;

    if (options->owner_pid != 0) {
        r = name_process(client, naming, options->owner_pid, "owner_pid");
        naming->hello->owner_attached = naming->n_fds > 0;
        naming->hello->owner_pid = naming->n_pids > 0 ? options->owner_pid : 0;
        return r;
    }
    for (size_t i = 0; i < options->n_owner_pids && r == 0; i++)
        r = name_process(client, naming, options->owner_pids[i], "owner_pids");
    naming->hello->owners_attached = (uint32_t)naming->n_fds;
    naming->hello->owner_pids = naming->pids;
    naming->hello->n_owner_pids = naming->n_pids;
    return r;
}

static int name_numbers(portd_client *client, const portd_options *options, struct naming *naming) {
    const uint32_t *owners = options->owner_pid != 0 ? &options->owner_pid : options->owner_pids;
    size_t n = options->owner_pid != 0 ? 1 : options->n_owner_pids;
    Portd__V1__Hello *hello = naming->hello;

    if (options->numbers_nobody) {
        hello->numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_NOBODY;
        hello->numbers_nobody = true;
        return 0;
    }
    if (options->numbers_pid == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (owners[i] == options->numbers_pid) {
            hello->numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_OWNER;
            hello->numbers_owner = (uint32_t)i + 1;
            return 0;
        }
    if (naming->n_pids > 0) {
        hello->numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_PID;
        hello->numbers_pid = options->numbers_pid;
        return 0;
    }
    int r = name_process(client, naming, options->numbers_pid, "numbers_pid");
    hello->numbers_case = naming->n_pids > 0 ? PORTD__V1__HELLO__NUMBERS_NUMBERS_PID
                                             : PORTD__V1__HELLO__NUMBERS_NUMBERS_ATTACHED;
    if (naming->n_pids > 0)
        hello->numbers_pid = options->numbers_pid;
    else
        hello->numbers_attached = true;
    return r;
}

int naming_fill(struct naming *naming, portd_client *client, const portd_options *options) {
    int r = name_owners(client, options, naming);

    return r == 0 ? name_numbers(client, options, naming) : r;
}

void naming_close(struct naming *naming) {
    for (size_t i = 0; i < naming->n_fds; i++)
        os_close(naming->fds[i]);
    naming->n_fds = 0;
}
