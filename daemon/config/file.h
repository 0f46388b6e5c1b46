/* file.h: reads one file of the configuration. */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>

struct config;
struct remarks;

/* Sets what the file says, and adds it to config->files. Not for two threads at once. A file that is not there is a fault if it must be. 0 also with
 * faults; -ENOMEM. */
int file_load(struct config *config, const char *path, bool must_exist, struct remarks *faults);

/* The same for each FILE.d/ *.conf, which need not be there. must_exist: of the file. */
int file_load_dropins(struct config *config, const char *path, bool must_exist, struct remarks *faults);

#endif
