/* taker.h: files whose poll takes something from their program.
 *
 * Some files tell of a change once, to the first poll of the open file that comes, whoever polls: the mounts of a process and other files of
 * procfs, and triggers of pressure. The program would miss what the broker's poll is told. So the broker never polls such a file. It is ready at
 * all times for what it is open for: its reads and writes never wait. An epoll descriptor polls what is in it when it is polled itself, and is not
 * polled while such a file is in it. The kernel does not tell what is in an epoll descriptor that is in another one. Nor is an epoll descriptor looked into
 * while what the kernel takes for that could be more than the memory limit leaves (cgroup.h): it is polled then. */
#ifndef TAKER_H
#define TAKER_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine_probe;

enum { TAKER_E_INSIDE = 3 /* none of ENGINE_E_* */ };

/* An event that taker_probe adds to those of engine_probe: not polled, so not known. */
enum { TAKER_UNKNOWN = 128 };

/* Call once, at the start: learns the devices of file systems. */
void taker_init(void);

/* Whether fd is such a file. Not for the loop: a file's server may be asked. */
bool taker_is(os_fd fd);

/* What such a file is ready for, as in engine_event. */
unsigned taker_ready(os_fd fd);

/* Looks into an epoll descriptor. Not for the loop: its lock is taken. 0 and about the number of files in it (0: perhaps it was not looked into);
 * TAKER_E_INSIDE: such a file is in it, or one that may be; or a negative errno. */
int taker_find(os_fd epoll, size_t *n);

/* The same before the calling thread polls it. A look takes time for each file, so one into many files counts for some polls that follow, unless
 * taker_forget is called. */
int taker_look(os_fd epoll);
void taker_forget(os_fd epoll);

/* engine_probe for descriptors of these types (enum inspect_type), which are not polled if that takes something: of an epoll descriptor TAKER_UNKNOWN
 * is told then. Not for the loop. */
int taker_probe(struct engine_probe *probes, const uint8_t *types, size_t n);

/* pollable_evt_follow for such a target. -EPERM: it is always ready; -EOPNOTSUPP: an epoll descriptor with such a file in it. Not for the loop. */
int taker_follow(os_fd handle, os_fd target, unsigned interest, bool epoll);

#endif
