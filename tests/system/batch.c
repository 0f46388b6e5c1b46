/* batch.c: see batch.h. */
#include "batch.h"

void batch_begin(struct batch *batch, const struct raw *raw) {
    batch->raw = raw;
    batch->size = 0;
}

void batch_send(struct batch *batch) {
    assert_int_equal(raw_send(batch->raw, batch->bytes, batch->size, NULL, 0), 0);
    batch->size = 0;
}

static uint64_t next_id(void) {
    static uint64_t ids = 1u << 24; /* raw_ask counts from 1 */

    return ids++;
}

static void add_frame(struct batch *batch, const uint8_t *frame, size_t size) {
    if (batch->size + size > sizeof(batch->bytes))
        batch_send(batch);
    memcpy(batch->bytes + batch->size, frame, size);
    batch->size += size;
}

void batch_add(struct batch *batch, raw_request *request) {
    uint8_t frame[RAW_HEADER + RAW_BODY_MAX];

    request->id = next_id();
    add_frame(batch, frame, raw_pack(frame, request, 0));
}

void batch_add_wait(struct batch *batch, uint64_t *ids, size_t n, bool all, int64_t limit_us) {
    uint8_t frame[RAW_HEADER + RAW_BODY_MAX];

    add_frame(batch, frame, raw_pack_wait(frame, next_id(), ids, n, all, limit_us));
}

void batch_add_read(struct batch *batch, uint64_t port) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Read read = PORTD__V1__READ__INIT;

    read.id = port;
    read.most = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_READ;
    request.read = &read;
    batch_add(batch, &request);
}

void batch_take_replies(struct raw *raw, size_t n) {
    for (size_t i = 0; i < n; i++) {
        raw_reply *reply = raw_next(raw, NULL);
        assert_non_null(reply);
        raw_free(reply);
    }
}
