/* fuzz_s6.c: a message of s6-fdholder is understood only if writing what was understood gives the same bytes.
 *
 * The first byte of the input is how many descriptors came with it, and in its upper bits what became of them; the rest is the body. */
#include "daemon/session/s6_message.h"
#include "proto/channel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FDS = 0x3f, MISMATCH = 0x40, REFUSED = 0x80 };

static void check(bool right) {
    if (!right)
        abort();
}

static size_t write_name(uint8_t *at, const char *name) {
    size_t length = strlen(name);
    *at = (uint8_t)length;
    memcpy(at + 1, name, length + 1);
    return length + 2;
}

static size_t write_message(const struct s6_message *message, uint8_t bytes[S6_LONGEST]) {
    uint8_t *at = bytes;
    *at++ = (uint8_t)message->letter;
    if (message->letter == 'S') {
        s6_write_big(at, message->seconds, 8);
        s6_write_big(at + 8, message->nanoseconds, 4);
        at += 12;
    }
    if (message->letter == 'R')
        *at++ = message->drops;
    if (message->letter == '!')
        at += 4;
    if (*message->text)
        at += write_name(at, message->text);
    return (size_t)(at - bytes);
}

/* But for what has no meaning: a drop that is not 1, and what is in a '!'. */
static void compare(const struct s6_message *message, const uint8_t *body, size_t length) {
    uint8_t bytes[S6_LONGEST] = {0};
    check(write_message(message, bytes) == length);
    if (message->letter == 'R' && body[1])
        bytes[1] = body[1];
    check(message->letter == '!' || memcmp(bytes, body, length) == 0);
}

static void check_owner(struct s6_message *message) {
    char whole[sizeof message->text];
    bool foreign = s6_looks_foreign(message->text);
    memcpy(whole, message->text, sizeof whole);
    s6_find_owner(message);
    check(foreign == (*message->owner != '\0'));
    if (foreign) {
        check(*message->name && whole[0] == '@' &&
              strspn(message->owner, "0123456789") == strlen(message->owner));
        message->name[-1] = '/';
    }
    check(strcmp(whole, message->text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct s6_message message;
    if (size < 2 || size - 1 > S6_LONGEST) /* the channel passes no others */
        return 0;
    size_t length = size - 1;
    uint8_t *body = malloc(length); /* a copy, so that a read behind the end is found */
    check(body != NULL);
    memcpy(body, data + 1, length);
    struct channel_frame frame = {.body = body,
                                  .length = length,
                                  .n_fds = data[0] & FDS,
                                  .mismatch = data[0] & MISMATCH,
                                  .refused = data[0] & REFUSED};
    bool understood = s6_parse(&frame, &message);
    if (understood) {
        int64_t ttl = s6_ttl(&message, (int64_t)((uint64_t)length << 40));
        check(ttl >= 0);
        check(message.letter == 'S' ? frame.n_fds == 1 || frame.refused : !frame.n_fds);
        compare(&message, body, length);
        check_owner(&message);
    }
    free(body);
    return 0;
}
