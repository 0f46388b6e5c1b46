/* glob.h: patterns of names. A star stands for any bytes, none and "/" among them, every other byte for itself. */
#ifndef GLOB_H
#define GLOB_H

#include <stdbool.h>

enum { GLOB_MAX = 255 /* bytes, as of a name */ };

/* Whether the glob, of GLOB_MAX bytes at most, is the whole name. Takes time in proportion to the length of both. */
bool glob_matches(const char *glob, const char *name);

#endif
