/* pipe_win.c: names and access of named pipes.
 *
 * There are no folders that belong to somebody: any user can make a pipe of any free name. So a client asks who owns the pipe before it sends
 * anything. Who may write to a pipe by GENERIC_WRITE may also make instances of it and take its clients, so clients get and ask for less. */
#include "pipe_win.h"

#include "address.h"
#include "sid_win.h"

#include <errno.h>
#include <stdio.h>
#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

/* FILE_GENERIC_READ and FILE_GENERIC_WRITE without FILE_CREATE_PIPE_INSTANCE. */
#define CONNECT_TEXT L"0x12019b"
enum { CONNECT = 0x12019b };

int pipe_errno(unsigned long error) {
    switch (error) {
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA:
    case ERROR_PIPE_NOT_CONNECTED:
        return -EPIPE;
    case ERROR_PIPE_BUSY:
    case ERROR_SEM_TIMEOUT:
        return -EAGAIN;
    case ERROR_FILE_NOT_FOUND:
        return -ENOENT;
    case ERROR_ACCESS_DENIED:
        return -EACCES;
    case ERROR_INVALID_HANDLE:
        return -EBADF;
    case ERROR_INVALID_PARAMETER:
        return -EINVAL;
    case ERROR_TOO_MANY_OPEN_FILES:
        return -EMFILE;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_NOT_ENOUGH_QUOTA:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

int pipe_errno_now(void) { return pipe_errno(GetLastError()); }

int pipe_name(const char *address, wchar_t name[PIPE_NAME_UNITS]) {
    struct address parsed;

    if (address_parse(address, &parsed))
        return -EINVAL;
    if (parsed.kind != ADDRESS_NPIPE)
        return -EAFNOSUPPORT;
    wcscpy(name, L"\\\\.\\pipe\\");
    int n =
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, parsed.path, -1, name + 9, PIPE_NAME_UNITS - 9);
    return n > 0 ? 0 : -EINVAL;
}

void *pipe_access(bool users, bool others) {
    const wchar_t *more = others ? L"(A;;" CONNECT_TEXT L";;;AU)" : L"";
    PSECURITY_DESCRIPTOR descriptor = NULL;
    _Alignas(4) unsigned char own[SID_SIZE];
    os_uid uid;
    wchar_t rules[640], *sid;

    if (sid_of_self(own, &uid) < 0 || !ConvertSidToStringSidW(own, &sid))
        return NULL;
    if (uid == 0 && users)
        (void)_snwprintf(rules, 640,
                         L"O:BAD:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;" CONNECT_TEXT L";;;%ls)%ls", sid,
                         more);
    else if (uid == 0)
        (void)_snwprintf(rules, 640, L"O:BAD:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)%ls", more);
    else
        (void)_snwprintf(
            rules, 640,
            L"O:%lsD:P(D;;GA;;;NU)(A;;GA;;;%ls)(A;;" CONNECT_TEXT L";;;SY)(A;;" CONNECT_TEXT L";;;BA)%ls",
            sid, sid, more);
    rules[639] = L'\0';
    (void)LocalFree(sid);
    return ConvertStringSecurityDescriptorToSecurityDescriptorW(rules, SDDL_REVISION_1, &descriptor, NULL)
               ? descriptor
               : NULL;
}

static bool is_trusted(HANDLE pipe) {
    PSECURITY_DESCRIPTOR descriptor;
    _Alignas(4) unsigned char own[SID_SIZE];
    PSID maker;

    if (sid_of_self(own, NULL) < 0 || GetSecurityInfo(pipe, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION,
                                                      &maker, NULL, NULL, NULL, &descriptor) != ERROR_SUCCESS)
        return false;
    bool trusted = maker && (EqualSid(maker, own) || IsWellKnownSid(maker, WinLocalSystemSid) ||
                             IsWellKnownSid(maker, WinBuiltinAdministratorsSid));
    (void)LocalFree(descriptor);
    return trusted;
}

int pipe_open(const wchar_t *name, os_fd *pipe) {
    DWORD mode = PIPE_READMODE_MESSAGE;
    /* The server may identify us, and may not impersonate us. */
    HANDLE opened = CreateFileW(name, CONNECT, 0, NULL, OPEN_EXISTING,
                                FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);

    if (opened == INVALID_HANDLE_VALUE)
        return pipe_errno_now();
    int r = is_trusted(opened) ? 0 : -EPERM;
    if (r == 0 && !SetNamedPipeHandleState(opened, &mode, NULL, NULL))
        r = pipe_errno_now();
    if (r < 0)
        (void)CloseHandle(opened);
    else
        *pipe = opened;
    return r;
}
