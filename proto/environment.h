/* environment.h: the environment of a process that may have raised privileges, and where the system's broker is. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

/* The value of a variable; NULL if it is not set, or this process has raised privileges. */
const char *environment_get(const char *name);

/* The array of all variables, which a child may change after a fork. */
char **environment_all(void);

/* The address of the system's broker: a path. */
const char *environment_service(void);

#endif
