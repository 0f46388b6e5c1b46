/* ancestor_linux.c: ancestor.h from /proc. */
#define _GNU_SOURCE
#include "ancestor.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* /proc/PID/stat is "PID (COMMAND) STATE PARENT GROUP SESSION ...". The command may contain ") ", so the last one is searched
 * for. */
bool ancestor_read(pid_t pid, struct ancestor *process) {
    char path[64], text[1024], state, *after;
    struct stat status;
    FILE *file;
    size_t n;
    long parent, session;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    n = fread(text, 1, sizeof(text) - 1, file);
    text[n] = '\0';
    after = strrchr(text, ')');
    if (fstat(fileno(file), &status) != 0 || after == NULL ||
        sscanf(after + 1,
               " %c %ld %*d %ld %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %*u %*u %*d %*u "
               "%*u %*u %lu",
               &state, &parent, &session, &process->stack) != 4) {
        fclose(file);
        return false;
    }
    fclose(file);
    process->runs = state != 'Z' && state != 'X';
    process->parent = (pid_t)parent;
    process->session = (pid_t)session;
    process->uid = status.st_uid;
    return true;
}
