/* leaving_win.c: leaving.h for Windows.
 *
 * The system ends an exiting process's threads and closes its handles, and waits for nobody; but a thread whose call cannot be cancelled (a file server
 * that does not answer) keeps the whole table of handles open. Then threads close what others can see by a handle: files, which are also
 * sockets, pipes and the listener's instances, and the mutexes, of which the listener has one with a name. CloseHandle takes a handle out of the
 * table before it waits, so a thread that is stuck in it holds no other; when nothing moves another is started. */
#include "leaving.h"

#include "thread.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include <winternl.h>

enum { ROUND_MS = 10, ROUNDS = 300, THREADS = 16, STEP = 4 /* handles are multiples of it */ };

static struct {
    struct thread threads[THREADS];
    uintptr_t limit;
    atomic_uintptr_t next;
    atomic_size_t at_work;
} leaving;

static bool is_named(const UNICODE_STRING *name, const wchar_t *wanted) {
    size_t units = wcslen(wanted);

    return name->Length == units * sizeof(wchar_t) && memcmp(name->Buffer, wanted, name->Length) == 0;
}

/* By its type: asking for more could wait for who uses the file. */
static bool others_see(HANDLE handle) {
    _Alignas(UNICODE_STRING) unsigned char bytes[1024];
    const UNICODE_STRING *type = (const UNICODE_STRING *)(const void *)bytes; /* its first member */
    ULONG size;

    return NtQueryObject(handle, ObjectTypeInformation, bytes, sizeof(bytes), &size) >= 0 &&
           (is_named(type, L"File") || is_named(type, L"Mutant"));
}

static void close_some(void *context) {
    uintptr_t value;

    (void)context;
    while ((value = atomic_fetch_add(&leaving.next, STEP)) < leaving.limit)
        if (others_see((HANDLE)value))
            (void)CloseHandle((HANDLE)value);
    (void)atomic_fetch_sub(&leaving.at_work, 1);
}

static bool start_one(size_t which) {
    (void)atomic_fetch_add(&leaving.at_work, 1);
    if (thread_start(&leaving.threads[which], close_some, NULL, false) == 0) {
        thread_leave(&leaving.threads[which]);
        return true;
    }
    (void)atomic_fetch_sub(&leaving.at_work, 1);
    return false;
}

bool leaving_close(size_t limit, bool left_behind) {
    uintptr_t before = 0;
    size_t threads = 0;

    if (!left_behind)
        return false; /* exit does the same */
    leaving.limit = (uintptr_t)limit * STEP;
    leaving.next = STEP;
    for (int round = 0; round < ROUNDS; round++) {
        uintptr_t next = leaving.next;
        if (threads && (!leaving.at_work || (next >= leaving.limit && next == before)))
            break; /* the remaining threads are stuck with handles that are out of the table already */
        if ((!threads || next == before) && threads < THREADS)
            threads += start_one(threads);
        before = next;
        Sleep(ROUND_MS);
    }
    return true;
}
