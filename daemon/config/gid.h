/* gid.h: the gid that a file means. */
#ifndef GID_H
#define GID_H

#include <stdint.h>

/* name: of a group of the system, or a decimal gid. It may ask a directory on the network. 0; GID_E_NONE: there is no such group; GID_E_NOBODY: the gid
 * is no identity; GID_E_SYSTEM: this system does not tell the broker a client's groups; or a negative errno. */
enum { GID_E_NONE = 1, GID_E_NOBODY, GID_E_SYSTEM };
int gid_find(const char *name, uint32_t *gid);

#endif
