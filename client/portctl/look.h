/* look.h: what the broker's system tells of held descriptors, and what other holders have changed. */
#ifndef LOOK_H
#define LOOK_H

#include "client/portctl/hold.h"

/* Of a table of several, and of those that were named. */
extern const struct column look_list_columns[], look_columns[];

/* The members of look_columns that hold_columns lacks: for the array of a verb that has them, too. */
#define LOOK_COLUMNS(spare)                                                                                  \
    {"poison", COLUMN_PLAIN, false}, {"local", COLUMN_PLAIN, false}, {"peer", COLUMN_PLAIN, false},          \
        {"path", COLUMN_PLAIN, false}, {"flags", COLUMN_PLAIN, false}, {"flags_at_put", COLUMN_PLAIN, true}, \
        {"accepting", COLUMN_PLAIN, spare}, {"accepting_at_put", COLUMN_PLAIN, true},                        \
        {"accept_queue", COLUMN_PLAIN, spare}, {"accept_limit", COLUMN_PLAIN, true},                         \
        {"reading", COLUMN_PLAIN, spare}, {"writing", COLUMN_PLAIN, spare},                                  \
        {"input_bytes", COLUMN_PLAIN, spare}, {"output_bytes", COLUMN_PLAIN, spare},                         \
        {"offset", COLUMN_PLAIN, spare}, {"offset_at_put", COLUMN_PLAIN, true},                              \
        {"receivers", COLUMN_PLAIN, true}, {                                                                 \
        "watchers", COLUMN_PLAIN, true                                                                       \
    }

/* Prints what is held, with all of that, as a table. Returns the exit code. */
int look_list(const struct invocation *in, portd_client *client, const struct holds *holds);

/* The same for the names, line by line. */
int look_show(const struct invocation *in, portd_client *client, const struct holds *holds);

/* 0 if this broker looks. */
int look_check(const struct invocation *in, const portd_client *client);

/* A list of the names of poisons, PORTD_POISON_BITs; in text one that has commas. */
struct node *look_poisons(const struct invocation *in, unsigned poisons);

#endif
