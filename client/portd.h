/* portd.h: the client library of portd. This is the whole interface; portd-semantics(7) has the semantics of the objects.
 *
 * The broker (portd) holds copies of descriptors and watches them. A client hands a descriptor over and gets the id of
 *
 *     a semaphore   fires once, when the descriptor becomes ready in one direction, and stays fired;
 *     an event      is ready exactly while the descriptor is;
 *     a port        one direction of the descriptor, to read or write bytes through the broker;
 *
 * or has it held under a name, beyond the session and the process, and waits for ids: here, in another process of the same user (with portd_options.reach, or in the same session), or by
 * polling a handle in a loop of its own.
 *
 *     portd_client *c;
 *     portd_id readable;
 *     portd_ready ready;
 *
 *     if (portd_connect(NULL, NULL, portd_now() + 1000000, &c) < 0)
 *         return 1;                              // no broker; portd_options.start would start one
 *     if (portd_fd_to_evt(c, fd, PORTD_MODE_READ, PORTD_FD, PORTD_FOREVER, &readable) > 0 &&
 *         portd_wait(c, &readable, 1, 0, portd_now() + 5 * 1000000, &ready) > 0)
 *         puts(portd_cause_name(ready.cause));   // "ready", "hang-up", ...
 *     portd_disconnect(c);
 *
 * Results     Every call that can fail returns an int: below 0 a PORTD_E_* code, 0 "no" or "none" (a result, not a
 *             failure), above 0 "yes" or a count. An output id, number, count or list is always set: to 0, -1 or NULL
 *             when there is none. portd_last_error() is the text of a client's last failure.
 * Deadlines   int64_t microseconds of the monotonic clock as returned by portd_now(); PORTD_FOREVER waits without
 *             limit, a past deadline only polls (so 0 is "at once"). At the deadline a wait (and a monitor) returns 0,
 *             any other call PORTD_E_TIMEOUT. Replies that have arrived by then count, however late the call is.
 * Giving up   A call that ends at its deadline, by portd_wakeup() or by portd_cancel() leaks nothing: objects and ports
 *             that the broker has made for it are removed or closed in the next call, unless another call has returned
 *             them meanwhile; descriptors that it sends are closed. So the call may be repeated at once. Calls that end
 *             or set something (remove, release, close, shutdown, position, end_session, drop, renew) may still be carried
 *             out. Reads and writes report exactly what was done. A put and a take that were sent are not given up: they
 *             wait for the broker up to two seconds more, then PORTD_E_UNCERTAIN. (A broker without the feature "undo" keeps
 *             such objects and ports until the session ends.)
 * Forms       Each call has a blocking form and one named NAME_start, which only starts the request and returns the
 *             result through a callback. The blocking form starts the request and returns when it is done; other
 *             requests in flight proceed meanwhile.
 * Descriptors The caller's number stays open and the caller's, unless the name says otherwise: _take gives it away
 *             (the library closes it once the broker has accepted; on failure the caller keeps it), _dup returns a
 *             copy that the caller closes. File status flags of a descriptor are never changed. What the library
 *             opens is close-on-exec.
 * Strings     are UTF-8, and never NULL where the library gives them. Address and token of a client last until
 *             portd_disconnect(), the words of a failure until the next one.
 * Threads     No global state: clients in different threads are independent. A client may be used by one thread at a
 *             time; only portd_wakeup() may be called from other threads, and from signal handlers. The library creates no
 *             threads, installs no signal handlers, raises no SIGPIPE and prints nothing.
 * Callbacks   run inside portd_process(), portd_poll(), blocking calls and portd_disconnect(), never inside a _start
 *             call or portd_cancel(). They may start and cancel requests and disconnect the client, but not block:
 *             PORTD_E_BUSY.
 * Fork        A child must not use its parent's clients: calls (also the one that ran the callback that has forked) return
 *             PORTD_E_FORKED, portd_disconnect() only frees the child's copy, and the parent is not affected. A child
 *             makes its own connection.
 * Credentials The broker sees the process that connected: any process that holds the connection acts as that process.
 * Environment PORTD_ADDRESS, PORTD_DAEMON, XDG_RUNTIME_DIR, TMPDIR: see portd_connect(); PATH, where portd is looked for
 *             last. Ignored in a process with raised privileges.
 * Versions    Enum values are those of the wire and do not change. Structs grow at the end only; those that a program
 *             fills begin with their size, set by their _INIT, and those that the library fills are always behind a
 *             pointer. portd_ready, portd_quota, portd_label, portd_receiver and portd_watcher never grow.
 */
#ifndef PORTD_H
#define PORTD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && __GNUC__ >= 4
#define PORTD_API __attribute__((visibility("default")))
#else
#define PORTD_API
#endif

#define PORTD_VERSION_HEX 0x000100 /* 0.1.0: a byte for each part */
#define PORTD_FOREVER INT64_MAX

/* ---- words --------------------------------------------------------------------------------------------------- */

typedef struct portd_client portd_client;   /* one connection to a broker */
typedef struct portd_request portd_request; /* one request in flight; gone once its callback has returned */
typedef struct portd_list portd_list;       /* a listing, a snapshot owned by the caller */

/* Names an object for the whole session: above 2^32, so never equal to a descriptor number, below 2^53, and never
 * reused. It is the same in every process that has joined the session. For every call, an id that no longer exists,
 * never did or belongs to another is PORTD_E_NOT_FOUND. */
typedef uint64_t portd_id;

/* What the system calls a descriptor: an int on Unix, a HANDLE or SOCKET on Windows. */
typedef intptr_t portd_native;

/* Any call may return PORTD_E_MEMORY, _FORKED, _DISCONNECTED; a blocking one also _TIMEOUT, _INTERRUPTED and _BUSY. */
enum portd_code {
    PORTD_E_INVALID = -1,     /* an argument, or the descriptor, cannot be accepted as it is */
    PORTD_E_DENIED = -2,      /* a right is missing */
    PORTD_E_NOT_FOUND = -3,   /* no such object in this session */
    PORTD_E_LIMIT = -4,       /* a quota or a limit of the broker; the text names it */
    PORTD_E_VERSION = -5,     /* no common protocol version */
    PORTD_E_UNSUPPORTED = -6, /* this broker, platform or kind of descriptor lacks the call or option */
    PORTD_E_TIMEOUT = -7,     /* the deadline passed */
    PORTD_E_CANCELLED = -8,   /* portd_cancel */
    PORTD_E_CLOSED = -9,      /* the port is closed, or was closed during the call */
    PORTD_E_UNCERTAIN =
        -10, /* connection lost, another broker, or no reply: it may or may not have been carried out */
    PORTD_E_TOO_COMPLEX = -11, /* unpacking the message would need too much of the broker's memory */
    PORTD_E_MISMATCH = -12,    /* descriptors were lost in transit */
    PORTD_E_SYSTEM = -13,  /* a system call failed, also one on a port's descriptor: see portd_last_errno */
    PORTD_E_GARBLED = -14, /* a malformed message, of either side */
    /* Something else is held under a name than the call expects. The text has its id: expect that to replace it, drop it, or leave
     * it to whom it belongs. */
    PORTD_E_EXISTS = -15,
    PORTD_E_UNREACHABLE = -20,  /* no broker answers at the address, and none could be started */
    PORTD_E_DISCONNECTED = -21, /* the connection is lost: disconnect this client and connect anew */
    PORTD_E_MEMORY = -22,
    PORTD_E_FORKED = -23,      /* the client belongs to the parent process */
    PORTD_E_INTERRUPTED = -24, /* by portd_wakeup */
    PORTD_E_BUSY = -25         /* a blocking call from inside a callback */
};

/* What a call does with the semaphore or event of a number. */
enum portd_mode {
    PORTD_MODE_READ = 1, /* returns the one for reading, made if it does not exist */
    PORTD_MODE_WRITE = 2,
    PORTD_MODE_CHECK_READ = 3, /* returns the registered one, or none; makes nothing */
    PORTD_MODE_CHECK_WRITE = 4,
    PORTD_MODE_REMOVE = 5 /* ends both directions of the number; always returns 0 */
};

/* Options of a wrap; portd_port_shutdown takes the first two. */
enum portd_flag {
    PORTD_READ = 1,         /* an input port */
    PORTD_WRITE = 2,        /* an output port */
    PORTD_TEXT = 4,         /* line ends are translated on Windows; no meaning elsewhere */
    PORTD_REGULAR_FILE = 8, /* require a regular file, whose reads never wait for bytes */
    PORTD_NO_CLOSE = 16     /* the caller's own socket stays open; only _take calls close it otherwise */
};

/* Which of the two tables a number belongs to: descriptors (HANDLEs) or sockets. On Unix they are the same. */
enum portd_number_kind { PORTD_FD = 0, PORTD_SOCKET = 1 };

enum portd_kind {
    PORTD_KIND_ANY = 0,
    PORTD_KIND_DESCRIPTOR = 1,
    PORTD_KIND_PORT = 2,
    PORTD_KIND_SEMAPHORE = 3,
    PORTD_KIND_EVT = 4,
    PORTD_KIND_SESSION = 5
};

enum portd_direction { PORTD_DIRECTION_NONE = 0, PORTD_DIRECTION_READ = 1, PORTD_DIRECTION_WRITE = 2 };

/* Why an object is ready. If several apply, it is the one that ended the object, else the first of error, hang-up,
 * half-close. Hang-up and error count for both directions, a half-close for reading only. With PORT_CLOSED
 * to EXPIRED the object has ended, and stays ready. */
