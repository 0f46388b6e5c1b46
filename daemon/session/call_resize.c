/* call_resize.c: resize_hold: the size of a held terminal. */
#include "call.h"
#include "daemon/object/bound.h"
#include "daemon/object/terminal_size.h"
#include "dispatch.h"
#include "hold_name.h"
#include "holding.h"

#include <errno.h>

static int check(struct call *call, const char *field, uint32_t value) {
    if (value >= 1 && value <= UINT16_MAX)
        return 0;
    return refusal_set(&call->refusal, REFUSAL_INVALID, field, NULL, "expected 1 to %d %s, got %u",
                       (int)UINT16_MAX, field, value);
}

int call_resize_hold(struct call *call) {
    const Portd__V1__ResizeHold *message = call->request->resize_hold;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    if (check(call, "rows", message->rows) || check(call, "columns", message->columns))
        return -1;
    const struct held *held = hold_name_find(call, message->owner, message->name, RIGHT_WRITE);
    if (!held)
        return -1;
    const struct descriptor *descriptor = bound_descriptor(held->hold.binding);
    enum inspect_type type = (enum inspect_type)descriptor->type;
    int error = terminal_size_set(descriptor->fd, type, (uint16_t)message->rows, (uint16_t)message->columns);
    if (error == -ENOSYS)
        return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, "name", NULL,
                           "the broker cannot set the size of a terminal on this system");
    if (error == -ENOTTY)
        return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, "name", "only a terminal has a size",
                           "\"%.100s\" is no terminal (%s)", message->name, inspect_name(type));
    if (error)
        return refusal_system(&call->refusal, -error, "cannot set the size of the terminal");
    return call_answer(call, PORTD__V1__REPLY__RESULT_RESIZE_HOLD, &done);
}
