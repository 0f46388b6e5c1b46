/* open_fds_win.c: by a question about each number. Looked at are only the kinds of objects that a test opens by itself: the thread pool of Windows
 * opens and closes threads, completion ports and timers of its own at any time, and the libraries events, semaphores, keys, sections and files that are no
 * files, such as the connection to a driver. */
#include "tests/support/open_fds.h"

#include <windows.h>
#include <winternl.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* 0: none, or of another kind. */
static unsigned char test_fds_kind(int fd) {
    static const wchar_t *const kinds[] = {L"File", L"Process", L"Mutant"};
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
            return i == 0 && GetFileType(handle) == FILE_TYPE_UNKNOWN ? 0 : (unsigned char)(i + 1);
    }
    return 0;
}

/* Numbers are given from the lowest on, so behind so many that are free there is none. wine does not count a process's handles. */
enum { FREE = 512 };

void test_fds_look(unsigned char open_fds[TEST_FDS]) {
    DWORD flags;
    int n_free = 0;

    memset(open_fds, 0, TEST_FDS);
    for (int fd = 1; fd < TEST_FDS && n_free < FREE; fd++) {
        n_free = GetHandleInformation((HANDLE)((intptr_t)fd * 4), &flags) ? 0 : n_free + 1; // NOLINT
        open_fds[fd] = n_free == 0 ? test_fds_kind(fd) : 0;
    }
}

const char *test_fds_name(int fd, char *name, size_t size) {
    static const char *const kinds[] = {"nothing", "a file, pipe or socket", "a process", "a mutex"};

    (void)snprintf(name, size, "%s", kinds[test_fds_kind(fd)]);
    return name;
}
