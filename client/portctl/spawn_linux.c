/* spawn_linux.c: starts a program that waits for a word before it runs: it can be held before it has done anything.
 *
 * The child has copies of everything that portctl has open until it execs; all of that is close-on-exec. */
#define _GNU_SOURCE
#include "spawn.h"

#include "lease.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdnoreturn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_RUN = 127 };

static void forget_signals(void) {
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static ssize_t read_all(int from, void *bytes, size_t size) {
    ssize_t n;

    while ((n = read(from, bytes, size)) < 0 && errno == EINTR)
        continue;
    return n;
}

/* 0, or an errno. Nothing that portctl opens has the number of a standard stream. */
static int prepare(const struct spawn *spawn) {
    if (setsid() < 0 || (spawn->on_terminal && ioctl(spawn->streams[0], TIOCSCTTY, 0) != 0))
        return errno;
    for (int stream = 0; stream < 3; stream++)
        if (dup2(spawn->streams[stream], stream) < 0)
            return errno;
    return 0;
}

static noreturn void become(const struct spawn *spawn, int gate, int report) {
    int error = prepare(spawn);
    char word;

    if (error == 0 && read_all(gate, &word, 1) != 1)
        _exit(NOT_RUN);
    if (error == 0) {
        forget_signals();
        execvp(spawn->words[0], spawn->words);
        error = errno;
    }
    (void)!write(report, &error, sizeof(error));
    _exit(NOT_RUN);
}

static void close_pair(const int ends[2]) {
    close(ends[0]);
    close(ends[1]);
}

/* The child is not reaped before the pidfd is there. */
static int open_process(struct spawned *spawned) {
    portd_native process;
    int error = lease_open_process((uint32_t)spawned->pid, &process);

    spawned->process = error == 0 ? (int)process : -1;
    return error;
}

int spawn_begin(const struct spawn *spawn, struct spawned *spawned) {
    int gate[2], report[2], error;

    *spawned = (struct spawned){.pid = -1, .process = -1, .gate = -1, .report = -1};
    if (pipe2(gate, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(report, O_CLOEXEC) != 0) {
        error = errno;
        close_pair(gate);
        return error;
    }
    spawned->pid = fork();
    if (spawned->pid < 0) {
        error = errno;
        close_pair(gate);
        close_pair(report);
        return error;
    }
    if (spawned->pid == 0) {
        close(gate[1]);
        close(report[0]);
        become(spawn, gate[0], report[1]);
    }
    close(gate[0]);
    close(report[1]);
    spawned->gate = gate[1];
    spawned->report = report[0];
    error = open_process(spawned);
    if (error != 0)
        spawn_end(spawned);
    return error;
}

int spawn_release(struct spawned *spawned) {
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    int error = 0;

    /* A child that could not even begin has written why, and closed the gate. */
    if (write(spawned->gate, "", 1) == 1 || errno == EPIPE)
        (void)read_all(spawned->report, &error, sizeof(error));
    else
        error = errno;
    (void)signal(SIGPIPE, before);
    if (error != 0) {
        spawn_end(spawned); /* and waits for it */
        return error;
    }
    close(spawned->gate);
    spawned->gate = -1;
    return 0;
}

static void close_end(int *end) {
    if (*end >= 0)
        close(*end);
    *end = -1;
}

void spawn_end(struct spawned *spawned) {
    bool waits = spawned->gate >= 0;

    close_end(&spawned->gate);
    while (waits && spawned->pid > 0 && waitpid(spawned->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    close_end(&spawned->report);
    close_end(&spawned->process);
}