enum portd_cause {
    PORTD_CAUSE_NONE = 0,        /* it is not ready */
    PORTD_CAUSE_READY = 1,       /* a read or write would not wait */
    PORTD_CAUSE_HALF_CLOSE = 2,  /* the peer has shut down its writing side */
    PORTD_CAUSE_HANG_UP = 3,     /* the peer has closed */
    PORTD_CAUSE_ERROR = 4,       /* the descriptor has failed; the broker does not fetch the pending error */
    PORTD_CAUSE_PORT_CLOSED = 5, /* a port: it was closed. A semaphore: a wrap of its number was closed */
    PORTD_CAUSE_REMOVED = 6,     /* or what was held was dropped */
    PORTD_CAUSE_REPLACED =
        7, /* the number was reused for another open file, or another is held under the name */
    PORTD_CAUSE_REVOKED = 8,       /* a right was lost */
    PORTD_CAUSE_EXPIRED = 9,       /* the session ended, or the lease of what was held */
    PORTD_CAUSE_DISCONNECTED = 10, /* the connection to the broker is lost */
    PORTD_CAUSE_RESYNC = 11        /* the broker lost its state: check the descriptor itself */
};

typedef struct portd_ready {
    portd_id id;
    int cause; /* enum portd_cause */
} portd_ready;

/* One object as listings show it. */
typedef struct portd_item {
    size_t size;
    portd_id id;
    int kind; /* enum portd_kind; decides which of the members below are used */
    /* Descriptor, semaphore, event, port: the descriptor number in the process that made it; -1: it was made from what is held. */
    int64_t number;
    int direction;       /* this and the next three: semaphore, event, port */
    bool registered;     /* not yet fired, removed, replaced or closed */
    int cause;           /* why it is ready, PORTD_CAUSE_NONE when idle */
    portd_id descriptor; /* the broker's copy, 0 when it is closed */
    uint32_t waiters;
    const char *type; /* descriptor: "pipe", "tcp-listener", ... */
    bool handle;      /* it has a pollable handle */
    uint32_t uid;     /* this and below: session */
    uint32_t connections;
    uint32_t objects; /* semaphores, events and ports that have not been released, ended ones included */
    uint32_t descriptors;
    uint32_t owner_pid; /* the first owner process; 0: none */
    const char *client; /* the name of the client that made it */
    uint64_t age_us;
    uint64_t ttl_us;  /* time left, 0: no time to live */
    const char *name; /* port: the name given to the wrap */
    bool socket;      /* port: made by portd_socket_to_port */
    portd_id session; /* object: the session that it belongs to */
    bool is_private;  /* session: its objects are hidden from connections with reach */
    bool text;        /* port: made with PORTD_TEXT */
    /* Descriptor, and object that has not ended: whose held descriptor it was made from, and under which name; "": none. */
    const char *hold_owner, *hold_name;
} portd_item;

typedef struct portd_quota {
    const char *name;
    uint64_t used;
    uint64_t limit;
} portd_quota;

typedef struct portd_status {
    size_t size;
    const char *broker; /* the broker's version */
    uint32_t protocol;
    uint32_t pid;
    uint64_t uptime_us;
    const char *engine;
    const char *identity;      /* how open files are compared */
    const portd_item *session; /* the caller's */
    /* For root and the broker's own uid: of the whole broker; for others: of their own uid. Objects are semaphores, events
     * and ports. descriptors_limit is the size of the broker's descriptor table; descriptors_free is what is left of it, for
     * others than those two what is left of their quota. */
    uint32_t sessions, connections, descriptors, objects, waits;
    uint32_t descriptors_limit, descriptors_free;
    const portd_quota *quotas; /* of the caller's uid */
    size_t n_quotas;
    const char
        *door_notify; /* where programs store descriptors by sd_notify(3): "unix:" and a path; "": nowhere */
} portd_status;

enum portd_metric_type {
    PORTD_METRIC_COUNTER = 1, /* only grows while the broker runs */
    PORTD_METRIC_GAUGE = 2,
    PORTD_METRIC_INFO = 3 /* the value is 1; the labels have the information */
};

enum portd_metric_unit { PORTD_UNIT_NONE = 0, PORTD_UNIT_BYTES = 1, PORTD_UNIT_MICROSECONDS = 2 };

typedef struct portd_label {
    const char *name;
    const char *value;
} portd_label;

/* One metric of the broker. */
typedef struct portd_metric {
    size_t size;
    const char *name; /* "requests"; metrics of the same name differ in their labels */
    int type;         /* enum portd_metric_type */
    int unit;         /* enum portd_metric_unit */
    uint64_t value;
    const portd_label *labels;
    size_t n_labels;
    const char *help; /* a description for people */
} portd_metric;

/* One end of a socket. A caller initializes it with PORTD_ENDPOINT_INIT. */
typedef struct portd_endpoint {
    size_t size;
    const char *family; /* "inet", "inet6", "unix", "other"; "": no address. A static string */
    char host
        [440]; /* numeric address, "fe80::1%2" with the number of the interface; unix socket: its name as text (portd_port_addresses), "" if unnamed */
    uint32_t port;
} portd_endpoint;

#define PORTD_ENDPOINT_INIT                                                                                  \
    { sizeof(portd_endpoint), "", "", 0 }

/* What other holders of a held descriptor's open file have changed since it was put. */
enum portd_poison {
    PORTD_POISON_NOT_LISTENING = 1, /* a listener that accepts no connections any more */
    PORTD_POISON_SHUT_READ = 2,     /* a socket that a holder has shut down for reading, */
    PORTD_POISON_SHUT_WRITE = 3,    /* or for writing */
    PORTD_POISON_FLAGS = 4,         /* O_NONBLOCK, O_APPEND or O_DIRECT */
    PORTD_POISON_OFFSET = 5 /* the position of a regular file; also by reads and writes of its ports */
};
#define PORTD_POISON_BIT(poison) (1u << (poison))

/* Bits: what the broker's system has told. What is not known has 0 in its member. */
enum portd_look_known {
    PORTD_LOOK_FLAGS = 1 << 0,
    PORTD_LOOK_ACCEPTING = 1 << 1,
    PORTD_LOOK_OFFSET = 1 << 2,
    PORTD_LOOK_INPUT = 1 << 3,
    PORTD_LOOK_OUTPUT = 1 << 4,
    PORTD_LOOK_QUEUE = 1 << 5,
    PORTD_LOOK_FLAGS_AT_PUT = 1 << 6,
    PORTD_LOOK_ACCEPTING_AT_PUT = 1 << 7,
    PORTD_LOOK_OFFSET_AT_PUT = 1 << 8
};

/* Bits: how a descriptor is open; the last three any holder can change. */
enum portd_look_flag {
    PORTD_FLAG_READ = 1 << 0,
    PORTD_FLAG_WRITE = 1 << 1,
    PORTD_FLAG_NONBLOCK = 1 << 2, /* O_NONBLOCK */
    PORTD_FLAG_APPEND = 1 << 3,   /* O_APPEND */
    PORTD_FLAG_DIRECT = 1 << 4    /* O_DIRECT */
};

/* What has become of one direction of a connection. */
enum portd_look_side {
    PORTD_SIDE_UNKNOWN = 0,
    PORTD_SIDE_OPEN = 1,
    PORTD_SIDE_SHUT = 2,  /* a holder has shut it down */
    PORTD_SIDE_PEER = 3,  /* the peer has ended it */
    PORTD_SIDE_EITHER = 4 /* one of the two: the system does not tell which */
};

/* A process that has got copies of what is held. */
typedef struct portd_receiver {
    const char *uid; /* in decimal */
    uint32_t pid;    /* of the process that connected; 0: unknown */
    uint64_t times;
    uint64_t age_us; /* since the last one */
} portd_receiver;

/* A session that has semaphores, events or ports of it. */
typedef struct portd_watcher {
    portd_id session;   /* 0: of another uid, and hidden */
    const char *uid;    /* in decimal */
    uint32_t owner_pid; /* its first owner process; 0: none, or not visible */
} portd_watcher;

/* What a held descriptor is now, as far as the broker's system tells. */
typedef struct portd_look {
    size_t size;
    unsigned known;              /* enum portd_look_known */
    unsigned poisons;            /* PORTD_POISON_BIT of each enum portd_poison that is certain */
    const portd_endpoint *local; /* of a socket; NULL: none, or not told */
    const portd_endpoint *peer;
    const char *
        path; /* of a file, as the broker sees it; "": not told. Bytes that are not printable UTF-8 are \xNN */
    unsigned flags, flags_at_put;     /* enum portd_look_flag */
    bool accepting, accepting_at_put; /* of a stream socket: it listens, and can be connected to */
    int reading, writing;             /* enum portd_look_side */
    uint64_t offset, offset_at_put;   /* of a regular file */
    uint64_t input,
        output; /* bytes that can be read (of datagrams: of the first), and that were not sent or not read yet */
    uint32_t accept_queue;           /* of a TCP listener: connections that wait to be accepted, */
    uint32_t accept_limit;           /* and the most */
    const portd_receiver *receivers; /* of the last copies, the latest first: at most 8 */
    size_t n_receivers;
    const portd_watcher *watchers; /* at most 16, the last ones first */
    size_t n_watchers;
} portd_look;

