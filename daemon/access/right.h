/* right.h: what may be done with a name that something is held under (daemon/object/hold.h), and with the broker. */
#ifndef RIGHT_H
#define RIGHT_H

enum right {
    RIGHT_LIST,
    RIGHT_WATCH,
    RIGHT_READ,
    RIGHT_WRITE,
    RIGHT_GET,
    RIGHT_PUT,
    RIGHT_DROP,
    RIGHT_ADMIN, /* over the broker: of no name and no owner */
    RIGHTS
};

const char *right_name(enum right right);

/* The right of that name; RIGHTS: there is none. */
enum right right_find(const char *name);

#endif
