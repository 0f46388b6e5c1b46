/* call.c: replies at once, and records of requests that are answered later. */
#include "call.h"

#include "connection.h"
#include "session.h"
#include <stdlib.h>
#include <string.h>

int call_answer(struct call *call, Portd__V1__Reply__ResultCase which, void *result) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    reply.id = call->request->id;
    reply.result_case = which;
    reply.ping = result; /* every member of the union is a pointer to a message */
    connection_reply(call->connection, &reply);
    return 0;
}

void *call_remember(struct call *call, size_t bytes, size_t charge) {
    struct charge taken;
    char *memory;
    if (charge_request(&taken, &call->session->session_objects.account, bytes, &call->refusal))
        return NULL;
    memory = table_reserve(&call->connection->by_request) ? NULL : calloc(1, bytes);
    if (memory) {
        charge_move((struct charge *)(void *)(memory + charge), &taken);
        return memory;
    }
    charge_deinit(&taken);
    refusal_memory(&call->refusal);
    return NULL;
}

bool call_reaches(const struct call *call, os_uid uid) {
    return call->others || call->connection->peer.uid == uid;
}

os_fd call_take(struct call *call) {
    os_fd fd = call->fd;
    call->fd = OS_FD_NONE;
    return fd;
}

char *call_text(const char *text) {
    char *pointer;
    memcpy(&pointer, &text, sizeof pointer);
    return pointer;
}