/* One held descriptor as portd_list_holds and portd_show_holds show it. */
typedef struct portd_held {
    size_t size;
    const char *owner; /* a uid in decimal */
    const char *name;
    portd_id descriptor; /* the broker's copy: what `expects` of the calls means */
    const char *type;    /* "pipe", ... */
    const char *put_by;  /* a uid in decimal */
    uint32_t put_pid;    /* of the process that connected; 0: unknown */
    uint64_t age_us;
    uint64_t ttl_us;                   /* time left, 0: no time to live */
    uint32_t process_pid;              /* it is dropped when this process ends; 0: none, or not visible */
    uint32_t copies;                   /* how many sessions have semaphores, events or ports of it */
    bool hang_up;                      /* it is dropped when it hangs up */
    uint64_t spool_bytes;              /* it has a spool of that size; 0: none */
    int spool_when_full;               /* enum portd_when_full */
    uint64_t spool_oldest, spool_next; /* positions of the oldest byte, and behind the last one */
    bool spool_end;                    /* nothing comes any more */
    uint64_t gets;                     /* how many copies were given to processes, since the broker's start */
    uint64_t got_us;                   /* how long ago the last one */
    const portd_look *look;            /* portd_show_holds; else NULL */
} portd_held;

enum portd_when_full {
    PORTD_SPOOL_DROP = 1, /* the oldest bytes */
    PORTD_SPOOL_STOP = 2  /* nothing more is taken until the oldest bytes are acknowledged */
};

enum { PORTD_SPOOL_GAPS_MAX = 16 };

/* What portd_spool_read has found. */
typedef struct portd_spool {
    size_t size;
    portd_id descriptor;
    uint64_t position; /* of the first byte */
    size_t count;
    uint64_t
        lost; /* bytes between the position that was asked for and this one, which are not kept any more */
    uint64_t oldest; /* position of the oldest byte that is kept */
    uint64_t next;   /* behind the last one */
    bool hung_up;    /* nobody has the other end open, and no byte is left; it may be opened again */
    bool end;        /* nothing comes any more, and no byte is left */
    int os_errno;    /* then: why, 0: the end of the file */
    bool taking;     /* right now the broker takes bytes: there may be more in a moment */
    size_t
        n_gaps; /* positions from that of the first byte to behind the last one, before which bytes may be missing: the broker died while it read */
    uint64_t
        gaps[PORTD_SPOOL_GAPS_MAX]; /* in a way that is not exact, or somebody got a copy of the descriptor */
} portd_spool;

#define PORTD_SPOOL_INIT                                                                                     \
    {                                                                                                        \
        sizeof(portd_spool), 0, 0, 0, 0, 0, 0, false, false, 0, false, 0, { 0 }                              \
    }

enum portd_notice_event {
    PORTD_NOTICE_MADE = 1,      /* a semaphore, event, port, descriptor (the broker's copy) or session */
    PORTD_NOTICE_READY = 2,     /* a wait in flight was answered because this event or port is ready */
    PORTD_NOTICE_FIRED = 3,     /* a semaphore: its descriptor was ready, hung up or failed */
    PORTD_NOTICE_ENDED = 4,     /* a semaphore, event or port that ended otherwise, or a session */
    PORTD_NOTICE_RELEASED = 5,  /* the id was released */
    PORTD_NOTICE_CLOSED = 6,    /* a descriptor: the broker's copy is closed */
    PORTD_NOTICE_PASSED = 7,    /* a client got a handle of it, or a copy of a port's descriptor */
    PORTD_NOTICE_CONNECTED = 8, /* a connection's hello was accepted; it is in the session */
    /* cause: hang-up (the client closed it), expired (its session ended), error (the broker closed it) */
    PORTD_NOTICE_DISCONNECTED = 9,
    PORTD_NOTICE_REFUSED = 10,    /* a request; method and code */
    PORTD_NOTICE_TURNED_AWAY = 11 /* a connection, on arrival; code */
};

/* Something that has happened in the broker. Members that do not apply are 0 or "". */
typedef struct portd_notice {
    size_t size;
    uint64_t seq;     /* grows from notice to notice; can be used as a cursor; below 2^53 */
    uint64_t time_us; /* since 1970, by the broker's clock */
    int event;        /* enum portd_notice_event; a later broker may send other values */
    portd_id session;
    uint32_t uid;
    portd_id id;    /* the subject: an object or a session */
    int kind;       /* enum portd_kind, of that id */
    int64_t number; /* this and the next two: of an object, as in portd_item */
    int direction;
    int cause;
    portd_id descriptor; /* the broker's copy that the object was made from */
    const char *type;    /* descriptor: "pipe", ... */
    uint32_t connection; /* a number that identifies the connection; not an id */
    uint32_t pid;        /* of the process that connected; 0: unknown */
    int code;            /* enum portd_code: why it was refused */
    const char *method;  /* the method of the refused request: "wait", ... */
} portd_notice;

enum portd_result_flag {
    PORTD_RESULT_UNSUPPORTED =
        1,                    /* with code 0: this type of descriptor has no such object; message says why */
    PORTD_RESULT_CREATED = 2, /* this call made the object */
    PORTD_RESULT_REPLACED =
        4, /* the number referred to another open file before; objects of that have ended */
    PORTD_RESULT_HELD =
        8 /* read of a port in text mode, without bytes: a CR has come, and is held back until the next byte is read */
};

/* The result passed to a callback, valid until it returns. code is what the blocking form returns; members that do
 * not belong to the call are 0, -1, NULL or "". */
typedef struct portd_result {
    size_t size;
    int code;
    unsigned flags;           /* enum portd_result_flag */
    portd_id id;              /* semaphore, event; connect: the session; wrap: the first port */
    portd_id descriptor;      /* semaphore, event, wrap: the broker's copy, 0 if it is no longer needed */
    const portd_ready *ready; /* wait: as many as code says */
    portd_native handle;      /* handle_dup and _arm, port_dup_fd with code 1: the callback must close it */
    const portd_item *const *items; /* list, show */
    size_t n_items;
    bool
        more; /* list, list_holds: call again with after = cursor; show, show_holds: call again with the remaining ids or names */
    const portd_status *status;
    const char *message; /* of a failure, and the reason of PORTD_RESULT_UNSUPPORTED */
    const char *field;
    const char *hint;
    int os_errno;
    portd_id input; /* wrap: the ports, 0 for none */
    portd_id output;
    portd_native number;         /* port_to_fd, port_to_socket with code 1 */
    const void *bytes;           /* read: what was read */
    size_t count;                /* read, write, splice: how many bytes */
    size_t truncated;            /* read: real length of a datagram that did not fit */
    const portd_endpoint *local; /* addresses */
    const portd_endpoint *peer;
    uint64_t offset;                    /* position */
    const portd_metric *const *metrics; /* stats */
    size_t n_metrics;
    uint64_t cursor;                    /* lists and stats with more, monitor: pass it to the next call */
    const portd_notice *const *notices; /* monitor: as many as code says */
    size_t n_notices;
    uint64_t lost;
    const char *const *notes; /* reload; why: a sentence, and the name of the rule or "" */
    size_t n_notes;
    const portd_native *fds;       /* get, take: one for each name; the callback must close them */
    const portd_id *ids;           /* put, get, take: the broker's copies, in the order of the names */
    const portd_held *const *held; /* list_holds, show_holds */
    size_t n_held;                 /* how many there are of each of these three */
    const portd_spool *spool;      /* spool_read; the bytes are in bytes and count */
    unsigned repaired, left;       /* repair: PORTD_POISON_BITs */
    uint32_t pid;                  /* upgrade: of the broker */
} portd_result;

typedef void portd_callback(portd_client *client, const portd_result *result, void *data);

/* ---- the library ----------------------------------------------------------------------------------------------- */

PORTD_API unsigned portd_version(void); /* PORTD_VERSION_HEX of the library at run time */

/* Features of this library: "handle", "wait-one", "goodbye", "ports", "start", "session-token", "session-owner", "stats",
 * "monitor", "splice", "reload", "hold", "why", "spool", "look", "upgrade", "resize". False for unknown names, so a program may test for later features. */
PORTD_API bool portd_has_feature(const char *name);

PORTD_API int64_t portd_now(void); /* the time on the clock of all deadlines, in microseconds */

/* Names of codes; never NULL. */
PORTD_API const char *portd_code_name(int code);    /* "PORTD_E_LIMIT"; "PORTD_E_?" for others */
PORTD_API const char *portd_code_text(int code);    /* for people */
PORTD_API const char *portd_cause_name(int cause);  /* "half-close"; "?" for others */
PORTD_API const char *portd_kind_name(int kind);    /* "semaphore"; "?" for others */
PORTD_API const char *portd_notice_name(int event); /* "made"; "?" for others */
PORTD_API int portd_id_kind(portd_id id);           /* enum portd_kind; 0: not a valid id */

/* ---- connecting ------------------------------------------------------------------------------------------------- */

