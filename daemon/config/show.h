/* show.h: what a configuration comes to, for people. */
#ifndef SHOW_H
#define SHOW_H

struct config;

/* Writes to standard output which files are good, and all that is set, in the words of a file, each with where it is from. 0 or -1. */
int show_config(struct config *config);

#endif
