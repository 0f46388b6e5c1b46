/* call.h: one request while its method has it. */
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
    os_fd fd;            /* attached; OS_FD_NONE: none, or taken */
    bool closes_at_once; /* the method has found that out of it (inspect.h) */
    struct channel_frame
        *frame;  /* of a method that takes several: those that it takes become OS_FD_NONE. NULL: none came */
    bool others; /* may be reached too: other uids, for what the method does (method.h) */
    struct refusal refusal;
};

/* Answers with that member of Reply.result. Always 0. */
int call_answer(struct call *call, Portd__V1__Reply__ResultCase which, void *result);

/* Whether the method may be about what that uid has. */
bool call_reaches(const struct call *call, os_uid uid);

/* Memory of zeros for what is remembered of a request in flight, charged to the session as one (charge_request), and room for it among its
 * connection's. charge: where in it its struct charge is, which whoever frees it ends. NULL: the refusal. */
void *call_remember(struct call *call, size_t bytes, size_t charge);

/* Takes the attached descriptor out of the call. */
os_fd call_take(struct call *call);

/* The text for a message: protobuf-c's strings are not const, though packing only reads them. */
char *call_text(const char *text);

#endif
