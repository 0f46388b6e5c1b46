/* owner_win.c: the processes whose session portctl joins, on Windows.
 *
 * The rule is that of owner_unix.c, with what Windows tells of other processes:
 *
 * - holders: ancestors in which the same value is a handle of the same object, as when it was inherited. A standard stream counts up to the
 *   reader only;
 * - the reader: the nearest ancestor in portctl's console whose standard output is another object than portctl's: it reads the id that portctl prints. The
 *   command processor that `for /f` runs for one line writes to portctl's output, so it is not the reader, but the script is. What the standard output of
 *   another process is stands in its memory;
 * - without either, the outermost ancestor in portctl's console, as the shell in it: in place of the session leader;
 * - not that either, as when a program without a console has started portctl: the parent.
 *
 * Where portctl has no console, all ancestors count as in one. Only those of portctl's user count. A process id names another process once its own has ended:
 * a parent began before its child, else it is not the parent, and nothing is known beyond it.
 */
#include "owner.h"

#include "text.h"
#include "transfer_win.h"

#include <stdlib.h>
#include <string.h>
#include <winternl.h>

enum {
    CONSOLE_MOST = 1024,
    STREAMS = 3,
    OUTPUT = 3 /* its place among the words that winternl.h does not name */
};

typedef LONG NTAPI compare_objects(HANDLE one, HANDLE other);

struct ancestor {
    DWORD pid, parent;
    HANDLE process;
    uint64_t began;
    void *memory; /* of its environment block, where its streams stand */
    bool own, runs;
};

static bool began_at(HANDLE process, uint64_t *began) {
    FILETIME made, ended, kernel, user;

    if (!GetProcessTimes(process, &made, &ended, &kernel, &user))
        return false;
    *began = (uint64_t)made.dwHighDateTime << 32 | made.dwLowDateTime;
    return true;
}

static bool user_of(HANDLE process, void *user, DWORD size) {
    HANDLE token;
    bool known;

    if (!OpenProcessToken(process, TOKEN_QUERY, &token))
        return false;
    known = GetTokenInformation(token, TokenUser, user, size, &size) != 0;
    (void)CloseHandle(token);
    return known;
}

union user {
    TOKEN_USER user;
    unsigned char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
};

static bool is_own(HANDLE process) {
    union user own, other;

    return user_of(GetCurrentProcess(), &own, sizeof(own)) && user_of(process, &other, sizeof(other)) &&
           EqualSid(own.user.User.Sid, other.user.User.Sid);
}

static bool describe(struct ancestor *process) {
    PROCESS_BASIC_INFORMATION basic;

    if (NtQueryInformationProcess(process->process, ProcessBasicInformation, &basic, sizeof(basic), NULL) <
            0 ||
        !began_at(process->process, &process->began))
        return false;
    process->parent = (DWORD)basic.InheritedFromUniqueProcessId;
    process->memory = basic.PebBaseAddress;
    process->own = is_own(process->process);
    process->runs = WaitForSingleObject(process->process, 0) == WAIT_TIMEOUT;
    return true;
}

static HANDLE open_process(DWORD pid) {
    static const DWORD rights[] = {
        PROCESS_QUERY_INFORMATION | PROCESS_VM_READ | PROCESS_DUP_HANDLE | SYNCHRONIZE,
        PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_DUP_HANDLE | SYNCHRONIZE,
        PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE,
    };
    HANDLE process = NULL;

    for (size_t i = 0; process == NULL && i < sizeof(rights) / sizeof(rights[0]); i++)
        process = OpenProcess(rights[i], FALSE, pid);
    return process;
}

static void leave(struct ancestor *process) {
    if (process->process != NULL && process->process != GetCurrentProcess())
        (void)CloseHandle(process->process);
    process->process = NULL;
}

static bool begin(struct ancestor *process) {
    *process = (struct ancestor){.pid = GetCurrentProcessId(), .process = GetCurrentProcess()};
    return describe(process);
}

/* Replaces it by its parent. False: there is none, or it cannot be told. */
static bool go_out(struct ancestor *process) {
    struct ancestor parent = {.pid = process->parent};

    if (parent.pid == 0 || parent.pid == process->pid)
        return false;
    parent.process = open_process(parent.pid);
    if (parent.process == NULL)
        return false;
    if (!describe(&parent) || parent.began > process->began) {
        leave(&parent);
        return false;
    }
    leave(process);
    *process = parent;
    return true;
}

/* ---- handles --------------------------------------------------------------------------------------------- */

enum answer { NO, YES, UNKNOWN };

/* Whether the value is a handle of the same object there. */
static enum answer has_same(const struct ancestor *process, HANDLE own, HANDLE value) {
    HMODULE system = GetModuleHandleA("ntdll.dll");
    FARPROC found = system != NULL ? GetProcAddress(system, "NtCompareObjects") : NULL;
    compare_objects *compare;
    HANDLE copy;
    LONG status;

