/* activation.h: listeners that a service manager hands over by a call of its own; LISTEN_FDS is in service.h. */
#ifndef ACTIVATION_H
#define ACTIVATION_H

#include "proto/os.h"

/* The number of listeners passed to this process (0: none), *listener is the first, close-on-exec; others are closed. Or a negative errno. */
int activation_listener(os_fd *listener);

#endif
