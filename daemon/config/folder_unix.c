/* folder_unix.c: folder.h on Unix.
 *
 * Whoever could write a file of the configuration could choose who may use the broker, so it belongs to root or to the broker's user, and nobody else
 * may write to it; the same holds for the folder of the drop-ins. */
#define _GNU_SOURCE

#include "folder.h"

#include "proto/environment.h"
#include "proto/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char file_name[] = "portd.conf";

const char *folder_why(int error) {
    switch (error) {
    case FOLDER_E_KIND:
        return "it is not a regular file";
    case FOLDER_E_SIZE:
        return "it is larger than 1 MiB";
    case FOLDER_E_OWNER:
        return "it must belong to root or to the broker's user (chown)";
    case FOLDER_E_OPEN:
        return "group or others may write to it: chmod go-w";
    case FOLDER_E_MANY:
        return "it has more than 1000 files";
    case FOLDER_E_AWAY:
        return "permission denied for a directory on the way to it";
    default:
        return os_error_text(-error);
    }
}

bool folder_is_absent(int error) { return error == -ENOENT || error == -ENOTDIR || error == FOLDER_E_AWAY; }

/* errno of an open that has failed, as an answer. */
static int open_error(const char *path) {
    struct stat status;
    int error = errno;
    if (error == ENXIO || error == EOPNOTSUPP) /* a socket, or a device that is not there */
        return FOLDER_E_KIND;
    return error == EACCES && stat(path, &status) < 0 ? FOLDER_E_AWAY : -error;
}

/* 0 or -ENOMEM. */
__attribute__((format(printf, 2, 3))) static int write_path(char **path, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(path, format, arguments);
    va_end(arguments);
    if (length >= 0)
        return 0;
    *path = NULL;
    return -ENOMEM;
}

static const char *absolute(const char *variable) {
    const char *value = environment_get(variable);
    return value && *value == '/' ? value : NULL;
}

int folder_default(char **path) {
    /* From a service manager: systemd.exec(5). */
    const char *given = absolute("CONFIGURATION_DIRECTORY"), *own;
    *path = NULL;
    if (given)
        return write_path(path, "%.*s/%s", (int)strcspn(given, ":"), given, file_name);
    if (geteuid() == 0)
        return write_path(path, "%s/%s", PORTD_CONFIG_FOLDER, file_name);
    own = absolute("XDG_CONFIG_HOME");
    if (own)
        return write_path(path, "%s/portd/%s", own, file_name);
    own = absolute("HOME");
    return own ? write_path(path, "%s/.config/portd/%s", own, file_name) : 0;
}

int folder_variable(const char *name, char **value) {
    const char *found = environment_get(name);
    *value = NULL;
    return found && *found ? write_path(value, "%s", found) : 0;
}

static int check(const struct stat *status) {
    if (status->st_uid != 0 && status->st_uid != geteuid())
        return FOLDER_E_OWNER;
    return status->st_mode & (S_IWGRP | S_IWOTH) ? FOLDER_E_OPEN : 0;
}

/* A file may grow while it is read. */
static int read_all(int fd, char **text, size_t *size) {
    size_t room = FOLDER_FILE_MOST + 1;
    char *made = malloc(room), *fitting;
    ssize_t n = 1;
    if (!made)
        return -ENOMEM;
    for (*size = 0; n > 0 && *size<room; *size += n> 0 ? (size_t)n : 0)
        n = read(fd, made + *size, room - *size);
    if (n < 0 || *size == room) {
        int error = n < 0 ? -errno : FOLDER_E_SIZE;
        free(made);
        return error;
    }
    made[*size] = '\0';
    fitting = realloc(made, *size + 1);
    *text = fitting ? fitting : made;
    return 0;
}

int folder_read(const char *path, char **text, size_t *size) {
    struct stat status;
    int error, fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return open_error(path);
    if (fstat(fd, &status) < 0)
        error = -errno;
    else if (!S_ISREG(status.st_mode))
        error = FOLDER_E_KIND;
    else
        error = check(&status);
    if (!error && status.st_size > FOLDER_FILE_MOST)
        error = FOLDER_E_SIZE;
    if (!error)
        error = read_all(fd, text, size);
    os_close(fd);
    return error;
}

static bool ends_with(const char *name, const char *ending) {
    size_t length = strlen(name), end = strlen(ending);
    return length > end && strcmp(name + length - end, ending) == 0;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The names in the stream. 0 or an error; *n are to be freed in any case. */
static int collect(DIR *stream, const char *ending, char **names, size_t *n) {
    const struct dirent *entry;
    for (errno = 0; (entry = readdir(stream)); errno = 0) {
        if (*entry->d_name == '.' || !ends_with(entry->d_name, ending))
            continue;
        if (*n == FOLDER_NAMES_MOST)
            return FOLDER_E_MANY;
        if (write_path(&names[*n], "%s", entry->d_name))
            return -ENOMEM;
        ++*n;
    }
    return -errno;
}

static int list_stream(DIR *stream, const char *ending, char ***names, size_t *n) {
    struct stat status;
    int error = fstat(dirfd(stream), &status) < 0 ? -errno : check(&status);
    char **made = error ? NULL : calloc(FOLDER_NAMES_MOST, sizeof *made);
    if (!made)
        return error ? error : -ENOMEM;
    error = collect(stream, ending, made, n);
    if (error) {
        while (*n)
            free(made[--*n]);
        free(made);
        return error;
    }
    qsort(made, *n, sizeof *made, compare);
    *names = made;
    return 0;
}

int folder_list(const char *path, const char *ending, char ***names, size_t *n) {
    DIR *stream = opendir(path);
    int error;
    *n = 0;
    if (!stream)
        return open_error(path);
    error = list_stream(stream, ending, names, n);
    (void)closedir(stream);
    return error;
}
