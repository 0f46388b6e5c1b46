/* ids.h: parsing the ids of a command line. */
#ifndef IDS_H
#define IDS_H

#include "client/portctl/command.h"
#include "client/portd.h"

enum { IDS_PAGE = 256 }; /* in one call of the library */

/* Parses the arguments of the verb as ids, at least one. Returns 0 and *ids, which the caller frees, or the exit code of an
 * error that has been printed. */
int ids_parse(const struct invocation *in, portd_id **ids, size_t *n);

/* Parses one: 0, or the exit code of an error that has been printed. */
int ids_read(const struct invocation *in, const char *word, const char *hint, portd_id *id);

/* Whether there is an object with this id: 1, or 0, or a negative code of the library. */
int ids_exists(portd_client *client, portd_id id, int64_t deadline);

#endif
