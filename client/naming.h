/* naming.h: the processes that a hello names: the owners of the session, and the one whose numbers are meant. */
#ifndef NAMING_H
#define NAMING_H

#include "portd.h"
#include "portd.pb-c.h"

#include "proto/os.h"

#include <stddef.h>
#include <stdint.h>

struct naming {
    Portd__V1__Hello *hello;
    os_fd fds[PORTD_OWNERS_MAX]; /* pidfds, and then no pids are sent */
    uint32_t pids[PORTD_OWNERS_MAX];
    size_t n_fds, n_pids;
};

/* Puts what the options say of processes into naming->hello, which is all that is set; it refers to naming. 0 or PORTD_E_*, and
 * naming_close in any case. */
int naming_fill(struct naming *naming, portd_client *client, const portd_options *options);
void naming_close(struct naming *naming);

#endif