typedef struct portd_options {
    size_t size;      /* set by PORTD_OPTIONS_INIT */
    const char *name; /* the client's name, shown in listings, at most 64 bytes; NULL: none */
    /* Join the session with this token, from portd_session_token() or from PORTD_SESSION, which portctl sets and the
     * library does not read; NULL: do not. */
    const char *token;
    uint32_t owner_pid; /* not 0: join or make the session of this process, which ends with it */
    bool new_session;   /* with owner_pid: another session that ends with the process; found by its token */
    int64_t ttl_us;     /* > 0: a new session lasts this long, connected or not */
    bool start;         /* with address NULL: start the user's broker if none answers; not for services */
    /* For start: the path of portd; NULL: PORTD_DAEMON, else the one installed with the library (libportd(3)). */
    const char *daemon;
    /* Like realloc; size 0 frees. NULL: malloc and free. */
    void *(*allocate)(void *context, void *old, size_t size);
    /* Receives log messages, one line without a newline. NULL: none. */
    void (*log)(void *context, const char *line);
    void *context; /* for the two */
    char *message; /* buffer for the failure text of portd_connect; NULL: none */
    size_t message_size;
    /* Several owners, the outermost first (1 to PORTD_OWNERS_MAX), instead of owner_pid: each of them finds the
     * session, which ends with the last of them. Requires the broker's feature "owners", as do the next three. */
    const uint32_t *owner_pids;
    size_t n_owner_pids;
    /* Not 0: numbers are those of this process; they find and replace only its objects. */
    uint32_t numbers_pid;
    /* Numbers belong to no process: they find no objects of other connections, and those do not find theirs. */
    bool numbers_nobody;
    bool find_session; /* with owners: join only an existing session, else PORTD_E_NOT_FOUND */
    /* Find the ids of all sessions of this user that are not private, also those that portctl prints; without it only
     * those of this client's own session. Feature "reach". */
    bool reach;
    bool private_session; /* a new session, whose objects are hidden from connections with reach */
    /* Blocking calls and portd_poll() sleep in the receive itself, without poll(2): a round trip takes about 6 % less
     * time. portd_wakeup() then returns PORTD_E_UNSUPPORTED. Where the receive cannot sleep (a connection of address
     * "fd:N", Windows) they use poll(2) as without the option. */
    bool no_wakeup;
    /* Feature "resume": if the broker dies, its keeper starts the next one, which knows the sessions that have objects by
     * holds (libportd(3)). The client goes on with it, and only if it does not know the session the connection is lost. With this
     * option it always is. */
    bool no_resume;
    /* The program asks portd_get_fd() again before each sleep, and lets its event loop forget the number before. A client
     * that was asked goes on with the next broker only with this option. */
    bool fd_changes;
} portd_options;

/* Per connection, counting the process of numbers_pid if it is not one of the owners. */
enum { PORTD_OWNERS_MAX = 8 };

#define PORTD_OPTIONS_INIT                                                                                   \
    {                                                                                                        \
        sizeof(portd_options), NULL, NULL, 0, false, 0, false, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0,  \
            false, false, false, false, false, false, false                                                  \
    }

/* Connects and sends hello. Returns 1 and *client, or PORTD_E_*; options may be NULL.
 *
 * address is "unix:/path", "unix:@name" (an abstract socket, on Linux), "fd:N" (an inherited connection: the library
 * takes it, and it serves one client; on macOS and the BSDs it sets O_NONBLOCK, for all that share the connection, as a
 * send would block else), or NULL: PORTD_ADDRESS and no other if that is set; else the user's broker
 * ($XDG_RUNTIME_DIR/portd/portd.sock, without that variable portd-UID/portd.sock in the temporary directory); else
 * the system's (/run/portd/portd.sock); else, with options.start, a broker that is started for the user. If several
 * processes need one, one of them starts it. It is not a child of this process, inherits only the environment, and
 * exits after being idle for a minute. (This process gets a SIGCHLD, for a child that is already reaped.) If a
 * connection ends before the broker has replied, as when the broker is exiting, the library retries a few times, within
 * the deadline. While a broker has no room for another connection that it has not accepted, this call sleeps, in turn with
 * all others that connect, until there is room: PORTD_E_TIMEOUT at the deadline. (Where the system refuses instead, on
 * macOS and the BSDs, it is PORTD_E_UNREACHABLE.)
 *
 * All objects belong to the client's session. Without token and owners that is a new one, which ends with its last
 * connection (or, with ttl_us, after that time): waits are answered, and the broker closes its copies. */
PORTD_API int portd_connect(const char *address, const portd_options *options, int64_t deadline,
                            portd_client **client);

/* The same without waiting for the broker's reply: callback gets code 1 or the failure, and requests may be started
 * before that. To give up, disconnect. A connection that ends without a reply is not retried. It blocks only while the
 * broker has no room for another connection that it has not accepted, for a tenth of a second at most and then
 * PORTD_E_TIMEOUT; and, with options.start, while a broker is started, for ten seconds at most. */
PORTD_API int portd_connect_start(const char *address, const portd_options *options, portd_callback *callback,
                                  void *data, portd_client **client);

/* Ends the connection and frees the client. Requests in flight are called back first, as when the connection is lost.
 * NULL is allowed. Inside a callback of the same client it takes effect when the call that the callback runs in
 * returns. What waits with PORTD_WAIT_ONE were answered stays this client's: the broker is told so (nothing is waited for). */
PORTD_API void portd_disconnect(portd_client *client);

/* The same, but leaves that to others, as when the process dies: of each event that is still ready the next such wait is
 * answered. For a client that was answered and has not done the work. */
PORTD_API void portd_abandon(portd_client *client);

PORTD_API const char *portd_address(const portd_client *client); /* "unix:/run/portd/portd.sock" */
PORTD_API bool portd_broker_has_feature(const portd_client *client, const char *name);
PORTD_API portd_id portd_session_id(const portd_client *client);
PORTD_API bool portd_session_joined(const portd_client *client); /* the session existed before */

/* With it other processes of this uid can join the session: keep it secret. */
PORTD_API const char *portd_session_token(const portd_client *client);

/* The last failure of a blocking or _start call of this client (what a callback gets is in its result); "" and 0
 * if there was none. After a result 0 with PORTD_RESULT_UNSUPPORTED: the reason. NULL is allowed. */
PORTD_API const char *portd_last_error(const portd_client *client);
PORTD_API const char *portd_last_field(const portd_client *client); /* the invalid argument */
PORTD_API const char *portd_last_hint(const portd_client *client);  /* what to do */
PORTD_API int portd_last_errno(const portd_client *client);         /* the system's error number */

/* enum portd_result_flag of the last blocking call. */
PORTD_API unsigned portd_last_flags(const portd_client *client);

/* ---- any event loop ----------------------------------------------------------------------------------------------
 *
 *     struct pollfd p = {(int)portd_get_fd(c), 0, 0};
 *     for (;;) {
 *         int more = portd_process(c);     // before sleeping: replies may have arrived already
 *         if (more < 0)
 *             break;                       // disconnected, and everything was called back
 *         if (more > 0)
 *             continue;
 *         unsigned want = portd_get_events(c);
 *         p.events = (want & PORTD_EVENT_READ ? POLLIN : 0) | (want & PORTD_EVENT_WRITE ? POLLOUT : 0);
 *         poll(&p, 1, milliseconds until portd_get_timeout(c)); // rounded up; -1 for PORTD_FOREVER
 *     }
 *
 * In an external event loop: before each sleep, or after each wake and after each _start call outside a callback, run
 * portd_process() until it returns 0, then pass the values of portd_get_events() and portd_get_timeout() to the loop.
 * client/examples does so with poll, libevent and libuv. A program that only uses blocking calls need not do this: its
 * requests in flight proceed in its next blocking call. */
enum portd_event { PORTD_EVENT_READ = 1, PORTD_EVENT_WRITE = 2 };

/* For polling only. It does not change from portd_connect to portd_disconnect, but with the option fd_changes: then it is another one
 * after the client has gone on with another broker. (An event loop that is told of numbers forgets the old one, which is closed.) */
PORTD_API portd_native portd_get_fd(const portd_client *client);

/* enum portd_event: what to poll for now. WRITE while there is data to send: a request was just started, or the
 * broker is not reading. 0 when the connection is lost. */
PORTD_API unsigned portd_get_events(const portd_client *client);

/* A deadline: portd_process() has work to do by then, even if the descriptor is not ready. It may be in the past. */
PORTD_API int64_t portd_get_timeout(const portd_client *client);

/* Sends, receives and runs callbacks as far as possible without blocking. 1: call again at once, 0: sleep, below 0:
 * PORTD_E_DISCONNECTED, and all callbacks have run. */
PORTD_API int portd_process(portd_client *client);

/* Sleeps until there is work, then processes it: 1; 0 at the deadline, below 0: disconnected, or portd_wakeup. */
PORTD_API int portd_poll(portd_client *client, int64_t deadline);

/* From any thread or signal handler, until portd_disconnect(): the blocking call or portd_poll() that the client is
 * in returns PORTD_E_INTERRUPTED. It is never lost: if the client is in none, or that one completes at this moment, the
 * next one returns so, once, however often it was called. A program that uses it must expect PORTD_E_INTERRUPTED from
 * any blocking call; portd_poll(client, 0) consumes a pending one. It has no effect on a loop that runs
 * portd_process(). Returns 1, or PORTD_E_UNSUPPORTED for a client connected with no_wakeup, PORTD_E_FORKED, or
 * PORTD_E_INVALID for NULL; it does not set portd_last_error(). */
PORTD_API int portd_wakeup(portd_client *client);

/* Ends a request: its callback gets PORTD_E_CANCELLED, or the result if that came first, and of a put or take that was
 * sent in any case. It returns before that; see portd_get_timeout(). Not for a request whose callback has returned. */
PORTD_API void portd_cancel(portd_request *request);

