/* peek.c: encoders write field 1 (the id) first, then the method's field. */
#include "peek.h"

#include "connection.h"
#include "method.h"
#include "proto/varint.h"

/* Tags: field 1 as a varint, then that of the method, of two bytes, with its length. TELLS: the bytes that show both. */
enum { ID_TAG = 1 << 3, WITH_LENGTH = 2, TELLS = 1 + 10 + 2 };

static bool is_long(uint64_t tag) {
    const struct method *method = (tag & 7) == WITH_LENGTH ? method_find((size_t)(tag >> 3)) : NULL;
    return method && method->is_long;
}

/* The method's field follows the id, which is field 1. */
bool peek_may_be_long(const struct connection *connection) {
    const uint8_t *at, *end;
    uint64_t tag, id;
    size_t length = channel_peek(&connection->channel, &at, &end);
    if (length <= FRAME_REQUEST_MAX || end - at < TELLS)
        return true;
    return varint_read(&at, end, &tag) && tag == ID_TAG && varint_read(&at, end, &id) &&
           varint_read(&at, end, &tag) && is_long(tag);
}

uint64_t peek_id(const struct connection *connection) {
    const uint8_t *at, *end;
    uint64_t tag, id;
    if (!channel_peek(&connection->channel, &at, &end) || !varint_read(&at, end, &tag) || tag != ID_TAG ||
        !varint_read(&at, end, &id) || table_find(&connection->by_request, id))
        return 0;
    return id;
}
