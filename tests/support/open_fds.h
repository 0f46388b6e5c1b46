/* open_fds.h: the open descriptors of this process; on Windows its handles, whose number here is a quarter of their value. */
#ifndef OPEN_FDS_H
#define OPEN_FDS_H

#include <stddef.h>

enum { TEST_FDS = 4096 }; /* numbers above are not looked at */

/* Marks what is open, except what is open because of this call. */
void test_fds_look(unsigned char open_fds[TEST_FDS]);

/* What it is, for people: in `name` or constant. */
const char *test_fds_name(int fd, char *name, size_t size);

#endif
