/* s6_message.c: reads them. A length is believed if the message has exactly as much. */
#include "s6_message.h"

#include "proto/channel.h"
#include "proto/frame.h"

#include <string.h>

enum {
    HEADER = 6,
    TIME = 12,
    SETDUMP = 4,    /* bytes of a ! */
    TAI_AHEAD = 37, /* of UTC, since 2017 */
    SECOND_US = 1000000
};

#define TAI_1970 (UINT64_C(1) << 62)
#define TAI_FOREVER (TAI_1970 + (UINT64_C(1) << 61)) /* from here on: what libs6 adds for ever to a time */

static uint64_t read_big(const uint8_t *at, size_t n) {
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | at[i];
    return value;
}

void s6_write_big(uint8_t *at, uint64_t value, size_t n) {
    for (size_t i = n; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

static void encode(uint8_t *bytes, struct frame_header header) {
    s6_write_big(bytes, header.length, 4);
    s6_write_big(bytes + 4, header.n_fds, 2);
}

static struct frame_header decode(const uint8_t *bytes) {
    return (struct frame_header){.length = (uint32_t)read_big(bytes, 4),
                                 .n_fds = (uint16_t)read_big(bytes + 4, 2)};
}

const struct frame_layout s6_layout = {.size = HEADER, .encode = encode, .decode = decode};

struct rest {
    const uint8_t *at, *end;
};

static bool take_time(struct rest *rest, struct s6_message *message) {
    if (rest->end - rest->at < TIME)
        return false;
    message->seconds = read_big(rest->at, 8);
    message->nanoseconds = (uint32_t)read_big(rest->at + 8, 4);
    rest->at += TIME;
    return true;
}

static bool take_drops(struct rest *rest, struct s6_message *message) {
    if (rest->at == rest->end)
        return false;
    message->drops = *rest->at++ != 0;
    return true;
}

/* It is the rest of the message. */
static bool take_name(const struct rest *rest, struct s6_message *message) {
    size_t left = (size_t)(rest->end - rest->at);
    size_t length = left ? *rest->at : 0;
    const uint8_t *name = rest->at + 1;
    if (!length || left != length + 2 || name[length] || memchr(name, 0, length))
        return false;
    memcpy(message->text, name, length + 1);
    return true;
}

/* Whether the frame has the descriptor of an S, or had it: if it could not be kept, dispatch_request says so. */
static bool has_one(const struct channel_frame *frame) {
    return frame->refused || (frame->n_fds == 1 && !frame->mismatch);
}

static bool has_none(const struct channel_frame *frame) {
    return !frame->refused && !frame->n_fds && !frame->mismatch;
}

bool s6_parse(const struct channel_frame *frame, struct s6_message *message) {
    if (!frame->length)
        return false;
    struct rest rest = {.at = frame->body + 1, .end = frame->body + frame->length};
    *message = (struct s6_message){.letter = (char)frame->body[0]};
    switch (message->letter) {
    case 'S':
        return has_one(frame) && take_time(&rest, message) && take_name(&rest, message);
    case 'R':
        return has_none(frame) && take_drops(&rest, message) && take_name(&rest, message);
    case 'D':
        return has_none(frame) && take_name(&rest, message);
    case 'L':
    case '?':
        return has_none(frame) && rest.at == rest.end;
    case '!':
        return has_none(frame) && rest.end - rest.at == SETDUMP;
    default:
        return false;
    }
}

void s6_find_owner(struct s6_message *message) {
    message->owner = message->text + strlen(message->text);
    message->name = message->text;
    if (!s6_looks_foreign(message->text))
        return;
    message->owner = message->text + 1;
    message->name = strchr(message->owner, '/');
    *message->name++ = '\0';
}

bool s6_looks_foreign(const char *name) {
    size_t digits = *name == '@' ? strspn(name + 1, "0123456789") : 0;
    return digits && name[1 + digits] == '/' && name[2 + digits];
}

int64_t s6_ttl(const struct s6_message *message, int64_t now) {
    int64_t left;
    if (message->seconds >= TAI_FOREVER)
        return 0;
    if (message->seconds < TAI_1970 + TAI_AHEAD)
        return 1;
    left = (int64_t)(message->seconds - TAI_1970 - TAI_AHEAD) - now / SECOND_US;
    if (left > INT64_MAX / SECOND_US / 2)
        return 0;
    left = left * SECOND_US + message->nanoseconds / 1000 - now % SECOND_US;
    return left > 0 ? left : 1;
}
