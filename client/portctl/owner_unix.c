/* owner_unix.c: the process whose session portctl joins.
 *
 * portctl ends at once; what it makes must last as long as the script or the shell that called it. The
 * parent is a bad answer: in $(portctl ...) and in pipelines it is a subshell that ends as soon. So:
 *
 * - the leader of the process group, when it is an ancestor: a script is its own group when a shell with
 *   job control started it, and everything it calls is in that group;
 * - else the leader of the terminal session: an interactive shell gives each command line a group of its
 *   own, whose leader is portctl itself or its neighbour in a pipeline;
 * - else, when those two are gone or in another pid namespace (where their ids read 0), the parent.
 *
 * portctl is never its own owner: a session that ends with the call is of no use to the next one.
 */
#define _GNU_SOURCE
#include "owner.h"

#include "text.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { GENERATIONS_MAX = 1000 };

struct process {
    char state;
    pid_t parent;
};

/* /proc/PID/stat is "PID (COMMAND) STATE PARENT ..."; the command may hold anything, ") " too, so the last
 * one counts. */
static bool read_process(pid_t pid, struct process *process) {
    char path[64], text[1024], *after;
    FILE *file;
    size_t n;
    long parent;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = '\0';
    after = strrchr(text, ')');
    if (after == NULL || sscanf(after + 1, " %c %ld", &process->state, &parent) != 2)
        return false;
    process->parent = (pid_t)parent;
    return true;
}

static bool is_ancestor(pid_t pid) {
    pid_t ancestor = getppid();
    struct process process;

    for (int i = 0; i < GENERATIONS_MAX && ancestor > 0; i++) {
        if (ancestor == pid)
            return true;
        if (!read_process(ancestor, &process))
            return false;
        ancestor = process.parent;
    }
    return false;
}

/* Where /proc shows nothing of a process, a signal can still find it. */
static bool is_alive(pid_t pid) {
    struct process process;

    if (kill(pid, 0) != 0 && errno != EPERM)
        return false;
    return !read_process(pid, &process) || (process.state != 'Z' && process.state != 'X');
}

static struct owner found(pid_t pid, enum owner_rule rule) {
    struct owner owner = {(uint32_t)pid, rule};

    return owner;
}

/* 0: there is none that could be an owner. */
static pid_t session_leader(void) {
    pid_t session = getsid(0);

    return session > 0 && session != getpid() && is_alive(session) ? session : 0;
}

struct owner owner_find(void) {
    pid_t group = getpgrp(), session = session_leader(), parent = getppid();

    if (group > 0 && is_ancestor(group))
        return found(group, OWNER_GROUP_LEADER);
    if (session > 0)
        return found(session, OWNER_SESSION_LEADER);
    if (parent > 0)
        return found(parent, OWNER_PARENT);
    return found(0, OWNER_NOBODY);
}

bool owner_parse(const char *text, uint32_t *pid) {
    uint64_t number = 0;

    if (strcmp(text, "parent") == 0)
        number = (uint64_t)getppid();
    else if (strcmp(text, "session-leader") == 0)
        number = (uint64_t)session_leader();
    else if (!text_number(strncmp(text, "pid:", 4) == 0 ? text + 4 : text, INT32_MAX, &number))
        return false;
    *pid = (uint32_t)number;
    return number != 0;
}
