/* s6_linux.c: s6-fdholder as a peer. Only compiled where libs6 is installed. */
#define _GNU_SOURCE

#include "peer.h"

#include "process.h"

#include <s6/fdholder.h>
#include <skalibs/tai.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const held = "held", *const stored = "stored";

struct s6 {
    pid_t pid;
    s6_fdholder_t client;
    tain deadline;
    int fd;
};

static void write_rule(const char *name, const char *text) {
    FILE *file = fopen(process_path(name), "we");

    if (!file || fputs(text, file) == EOF || fclose(file) != 0)
        bench_fail(name);
}

/* Everything is allowed to everybody who can reach the folder. */
static char *rules_make(void) {
    static const char *const folders[] = {"rules", "rules/uid", "rules/uid/default", "rules/uid/default/env"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        if (mkdir(process_path(folders[i]), 0700) < 0)
            bench_fail(folders[i]);
    write_rule("rules/uid/default/allow", "");
    write_rule("rules/uid/default/env/S6_FDHOLDER_STORE_REGEX", "^");
    write_rule("rules/uid/default/env/S6_FDHOLDER_RETRIEVE_REGEX", "^");
    return strdup(process_path("rules"));
}

struct s6 *s6_start(void) {
    static char program[] = "s6-fdholder-daemon", in[] = "-i", forever[] = "-t", zero[] = "0";
    if (!process_installed(program))
        return NULL;
    char *rules = rules_make(), *path = strdup(process_path("s6.sock"));
    char *argv[] = {program, forever, zero, in, rules, path, NULL};
    struct s6 *s6 = calloc(1, sizeof(*s6));
    s6_fdholder_t none = S6_FDHOLDER_ZERO;

    if (!rules || !path || !s6)
        bench_fail("s6");
    s6->client = none;
    s6->pid = process_start(argv, -1, -1);
    (void)close(process_connect(path));
    s6->fd = eventfd(0, EFD_CLOEXEC);
    tain_now_g();
    tain_addsec_g(&s6->deadline, 3600);
    if (s6->fd < 0 || !s6_fdholder_start_g(&s6->client, path, &s6->deadline) ||
        !s6_fdholder_store_g(&s6->client, s6->fd, held, &s6->deadline, &s6->deadline))
        bench_fail("s6-fdholder");
    free(rules);
    free(path);
    return s6;
}

void s6_end(struct s6 *s6) {
    if (!s6)
        return;
    s6_fdholder_end(&s6->client);
    process_end(s6->pid);
    (void)close(s6->fd);
    free(s6);
}

void s6_store(void *subject, double *us, size_t n) {
    struct s6 *s6 = subject;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        if (!s6_fdholder_store_g(&s6->client, s6->fd, stored, &s6->deadline, &s6->deadline))
            bench_fail("s6 store");
        us[i] = bench_now() - start;
        if (!s6_fdholder_delete_g(&s6->client, stored, &s6->deadline))
            bench_fail("s6 delete");
    }
}

void s6_retrieve(void *subject, double *us, size_t n) {
    struct s6 *s6 = subject;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        int fd = s6_fdholder_retrieve_maybe_delete_g(&s6->client, held, 0, &s6->deadline);
        if (fd < 0)
            bench_fail("s6 retrieve");
        (void)close(fd);
        us[i] = bench_now() - start;
    }
}