/* ---- semaphores and events ---------------------------------------------------------------------------------------
 *
 * Both are found by the key (number, direction); a semaphore and an event of the same number are independent.
 *
 * PORTD_MODE_READ, _WRITE   hand the broker a copy of fd; 1 and the id: the same one until it fires (a semaphore), is
 *                           removed, or fd refers to another open file. portd_last_flags() says whether this call
 *                           made it. 0: this descriptor has none (PORTD_RESULT_UNSUPPORTED): regular files and others
 *                           that epoll refuses have no semaphore, and events that are always ready; an epoll
 *                           descriptor that watches files of /proc has neither (portd-semantics(7))
 * PORTD_MODE_CHECK_*        1 and the id of the one that is registered, or 0. fd names a number, which need not be
 *                           open
 * PORTD_MODE_REMOVE         0 always: both directions end with PORTD_CAUSE_REMOVED, their waits end, and the broker's
 *                           copy is closed when it returns, unless something else refers to it. fd names a
 *                           number, which need not be open
 *
 * The broker keeps a copy until all objects made from it have fired or were removed or closed: until then the other
 * end of a pipe or socket sees no end of file. So remove before closing fd. Refused with PORTD_E_INVALID: a descriptor
 * that is not open (portd_last_errno() EBADF), O_PATH, signalfds, fanotify groups, userfaultfds, connections to the
 * broker. The id pointer may be NULL. */

PORTD_API int portd_fd_to_semaphore(portd_client *client, portd_native fd, int mode, int64_t deadline,
                                    portd_id *semaphore);
PORTD_API int portd_socket_to_semaphore(portd_client *client, portd_native socket, int mode, int64_t deadline,
                                        portd_id *semaphore);
PORTD_API int portd_fd_to_evt(portd_client *client, portd_native fd, int mode, int number_kind,
                              int64_t deadline, portd_id *evt);

enum portd_wait_flag {
    PORTD_WAIT_ALL = 1, /* until every one is ready, in one final check */
    PORTD_WAIT_ONE =
        2 /* for worker pools: each new activity on an event answers one such wait; see portd_disconnect() */
};

/* Waits until one of n semaphores, events and ports is ready, and writes all that are, in the order of ids, to
 * ready, which has room for n (1 to 256). Returns how many; 0 at the deadline. Objects that are ready at the call are
 * returned at once. Waiting consumes nothing: an event is returned again while its descriptor is ready, a fired
 * semaphore always. When the connection is lost, every id is returned with PORTD_CAUSE_DISCONNECTED. When the client goes
 * on with the next broker, so is every id of a wait with one that has gone with the broker before; a wait with
 * PORTD_WAIT_ONE returns every id with PORTD_CAUSE_RESYNC, and others go on. (The broker
 * enforces the deadline; if it has not replied a second later, the result is 0.) */
PORTD_API int portd_wait(portd_client *client, const portd_id *ids, size_t n, unsigned flags,
                         int64_t deadline, portd_ready *ready);

/* A descriptor for poll, select, epoll and event loops: readable while the object is ready, without a request to the
 * broker. It must not be read. The caller closes it. It does not tell that the broker has exited: poll portd_get_fd() as
 * well. Then that of a semaphore no longer changes; that of an event or a port is readable exactly while its descriptor is
 * ready, as long as somebody has that open file, and never if only the broker had it; also if the object has ended, or cannot be
 * polled (a regular file): it was readable for that by a descriptor of the broker's. For semaphores, events and ports. The library
 * makes it, since the kernel charges it to who makes it: an epoll descriptor for an event or a port, and where the broker
 * asks for it an eventfd for a semaphore. Returns 1. PORTD_E_UNSUPPORTED: this broker's
 * system (macOS, the BSDs, Windows) has only hints for events and ports. On Windows a handle is an event object that can only be waited for. */
PORTD_API int portd_handle_dup(portd_client *client, portd_id id, int64_t deadline, portd_native *handle);

/* The same for every system: on some the handle of an event or a port is only a hint, which becomes readable when the object is ready
 * or ends, and stays so until it is armed again. *handle is -1 in the first call, which makes the handle. Call it again with that
 * handle before each sleep on it, at least when it was readable: that arms a hint. Each call asks the broker, so the answer is true
 * also of an exact handle, which needs no arming: PORTD_E_NOT_FOUND if there is no such object, or the session has no handle of
 * it (who knows that handles are exact uses portd_handle_dup() and asks nothing). An object that is ready makes an armed hint readable at once. A readable one means that the object was ready:
 * look at the object, not at the handle. The clients of a session share one hint, and any of them may arm it. While armed it counts as a
 * wait. A hint is readable also when the broker has exited (not on Windows); an exact
 * handle is then as portd_handle_dup() says. Returns 1. On a failure *handle stays as it is, and may be readable. */
PORTD_API int portd_handle_arm(portd_client *client, portd_id id, int64_t deadline, portd_native *handle);

/* PORTD_MODE_REMOVE for the number of that semaphore or event, in its table (descriptors or sockets). Returns 1, also if
 * it has already ended and was not released. Of one that has fired, the other direction ends if it was registered when that
 * fired; what was made since stays. Not for ports: close them. */
PORTD_API int portd_remove(portd_client *client, portd_id id, int64_t deadline);

/* Releases ids for the whole session; n is 1 to 256. An object that has fired or was removed or closed keeps its id
 * until then; after it every call returns PORTD_E_NOT_FOUND, including this one. For an object that is still registered
 * or open it takes effect when that ends, unless a call that makes semaphores or events returns the id before. All ids are
 * checked before any is released. Returns 1. */
PORTD_API int portd_release(portd_client *client, const portd_id *ids, size_t n, int64_t deadline);

/* ---- ports ----------------------------------------------------------------------------------------------------------
 *
 * A wrap hands the broker a copy of a descriptor and makes ports from it, one for each direction. A number can be
 * wrapped several times; each wrap lives until its last port is closed. Ports can be waited for (input: readable,
 * output: writable).
 *
 * The descriptor is shared: its flags are not changed, nothing is read ahead or buffered, and only
 * portd_port_shutdown shuts it down. Close the ports to let the other end see end of file: closing fd alone
 * does not.
 *
 * Each of these calls returns PORTD_E_NOT_FOUND for an id that is not in this session, and, except for
 * portd_port_close, PORTD_E_CLOSED for a closed port; PORTD_E_INVALID for one of the wrong direction or kind. A
 * failure of the descriptor itself is PORTD_E_SYSTEM, with the errno in portd_last_errno() (EPIPE: no reader is left).
 * Reads and writes use the rights of the process that connected, as far as the broker can assume them. Files of /proc and
 * of the kernel's other control file systems return PORTD_E_UNSUPPORTED, because the kernel would answer the broker; so do writes to netlink sockets,
 * and, for another uid than the broker's, writes to files in memory; and all of them for a process that connected with more than 1024
 * supplementary groups. Use a copy (portd_port_dup_fd). */

/* flags: PORTD_READ, PORTD_WRITE or both, for which fd must be open; PORTD_TEXT; PORTD_REGULAR_FILE. name is for
 * display: at most 255 bytes of UTF-8, NULL for none. Returns 1 or 2, how many ports; the other one is 0. Both
 * pointers may be NULL. */
PORTD_API int portd_fd_to_port(portd_client *client, portd_native fd, const char *name, unsigned flags,
                               int64_t deadline, portd_id *input, portd_id *output);

/* Always an input and an output port: returns 2. flags: 0 or PORTD_NO_CLOSE. */
PORTD_API int portd_socket_to_port(portd_client *client, portd_native socket, const char *name,
                                   unsigned flags, int64_t deadline, portd_id *input, portd_id *output);

/* The same, and the library takes the number: it is closed if the result is above 0; on any failure it stays open and
 * the caller's. Refused with PORTD_NO_CLOSE. */
PORTD_API int portd_fd_to_port_take(portd_client *client, portd_native fd, const char *name, unsigned flags,
                                    int64_t deadline, portd_id *input, portd_id *output);
PORTD_API int portd_socket_to_port_take(portd_client *client, portd_native socket, const char *name,
                                        unsigned flags, int64_t deadline, portd_id *input, portd_id *output);

/* 1 and the descriptor number in the process that made the port; portd_port_to_socket returns 0, none, unless the
 * port was made by portd_socket_to_port. The number is valid in that process only, and only while it is open there. */
PORTD_API int portd_port_to_fd(portd_client *client, portd_id port, int64_t deadline, portd_native *number);
PORTD_API int portd_port_to_socket(portd_client *client, portd_id port, int64_t deadline,
                                   portd_native *number);

/* A copy of the descriptor, which the caller closes. Returns 1. */
PORTD_API int portd_port_dup_fd(portd_client *client, portd_id port, int64_t deadline, portd_native *copy);

/* Returns 1, also for a port that is already closed and was not released. Reads and writes in flight, of any
 * connection, get PORTD_E_CLOSED; waits on it PORTD_CAUSE_PORT_CLOSED. The last port of a wrap also ends the semaphores
 * of its number with that cause. The broker's copy is closed when it returns, unless something else refers to it. */
PORTD_API int portd_port_close(portd_client *client, portd_id port, int64_t deadline);

enum portd_read_flag { PORTD_PEEK = 1 };

