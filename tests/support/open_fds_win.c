/* open_fds_win.c: by a question about each number. Looked at are only the kinds of objects that a test opens by itself: the thread pool of Windows
 * opens and closes threads, completion ports and timers of its own at any time, and the libraries events, keys and sections. */
#include "tests/support/open_fds.h"

#include <windows.h>
#include <winternl.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* 0: none, or of another kind. */
static unsigned char test_fds_kind(int fd) {
    static const wchar_t *const kinds[] = {L"File", L"Process", L"Semaphore", L"Mutant"};
    struct {
        UNICODE_STRING name;
        wchar_t text[512];
    } type;
    HANDLE handle = (HANDLE)((intptr_t)fd * 4); // NOLINT
    DWORD flags;

    if (!GetHandleInformation(handle, &flags) ||
        NtQueryObject(handle, ObjectTypeInformation, &type, sizeof(type), NULL) < 0)
        return 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (type.name.Length == wcslen(kinds[i]) * sizeof(wchar_t) &&
            memcmp(type.name.Buffer, kinds[i], type.name.Length) == 0)
            return (unsigned char)(i + 1);
    }
    return 0;
}

void test_fds_look(unsigned char open_fds[TEST_FDS]) {
    DWORD open = 0, seen = 0, flags;

    memset(open_fds, 0, TEST_FDS);
    (void)GetProcessHandleCount(GetCurrentProcess(), &open);
    for (int fd = 1; fd < TEST_FDS && seen < open; fd++) {
        seen += GetHandleInformation((HANDLE)((intptr_t)fd * 4), &flags) != 0;
        open_fds[fd] = test_fds_kind(fd);
    }
}

const char *test_fds_name(int fd, char *name, size_t size) {
    static const char *const kinds[] = {"nothing", "a file, pipe or socket", "a process", "a semaphore",
                                        "a mutex"};

    (void)snprintf(name, size, "%s", kinds[test_fds_kind(fd)]);
    return name;
}
