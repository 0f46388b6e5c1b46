/* broker.h: the rooms put together: one loop, one engine, one listener, and everybody's session's objects. */
#ifndef BROKER_H
#define BROKER_H

#include <stdbool.h>

struct broker;
struct door;
struct options;

/* The door is borrowed until the broker is freed. NULL: logged why. */
struct broker *broker_new(const struct options *options, struct door *door);

/* Runs until SIGTERM or SIGINT, or until it has been idle for long enough. 0, or a negative errno. */
int broker_run(struct broker *broker);

/* Says what it still holds, ends every session, closes what it can. NULL is allowed. Whether a thread that is held up was left behind. */
bool broker_free(struct broker *broker);

#endif
