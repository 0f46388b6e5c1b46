/* neighbours_linux.c: for each pattern a broker, an offender, and a process that pings.
 *
 * The pings are recorded with their times in memory that the processes share, so only those are counted that began between the
 * offender's report and the end of what it leaves behind. */
#define _GNU_SOURCE

#include "neighbours.h"

#include "broker.h"
#include "floor.h"
#include "offender.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    OFFENDER = 2001, /* their uids */
    NEIGHBOUR = 2002,
    PINGS_MAX = 200000,
    SETTING_UP_MS = 20000,
    COMMITTING_MS = 5000, /* beyond the time that it was given */
    AFTERWARDS_MS = 300,
    ANSWERING_MS = 5000, /* a ping that is under way at the end */
    INTERVAL_NS = 1000000,
    NICE =
        -15 /* of brokers, of the echo and of whoever pings: what else runs on this machine is not measured */
};

struct ping {
    double at, us;
};

struct shared {
    _Atomic size_t n;
    _Atomic bool stop;
    struct ping pings[PINGS_MAX];
};

struct setting {
    const char *program, *address;
    struct floor *floor;
    double seconds;
    size_t share;
    struct shared *shared;
};

/* ---- the neighbour ---------------------------------------------------------------------------------------------------- */

static void become(unsigned uid) {
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        bench_fail("becoming another uid");
}

static void ping_broker(void *subject, double *us, size_t n) {
    portd_client *client = subject;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        if (portd_ping(client, PORTD_FOREVER) != 1)
            bench_fail("a neighbour's ping");
        us[i] = bench_now() - start;
    }
}

static void ping_anew(void *subject, double *us, size_t n) {
    const char *address = subject;

    for (size_t i = 0; i < n; i++) {
        portd_client *client = NULL;
        double start = bench_now();
        if (portd_connect(address, NULL, PORTD_FOREVER, &client) != 1 ||
            portd_ping(client, PORTD_FOREVER) != 1)
            bench_fail("a neighbour's connection");
        us[i] = bench_now() - start;
        portd_disconnect(client);
    }
}

static _Noreturn void ping(struct shared *shared, struct side side) {
    const struct timespec interval = {.tv_nsec = INTERVAL_NS};

    while (!atomic_load(&shared->stop) && atomic_load(&shared->n) < PINGS_MAX) {
        struct ping *one = &shared->pings[atomic_load(&shared->n)];
        one->us = 0;
        one->at = bench_now();
        side.run(side.subject, &one->us, 1);
        atomic_fetch_add(&shared->n, 1);
        (void)nanosleep(&interval, NULL); /* pings come at a rate: nothing is waited for */
    }
    _exit(0);
}

/* Returns when the first ping is answered. */
static pid_t neighbour_start(const struct setting *setting, bool control, bool anew) {
    atomic_store(&setting->shared->n, 0);
    atomic_store(&setting->shared->stop, false);
    pid_t pid = process_fork();
    if (pid == 0) {
        portd_client *client = NULL;
        become(NEIGHBOUR);
        if (control)
            ping(setting->shared, (struct side){"echo", floor_rtt, setting->floor});
        if (anew)
            ping(setting->shared, (struct side){"portd", ping_anew, (void *)(uintptr_t)setting->address});
        if (portd_connect(setting->address, NULL, PORTD_FOREVER, &client) != 1)
            bench_fail("a neighbour cannot connect");
        ping(setting->shared, (struct side){"portd", ping_broker, client});
    }
    while (atomic_load(&setting->shared->n) == 0)
        process_sleep(0.001);
    return pid;
}

/* ---- the offender ----------------------------------------------------------------------------------------------------- */

static pid_t offender_start(const struct setting *setting, const struct offence *offence, int *told) {
    struct offender offender = {
        .address = setting->address, .share = setting->share, .seconds = setting->seconds};
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        bench_fail("pipe");
    pid_t pid = process_fork();
    if (pid == 0) {
        (void)close(ends[0]);
        process_step_aside(0);
        (void)setpriority(PRIO_PROCESS, 0, 0);
        offender.told = ends[1];
        offender_run(&offender, offence, OFFENDER);
    }
    (void)close(ends[1]);
    *told = ends[0];
    return pid;
}

static bool readable(int fd, int ms) {
    struct pollfd look = {.fd = fd, .events = POLLIN};

    return poll(&look, 1, ms) == 1;
}

/* Its word: how many it has made. False: it was not ready in time. An offender that fails ends its pipe without one. */
static bool offender_await(const struct offence *offence, int told, size_t *n) {
    if (!readable(told, SETTING_UP_MS))
        return false;
    errno = 0;
    if (read(told, n, sizeof(*n)) == sizeof(*n))
        return true;
    fprintf(stderr, "bench: %s: ", offence->name);
    bench_fail("the offender does not begin");
}

static void offender_stop(pid_t offender, int told) {
    process_kill(offender);
    (void)close(told);
}

