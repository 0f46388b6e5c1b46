/* broker.h: one loop, one engine, one listener, and all sessions and users, put together. */
#ifndef BROKER_H
#define BROKER_H

#include "proto/os.h"

#include <stdbool.h>

struct broker;
struct config;
struct config_given;
struct door;
struct store_inherited;

/* The first three must stay valid until the broker is freed. given: what the configuration was loaded from, and will be again. inherited: its channel
 * and link are the broker's. NULL: failed; the reason is in the log. */
struct broker *broker_new(const struct config *config, const struct config_given *given, struct door *door,
                          const struct store_inherited *inherited);

/* Runs until another broker has taken over, or until SIGTERM or SIGINT, or until the broker has been idle for the time of idle-exit. 0, or a negative errno. */
int broker_run(struct broker *broker);

/* Logs what the broker still holds, ends every session, closes what it can. NULL is allowed. True: a thread that is blocked in a
 * system call was left running. */
bool broker_free(struct broker *broker);

#endif
