/* stranger_win.c: who has no right to become somebody else is the only user. */
#include "stranger.h"

bool stranger_broker(struct fixture *broker) {
    (void)broker;
    return false;
}

portd_client *stranger_connect(const struct fixture *broker, uid_t uid, const portd_options *options,
                               int *code) {
    (void)broker, (void)uid, (void)options, (void)code;
    return NULL;
}
