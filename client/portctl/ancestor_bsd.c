/* ancestor_bsd.c: ancestor.h for the BSDs, each of which tells it in a form of its own: none of them is read. So no ancestor owns a session;
 * --owner names one. */
#include "ancestor.h"

bool ancestor_read(pid_t pid, struct ancestor *process) {
    (void)pid;
    (void)process;
    return false;
}
