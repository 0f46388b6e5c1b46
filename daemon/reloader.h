/* reloader.h: reads the configuration again, on SIGHUP and for who asks by the method reload.
 *
 * A worker reads it (files, and the system's directory of users, can take long), the loop puts it into use. One is read at a time: who asks
 * meanwhile is answered by the next one, which begins after all that he has written. A bad one changes nothing. */
#ifndef RELOADER_H
#define RELOADER_H

#include "base/ring.h"

#include <stdbool.h>

struct config;
struct config_given;
struct identity;
struct offload;
struct reading;
struct reload_wait;
struct remarks;

struct reloader {
    struct offload *offload;
    const struct config_given *given;
    const struct config *started; /* the broker was started with it */
    struct config *config;        /* in use since the last reload; NULL: started */
    /* Puts it into use; it stays until the next one is. Adds to the notes what else is to be known. 0; or -ENOMEM, and nothing has changed. */
    int (*use)(void *context, const struct config *config, struct remarks *notes);
    void (*tell)(void *context, bool begins); /* for the service manager: it is read, and has been */
    void *context;
    struct identity *identity; /* the broker's own */
    struct reading *reading;   /* at a worker; NULL: none is */
    struct ring waits;         /* reload_wait: they are answered by it */
    struct ring later;         /* and these by the next one */
    bool again;                /* there is to be a next one */
};

/* given and started must stay until the end. 0 or a negative errno. */
int reloader_init(struct reloader *reloader, struct offload *offload, const struct config_given *given,
                  const struct config *started,
                  int (*use)(void *context, const struct config *config, struct remarks *notes),
                  void (*tell)(void *context, bool begins), void *context);

/* After offload_free. Zeros are allowed. */
void reloader_deinit(struct reloader *reloader);

/* wait NULL: nobody is to be answered. */
void reloader_start(struct reloader *reloader, struct reload_wait *wait);

#endif
