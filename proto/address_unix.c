/* address_unix.c: addresses of the user's and the system's broker on Unix.
 *
 * All users can write to the temporary folder, so another user may have created ours: it is used only if it is a folder (lstat follows no
 * link), ours and closed to others. Then no other user can replace it, since the parent is checked to be sticky: the environment may name a
 * folder of another user (kept by sudo, for instance), who could replace ours, or be locked out by it. A program with raised privileges
 * ignores these environment variables (secure_getenv). */
#define _GNU_SOURCE

#include "address.h"

#include "environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char socket_name[] = "/portd.sock";

static const size_t socket_path_size = sizeof(((struct sockaddr_un *)NULL)->sun_path);

/* The value of a variable that names a folder, or NULL. Ignores relative paths: they depend on the working directory. */
static const char *folder_variable(const char *name) {
    const char *value = environment_get(name);

    return value && value[0] == '/' ? value : NULL;
}

static int folder_check(const char *folder) {
    struct stat status;

    if (lstat(folder, &status) < 0)
        return -errno;
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0)
        return -EPERM;
    return 0;
}

/* Checks the parent folder: no other user can replace ours in it. A group may write to the user's own folder: that was the user's choice. */
static int place_check(const char *place) {
    struct stat status;
    mode_t others = S_IWOTH;

    if (stat(place, &status) < 0)
        return -errno;
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return -EPERM;
    if (status.st_uid != geteuid())
        others |= S_IWGRP;
    return (status.st_mode & others) != 0 && (status.st_mode & S_ISVTX) == 0 ? -EPERM : 0;
}

int address_user(char text[ADDRESS_MAX], int make) {
    char found[ADDRESS_MAX];
    const char *runtime = folder_variable("XDG_RUNTIME_DIR");
    const char *temporary = folder_variable("TMPDIR");
    const char *place = runtime ? runtime : temporary ? temporary : "/tmp";
    int length;

    text[0] = '\0';
    if (runtime)
        length = snprintf(found, sizeof(found), "unix:%s/portd", place);
    else
        length = snprintf(found, sizeof(found), "unix:%s/portd-%lu", place, (unsigned long)geteuid());
    if (length < 0 || (size_t)length + sizeof(socket_name) > sizeof("unix:") - 1 + socket_path_size)
        return -ENAMETOOLONG;
    const char *folder = found + sizeof("unix:") - 1;
    memcpy(text, found, (size_t)length);
    memcpy(text + length, socket_name, sizeof(socket_name));
    int r = place_check(place);
    if (r < 0)
        return r;
    if (make && mkdir(folder, 0700) < 0 && errno != EEXIST)
        return -errno;
    return folder_check(folder);
}

const char *address_system(void) { return environment_service(); }

int address_system_make(void) {
    const char *path = environment_service() + sizeof("unix:") - 1;
    char system_folder[ADDRESS_MAX];
    struct stat status;

    (void)snprintf(system_folder, sizeof(system_folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    /* chmod, since the umask may have reduced the mode: clients of other users must get in. */
    if (mkdir(system_folder, 0755) == 0)
        return chmod(system_folder, 0755) < 0 ? -errno : 0;
    if (errno != EEXIST || lstat(system_folder, &status) < 0)
        return -errno;
    return !S_ISDIR(status.st_mode) || status.st_uid != 0 || (status.st_mode & 022) != 0 ? -EPERM : 0;
}
