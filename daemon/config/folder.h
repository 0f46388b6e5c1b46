/* folder.h: where files of the configuration are, and reading them safely. */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdbool.h>
#include <stddef.h>

enum { FOLDER_FILE_MOST = 1 << 20, FOLDER_NAMES_MOST = 1000 };

/* Why a file or a folder is not used; folder_why has texts. */
enum {
    FOLDER_E_KIND = 1, /* it is no regular file */
    FOLDER_E_SIZE,     /* it is longer than FOLDER_FILE_MOST */
    FOLDER_E_OWNER,    /* it belongs neither to the system's administrator nor to the broker's user */
    FOLDER_E_OPEN,     /* others may write to it */
    FOLDER_E_MANY,     /* it has more than FOLDER_NAMES_MOST names */
    FOLDER_E_AWAY      /* whether it is there cannot be seen from here: a folder on the way is closed */
};

/* The file that is read when none is named: *path is to be freed, NULL: there is no such place. 0 or -ENOMEM. */
int folder_default(char **path);

/* A variable of the environment: *value is to be freed, NULL: it is not set, or empty, or the process has raised privileges. 0 or -ENOMEM. */
int folder_variable(const char *name, char **value);

/* The contents of a file, and a NUL after them: *text is to be freed. It does not wait for a writer of a pipe. 0, FOLDER_E_*, or a negative errno. */
int folder_read(const char *path, char **text, size_t *size);

/* The names in a folder that end with `ending`, in the order of their bytes, without those that begin with a dot: *names and each of them are to be
 * freed. 0, FOLDER_E_*, or a negative errno. */
int folder_list(const char *path, const char *ending, char ***names, size_t *n);

/* Whether that is the answer to a path where nothing is, as far as can be seen. */
bool folder_is_absent(int error);

/* What folder_read and folder_list have answered, and what to do about it, in text. */
const char *folder_why(int error);

#endif
