/* peer_pid.h: where peer_xucred.c and peer_bsd.c find the process: the systems tell it in different calls. */
#ifndef PEER_PID_H
#define PEER_PID_H

#include "os.h"

#include <stdint.h>

struct xucred;

/* The process that connected; 0: it is not told. found is what the system has told of the peer where it has an xucred, else NULL. */
uint32_t peer_pid(os_fd connection, const struct xucred *found);

#endif
