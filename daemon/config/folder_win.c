/* folder_win.c: folder.h on Windows.
 *
 * A file of the configuration, and the folder of the drop-ins, belongs to the system, the administrators or the broker's user, and its access list
 * lets nobody else write. (Files below %ProgramData% are such when an administrator makes them there; folders are not, since they inherit that users may
 * add files.) */
#include "folder.h"

#include "proto/os.h"
#include "proto/peer.h"
#include "proto/sid_win.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <aclapi.h>

enum { READ = 64 * 1024 };

const char *folder_why(int error) {
    switch (error) {
    case FOLDER_E_KIND:
        return "it is not a regular file";
    case FOLDER_E_SIZE:
        return "it is larger than 1 MiB";
    case FOLDER_E_OWNER:
        return "it must belong to the system, to the administrators or to the broker's user";
    case FOLDER_E_OPEN:
        return "others may write to it: see icacls";
    case FOLDER_E_MANY:
        return "it has more than 1000 files";
    default:
        return os_error_text(-error);
    }
}

bool folder_is_absent(int error) { return error == -ENOENT; }

static int last_error(void) {
    switch (GetLastError()) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
        return -ENOENT;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
        return -EACCES;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

/* ---- texts ---------------------------------------------------------------------------------------------------------- */

/* NULL without memory. */
static wchar_t *in_utf16(const char *text) {
    int units = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    wchar_t *copy = units > 0 ? malloc((size_t)units * sizeof *copy) : NULL;
    if (copy)
        (void)MultiByteToWideChar(CP_UTF8, 0, text, -1, copy, units);
    return copy;
}

static char *in_utf8(const wchar_t *text) {
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *copy = size > 0 ? malloc((size_t)size) : NULL;
    if (copy)
        (void)WideCharToMultiByte(CP_UTF8, 0, text, -1, copy, size, NULL, NULL);
    return copy;
}

static int variable(const wchar_t *name, char **value) {
    DWORD units = GetEnvironmentVariableW(name, NULL, 0);
    *value = NULL;
    if (units <= 1) /* it is not set, or empty */
        return 0;
    wchar_t *text = malloc(units * sizeof *text);
    if (text && GetEnvironmentVariableW(name, text, units) < units)
        *value = in_utf8(text);
    free(text);
    return *value ? 0 : -ENOMEM;
}

int folder_variable(const char *name, char **value) {
    wchar_t *wide = in_utf16(name);
    int error = wide ? variable(wide, value) : -ENOMEM;
    free(wide);
    return error;
}

int folder_default(char **path) {
    static const char rest[] = "\\portd\\portd.conf";
    char *folder;
    int error = variable(peer_self() == 0 ? L"ProgramData" : L"APPDATA", &folder);
    *path = NULL;
    if (error || !folder)
        return error;
    *path = malloc(strlen(folder) + sizeof rest);
    if (*path)
        (void)sprintf(*path, "%s%s", folder, rest);
    free(folder);
    return *path ? 0 : -ENOMEM;
}

/* ---- who may write -------------------------------------------------------------------------------------------------- */

static bool is_trusted(PSID sid, const unsigned char *own) {
    return IsWellKnownSid(sid, WinLocalSystemSid) || IsWellKnownSid(sid, WinBuiltinAdministratorsSid) ||
           IsWellKnownSid(sid, WinCreatorOwnerRightsSid) || EqualSid(sid, (PSID)(uintptr_t)own);
}

static bool denies(const ACE_HEADER *header) {
    return header->AceType == ACCESS_DENIED_ACE_TYPE || header->AceType == ACCESS_DENIED_OBJECT_ACE_TYPE ||
           header->AceType == ACCESS_DENIED_CALLBACK_ACE_TYPE ||
           header->AceType == ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE;
}

/* Whether the entry lets somebody who is not trusted write. */
static bool is_open(const ACE_HEADER *header, const unsigned char *own) {
    const DWORD writing = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD | DELETE | WRITE_DAC |
                          WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;
    const ACCESS_ALLOWED_ACE *entry = (const void *)header;
    if (header->AceFlags & INHERIT_ONLY_ACE || denies(header))
        return false;
    if (header->AceType !=
        ACCESS_ALLOWED_ACE_TYPE) /* under conditions, or for an object: they are not judged */
        return true;
    return (entry->Mask & writing) && !is_trusted((PSID)(uintptr_t)&entry->SidStart, own);
}

static int check_list(const ACL *list, const unsigned char *own) {
    void *entry;
    if (!list) /* everybody may do everything */
        return FOLDER_E_OPEN;
    for (DWORD i = 0; i < list->AceCount; i++)
        if (!GetAce((PACL)(uintptr_t)list, i, &entry) || is_open(entry, own))
            return FOLDER_E_OPEN;
    return 0;
}

static int check(HANDLE handle) {
    _Alignas(4) unsigned char own[SID_SIZE];
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    PACL list = NULL;
    int error = sid_of_self(own, NULL);
    if (error)
        return error;
    if (GetSecurityInfo(handle, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                        &owner, NULL, &list, NULL, &descriptor) != ERROR_SUCCESS)
        return -EACCES;
    error = !owner || !is_trusted(owner, own) ? FOLDER_E_OWNER : check_list(list, own);
    (void)LocalFree(descriptor);
    return error;
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

/* Of a file or a folder; wide: in UTF-16. */
static int open_wide(const wchar_t *wide, HANDLE *handle) {
    *handle = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                          OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    return *handle == INVALID_HANDLE_VALUE ? last_error() : 0;
}

static bool is_folder(HANDLE handle) {
    BY_HANDLE_FILE_INFORMATION information;
    return GetFileInformationByHandle(handle, &information) &&
           information.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
}

/* A file may grow while it is read. */
static int read_all(HANDLE handle, char **text, size_t *size) {
    char *made = malloc(FOLDER_FILE_MOST + 1);
    DWORD n = 1;
    int error = made ? 0 : -ENOMEM;
    for (*size = 0; !error && n > 0 && *size <= FOLDER_FILE_MOST; *size += n) {
        DWORD room = (DWORD)(FOLDER_FILE_MOST + 1 - *size);
        if (!ReadFile(handle, made + *size, room < READ ? room : READ, &n, NULL))
            error = last_error();
        if (error)
            break;
    }
    if (!error && *size > FOLDER_FILE_MOST)
        error = FOLDER_E_SIZE;
    if (error) {
        free(made);
        return error;
    }
    made[*size] = '\0';
    *text = made;
    return 0;
}

int folder_read(const char *path, char **text, size_t *size) {
    wchar_t *wide = in_utf16(path);
    HANDLE handle;
    int error = wide ? open_wide(wide, &handle) : -ENOMEM;
    free(wide);
    if (error)
        return error;
    error = GetFileType(handle) != FILE_TYPE_DISK || is_folder(handle) ? FOLDER_E_KIND : check(handle);
    if (!error)
        error = read_all(handle, text, size);
    (void)CloseHandle(handle);
    return error;
}

/* ---- folders -------------------------------------------------------------------------------------------------------- */

static int check_folder(const wchar_t *wide) {
    HANDLE handle;
    int error = open_wide(wide, &handle);
    if (error)
        return error;
    error = is_folder(handle) ? check(handle) : -ENOTDIR;
    (void)CloseHandle(handle);
    return error;
}

static bool ends_with(const char *name, const char *ending) {
    size_t length = strlen(name), end = strlen(ending);
    return length > end && strcmp(name + length - end, ending) == 0;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* 0 or an error; *n are to be freed in any case. */
static int add(const wchar_t *found, const char *ending, char **names, size_t *n) {
    char *name = in_utf8(found);
    if (!name)
        return -ENOMEM;
    if (*name == '.' || !ends_with(name, ending)) {
        free(name);
        return 0;
    }
    if (*n == FOLDER_NAMES_MOST) {
        free(name);
        return FOLDER_E_MANY;
    }
    names[(*n)++] = name;
    return 0;
}

static int collect(const wchar_t *pattern, const char *ending, char **names, size_t *n) {
    WIN32_FIND_DATAW found;
    HANDLE search = FindFirstFileW(pattern, &found);
    int error = 0;
    if (search == INVALID_HANDLE_VALUE)
        return last_error();
    do
        error = add(found.cFileName, ending, names, n);
    while (!error && FindNextFileW(search, &found));
    if (!error && GetLastError() != ERROR_NO_MORE_FILES)
        error = last_error();
    (void)FindClose(search);
    return error;
}

static int list_pattern(const char *path, const char *ending, char **names, size_t *n) {
    char *text = malloc(strlen(path) + sizeof "\\*");
    wchar_t *pattern;
    if (!text)
        return -ENOMEM;
    (void)sprintf(text, "%s\\*", path);
    pattern = in_utf16(text);
    free(text);
    int error = pattern ? collect(pattern, ending, names, n) : -ENOMEM;
    free(pattern);
    return error;
}

int folder_list(const char *path, const char *ending, char ***names, size_t *n) {
    wchar_t *wide = in_utf16(path);
    int error = wide ? check_folder(wide) : -ENOMEM;
    free(wide);
    *n = 0;
    if (error)
        return error;
    *names = calloc(FOLDER_NAMES_MOST, sizeof **names);
    error = *names ? list_pattern(path, ending, *names, n) : -ENOMEM;
    if (error) {
        while (*n)
            free((*names)[--*n]);
        free(*names);
        return error;
    }
    qsort(*names, *n, sizeof **names, compare);
    return 0;
}
