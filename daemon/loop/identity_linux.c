/* identity_linux.c: identity.h with Linux's credentials per thread.
 *
 * The C library changes credentials of all threads, so the system calls are made directly. The permitted set of a thread never changes; its
 * effective set is empty except while it changes its identity or sends credentials. A thread keeps an identity until a job with another one
 * comes: successive jobs are mostly of one client, and a change takes seven system calls. */
#define _GNU_SOURCE

#include "identity.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* On machines with two versions of these calls, the plain ones take 16-bit ids. */
enum {
#ifdef SYS_setgroups32
    SET_GROUPS = SYS_setgroups32,
    SET_FSGID = SYS_setfsgid32,
    SET_FSUID = SYS_setfsuid32
#else
    SET_GROUPS = SYS_setgroups,
    SET_FSGID = SYS_setfsgid,
    SET_FSUID = SYS_setfsuid
#endif
};

enum {
    CHANGES = 1 << CAP_SETUID | 1 << CAP_SETGID,
    NAMES = CHANGES | 1 << CAP_SYS_ADMIN /* to send the pid of another process */
};

static _Thread_local struct {
    struct __user_cap_data_struct permitted[_LINUX_CAPABILITY_U32S_3];
    uint64_t worn; /* the identity's serial; 0: none, or a change failed */
} self;

static int make_effective(uint32_t capabilities) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i] = self.permitted[i];
        data[i].effective = i ? 0 : data[i].permitted & capabilities;
    }
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static bool permits(uint32_t capabilities) {
    return (self.permitted[0].permitted & capabilities) == capabilities;
}

static void learn_permitted(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};

    if (syscall(SYS_capget, &header, self.permitted) < 0)
        self.permitted[0].permitted = self.permitted[1].permitted = 0;
}

bool identity_names_processes(void) {
    learn_permitted();
    return permits(NAMES);
}

bool identity_is_whole(const struct identity *identity) {
    if (!identity->lacks_groups)
        return true;
    learn_permitted();
    return !permits(CHANGES);
}

struct identity *identity_own(void) {
    int n = getgroups(0, NULL);
    gid_t *groups = n > 0 ? calloc((size_t)n, sizeof(*groups)) : NULL;
    struct identity *identity = NULL;

    n = groups ? getgroups(n, groups) : n;
    if (n == 0 || (n > 0 && groups))
        identity = identity_new(geteuid(), getegid(), (uint32_t)getpid(), groups, (size_t)n);
    free(groups);
    return identity;
}

void identity_begin_thread(void) {
    learn_permitted();
    self.worn = 0;
    if (self.permitted[0].permitted | self.permitted[1].permitted)
        (void)make_effective(0); /* dropping capabilities cannot fail; identity_wear checks again */
}

/* setfsuid(2) and setfsgid(2) return the previous id, whether they succeed or not. */
static bool is_now(long call, uint32_t id) { return (uint32_t)syscall(call, (uid_t)-1) == id; }

static int change(const struct identity *identity) {
    if (syscall(SET_GROUPS, identity->n_groups, identity->groups) < 0)
        return -errno;
    (void)syscall(SET_FSGID, identity->gid);
    (void)syscall(SET_FSUID, (uid_t)identity->uid); /* each argument in one register */
    return is_now(SET_FSGID, identity->gid) && is_now(SET_FSUID, (uint32_t)identity->uid) ? 0 : -EPERM;
}

int identity_wear(const struct identity *identity) {
    int error, after;

    if (self.worn == identity->serial || !permits(CHANGES))
        return 0;
    self.worn = 0;
    error = make_effective(CHANGES);
    if (!error)
        error = change(identity);
    after = make_effective(0);
    if (!error)
        error = after;
    if (!error)
        self.worn = identity->serial;
    return error;
}

bool identity_can_speak(void) { return permits(CHANGES); }

void identity_speak(enum identity_speech speech) {
    static const uint32_t needs[] = {
        [IDENTITY_SILENT] = 0, [IDENTITY_OTHER_USER] = CHANGES, [IDENTITY_OTHER_PROCESS] = NAMES};
    (void)make_effective(needs[speech]);
}
