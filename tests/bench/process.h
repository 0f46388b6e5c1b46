/* process.h: the processes of a benchmark: pinned to one CPU, ended by pid, measured from outside. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* This process, and every one that it starts, stays on one CPU (the last one that it may use). Returns
 * which. */
int process_pin(void);

/* This process, and every one that it starts from now on, is scheduled as SCHED_BATCH, or as usual again. Under SCHED_BATCH whoever is woken
 * waits until the other sleeps: otherwise a server sometimes takes the CPU from its client in the middle of `send`, in
 * one run and not in the next. */
void process_batch(bool batch);

/* That process (0: this one) goes to a CPU that nobody was pinned to, if there is one. */
void process_step_aside(pid_t pid);

/* The limit of open files becomes n, here and in what is started. False: it may not be that high. */
bool process_limit_files(unsigned n);

/* A folder of our own for sockets; removed at the end. */
const char *process_folder(void);

/* Path of a file in that folder, in memory that stays. */
const char *process_path(const char *name);

/* Whether PATH leads to that program. */
bool process_installed(const char *program);

/* Starts a program (argv ends with NULL) that ends with this process at the latest. in becomes its standard
 * input, out its standard output (-1: /dev/null); what it says as errors goes to ours only with
 * BENCH_VERBOSE. */
pid_t process_start(char *const argv[], int in, int out);

/* A copy of this process that ends with it at the latest: 0 in the copy. */
pid_t process_fork(void);

/* Asks one to end, makes it when it does not, and waits for it. */
void process_end(pid_t pid);

/* SIGKILL, and waits for it. */
void process_kill(pid_t pid);

/* Waits until it ends by itself; returns its exit status. */
int process_wait(pid_t pid);

/* The same, but for ms at most. False: it is still there. */
bool process_wait_for(pid_t pid, int ms, int *status);

/* Ends all that were started and removes the folder. Runs at exit, too. */
void process_end_all(void);

/* Connects to a Unix stream socket, again and again until somebody listens there. */
int process_connect(const char *path);

/* What a process has used, all threads together. */
struct process_use {
    uint64_t switches;  /* context switches, voluntary and not */
    uint64_t ticks;     /* of the CPU, user and system */
    uint64_t anonymous; /* bytes of anonymous memory that are resident */
};
struct process_use process_look(pid_t pid);
double process_tick_us(void);

void process_sleep(double seconds);

#endif
