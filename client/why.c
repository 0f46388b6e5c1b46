/* why.c: whether somebody has a right, and by which rule. */
#include "call.h"
#include "client.h"
#include "hold_name.h"
#include "list.h"
#include "submit.h"

#include "proto/container.h"

/* The answer in notes is copied into the list also when it is "no". */
struct why_call {
    struct call call;
    portd_list *list;
};

static int read_reason(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                       struct channel_frame *frame, portd_result *result) {
    const char **notes = client->extra = memory_get(&client->memory, 2 * sizeof(*notes));

    (void)request;
    (void)frame;
    if (!notes)
        return PORTD_E_MEMORY;
    notes[0] = reply->why->text;
    notes[1] = reply->why->rule;
    result->notes = notes;
    result->n_notes = 2;
    return reply->why->allowed ? 1 : 0;
}

int portd_why_start(portd_client *client, const char *owner, const char *name, int right, const char *uid,
                    const uint32_t *gids, size_t n_gids, portd_callback *callback, void *data,
                    portd_request **request) {
    Portd__V1__Why why = PORTD__V1__WHY__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    if (right < PORTD_RIGHT_LIST || right > PORTD_RIGHT_ADMIN)
        return client_fail(client, PORTD_E_INVALID, 0, "right", "it is none of enum portd_right");
    if (n_gids > 0 && !gids)
        return client_fail(client, PORTD_E_INVALID, 0, "gids", "gids must not be NULL");
    if (n_gids > PORTD_WHY_GIDS_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, "n_gids", "expected at most 64 gids");
    why.owner = hold_name_text(owner);
    why.name = hold_name_text(name);
    why.right = (Portd__V1__Right)right;
    why.uid = hold_name_text(uid);
    why.gids = (uint32_t *)(uintptr_t)gids; /* packing only reads them */
    why.n_gids = n_gids;
    message.method_case = PORTD__V1__REQUEST__METHOD_WHY;
    message.why = &why;
    return submit_request(client, &message, OS_FD_NONE, read_reason, callback, data, request);
}

static int keep_reason(struct call *call, const portd_result *result) {
    struct why_call *kept = CONTAINER_OF(call, struct why_call, call);
    int r = kept->list ? list_take(kept->list, result) : 1;

    return r < 0 ? r : result->code;
}

int portd_why(portd_client *client, const char *owner, const char *name, int right, const char *uid,
              const uint32_t *gids, size_t n_gids, int64_t deadline, portd_list **list) {
    struct why_call kept = {.list = NULL};
    portd_client *asked = call_begin(&kept.call, client);
    int r = 1;

    if (list)
        *list = NULL;
    if (asked && list) {
        kept.list = list_new(asked);
        r = kept.list ? 1 : client_fail(asked, PORTD_E_MEMORY, 0, NULL, NULL);
    }
    kept.call.keep = keep_reason;
    if (r > 0)
        r = portd_why_start(asked, owner, name, right, uid, gids, n_gids, call_done, &kept.call,
                            &kept.call.request);
    r = call_end(&kept.call, r, deadline);
    if (r < 0)
        portd_list_free(kept.list);
    else if (list)
        *list = kept.list;
    return r;
}
