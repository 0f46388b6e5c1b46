/* owner_unix.c: the processes whose session portctl joins.
 *
 * portctl ends at once; the objects that it makes must last as long as the processes that use them. Wrappers (timeout, xargs,
 * make, subshells) run between the script and portctl, so neither the parent nor the leader of the process group is the right
 * owner. Two properties identify owners:
 *
 * - holders: ancestors that have the same open file under the same number. The outermost of them is the process to which the
 *   number refers. Numbers 0 to 2 are inherited by all processes, so for them holders beyond the reader do not count;
 * - the reader: the nearest ancestor whose standard output differs from portctl's. It reads the id that portctl prints:
 *   $(portctl ...). If it is a subshell whose own output is read, as in $(portctl ... | jq .id), its shell is a reader, too.
 *   A subshell is recognized as a copy of its shell by its stack address.
 *
 * All of them are owners, and the session ends with the last. A hello names at most PORTD_OWNERS_MAX. If there are more, the
 * innermost half is kept (the calling script and its wrappers), the outermost reader and holder, and the outermost of the
 * others, which live longest. One in the middle usually ends before those outside of it, which wait for it; without it an
 * object is lost only if it outlives all that are kept.
 *
 * Only ancestors of portctl's own user count, and for the reader and the numbers 0 to 2 only those in its terminal session:
 * processes beyond it started the shell and read no ids. If there is no owner, the leader of the terminal session is, whatever
 * its user (sudo -u, setpriv). portctl itself is never an owner, nor is a process that cannot be inspected: its main thread
 * has ended, or it is in another pid namespace.
 */
#define _GNU_SOURCE
#include "owner.h"

#include "ancestor.h"
#include "native.h"
#include "same_file.h"
#include "text.h"

#include <string.h>
#include <unistd.h>

enum { STANDARD = 3 /* numbers that all processes inherit */, OUTPUT = 1 };

static bool is_own(const struct ancestor *process) { return process->uid == geteuid(); }

/* 0: there is none, or it cannot be an owner. */
static pid_t session_leader(void) {
    pid_t session = getsid(0);
    struct ancestor process;

    if (session <= 0 || session == getpid() || !ancestor_read(session, &process))
        return 0;
    return process.runs ? session : 0;
}

/* State of the walk from portctl outwards. Owners are kept innermost first. */
struct walk {
    int64_t number;
    bool open, output; /* whether the number, and standard output, are open in portctl */
    bool around;       /* all ancestors up to the reader are owners */
    pid_t session, reader, holder;
    unsigned long stack; /* of the reader */
    uint32_t owners[PORTD_OWNERS_MAX];
    size_t n;
};

static bool is_open(int64_t number) { return number >= 0 && native_is_open((portd_native)number); }

static bool is_needed(const struct walk *walk, uint32_t pid) {
    return pid == (uint32_t)walk->reader || pid == (uint32_t)walk->holder;
}

/* Makes room for one: drops the innermost of the outer half that is neither the reader nor the holder. */
static void drop(struct walk *walk) {
    size_t i = PORTD_OWNERS_MAX / 2;

    while (is_needed(walk, walk->owners[i]))
        i++;
    walk->n--;
    memmove(walk->owners + i, walk->owners + i + 1, (walk->n - i) * sizeof(*walk->owners));
}

static void add(struct walk *walk, pid_t pid) {
    if (walk->n == PORTD_OWNERS_MAX)
        drop(walk);
    walk->owners[walk->n++] = (uint32_t)pid;
}

static void look(struct walk *walk, pid_t pid, const struct ancestor *process) {
    bool near = process->session == walk->session, reads, holds;

    if (walk->reader == 0)
        reads = near && walk->output && same_file(getpid(), pid, OUTPUT) == SAME_FILE_NO;
    else
        reads = near && process->stack != 0 && process->stack == walk->stack &&
                same_file(walk->reader, pid, OUTPUT) == SAME_FILE_NO;
    if (reads) {
        walk->reader = pid;
        walk->stack = process->stack;
    }
    holds = walk->open && (walk->number >= STANDARD || (near && (walk->reader == 0 || reads))) &&
            same_file(getpid(), pid, (int)walk->number) == SAME_FILE_YES;
    if (holds)
        walk->holder = pid;
    if (reads || holds || (walk->around && near && walk->reader == 0))
        add(walk, pid);
}

static void walk_out(int64_t number, bool around, struct walk *walk) {
    struct ancestor process;
    pid_t pid = getppid();

    *walk = (struct walk){.number = number,
                          .open = is_open(number),
                          .output = is_open(OUTPUT),
                          .session = getsid(0),
                          .around = around};
    for (int i = 0; i < OWNER_ANCESTORS_MAX && pid > 0 && ancestor_read(pid, &process); i++) {
        if (is_own(&process) && process.runs)
            look(walk, pid, &process);
        pid = process.parent;
    }
}

void owner_find_holder(int64_t number, struct owner *owner) {
    struct walk walk;

    walk_out(number, false, &walk);
    owner->holder = (uint32_t)walk.holder;
}

void owner_find(int64_t number, struct owner *owner) {
    pid_t leader = session_leader();
    struct walk walk;

    walk_out(number, false, &walk);
    *owner = (struct owner){.holder = (uint32_t)walk.holder, .rule = OWNER_NOBODY};
    while (walk.n > 0)
        owner->pids[owner->n++] = walk.owners[--walk.n];
    if (owner->n > 0) {
        owner->rule = owner->pids[0] == owner->holder ? OWNER_HOLDER : OWNER_READER;
    } else if (leader > 0) {
        owner->pids[owner->n++] = (uint32_t)leader;
        owner->rule = OWNER_SESSION_LEADER;
    }
}

void owner_find_around(struct owner *owner) {
    pid_t leader = session_leader();
    struct walk walk;

    walk_out(-1, true, &walk);
    *owner = (struct owner){.rule = OWNER_ANCESTOR, .n = walk.n};
    memcpy(owner->pids, walk.owners, sizeof(walk.owners));
    if (owner->n == 0 && leader > 0)
        owner->pids[owner->n++] = (uint32_t)leader;
}

size_t owner_ancestors(uint32_t pids[OWNER_ANCESTORS_MAX]) {
    struct ancestor process;
    pid_t pid = getppid();
    size_t n = 0;

    for (int i = 0; i < OWNER_ANCESTORS_MAX && pid > 0 && ancestor_read(pid, &process); i++) {
        if (is_own(&process))
            pids[n++] = (uint32_t)pid;
        pid = process.parent;
    }
    return n;
}

bool owner_parse(const char *text, uint32_t *pid) {
    uint64_t number = 0;

    if (strcmp(text, "parent") == 0)
        number = (uint64_t)getppid();
    else if (strcmp(text, "session-leader") == 0)
        number = (uint64_t)session_leader();
    else if (!text_number(strncmp(text, "pid:", 4) == 0 ? text + 4 : text, INT32_MAX, &number))
        return false;
    *pid = (uint32_t)number;
    return number != 0;
}