/* Its end: the pipe has no other writer. */
static void offender_finish(const struct setting *setting, pid_t offender, int told) {
    (void)readable(told, (int)(setting->seconds * 1000) + COMMITTING_MS);
    offender_stop(offender, told);
}

/* ---- one pattern ------------------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void summarize(struct neighbours_figure *figure, const struct shared *shared, double from, double to) {
    size_t all = atomic_load(&shared->n), n = 0;
    double *us = malloc((all + 1) * sizeof(*us));

    if (!us)
        bench_fail("malloc");
    for (size_t i = 0; i < all; i++)
        if (shared->pings[i].at + shared->pings[i].us >= from && shared->pings[i].at <= to)
            us[n++] = shared->pings[i].us;
    qsort(us, n, sizeof(*us), compare);
    figure->pings = n;
    if (n > 0) {
        figure->p50 = us[n / 2];
        figure->p99 = us[n - 1 - n / 100];
        figure->longest = us[n - 1];
    }
    free(us);
}

/* A ping that is not answered counts with the time until now. */
static void neighbour_finish(const struct setting *setting, pid_t neighbour) {
    struct shared *shared = setting->shared;
    int status;

    atomic_store(&shared->stop, true);
    if (process_wait_for(neighbour, ANSWERING_MS, &status)) {
        if (status != 0)
            bench_fail("the neighbour has failed");
        return;
    }
    process_kill(neighbour);
    size_t n = atomic_load(&shared->n);
    if (n < PINGS_MAX && shared->pings[n].at > 0) {
        shared->pings[n].us = bench_now() - shared->pings[n].at;
        atomic_store(&shared->n, n + 1);
    }
}

static struct neighbours_figure measure(const struct setting *setting, const struct offence *offence,
                                        bool control) {
    struct neighbours_figure figure = {0};
    int told;

    pid_t broker = broker_daemon(setting->program, setting->address, "0666", false);
    if (control)
        process_step_aside(broker);
    pid_t neighbour = neighbour_start(setting, control, offence->anew);
    pid_t offender = offender_start(setting, offence, &told);
    figure.begun = offender_await(offence, told, &figure.n);
    double began = bench_now();
    uint64_t ticks = process_look(broker).ticks;
    if (figure.begun)
        offender_finish(setting, offender, told);
    else
        offender_stop(offender, told);
    process_sleep(AFTERWARDS_MS * 1e-3);
    double ended = bench_now();
    figure.busy = (double)(process_look(broker).ticks - ticks) * process_tick_us() / (ended - began);
    neighbour_finish(setting, neighbour);
    summarize(&figure, setting->shared, began, ended);
    process_end(broker);
    return figure;
}

bool neighbours_measure(struct neighbours *neighbours, const char *program, double seconds, size_t share,
                        const char *only) {
    struct setting setting = {.program = program, .seconds = seconds, .share = share};
    char address[128];

    neighbours->n = 0;
    if (geteuid() != 0)
        return false;
    if (chmod(process_folder(), 0755) < 0)
        bench_fail("chmod");
    (void)snprintf(address, sizeof(address), "unix:%s/neighbours.sock", process_folder());
    setting.address = address;
    errno = 0;
    int nice_before = getpriority(PRIO_PROCESS, 0);
    if (errno || setpriority(PRIO_PROCESS, 0, NICE) < 0)
        bench_fail("setpriority");
    process_batch(
        false); /* who pings is to be woken as usual: else a ping takes a time slice of the broker */
    setting.floor = floor_start();
    setting.shared =
        mmap(NULL, sizeof(*setting.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (setting.shared == MAP_FAILED)
        bench_fail("mmap");
    double all = bench_now();
    for (size_t i = 0; i < n_offences && neighbours->n < NEIGHBOURS_ROWS_MAX; i++) {
        const struct offence *offence = &offences[i];
        if (only && strcmp(only, offence->name) != 0)
            continue;
        struct neighbours_row *row = &neighbours->rows[neighbours->n++];
        *row =
            (struct neighbours_row){.name = offence->name, .what = offence->what, .must = !offence->kernel};
        double start = bench_now();
        do {
            row->control = measure(&setting, offence, true);
            row->portd = measure(&setting, offence, false);
        } while (++row->tries < NEIGHBOURS_TRIES && neighbours_missed(row) &&
                 bench_now() - start < NEIGHBOURS_ROW_SECONDS * 1e6 &&
                 bench_now() - all < NEIGHBOURS_ALL_SECONDS * 1e6);
    }
    floor_end(setting.floor);
    process_batch(true);
    (void)setpriority(PRIO_PROCESS, 0, nice_before);
    (void)munmap(setting.shared, sizeof(*setting.shared));
    return true;
}

bool neighbours_missed(const struct neighbours_row *row) {
    return row->must && (!row->portd.begun || row->portd.p99 / 1e3 > NEIGHBOURS_P99_MS_MUST ||
                         (row->portd.longest - row->control.longest) / 1e3 > NEIGHBOURS_BEYOND_MS_MUST);
}
