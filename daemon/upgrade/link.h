/* link.h: the socket between a broker and the one that takes over from it (upgrade.proto). Its calls wait for the other one, until a deadline: in the meantime neither serves
 * clients. */
#ifndef LINK_H
#define LINK_H

#include "proto/channel.h"
#include "upgrade.pb-c.h"

#include <stdint.h>

typedef Portd__Upgrade__V1__Word Word;

struct link {
    struct channel_scratch scratch;
    struct channel channel;
    bool begun;       /* a round of the channel */
    int64_t deadline; /* os_now_us */
};

/* Owns fd from now on, also if it fails. 0 or -ENOMEM. */
int link_init(struct link *link, os_fd fd);
void link_deinit(struct link *link); /* zeros are allowed */

/* The descriptor that tells when something has come. Borrowed. */
os_fd link_pollable(const struct link *link);

/* The descriptors are borrowed. What a link does not take at once is sent by the next call, or by link_flush. 0; -ETIMEDOUT; -EPIPE: the other one has gone; or another negative
 * errno. */
int link_send(struct link *link, const Word *word, const os_fd *fds, size_t n_fds);
int link_flush(struct link *link);

/* 0, *word, which link_free_word frees, and the descriptors, which are the caller's; or a negative errno, as above. */
int link_receive(struct link *link, Word **word, struct channel_frame *frame);
void link_free_word(Word *word);

#endif
