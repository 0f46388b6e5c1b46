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

void batch_add(struct batch *batch, raw_request *request) {
    static uint64_t ids = 1u << 24; /* raw_ask counts from 1 */
    uint8_t frame[RAW_HEADER + RAW_BODY_MAX];

    request->id = ids++;
    size_t size = raw_pack(frame, request, 0);
    if (batch->size + size > sizeof(batch->bytes))
        batch_send(batch);
    memcpy(batch->bytes + batch->size, frame, size);
    batch->size += size;
}

void batch_add_wait(struct batch *batch, uint64_t *ids, size_t n, bool all, int64_t limit_us) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;

    wait.ids = ids;
    wait.n_ids = n;
    wait.all = all;
    if (limit_us >= 0) {
        wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
        wait.limit_us = (uint64_t)limit_us;
    }
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = &wait;
    batch_add(batch, &request);
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
