/* program.h: starts this program again. */
#ifndef PROGRAM_H
#define PROGRAM_H

/* A path of the file that this process runs, or NULL where the system does not tell it. */
const char *program_of_this(void);

/* Its name in ps(1), also when it was started by a path with another last part. */
void program_name(void);

#endif
