/* identity_bsd.c: identity.h where no thread can have file system rights of its own.
 *
 * A broker that is not root has few rights beyond its users', and keeps them (as on Linux without capabilities). Root's rights are another
 * thing: with them a write keeps the set-user-id bit of a file, takes blocks that are reserved, and is told to receivers as root's. So root's
 * broker does nothing for other users that such rights decide: they are answered that it is unsupported, and do it themselves. */
#include "identity.h"

#include <unistd.h>

bool identity_names_processes(void) { return false; }

bool identity_is_whole(const struct identity *identity) {
    (void)identity; /* no thread wears one */
    return true;
}

struct identity *identity_own(void) {
    return identity_new(geteuid(), getegid(), (uint32_t)getpid(), NULL, 0);
}

void identity_begin_thread(void) {}

int identity_wear(const struct identity *identity) {
    return geteuid() == 0 && identity->uid != 0 ? IDENTITY_CANNOT : 0;
}

bool identity_can_speak(void) { return false; }

void identity_speak(enum identity_speech speech) { (void)speech; }
