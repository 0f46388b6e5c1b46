/* evt.c: making an event. */
#include "evt.h"

/* Only an epoll descriptor can lead back to our own; that shows when it is put in. */
static int test_cycle(struct descriptor *descriptor, struct refusal *refusal) {
    if (descriptor->type != INSPECT_EPOLL || descriptor->watch.known)
        return 0;
    int error = descriptor_arm(descriptor, ENGINE_READ);
    if (error == ENGINE_E_CYCLE)
        return EVT_E_CYCLE;
    if (error < 0)
        return refusal_system(refusal, -error, "cannot watch the descriptor");
    return 0;
}

int evt_open(struct descriptor *descriptor, int direction, struct indicator **evt, bool *created,
             struct refusal *refusal) {
    *created = false;
    *evt = descriptor->evts[direction];
    if (*evt)
        return 0;
    int error = test_cycle(descriptor, refusal);
    if (error)
        return error;
    *evt = indicator_new(descriptor, OBJECT_EVT, direction, refusal);
    if (!*evt)
        return -1;
    *created = true;
    return 0;
}