/* Waits until there are bytes, and reads at most size (at most 65536 at once) into bytes: 1 and *count, or 0 at end
 * of file. An empty datagram is 1 with *count 0; *truncated (may be NULL) is the real length of a datagram that did not
 * fit, else 0. With PORTD_PEEK nothing is consumed: sockets (whose SO_PEEK_OFF is not set), pipes
 * and (not on Windows) regular files; else PORTD_E_UNSUPPORTED.
 *
 * On Windows the bytes of a port in text mode have LF for CR LF, if this client has made the port or been shown it (portd_show(), portd_list_objects()):
 * then size must be at least 2. A CR at the end of what is there is held back until the next byte has come; the asynchronous form may then have a
 * result without bytes (PORTD_RESULT_HELD). A peek leaves such a CR out, unless there is nothing else.
 *
 * Nothing is lost at the deadline or by portd_wakeup: the request is cancelled at the broker, and what it had done
 * before is returned; PORTD_E_UNCERTAIN if it does not reply within two seconds. */
PORTD_API int portd_port_read(portd_client *client, portd_id port, void *bytes, size_t size, unsigned flags,
                              int64_t deadline, size_t *count, size_t *truncated);

/* Waits until the kernel accepts some of the bytes (at most 65536 at once: a longer datagram is truncated). 1 and
 * *count; on failure nothing was written. Writes of one port are carried out in the order in which they were started.
 * An empty write sends an empty datagram, and nothing on a stream socket; PORTD_E_INVALID for what is no socket. To a port in text
 * mode CR LF is written for LF on Windows, as said of reads; *count is of the caller's bytes. If more than one is in flight and one is not written
 * whole, a line end at that place may get a second CR. */
PORTD_API int portd_port_write(portd_client *client, portd_id port, const void *bytes, size_t size,
                               int64_t deadline, size_t *count);

/* Writes all bytes: 1. On failure *count (may be NULL) is how many were written. Not for datagrams. */
PORTD_API int portd_port_write_all(portd_client *client, portd_id port, const void *bytes, size_t size,
                                   int64_t deadline, size_t *count);

/* Moves bytes between a port and a pipe of the caller's inside the kernel, which is faster than read and write for many
 * bytes: from an input port into the pipe whose writing end is given, or from the pipe whose reading end is given into an
 * output port. Waits until at least `least` bytes (0: 1) have been moved, and moves at most `most` (capped at 2^30).
 * Returns 1 and *count (may be NULL), or 0 at end of file, with the bytes moved before it. 1 with fewer than `least`: the
 * pipe is full, or, for an output port, empty. With a large `least`, read or fill the pipe meanwhile, in another thread or
 * by using portd_port_splice_start(). On failure, too, *count says how many bytes were moved.
 *
 * The pipe stays the caller's; the broker closes its copy of that end soon after its reply. Supported are input ports of
 * pipes, TCP and Unix stream sockets (these for root and the broker's own user), and output ports of pipes; anything else, and a
 * broker without the feature "splice", returns PORTD_E_UNSUPPORTED: read and write instead. It is ordered with the port's reads and writes, and its
 * deadline works as in portd_port_read(). */
PORTD_API int portd_port_splice(portd_client *client, portd_id port, portd_native pipe, size_t least,
                                size_t most, int64_t deadline, size_t *count);

/* shutdown(2) of a socket for reading, writing or both, which affects all its holders. sides: PORTD_READ, PORTD_WRITE.
 * Returns 1. */
PORTD_API int portd_port_shutdown(portd_client *client, portd_id port, unsigned sides, int64_t deadline);

/* Both ends of a socket; each may be NULL. The peer's family is "" when it is not connected. Returns 1.
 *
 * The name of a Unix socket is given as text, different names as different texts: its path, or "@name" if it is
 * abstract. A path that begins with "@" has "./" before it (in one that begins with "./@" the "@" is \x40). Bytes that
 * are not UTF-8, control characters, NUL among them, and backslashes are \xNN, with two hexadecimal digits. */
PORTD_API int portd_port_addresses(portd_client *client, portd_id port, int64_t deadline,
                                   portd_endpoint *local, portd_endpoint *peer);

/* The offset of a regular file, which all its holders share; first set to *to, unless to is NULL. Returns 1. offset may
 * be NULL or equal to to; a failure leaves it unchanged. */
PORTD_API int portd_port_position(portd_client *client, portd_id port, const uint64_t *to, int64_t deadline,
                                  uint64_t *offset);

/* ---- held descriptors ------------------------------------------------------------------------------------------------
 *
 * The broker holds a descriptor under a name until it is dropped or its lease ends, whatever becomes of the session and the
 * process that put it. Names are UTF-8, 1 to 255 bytes, unique for each owner: a uid in decimal, NULL for the caller's own. The
 * owner alone may do all this: PORTD_E_DENIED for others, whether the name is held or not.
 *
 * Put, get, take, drop and renew have n names (1 to 252, each once) and do all or nothing (only a renewal that the broker's memory does not
 * allow may have done some). `expects` is NULL, or has for each name the id
 * of the descriptor that must be held there (from put, get or a list); if another is, PORTD_E_EXISTS. PORTD_E_NOT_FOUND: nothing
 * is held under a name. PORTD_E_UNSUPPORTED: the broker does not have the feature "hold".
 *
 * When the connection is lost, a put and a take that were sent are PORTD_E_UNCERTAIN: portd_list_holds() shows what is held. */

/* When a held descriptor is dropped by itself: when the first of these has come true. A caller initializes it with PORTD_LEASE_INIT, which
 * is for ever, and so is NULL in its place. */
typedef struct portd_lease {
    size_t size;
    uint64_t ttl_us; /* so long from now, suspended time included; 0: no limit */
    portd_native
        process; /* with the end of the process of this pidfd (Windows: handle), the caller's; -1: none */
    uint64_t
        hang_up; /* 1: when a pipe, a connected stream socket or a terminal hangs up; PORTD_E_UNSUPPORTED for others. A half-close is no hang-up */
} portd_lease;

#define PORTD_LEASE_INIT                                                                                     \
    { sizeof(portd_lease), 0, -1, 0 }

/* Has copies of n descriptors held, each under its name. `expects` has the ids that they replace (what was made through those ends
 * with PORTD_CAUSE_REPLACED), 0: nothing is held there; NULL: nothing under any of the names. With a process in the lease n is at
 * most 251. Returns 1, and the ids of the broker's copies in ids (NULL: not wanted). */
PORTD_API int portd_put(portd_client *client, const char *owner, const char *const *names,
                        const portd_native *fds, size_t n, const portd_id *expects, const portd_lease *lease,
                        int64_t deadline, portd_id *ids);

/* The same, and the library takes the numbers, which must differ: they are closed if the result is above 0; on any failure they
 * stay open and the caller's. */
PORTD_API int portd_put_take(portd_client *client, const char *owner, const char *const *names,
                             const portd_native *fds, size_t n, const portd_id *expects,
                             const portd_lease *lease, int64_t deadline, portd_id *ids);

/* The same with spools: spools[i] is the size of that of the name, 4096 to 67108864 bytes, 0: none. The broker takes what comes from such a descriptor, a pipe, a
 * stream socket or a terminal, and keeps the last bytes of it. Positions count them from 0. If the broker has a keeper they outlive it, none lost and none there
 * twice. Who has the right read reads them by portd_spool_read(); input ports and portd_get() of it are refused (portd_get_raw() gives it, and marks a
 * gap). when_full: enum portd_when_full. PORTD_E_UNSUPPORTED: nothing can be spooled from it, or the broker lacks the feature "spool". */
PORTD_API int portd_put_spooled(portd_client *client, const char *owner, const char *const *names,
                                const portd_native *fds, size_t n, const portd_id *expects,
                                const portd_lease *lease, const uint64_t *spools, int when_full,
                                int64_t deadline, portd_id *ids);

#define PORTD_SPOOL_OLDEST UINT64_MAX

enum portd_spool_flag { PORTD_SPOOL_ACKNOWLEDGE = 1 };

/* Reads from the spool of what is held, and takes nothing from other readers: at most `size` bytes from the position `from` on, or, if they are not kept any more or it is
 * PORTD_SPOOL_OLDEST, from the oldest one on. Waits until there are some. descriptor: what must be held, 0: any. flags: PORTD_SPOOL_ACKNOWLEDGE: the bytes before `from`
 * make room for others in a spool that stops, which needs the right write, too. *spool is initialized with PORTD_SPOOL_INIT, and filled.
 *
 * Returns 1: there are bytes, or, without any, spool->hung_up or spool->end says why none come. 0: the deadline has passed. PORTD_E_NOT_FOUND: nothing is held
 * under the name. PORTD_E_UNSUPPORTED: it has no spool. PORTD_E_INVALID: `from` is behind the last byte. */
PORTD_API int portd_spool_read(portd_client *client, const char *owner, const char *name, portd_id descriptor,
                               uint64_t from, void *bytes, size_t size, unsigned flags, int64_t deadline,
                               portd_spool *spool);

enum portd_raw_flag { PORTD_RAW_UNREAD = 1 /* the caller does not read from it, and nothing is marked */ };

/* portd_get() also of what has a spool. Who gets it can read it, too: so the next byte of the spool is marked as a gap. */
PORTD_API int portd_get_raw(portd_client *client, const char *owner, const char *const *names, size_t n,
                            const portd_id *expects, unsigned flags, int64_t deadline, portd_native *fds,
                            portd_id *ids);

