/* env.h: what the broker stands on: one of each, made before anything else and there until the end. Only pointers: whoever uses one includes
 * what it is. */
#ifndef ENV_H
#define ENV_H

struct closer;
struct engine;
struct loop;
struct offload;
struct sentries;
struct slots;
struct users;

struct env {
    struct loop *loop;
    struct engine *engine; /* the loop's */
    struct offload *offload;
    struct closer *closer;
    struct sentries *sentries;
    struct slots *slots;
    struct users *users;
};

#endif
