/* identity_win.c: identity.h where rights are in the handle.
 *
 * The system checks them when a handle is made or duplicated, against who does that; reading and writing through an open handle ask
 * nothing about the thread. So a thread that works for a client on the client's handles needs nobody's identity, and gets no
 * right that the client has not. The broker opens nothing by a name for a client. */
#include "identity.h"

#include <stddef.h>

bool identity_names_processes(void) { return false; }

bool identity_is_whole(const struct identity *identity) {
    (void)identity; /* no thread wears one */
    return true;
}

struct identity *identity_own(void) {
    return identity_new(0, 0, 0, NULL, 0);
}

void identity_begin_thread(void) {}

int identity_wear(const struct identity *identity) {
    (void)identity;
    return 0;
}

bool identity_can_speak(void) { return false; }

void identity_speak(enum identity_speech speech) { (void)speech; }
