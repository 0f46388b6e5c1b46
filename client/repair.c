/* repair.c: undoes what other holders have done to what is held. */
#include "call.h"
#include "client.h"
#include "hold_name.h"
#include "look.h"
#include "submit.h"

#include "proto/container.h"

/* A blocking call and where its result goes. */
struct repair_call {
    struct call call;
    unsigned *repaired, *left;
};

static int read_repaired(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                         struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Repaired *from = reply->repair_hold;

    (void)client;
    (void)request;
    (void)frame;
    result->repaired = look_poisons(from->repaired, from->n_repaired);
    result->left = look_poisons(from->left, from->n_left);
    return from->n_repaired > 0 ? 1 : 0;
}

int portd_repair_start(portd_client *client, const char *owner, const char *name, unsigned flags,
                       portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__RepairHold repair = PORTD__V1__REPAIR_HOLD__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    int r = hold_name_check(client, "name", name);

    if (r < 0)
        return r;
    if (flags & ~(unsigned)PORTD_REPAIR_FLAGS)
        return client_fail(client, PORTD_E_INVALID, 0, "flags", "a flag is none of enum portd_repair_flag");
    repair.owner = hold_name_text(owner);
    repair.name = hold_name_text(name);
    repair.flags = (flags & PORTD_REPAIR_FLAGS) != 0;
    message.method_case = PORTD__V1__REQUEST__METHOD_REPAIR_HOLD;
    message.repair_hold = &repair;
    return submit_request(client, &message, OS_FD_NONE, read_repaired, callback, data, request);
}

static int keep_repaired(struct call *call, const portd_result *result) {
    struct repair_call *kept = CONTAINER_OF(call, struct repair_call, call);

    if (kept->repaired)
        *kept->repaired = result->repaired;
    if (kept->left)
        *kept->left = result->left;
    return result->code;
}

int portd_repair(portd_client *client, const char *owner, const char *name, unsigned flags, int64_t deadline,
                 unsigned *repaired, unsigned *left) {
    struct repair_call kept = {.repaired = repaired, .left = left};
    portd_client *asked = call_begin(&kept.call, client);

    if (repaired)
        *repaired = 0;
    if (left)
        *left = 0;
    kept.call.keep = keep_repaired;
    return call_end(&kept.call,
                    portd_repair_start(asked, owner, name, flags, call_done, &kept.call, &kept.call.request),
                    deadline);
}
