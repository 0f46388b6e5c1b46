/* override.h: the limits of single users, while files are read and after that. */
#ifndef OVERRIDE_H
#define OVERRIDE_H

#include "config.h"

struct remarks;

enum { OVERRIDES_MOST = 4096 };

/* The entry of that name in that file: the newest one, or a new one. NULL without memory. */
struct config_user *override_get(struct config *config, const char *name, unsigned file, unsigned line);

/* Once all files are read: finds the uids, joins the entries of several files for one, the later ones above the earlier ones, and sorts them. Two
 * entries in one file for one uid are a fault. 0 or -ENOMEM. */
int overrides_finish(struct config *config, struct remarks *faults);

void overrides_free(struct config *config);

#endif
