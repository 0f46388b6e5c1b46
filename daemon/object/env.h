/* env.h: the services that the broker is built on: one of each, alive until the end.
 *
 * The pointers may be passed on before what they point to is complete: users and the fd table are made late,
 * because they count the descriptors that are open by then. A file that uses a service includes its header. */
#ifndef ENV_H
#define ENV_H

#include "proto/os.h"

struct closer;
struct engine;
struct loop;
struct offload;
struct pollers;
struct fd_table;
struct users;

struct env {
    os_uid own; /* the broker's uid */
    struct loop *loop;
    struct engine *engine; /* the loop's */
    struct offload *offload;
    struct closer *closer;
    struct pollers *pollers;
    struct fd_table *fd_table;
    struct users *users;
    const char *door_notify; /* its address, or NULL */
};

#endif
