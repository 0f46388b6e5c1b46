/* env.h: what the broker stands on: one of each, there until the end. What the pointers lead to may be made after whoever is handed them
 * (users and slots are, since what is open by then is counted); whoever uses one includes what it is. */
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
};

#endif
