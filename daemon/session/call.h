/* call.h: one request while its method runs. */
#ifndef CALL_H
#define CALL_H

#include "daemon/access/refusal.h"
#include "portd.pb-c.h"
#include "proto/os.h"

#include <stdbool.h>

struct channel_frame;
struct connection;
struct session;

enum { CALL_FDS_MAX = 8 };

struct call {
    struct connection *connection;
    struct session *session;
    const Portd__V1__Request *request;
    os_fd fd; /* attached; OS_FD_NONE: none, or taken */
    struct channel_frame *
        frame; /* for a method that takes several descriptors: it sets each one that it takes to OS_FD_NONE. NULL: none attached */
    bool others; /* the method may reach other uids' objects (method.h) */
    struct refusal refusal;
};

/* Replies with that member of Reply.result. Always 0. */
int call_answer(struct call *call, Portd__V1__Reply__ResultCase which, void *result);

/* Whether the method may reach objects of that uid. */
bool call_reaches(const struct call *call, os_uid uid);

/* Allocates the record of an in-flight request: zeroed, charged to the session as a request (charge_request); reserves its entry
 * in connection->by_request. charge: the offset of its struct charge, which the owner ends (charge_deinit) before freeing. NULL:
 * the refusal is set. */
void *call_remember(struct call *call, size_t bytes, size_t charge);

/* Takes the attached descriptor out of the call: it is the caller's from now on. */
os_fd call_take(struct call *call);

/* The same text as a char *: protobuf-c's strings are not const, though packing only reads them. */
char *call_text(const char *text);

#endif
