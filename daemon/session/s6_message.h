/* s6_message.h: what the clients of s6-fdholderd say, as bytes. Nothing here knows the broker.
 *
 * A message is a header (length of the body, number of descriptors; big-endian), a letter, and what belongs to it:
 *
 *   S time name   with one descriptor: hold it until then    L   the names
 *   R drop name   a copy of it; drop: hold it no longer      ?   all that is held, ! and . hold it: never allowed
 *   D name        hold it no longer
 *
 * A name is its length in a byte, its bytes, and a NUL. A time is a TAI64N label; drop is a byte. The answer is a byte, 0 or an errno, with the descriptor of an R;
 * that of an L has the number of names and each with a NUL. A name is the caller's own, "@UID/NAME" that of another user. */
#ifndef S6_MESSAGE_H
#define S6_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel_frame;
struct frame_layout;

enum {
    S6_NAME_MAX = 255,
    S6_LONGEST = 1 + 12 + 1 + S6_NAME_MAX + 1 /* an S with the longest name */
};

struct s6_message {
    char letter;
    bool drops;
    uint64_t seconds;
    uint32_t nanoseconds;
    char text[S6_NAME_MAX + 1]; /* "": it has no name */
    char *owner, *name;         /* in `text`, after s6_find_owner; owner "": the caller */
};

extern const struct frame_layout s6_layout;

/* False: it is no message. */
bool s6_parse(const struct channel_frame *frame, struct s6_message *message);

/* Splits "@UID/NAME"; any other name is the caller's. */
void s6_find_owner(struct s6_message *message);

/* Whether s6_find_owner would take it for somebody else's. */
bool s6_looks_foreign(const char *name);

/* From that time of the wall clock, us, until then, us; 0: for ever. What is over lasts the shortest time. */
int64_t s6_ttl(const struct s6_message *message, int64_t now);

void s6_write_big(uint8_t *at, uint64_t value, size_t n);

#endif
