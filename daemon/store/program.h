/* program.h: starts this program again. */
#ifndef PROGRAM_H
#define PROGRAM_H

/* What posix_spawnp takes for the program that this process runs; invoked: its argv[0]. */
const char *program_of_this(const char *invoked);

#endif
