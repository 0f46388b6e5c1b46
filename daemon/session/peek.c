/* peek.c: encoders write field 1 (the id) first, then the method's field. */
#include "peek.h"

#include "connection.h"
#include "proto/varint.h"

/* Tags: field 1 as a varint, field 31 (write) with its length. WRITE_TELLS: the bytes that show both. */
enum { ID_TAG = 1 << 3, WRITE_TAG = 31 << 3 | 2, WRITE_TELLS = 1 + 10 + 2 };

/* Only a write may be long. Its field follows the id, which is field 1. */
bool peek_may_be_long(const struct connection *connection) {
    const uint8_t *at, *end;
    uint64_t tag, id;
    size_t length = channel_peek(&connection->channel, &at, &end);
    if (length <= FRAME_REQUEST_MAX || end - at < WRITE_TELLS)
        return true;
    return varint_read(&at, end, &tag) && tag == ID_TAG && varint_read(&at, end, &id) &&
           varint_read(&at, end, &tag) && tag == WRITE_TAG;
}

uint64_t peek_id(const struct connection *connection) {
    const uint8_t *at, *end;
    uint64_t tag, id;
    if (!channel_peek(&connection->channel, &at, &end) || !varint_read(&at, end, &tag) || tag != ID_TAG ||
        !varint_read(&at, end, &id) || table_find(&connection->by_request, id))
        return 0;
    return id;
}
