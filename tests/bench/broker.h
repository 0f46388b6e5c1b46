/* broker.h: portd in a row: a real broker on an address of its own, and libportd. Each bench_run is on a struct broker. */
#ifndef BROKER_H
#define BROKER_H

#include "bench.h"

#include "client/portd.h"

#include <stdbool.h>
#include <sys/types.h>

struct broker;
struct crowd;

/* Starts a portd that listens there, its socket with that mode, with or without a keeper, and returns when it is ready. */
pid_t broker_daemon(const char *program, const char *address, const char *mode, bool keeper);

extern bool broker_no_wakeup; /* connect with that option; set before the first broker is started */

/* program: the portd that is measured. */
struct broker *broker_start(const char *program);
void broker_end(struct broker *broker);

const char *broker_address(const struct broker *broker);
pid_t broker_pid(const struct broker *broker);
portd_client *broker_client(struct broker *broker);

portd_client *broker_connect_to(const char *address);
/* Another connection to it, with a session of its own. */
portd_client *broker_connect(const struct broker *broker);
/* The same, in the session of that one. */
portd_client *broker_join(const struct broker *broker, portd_client *client);

bench_run broker_rtt;         /* portd_ping */
bench_run broker_put;         /* portd_fd_to_semaphore of a number that has one: the copy is closed */
bench_run broker_get;         /* portd_handle_dup; the copy is closed */
bench_run broker_wake;        /* a byte into a pipe, until the callback of a wait for its event */
bench_run broker_wake_handle; /* a byte into a pipe, until poll finds the handle of its semaphore */
bench_run broker_pipeline;    /* BENCH_DEPTH of portd_ping_start, then portd_poll until all are answered */

/* Registers semaphores of n more idle eventfds, each with a number of its own. */
void broker_watch(struct broker *broker, size_t n);

/* Somebody else who has n of them, in one session; it ends when its only connection does. */
struct crowd *broker_crowd(const struct broker *broker, size_t n);
void broker_crowd_leave(struct crowd *crowd);
void broker_crowd_free(struct crowd *crowd);

#endif
