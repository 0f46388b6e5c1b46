/* address.c: parses addresses. address_unix.c and address_win.c find the user's and the system's broker. */
#include "address.h"

#include <limits.h>
#include <string.h>

enum {
    UNIX_PATH_MAX = 107, /* on Linux, without NUL; where it is shorter the transport refuses a long path */
    NPIPE_NAME_MAX = 246 /* a full name, \\.\pipe\NAME, has at most 256 characters */
};

static const char *parse_unix(const char *path, struct address *address) {
    size_t length = strlen(path);

    if (path[0] != '/' && path[0] != '@')
        return "the path after unix: must be absolute";
    if (path[0] == '@' && length == 1)
        return "the name after unix:@ is missing";
    if (length > UNIX_PATH_MAX)
        return "the path is too long for a socket";
    if (path[0] == '/' && path[length - 1] == '/')
        return "the path names a directory, not a socket";
    memcpy(address->path, path, length + 1);
    address->kind = ADDRESS_UNIX;
    return NULL;
}

static const char *parse_npipe(const char *name, struct address *address) {
    size_t length = strlen(name);

    if (length == 0)
        return "the name after npipe: is missing";
    if (length > NPIPE_NAME_MAX)
        return "the name is too long for a pipe";
    if (strpbrk(name, "/\\"))
        return "a pipe name cannot contain slashes";
    memcpy(address->path, name, length + 1);
    address->kind = ADDRESS_NPIPE;
    return NULL;
}

static const char *parse_fd(const char *digits, struct address *address) {
    int fd = 0;

    if (!*digits)
        return "the number after fd: is missing";
    for (; *digits; digits++) {
        int digit = *digits - '0';
        if (digit < 0 || digit > 9 || fd > (INT_MAX - digit) / 10)
            return "the text after fd: is not a descriptor number";
        fd = fd * 10 + digit;
    }
    address->fd = fd;
    address->kind = ADDRESS_FD;
    return NULL;
}

const char *address_parse(const char *text, struct address *address) {
    address->kind = ADDRESS_NONE;
    address->path[0] = '\0';
    address->fd = -1;
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, address);
    if (strncmp(text, "npipe:", 6) == 0)
        return parse_npipe(text + 6, address);
    if (strncmp(text, "fd:", 3) == 0)
        return parse_fd(text + 3, address);
    return "an address starts with unix: or fd:, on Windows with npipe:";
}
