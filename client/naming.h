/* naming.h: the processes named in a hello: the owners of the session, and the one that numbers refer to. */
#ifndef NAMING_H
#define NAMING_H

#include "portd.h"
#include "portd.pb-c.h"

#include "proto/os.h"

#include <stddef.h>
#include <stdint.h>

struct naming {
    Portd__V1__Hello *hello;
    os_fd fds[PORTD_OWNERS_MAX]; /* pidfds; if there are any, no pids are sent */
    uint32_t pids[PORTD_OWNERS_MAX];
    size_t n_fds, n_pids;
};

/* Fills the process members of naming->hello from the options; they point into naming. 0 or PORTD_E_*. Call naming_close
 * in either case. */
int naming_fill(struct naming *naming, portd_client *client, const portd_options *options);
void naming_close(struct naming *naming);

#endif
