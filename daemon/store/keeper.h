/* keeper.h: a parent process that holds what must outlive the broker.
 *
 * The keeper opens the listener and starts the broker, a copy of the same program, which gets the listener and one end of a socket. It reads nothing but
 * what its broker writes there (keeper.proto), and does not look into what it keeps. When the broker dies, the next one gets everything back; at
 * once, or after a pause if it died within a second of its start. When it ends in good order, so does the keeper.
 *
 * What the broker wrote before it died counts; half an order does not.
 *
 * A broker can ask for another one that takes over from it, of the program that is in the file by then (daemon/upgrade/upgrade.h). The keeper goes on with the first one until
 * the other asks what is kept, and goes back to it if the other ends before it serves clients. */
#ifndef KEEPER_H
#define KEEPER_H

#include "proto/os.h"

struct config;
struct door;

/* What a broker that was started by a keeper finds in PORTD_KEEPER: the keeper's process id, and if it is to take over from another one, this after it. */
#define KEEPER_VARIABLE "PORTD_KEEPER"
#define KEEPER_HAS_LINK " link"
enum { KEEPER_CHANNEL = 3, KEEPER_LISTENER = 4, KEEPER_LINK = 5 };

/* Runs until the broker ends for good. The door stays the caller's. notify_fd as for service_ready. The exit status of the program. */
int keeper_run(char **argv, struct door *door, os_fd notify_fd);

#endif
