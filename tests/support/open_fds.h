/* open_fds.h: the open descriptors of this process; on Windows its handles, whose number here is a quarter of their value. */
#ifndef OPEN_FDS_H
#define OPEN_FDS_H

#include <stdbool.h>
#include <stddef.h>

enum { TEST_FDS = 4096 }; /* numbers above are not looked at */

/* Marks what is open, except what is open because of this call. */
void test_fds_look(unsigned char open_fds[TEST_FDS]);

/* Whether it may stay open because a library of the system keeps it from its first use on. */
bool test_fds_is_systems(int fd);

/* What it is, for people: in `name` or constant. */
const char *test_fds_name(int fd, char *name, size_t size);

#endif
