/* crash.h: what the campaign and its clients share.
 *
 * Each client is a process and has names of its own, and a model of what is held under them: what the broker has acknowledged, and one operation that was on
 * its way when the broker died, after which the state before it is right, or the one after it. When a broker has died, each client connects to the
 * next one, compares all that is its own with the model (model.c), and waits; the campaign counts descriptors, and lets the load go on (load.c). */
#ifndef CRASH_H
#define CRASH_H

#include "client/portd.h"
#include "kill.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CLIENTS = 5,
    WAITER = CLIENTS - 1,  /* only waits */
    STRANGER = WAITER - 1, /* of another uid, if the campaign is root */
    STRANGER_UID = 2001,
    NAMES = 12,
    SHORT = NAMES - 1, /* held with a lease that ends soon */
    FIXED = NAMES,     /* never dropped: what waits are for */
    SLOTS = NAMES + 1,
    IDS = 1 << 22,
    PATIENCE_US = 30000000
};

enum kind { KIND_MEMFD, KIND_PIPE, KIND_EVENTFD, KIND_LISTENER, KINDS };

/* What is held under a name. */
struct slot {
    portd_id id; /* 0: nothing; in `after`, of a put: unknown */
    int kind;
    dev_t device;
    ino_t inode;
    uint32_t tag;          /* tells what it contains */
    uint32_t bytes, maybe; /* of a pipe: so many are in it, or at most so many */
    int64_t least, most;   /* its lease ends between the two; 0: never */
    bool process;          /* its lease has the process */
};

enum op {
    OP_NONE,
    OP_PUT,
    OP_BUNDLE, /* new ones and replaced ones */
    OP_REPLACE,
    OP_TAKE,
    OP_DROP,
    OP_DROP_ALL,
    OP_RENEW,
    OP_GET,
    OP_WRITE, /* through a port */
    OP_LIST,
    OP_OBJECT, /* an event, its handle, a look */
    OP_PING,
    OP_SHORT,
    OPS
};

extern const char *const op_names[OPS];

struct client {
    /* Of the round that it has reached. */
    atomic_uint checked, running, down;
    atomic_bool held_back;
    atomic_int command; /* an op that the campaign wants; set to 0 when it is done */
    atomic_uint_fast64_t target;
    atomic_bool after;
    atomic_int n_held, n_short;  /* descriptors that the keeper has of it; those of leases that may be over */
    atomic_int n_done, n_undone; /* uncertain operations of the last round, as they were found */
    atomic_int in_flight, n_waits;
    atomic_bool failed;
    char why[400];
    /* Its own. */
    unsigned number;
    uint64_t random;
    unsigned round, n_tags;
    struct slot slots[SLOTS];
    enum op op; /* uncertain */
    size_t n;
    size_t at[SLOTS];
    struct slot to[SLOTS];
    portd_client *portd;
    char token[64];     /* of its session at the last broker; "": none, or it has ended */
    portd_id semaphore; /* of that session, once it was acknowledged; 0: none */
    bool ends;          /* it was told to end */
};

struct world {
    atomic_uint round, run;
    atomic_bool hold, finish;
    atomic_uint_fast64_t answered, n_ids;
    pid_t process; /* of leases */
    char address[300];
    struct client clients[CLIENTS];
    _Atomic portd_id ids[IDS]; /* all that were issued */
};

extern struct world *world;
extern struct kill_page *kill_page; /* NULL: kills at steps are left out */

uint64_t client_random(struct client *client, uint64_t below);
void client_fail(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
void client_name(const struct client *client, size_t slot, char name[32]);

/* Of the operation, on a connection that may be lost. */
int64_t client_soon(void);

/* An id that was issued before is a failure. */
void model_issued(struct client *client, portd_id id);

/* Makes a descriptor, and what is to be known of it. -1 with errno. */
int model_make(struct client *client, struct slot *slot);

/* Whether the descriptor is what the slot says; adopts how many bytes are in it. */
bool model_is(struct client *client, struct slot *slot, int fd);

/* Compares all with what the broker holds. False: the connection was lost, or the client has failed. */
bool model_check(struct client *client);

/* A child process. */
int load_run(void *data);

#endif