/* Copies of what is held, in the order of the names, which the caller closes; fds has room for n. Returns 1, and the ids in ids (NULL: not wanted). PORTD_E_MISMATCH:
 * this process had no room for as many descriptors. */
PORTD_API int portd_get(portd_client *client, const char *owner, const char *const *names, size_t n,
                        const portd_id *expects, int64_t deadline, portd_native *fds, portd_id *ids);

/* The same, and drops what it returns, in one step. A process that ends before it has the reply, or has no room for the descriptors, loses them:
 * where that matters, get them, then drop them with the ids that were returned as `expects`. */
PORTD_API int portd_take(portd_client *client, const char *owner, const char *const *names, size_t n,
                         const portd_id *expects, int64_t deadline, portd_native *fds, portd_id *ids);

/* Ends what is held: what was made through it ends with PORTD_CAUSE_REMOVED. Returns 1 when all copies of the broker are closed. */
PORTD_API int portd_drop(portd_client *client, const char *owner, const char *const *names, size_t n,
                         const portd_id *expects, int64_t deadline);

/* Sets the lease anew. Returns 1. */
PORTD_API int portd_renew(portd_client *client, const char *owner, const char *const *names, size_t n,
                          const portd_lease *lease, int64_t deadline);

/* What that owner has held, in the order of put. Returns 1 and *list, of portd_list_held(). */
PORTD_API int portd_list_holds(portd_client *client, const char *owner, int64_t deadline, portd_list **list);

/* What is held under these n names, in their order, with what the broker's system tells of it now (portd_held.look) and what other holders of the
 * same open files have changed since it was put. Nothing is taken or changed. It needs the right list. Returns 1 and *list, of portd_list_held(); none if one of the
 * names is not held: PORTD_E_NOT_FOUND. The broker needs the feature "look", else PORTD_E_UNSUPPORTED. n of the _start form: at most 16. */
PORTD_API int portd_show_holds(portd_client *client, const char *owner, const char *const *names, size_t n,
                               int64_t deadline, portd_list **list);

/* Undoes what other holders have done to what is held, for all of them: a TCP listener that was shut down listens again at its address. With PORTD_REPAIR_FLAGS
 * O_NONBLOCK, O_APPEND and O_DIRECT become what they were when it was put. Nothing else is changed, and the position never is. It needs the right put.
 *
 * Returns 1 if something was repaired, 0 if nothing was poisoned. *repaired and *left (each may be NULL): PORTD_POISON_BITs. PORTD_E_UNSUPPORTED: it is poisoned, and
 * cannot be repaired so; portd_last_hint() says what to do. */
enum portd_repair_flag { PORTD_REPAIR_FLAGS = 1 << 0 };
PORTD_API int portd_repair(portd_client *client, const char *owner, const char *name, unsigned flags,
                           int64_t deadline, unsigned *repaired, unsigned *left);

/* Sets the size of a held terminal, 1 to 65535 each, of which the programs on it are told (SIGWINCH). It needs the right write, and a broker with the feature "resize".
 *
 * Returns 1. PORTD_E_UNSUPPORTED: it is no terminal, or the broker's system has no such call. */
PORTD_API int portd_resize(portd_client *client, const char *owner, const char *name, unsigned rows,
                           unsigned columns, int64_t deadline);

/* Rights to a name, which its owner has and rules of the broker's configuration (portd.conf(5)) grant to others; and one over the broker. */
enum portd_right {
    PORTD_RIGHT_LIST = 1,
    PORTD_RIGHT_WATCH = 2, /* semaphores and events */
    PORTD_RIGHT_READ = 3,  /* input ports */
    PORTD_RIGHT_WRITE = 4, /* output ports, and resize */
    PORTD_RIGHT_GET = 5,
    PORTD_RIGHT_PUT = 6,  /* put, renew and repair */
    PORTD_RIGHT_DROP = 7, /* to take needs get, too */
    PORTD_RIGHT_ADMIN = 8 /* over the broker: owner and name are NULL */
};

enum { PORTD_WHY_GIDS_MAX = 64 };

/* Whether a uid (in decimal; NULL: the caller's) has that right to a name of the owner, whether anything is held there or not. Others than the caller, and
 * gids, need the right admin: with gids, the primary one first, the rules are asked as if these were its groups; without, of another uid, no group counts.
 *
 * Returns 1 if it has, 0 if not. *list, unless list is NULL, has two notes (portd_list_note): a sentence that says why, or what to change; and the name
 * of the rule that grants it, or that grants it to others, or "". PORTD_E_DENIED: the right admin is missing. */
PORTD_API int portd_why(portd_client *client, const char *owner, const char *name, int right, const char *uid,
                        const uint32_t *gids, size_t n_gids, int64_t deadline, portd_list **list);

/* As portd_fd_to_semaphore and portd_fd_to_evt, of what is held in place of a number: objects of this session, the same ones until they fire or are
 * removed, or what is held under the name is dropped, expires or is replaced. */
PORTD_API int portd_hold_to_semaphore(portd_client *client, const char *owner, const char *name, int mode,
                                      int64_t deadline, portd_id *semaphore);
PORTD_API int portd_hold_to_evt(portd_client *client, const char *owner, const char *name, int mode,
                                int64_t deadline, portd_id *evt);

/* As portd_fd_to_port, of what is held, a socket too. The ports have its name; they have no number (portd_port_to_fd() returns 0). */
PORTD_API int portd_hold_to_port(portd_client *client, const char *owner, const char *name, unsigned flags,
                                 int64_t deadline, portd_id *input, portd_id *output);

/* ---- looking ----------------------------------------------------------------------------------------------------- */

PORTD_API int portd_ping(portd_client *client, int64_t deadline); /* 1 */

/* All objects of the session of one kind, or of any; PORTD_KIND_SESSION: the sessions of this uid. In order of
 * creation, which is not the order of ids. Returns 1 and *list. */
PORTD_API int portd_list_objects(portd_client *client, int kind, int64_t deadline, portd_list **list);

/* The same for another session of this uid, which requires options.reach (0: this client's own); not for
 * PORTD_KIND_SESSION. */
PORTD_API int portd_list_session(portd_client *client, portd_id session, int kind, int64_t deadline,
                                 portd_list **list);

/* Those of n ids (1 to 256), in their order; one that does not exist fails the call. Returns 1 and *list. */
PORTD_API int portd_show(portd_client *client, const portd_id *ids, size_t n, int64_t deadline,
                         portd_list **list);

/* The broker, the caller's session, and the quotas of the caller's uid. Returns 1 and *list, which has a status and
 * no items. */
PORTD_API int portd_get_status(portd_client *client, int64_t deadline, portd_list **list);

/* The broker's counters since its start, and its gauges. Root and the broker's own uid get those of the whole broker and of
 * each uid; others get those of their own uid, and of the broker only its version, uptime and the size of its descriptor
 * table. Metrics with the value 0 are included. Returns 1 and *list, which has metrics; those of one name are adjacent. */
PORTD_API int portd_get_stats(portd_client *client, int64_t deadline, portd_list **list);

#define PORTD_CURSOR_NOW UINT64_MAX

/* Waits until there are notices after *cursor, and returns them: about the sessions and connections of this uid, for
 * root and the broker's own uid about the whole broker; with a session's id (not 0) about that session only. Past
 * notices are returned at once, as far as the broker has kept them.
 *
 * Returns how many notices, at most 256, with *list; 0 at the deadline, also if there are none that match.
 * *cursor is PORTD_CURSOR_NOW (from this call on), 0 (all that is kept), or the value left by the previous call; it
 * is set for the next call, and unchanged by a failure, so that nothing is missed in between. *lost (may be NULL) is
 * how many notices after the cursor are no longer kept. PORTD_E_NOT_FOUND: this uid has no such session, and no notices
 * about it are kept (those of an ended session are for a while). PORTD_E_INVALID: the cursor is of another broker.
 * PORTD_E_LIMIT: this uid has 64 monitors in flight. */
PORTD_API int portd_monitor(portd_client *client, portd_id session, uint64_t *cursor, int64_t deadline,
                            portd_list **list, uint64_t *lost);

/* Has the broker read its configuration again, which requires the right admin: root and the broker's own uid have it. Returns 1 when the new one is in use,
 * with *list, which has notes: what is not changed by it, and why. PORTD_E_INVALID with the field "config": the new one has faults, of which
 * portd_last_error tells the first one, and the old one stays. */
PORTD_API int portd_reload(portd_client *client, int64_t deadline, portd_list **list);

/* Has another broker take over, of the program that is installed now; connections, sessions and what they have go on. Requires the right admin, and a broker with a
 * keeper: else PORTD_E_UNSUPPORTED. Returns 1, and *pid (may be NULL) is that broker's; PORTD_E_SYSTEM: it has not taken over, portd_last_error says why, and the one before goes
 * on. What other clients have asked for and is under way for more than two seconds is answered with PORTD_E_UNCERTAIN. */
PORTD_API int portd_upgrade(portd_client *client, int64_t deadline, uint32_t *pid);

/* A list outlives its client (but not the allocator's context); pointers from it are valid until portd_list_free. */
PORTD_API size_t portd_list_count(const portd_list *list);
PORTD_API const portd_item *portd_list_item(const portd_list *list, size_t i);
PORTD_API const portd_status *portd_list_status(const portd_list *list); /* of portd_get_status, else NULL */
PORTD_API const portd_metric *portd_list_metric(const portd_list *list, size_t i); /* of portd_get_stats */
PORTD_API const portd_notice *portd_list_notice(const portd_list *list, size_t i); /* of portd_monitor */
PORTD_API const char *portd_list_note(const portd_list *list, size_t i); /* of portd_reload, portd_why */
PORTD_API const portd_held *portd_list_held(const portd_list *list,
                                            size_t i); /* of portd_list_holds, portd_show_holds */