    if (found == NULL)
        return UNKNOWN;
    memcpy(&compare, &found, sizeof(compare));
    if (!DuplicateHandle(process->process, value, GetCurrentProcess(), &copy, 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
        return GetLastError() == ERROR_INVALID_HANDLE ? NO : UNKNOWN;
    status = compare(own, copy);
    (void)CloseHandle(copy);
    return status == 0 ? YES : NO;
}

/* The value of its standard output; NULL: none, or not known. */
static HANDLE output_of(const struct ancestor *process) {
    RTL_USER_PROCESS_PARAMETERS parameters;
    SIZE_T got;
    PEB block;

    if (process->memory == NULL ||
        !ReadProcessMemory(process->process, process->memory, &block, sizeof(block), &got) ||
        !ReadProcessMemory(process->process, block.ProcessParameters, &parameters, sizeof(parameters), &got))
        return NULL;
    return parameters.Reserved2[OUTPUT];
}

static bool reads_from(const struct ancestor *process) {
    HANDLE own = transfer_handle(1), its = output_of(process);

    return own != NULL && its != NULL && has_same(process, own, its) == NO;
}

/* ---- the rule -------------------------------------------------------------------------------------------- */

/* State of the walk from portctl outwards. Owners are kept innermost first. */
struct walk {
    HANDLE handle; /* NULL: there is no number, or it is not open */
    bool standard; /* it is a standard stream */
    bool around;   /* all ancestors up to the reader are owners */
    DWORD console[CONSOLE_MOST], n_console;
    DWORD reader, holder, leader, parent;
    uint32_t owners[PORTD_OWNERS_MAX];
    size_t n;
};

static bool is_near(const struct walk *walk, DWORD pid) {
    for (DWORD i = 0; i < walk->n_console; i++)
        if (walk->console[i] == pid)
            return true;
    return walk->n_console == 0;
}

/* If there are too many, the innermost of the outer half goes, unless it is needed (owner_unix.c says why). */
static void add(struct walk *walk, DWORD pid) {
    uint32_t *at = walk->owners + PORTD_OWNERS_MAX / 2;

    if (walk->n == PORTD_OWNERS_MAX) {
        while (*at == walk->reader || *at == walk->holder)
            at++;
        walk->n--;
        memmove(at, at + 1, (size_t)(walk->owners + walk->n - at) * sizeof(*at));
    }
    walk->owners[walk->n++] = pid;
}

static void look(struct walk *walk, const struct ancestor *process) {
    bool close = is_near(walk, process->pid);
    bool reads = close && walk->reader == 0 && reads_from(process), holds;

    if (reads)
        walk->reader = process->pid;
    if (close)
        walk->leader = process->pid;
    if (walk->parent == 0)
        walk->parent = process->pid;
    holds = walk->handle != NULL && (!walk->standard || (close && (walk->reader == 0 || reads))) &&
            has_same(process, walk->handle, walk->handle) == YES;
    if (holds)
        walk->holder = process->pid;
    if (reads || holds || (walk->around && close && walk->reader == 0))
        add(walk, process->pid);
}

static void walk_out(int64_t number, bool around, struct walk *walk) {
    struct ancestor process;

    memset(walk, 0, sizeof(*walk));
    walk->around = around;
    walk->handle = number >= 0 ? transfer_handle((portd_native)number) : NULL;
    for (portd_native i = 0; i < STREAMS && walk->handle != NULL; i++)
        walk->standard = walk->standard || transfer_handle(i) == walk->handle;
    walk->n_console = GetConsoleProcessList(walk->console, CONSOLE_MOST);
    if (walk->n_console > CONSOLE_MOST)
        walk->n_console = 0;
    if (!begin(&process))
        return;
    for (int i = 0; i < OWNER_ANCESTORS_MAX && go_out(&process); i++)
        if (process.own && process.runs)
            look(walk, &process);
    leave(&process);
}

/* Who owns where nobody holds or reads. 0: nobody. */
static DWORD leader_of(const struct walk *walk) { return walk->leader != 0 ? walk->leader : walk->parent; }

void owner_find_holder(int64_t number, struct owner *owner) {
    struct walk walk;

    walk_out(number, false, &walk);
    owner->holder = walk.holder;
}

void owner_find(int64_t number, struct owner *owner) {
    struct walk walk;

    walk_out(number, false, &walk);
    *owner = (struct owner){.holder = walk.holder, .rule = OWNER_NOBODY};
    while (walk.n > 0)
        owner->pids[owner->n++] = walk.owners[--walk.n];
    if (owner->n > 0) {
        owner->rule = owner->pids[0] == owner->holder ? OWNER_HOLDER : OWNER_READER;
    } else if (leader_of(&walk) != 0) {
        owner->pids[owner->n++] = leader_of(&walk);
        owner->rule = OWNER_SESSION_LEADER;
    }
}

void owner_find_around(struct owner *owner) {
    struct walk walk;

    walk_out(-1, true, &walk);
    *owner = (struct owner){.rule = OWNER_ANCESTOR, .n = walk.n};
    memcpy(owner->pids, walk.owners, sizeof(walk.owners));
    if (owner->n == 0 && leader_of(&walk) != 0)
        owner->pids[owner->n++] = leader_of(&walk);
}

size_t owner_ancestors(uint32_t pids[OWNER_ANCESTORS_MAX]) {
    struct ancestor process;
    size_t n = 0;

    if (!begin(&process))
        return 0;
    for (int i = 0; i < OWNER_ANCESTORS_MAX && go_out(&process); i++)
        if (process.own)
            pids[n++] = process.pid;
    leave(&process);
    return n;
}

/* ---- --owner --------------------------------------------------------------------------------------------- */

static bool can_own(DWORD pid) {
    HANDLE process = pid != GetCurrentProcessId() ? open_process(pid) : NULL;

    if (process == NULL)
        return false;
    (void)CloseHandle(process);
    return true;
}

bool owner_parse(const char *text, uint32_t *pid) {
    struct walk walk;
    uint64_t number = 0;

    if (strcmp(text, "parent") == 0 || strcmp(text, "session-leader") == 0) {
        walk_out(-1, false, &walk);
        number = text[0] == 'p' ? walk.parent : walk.leader;
    } else if (!text_number(strncmp(text, "pid:", 4) == 0 ? text + 4 : text, UINT32_MAX, &number)) {
        return false;
    }
    *pid = (uint32_t)number;
    return number != 0 && can_own(*pid);
}
