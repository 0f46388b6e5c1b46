/* tail.c: the requests, and what is done with their answers. */
#include "tail.h"

#include <string.h>

int tail_open(struct tail *tail, portd_client *client) {
    portd_spool spool = PORTD_SPOOL_INIT;
    char byte;
    int rc = portd_spool_read(client, tail->owner, tail->name, 0, PORTD_SPOOL_OLDEST, &byte, 1, 0,
                              portd_now(), &spool);

    tail->is_there = rc >= 0;
    tail->descriptor = spool.descriptor;
    tail->from = spool.oldest;
    return rc >= 0 || rc == PORTD_E_UNSUPPORTED ? 1 : rc;
}

static void take(struct tail *tail, const portd_result *result) {
    const portd_spool *spool = result->spool;

    tail->lost += spool->lost;
    tail->hung = spool->hung_up || spool->end;
    tail->from = spool->position + spool->count;
    tail->count = spool->count;
    memcpy(tail->bytes, result->bytes, spool->count);
}

static void on_read(portd_client *client, const portd_result *result, void *data) {
    struct tail *tail = data;

    (void)client;
    tail->asking = false;
    if (result->code > 0 && result->spool->count <= TAIL_MAX)
        take(tail, result);
    else if (result->code == PORTD_E_LIMIT || result->code == PORTD_E_MEMORY)
        tail->hung = true;
    else if (result->code < 0 && result->code != PORTD_E_DISCONNECTED && result->code != PORTD_E_UNCERTAIN)
        tail->is_there = false;
}

void tail_ask(struct tail *tail, portd_client *client) {
    if (tail->asking || tail->count > 0 || !tail->is_there)
        return;
    tail->asking = portd_spool_read_start(client, tail->owner, tail->name, tail->descriptor, tail->from,
                                          TAIL_MAX, tail->acknowledges ? PORTD_SPOOL_ACKNOWLEDGE : 0,
                                          PORTD_FOREVER, on_read, tail, NULL) > 0;
}

static void on_probed(portd_client *client, const portd_result *result, void *data) {
    struct tail *tail = data;

    (void)client;
    tail->probing = false;
    if (result->code < 0 || result->spool == NULL || result->spool->taking ||
        result->spool->next != tail->from) {
        tail->quiet = 0;
        return;
    }
    tail->quiet = tail->quiet > 0 && tail->quiet_from == tail->from ? tail->quiet + 1 : 1;
    tail->quiet_from = tail->from;
}

void tail_probe(struct tail *tail, portd_client *client) {
    if (tail->probing || !tail->is_there)
        return;
    tail->probing = portd_spool_read_start(client, tail->owner, tail->name, tail->descriptor, tail->from, 1,
                                           0, portd_now(), on_probed, tail, NULL) > 0;
}
