/* quotas.h: puts the limits of a configuration into use. */
#ifndef QUOTAS_H
#define QUOTAS_H

struct config;
struct remarks;
struct users;

/* For all users from now on. Adds a note on each limit that is more than the table of descriptors has. 0; or -ENOMEM, and nothing has changed. */
int quotas_use(struct users *users, const struct config *config, struct remarks *notes);

#endif
