/* ending_linux.c: how a process has ended, by its pidfd.
 *
 * A parent learns that by waiting. Of others the kernel tells it since 6.15, once the process has been reaped, as long as somebody had the pidfd
 * open by then; the broker has. So a parent that reaps late is waited for a while. A request during which it reaps fails with ESRCH; the next one is answered. */
#define _GNU_SOURCE
#include "ending.h"

#include "client/portd.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

/* linux/pidfd.h, which older headers lack. */
struct info {
    uint64_t mask, cgroup;
    uint32_t ids[11];
    int32_t exit_code; /* as from wait */
};

enum { INFO_EXIT = 1 << 3, PAUSE_MS = 10, REAP_US = 3 * 1000 * 1000 };
#define GET_INFO _IOWR(0xFF, 11, struct info)

static struct ending read_code(int code) {
    return (struct ending){true, WIFEXITED(code) ? WEXITSTATUS(code) : 0,
                           WIFSIGNALED(code) ? WTERMSIG(code) : 0};
}

/* Whether it is the caller's child. */
static bool reap(int process, struct ending *ending) {
    siginfo_t info;
    int rc;

    memset(&info, 0, sizeof(info));
    while ((rc = waitid(P_PIDFD, (id_t)process, &info, WEXITED)) != 0 && errno == EINTR)
        continue;
    if (rc != 0)
        return false;
    *ending = info.si_code == CLD_EXITED ? (struct ending){true, info.si_status, 0}
                                         : (struct ending){true, 0, info.si_status};
    return true;
}

struct ending ending_of(int process) {
    int64_t until = portd_now() + REAP_US;
    struct ending ending = {.known = false};
    bool vanished = false;

    if (reap(process, &ending))
        return ending;
    for (;;) {
        struct info info = {.mask = INFO_EXIT};

        if (ioctl(process, GET_INFO, &info) != 0) {
            if (errno != ESRCH || vanished)
                return ending;
            vanished = true;
            continue;
        }
        if ((info.mask & INFO_EXIT) != 0)
            return read_code(info.exit_code);
        if (portd_now() >= until)
            return ending;
        (void)poll(NULL, 0, PAUSE_MS);
    }
}