PORTD_API void portd_list_free(portd_list *list);      /* NULL is allowed */

/* Ends a session of this uid (0: this client's own): waits end with PORTD_CAUSE_EXPIRED, copies are closed, its
 * connections are ended. Returns 1. */
PORTD_API int portd_end_session(portd_client *client, portd_id session, int64_t deadline);

/* ---- the same, without blocking ----------------------------------------------------------------------------------
 *
 * Each returns 1 once the request is queued (then callback is called exactly once), or PORTD_E_* and nothing happens.
 * request may be NULL; else it is for portd_cancel and valid until the callback returns. Descriptors may
 * be closed and arrays reused as soon as the call returns (but see _take). When the connection is lost, a wait
 * reports each of its ids with PORTD_CAUSE_DISCONNECTED, a read, write, shutdown, position, put or take that was sent
 * PORTD_E_UNCERTAIN, and all else PORTD_E_DISCONNECTED. When the client goes on with the next broker, what the library has sent
 * and not kept is PORTD_E_UNCERTAIN, too (libportd(3)). Only waits and monitors have a deadline; cancel other
 * requests that take too long. portd_port_write_all() has no such form; portd_list_start(), portd_list_holds_start(),
 * portd_show_start(), portd_show_holds_start() and portd_get_stats_start() answer one page. */

PORTD_API int portd_fd_to_semaphore_start(portd_client *client, portd_native fd, int mode,
                                          portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_socket_to_semaphore_start(portd_client *client, portd_native socket, int mode,
                                              portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_fd_to_evt_start(portd_client *client, portd_native fd, int mode, int number_kind,
                                    portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_wait_start(portd_client *client, const portd_id *ids, size_t n, unsigned flags,
                               int64_t deadline, portd_callback *callback, void *data,
                               portd_request **request);
PORTD_API int portd_handle_dup_start(portd_client *client, portd_id id, portd_callback *callback, void *data,
                                     portd_request **request);
/* With handle -1 the new one is result->handle. Else this is a request also where portd_broker_has_feature() says that there are no
 * hints ("handle-hint"). */
PORTD_API int portd_handle_arm_start(portd_client *client, portd_id id, portd_native handle,
                                     portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_remove_start(portd_client *client, portd_id id, portd_callback *callback, void *data,
                                 portd_request **request);
PORTD_API int portd_release_start(portd_client *client, const portd_id *ids, size_t n,
                                  portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_ping_start(portd_client *client, portd_callback *callback, void *data,
                               portd_request **request);
PORTD_API int portd_list_session_start(portd_client *client, portd_id session, int kind, portd_id after,
                                       portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_list_start(portd_client *client, int kind, portd_id after, portd_callback *callback,
                               void *data, portd_request **request); /* after: 0, then cursor */
PORTD_API int portd_show_start(portd_client *client, const portd_id *ids, size_t n, portd_callback *callback,
                               void *data, portd_request **request);
PORTD_API int portd_get_status_start(portd_client *client, portd_callback *callback, void *data,
                                     portd_request **request);
PORTD_API int portd_get_stats_start(portd_client *client, uint64_t cursor, portd_callback *callback,
                                    void *data, portd_request **request); /* 0: from the first on */
PORTD_API int portd_monitor_start(portd_client *client, portd_id session, uint64_t cursor, int64_t deadline,
                                  portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_why_start(portd_client *client, const char *owner, const char *name, int right,
                              const char *uid, const uint32_t *gids, size_t n_gids, portd_callback *callback,
                              void *data, portd_request **request);
PORTD_API int portd_upgrade_start(portd_client *client, portd_callback *callback, void *data,
                                  portd_request **request);
PORTD_API int portd_reload_start(portd_client *client, portd_callback *callback, void *data,
                                 portd_request **request);
PORTD_API int portd_end_session_start(portd_client *client, portd_id session, portd_callback *callback,
                                      void *data, portd_request **request);

PORTD_API int portd_fd_to_port_start(portd_client *client, portd_native fd, const char *name, unsigned flags,
                                     portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_socket_to_port_start(portd_client *client, portd_native socket, const char *name,
                                         unsigned flags, portd_callback *callback, void *data,
                                         portd_request **request);
/* The number must stay open until the callback. It is closed before the callback if the code is above 0; else it stays
 * open and the caller's. */
PORTD_API int portd_fd_to_port_take_start(portd_client *client, portd_native fd, const char *name,
                                          unsigned flags, portd_callback *callback, void *data,
                                          portd_request **request);
PORTD_API int portd_socket_to_port_take_start(portd_client *client, portd_native socket, const char *name,
                                              unsigned flags, portd_callback *callback, void *data,
                                              portd_request **request);
PORTD_API int portd_port_to_fd_start(portd_client *client, portd_id port, portd_callback *callback,
                                     void *data, portd_request **request);
PORTD_API int portd_port_to_socket_start(portd_client *client, portd_id port, portd_callback *callback,
                                         void *data, portd_request **request);
PORTD_API int portd_port_dup_fd_start(portd_client *client, portd_id port, portd_callback *callback,
                                      void *data, portd_request **request); /* the copy is result->handle */
PORTD_API int portd_port_close_start(portd_client *client, portd_id port, portd_callback *callback,
                                     void *data, portd_request **request);
/* When one of these three is cancelled, its callback gets what was done, or PORTD_E_CANCELLED: nothing was. */
PORTD_API int portd_port_read_start(portd_client *client, portd_id port, size_t size, unsigned flags,
                                    portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_port_write_start(portd_client *client, portd_id port, const void *bytes, size_t size,
                                     portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_port_splice_start(portd_client *client, portd_id port, portd_native pipe, size_t least,
                                      size_t most, portd_callback *callback, void *data,
                                      portd_request **request);
PORTD_API int portd_port_shutdown_start(portd_client *client, portd_id port, unsigned sides,
                                        portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_port_addresses_start(portd_client *client, portd_id port, portd_callback *callback,
                                         void *data, portd_request **request);
PORTD_API int portd_port_position_start(portd_client *client, portd_id port, const uint64_t *to,
                                        portd_callback *callback, void *data, portd_request **request);

PORTD_API int portd_put_start(portd_client *client, const char *owner, const char *const *names,
                              const portd_native *fds, size_t n, const portd_id *expects,
                              const portd_lease *lease, portd_callback *callback, void *data,
                              portd_request **request);
/* As portd_fd_to_port_take_start, of all numbers. */
PORTD_API int portd_put_take_start(portd_client *client, const char *owner, const char *const *names,
                                   const portd_native *fds, size_t n, const portd_id *expects,
                                   const portd_lease *lease, portd_callback *callback, void *data,
                                   portd_request **request);
PORTD_API int portd_put_spooled_start(portd_client *client, const char *owner, const char *const *names,
                                      const portd_native *fds, size_t n, const portd_id *expects,
                                      const portd_lease *lease, const uint64_t *spools, int when_full,
                                      portd_callback *callback, void *data, portd_request **request);
/* The code is 1 or 0, as of portd_spool_read; spool and bytes are valid during the callback. */
PORTD_API int portd_spool_read_start(portd_client *client, const char *owner, const char *name,
                                     portd_id descriptor, uint64_t from, size_t size, unsigned flags,
                                     int64_t deadline, portd_callback *callback, void *data,
                                     portd_request **request);
PORTD_API int portd_get_raw_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                                  const portd_id *expects, unsigned flags, portd_callback *callback,
                                  void *data, portd_request **request);
PORTD_API int portd_get_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                              const portd_id *expects, portd_callback *callback, void *data,
                              portd_request **request);
PORTD_API int portd_take_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                               const portd_id *expects, portd_callback *callback, void *data,
                               portd_request **request);
PORTD_API int portd_drop_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                               const portd_id *expects, portd_callback *callback, void *data,
                               portd_request **request);
PORTD_API int portd_renew_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                                const portd_lease *lease, portd_callback *callback, void *data,
                                portd_request **request);
PORTD_API int portd_list_holds_start(portd_client *client, const char *owner, uint64_t after,
                                     portd_callback *callback, void *data,
                                     portd_request **request); /* after: 0, then cursor */
PORTD_API int portd_show_holds_start(portd_client *client, const char *owner, const char *const *names,
                                     size_t n, portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_repair_start(portd_client *client, const char *owner, const char *name, unsigned flags,
                                 portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_resize_start(portd_client *client, const char *owner, const char *name, unsigned rows,
                                 unsigned columns, portd_callback *callback, void *data,
                                 portd_request **request);
PORTD_API int portd_hold_to_semaphore_start(portd_client *client, const char *owner, const char *name,
                                            int mode, portd_callback *callback, void *data,
                                            portd_request **request);
PORTD_API int portd_hold_to_evt_start(portd_client *client, const char *owner, const char *name, int mode,
                                      portd_callback *callback, void *data, portd_request **request);
PORTD_API int portd_hold_to_port_start(portd_client *client, const char *owner, const char *name,
                                       unsigned flags, portd_callback *callback, void *data,
                                       portd_request **request);

#ifdef __cplusplus
}
#endif

#endif
