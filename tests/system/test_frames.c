/* test_frames.c: bytes that are no frames, frames that are no requests, and ids. An error that cannot be answered ends its
 * connection and no other; any other is answered, and the connection goes on. */
#include "guest.h"

#include <inttypes.h>
#include <string.h>

/* ---- headers that end the connection --------------------------------------------------------------------------------- */

static const struct header {
    uint32_t length;
    unsigned claim, flags;
} bad_headers[] = {
    {4097, 0, 0}, {4097, 1, 0},       {69632, 0, 0}, {69633, 0, 0},  {UINT32_MAX, 0, 0},
    {0, 0, 0},    {0x80000000, 0, 0}, {2, 0, 1},     {2, 0, 0x8000}, {2, 0, 0xffff},
    {2, 253, 0},  {2, 254, 0},        {2, 65535, 0}, {0, 1, 0},      {0, 253, 0xffff},
};

/* A write may be long, and a header does not tell what it is the header of; a hello may not. */
enum { BAD_HEADERS = sizeof(bad_headers) / sizeof(*bad_headers), BAD_BEFORE_HELLO = 3 };

static void send_header(const struct raw *raw, const struct header *header) {
    uint8_t bytes[RAW_HEADER];

    raw_header(bytes, header->length, header->claim, header->flags);
    assert_int_equal(raw_send(raw, bytes, sizeof(bytes), NULL, 0), 0);
}

/* Nothing but the header is ever sent: so the end does not wait for a body. */
static void bad_header_ends_before_its_body(void **state) {
    struct raw other;

    (void)state;
    guest_open(&other);
    for (size_t i = BAD_BEFORE_HELLO; i < BAD_HEADERS; i++) {
        struct raw raw;
        guest_open(&raw);
        send_header(&raw, &bad_headers[i]);
        guest_is_ended(&raw);
        guest_close(&raw);
    }
    guest_is_served(&other);
}

/* What is no write and too long for anything else is known by its first bytes; the rest is never sent. */
static void long_request_ends_by_its_first_bytes(void **state) {
    static const uint8_t ping[] = {0x08, 0x05, 0x5a, 0x80, 0x20, 0, 0, 0, 0, 0, 0, 0, 0};
    uint8_t bytes[RAW_HEADER + sizeof(ping)];
    struct raw raw;

    (void)state;
    guest_open(&raw);
    raw_header(bytes, 4097, 0, 0);
    memcpy(bytes + RAW_HEADER, ping, sizeof(ping));
    assert_int_equal(raw_send(&raw, bytes, sizeof(bytes), NULL, 0), 0);
    guest_is_ended(&raw);
    guest_close(&raw);
}

static void bad_header_ends_before_hello(void **state) {
    struct raw other;

    (void)state;
    guest_open(&other);
    for (size_t i = 0; i < BAD_HEADERS; i++) {
        struct raw raw;
        guest_connect(&raw);
        send_header(&raw, &bad_headers[i]);
        guest_is_ended(&raw);
        guest_close(&raw);
    }
    guest_is_served(&other);
}

/* The requests before it are answered all the same. */
static void requests_before_a_bad_header_are_answered(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    uint8_t bytes[8 * (RAW_HEADER + RAW_BODY_MAX)];
    size_t size = 0;
    struct raw raw;

    (void)state;
    guest_open(&raw);
    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    for (request.id = 100; request.id < 103; request.id++)
        size += raw_pack(bytes + size, &request, 0);
    raw_header(bytes + size, 69633, 0, 0);
    assert_int_equal(raw_send(&raw, bytes, size + RAW_HEADER, NULL, 0), 0);
    for (uint64_t id = 100; id < 103; id++)
        guest_is_told(&raw, id, 0);
    guest_is_ended(&raw);
}

static void largest_request_is_taken(void **state) {
    uint8_t body[RAW_BODY_MAX];
    struct raw raw;

    (void)state;
    guest_open(&raw);
    /* id 7; ping {}; an unknown field of bytes (field 100) that fills the rest: 2 bytes of tag, 2 of length. */
    static const uint8_t start[] = {0x08, 7, 0x5a, 0, 0xa2, 0x06};
    size_t rest = sizeof(body) - sizeof(start) - 2;
    memset(body, 'x', sizeof(body));
    memcpy(body, start, sizeof(start));
    body[sizeof(start)] = (uint8_t)(rest & 0x7f) | 0x80;
    body[sizeof(start) + 1] = (uint8_t)(rest >> 7);
    assert_int_equal(raw_send_body(&raw, body, sizeof(body), 0, NULL, 0), 0);
    guest_is_told(&raw, 7, 0);
}

/* ---- frames that stop ------------------------------------------------------------------------------------------------ */

/* A frame cut at every byte, the rest never sent. */
static void truncated_frames_end_with_their_connection(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw other;

    (void)state;
    guest_open(&other);
    request.id = 9;
    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    size_t size = raw_pack(bytes, &request, 0);
    for (size_t cut = 1; cut < size; cut++) {
        struct raw raw;
        guest_open(&raw);
        assert_int_equal(raw_send(&raw, bytes, cut, NULL, 0), 0);
        guest_is_served(&other);
        assert_false(raw_has_reply(&raw));
        guest_close(&raw);
    }
    guest_is_served(&other);
}

/* A client that sends byte by byte is served as all are, and no other waits for it. */
static void slow_sender_is_served(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Hello hello = raw_hello_make();
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    uint8_t bytes[2 * (RAW_HEADER + RAW_BODY_MAX)];
    struct raw slow, other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_connect(&slow);
    request.id = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    request.hello = &hello;
    size_t first = raw_pack(bytes, &request, 0);
    descriptor.number = 5;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    request.id = 2;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    request.file_descriptor_to_semaphore = &descriptor;
    size_t size = first + raw_pack(bytes + first, &request, 1);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(raw_send(&slow, bytes + i, 1, &ends[0], i == first), 0);
        guest_is_served(&other); /* so that the broker has seen this byte alone */
    }
    guest_is_told(&slow, 1, 0);
    raw_reply *reply = raw_next(&slow, NULL);
    assert_non_null(reply);
    assert_null(reply->error);
    uint64_t id = reply->file_descriptor_to_semaphore->id;
    raw_free(reply);
    assert_int_equal(raw_start_wait(&slow, 3, id), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    guest_is_woken(&slow, 3, id, PORTD__V1__CAUSE__CAUSE_READY);
}

/* ---- bodies that are no requests ------------------------------------------------------------------------------------- */

struct body {
    const char *bytes;
    size_t length;
    uint64_t id; /* that can be read from it */
};

#define BODY(id, literal)                                                                                    \
    { literal, sizeof(literal) - 1, id }

static void garbage_is_told_so(void **state) {
    static const struct body bodies[] = {
        BODY(0, "\x00"),                                 /* field 0 */
        BODY(0, "\x00\x00\x00\x00\x00\x00\x00\x00"),     /* many of it */
        BODY(0, "\xff"),                                 /* half a tag */
        BODY(0, "\x08"),                                 /* an id without its value */
        BODY(0, "\x08\xff"),                             /* half a value */
        BODY(0, "\x47\x45\x54\x20\x2f\r\n"),             /* another protocol: field 8 */
        BODY(0, "\x09\x01\x00\x00\x00\x00\x00\x00\x00"), /* id as fixed64 */
        BODY(0, "\x0a\x01\x05"),                         /* id as bytes */
        BODY(3, "\x08\x03\x5a\x05"),                     /* ping with bytes that are not there */
        BODY(3, "\x08\x03\x5a\xff\xff\xff\xff\x0f"),     /* length of 4 GiB */
        BODY(3, "\x08\x03\x58\x01"),                     /* ping as a number */
        BODY(3, "\x08\x03\x52\x02\x08\xff"),             /* hello with half a number in it */
        BODY(3, "\x08\x03\x6a\x02\x0a\x05"),     /* semaphore whose number is bytes that are not there */
        BODY(3, "\x08\x03\x6a\x03\x0a\x01\x78"), /* semaphore whose number is bytes */
        BODY(3, "\x08\x03\x5b\x5c"),             /* a group */
    };
    struct raw raw;

    (void)state;
    guest_open(&raw);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        assert_int_equal(raw_send_body(&raw, bodies[i].bytes, bodies[i].length, 0, NULL, 0), 0);
        guest_is_told(&raw, bodies[i].id, PORTD__V1__CODE__CODE_GARBLED);
    }
    guest_is_served(&raw);
}

/* Numbers of a well-known generator, the same each time. */
static uint32_t next_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Thousands of random bodies: each is answered once or ends its connection, and the broker lives. */
static void random_bodies_are_answered_or_end(void **state) {
    uint32_t seed = 20240607;
    struct raw raw, other;

    (void)state;
    guest_open(&other);
    guest_open(&raw);
    for (int i = 0; i < 3000; i++) {
        uint8_t body[64] = {0x08, 1 + (uint8_t)(i & 63)};
        size_t length = 3 + next_random(&seed) % (sizeof(body) - 3);
        for (size_t k = 2; k < length; k++)
            body[k] = (uint8_t)next_random(&seed);
        /* Half of them look like a method. */
        if (i & 1) {
            uint32_t tag = (10 + next_random(&seed) % 14) << 3 | 2;
            length = length < 5 ? 5 : length;
            body[2] = (uint8_t)(tag & 0x7f) | 0x80;
            body[3] = (uint8_t)(tag >> 7);
            body[4] = (uint8_t)(length - 5);
        }
        int error = raw_send_body(&raw, body, length, 0, NULL, 0);
        raw_reply *reply = error ? NULL : raw_next(&raw, &error);
        raw_close_fds(&raw);
        if (!reply) {
            assert_int_equal(error, -ECONNRESET);
            guest_close(&raw);
            guest_open(&raw);
        }
        raw_free(reply);
    }
    guest_is_served(&other);
}

/* Unpacking an unknown field takes memory; a body can be small and full of them. */
static void too_many_fields_are_too_complex(void **state) {
    uint8_t body[RAW_BODY_MAX] = {0x08, 5, 0x5a, 0};
    struct raw raw;

    (void)state;
    guest_open(&raw);
    for (size_t i = 4; i < sizeof(body); i += 2)
        body[i] = 0x10; /* field 2 as a number */
    assert_int_equal(raw_send_body(&raw, body, sizeof(body), 0, NULL, 0), 0);
    guest_is_told(&raw, 5, PORTD__V1__CODE__CODE_TOO_COMPLEX);
    guest_is_served(&raw);
}

static void unknown_fields_are_ignored(void **state) {
    /* ping {} with fields of all four wire types beside it and inside it. */
    static const uint8_t body[] = {
        0x08, 4,                                       /* id */
        0xa0, 0x06, 1,                                 /* 100: varint */
        0xa9, 0x06, 1,    2,    3,   4,    5, 6, 7, 8, /* 101: fixed64 */
        0xb2, 0x06, 3,    'a',  'b', 0xff,             /* 102: bytes */
        0xbd, 0x06, 1,    2,    3,   4,                /* 103: fixed32 */
        0x5a, 5,    0xa0, 0x06, 1,   0x08, 9,          /* ping with 100 and 1 in it */
    };
    struct raw raw;

    (void)state;
    guest_open(&raw);
    assert_int_equal(raw_send_body(&raw, body, sizeof(body), 0, NULL, 0), 0);
    guest_is_told(&raw, 4, 0);
}

/* Of two methods the last one counts, as everywhere in protobuf. */
static void last_method_counts(void **state) {
    static const uint8_t body[] = {0x08, 4, 0xb2, 0x01, 0, 0x5a, 0}; /* status {}, ping {} */
    struct raw raw;

    (void)state;
    guest_open(&raw);
    assert_int_equal(raw_send_body(&raw, body, sizeof(body), 0, NULL, 0), 0);
    raw_reply *reply = raw_next(&raw, NULL);
    assert_non_null(reply);
    assert_int_equal(reply->result_case, PORTD__V1__REPLY__RESULT_PING);
    raw_free(reply);
}

static void unknown_methods_are_unsupported(void **state) {
    static const struct body bodies[] = {
        BODY(6, "\x08\x06"),                         /* none */
        BODY(6, "\x08\x06\xc2\x3e\x00"),             /* 1000 */
        BODY(6, "\x08\x06\x9a\x06\x00"),             /* 99 */
        BODY(6, "\x08\x06\x12\x00"),                 /* 2: no method */
        BODY(6, "\x08\x06\xfa\xff\xff\xff\x0f\x00"), /* the highest field number */
    };
    struct raw raw;

    (void)state;
    guest_open(&raw);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        assert_int_equal(raw_send_body(&raw, bodies[i].bytes, bodies[i].length, 0, NULL, 0), 0);
        guest_is_told(&raw, bodies[i].id, PORTD__V1__CODE__CODE_UNSUPPORTED);
    }
    guest_is_served(&raw);
}

/* ---- ids of requests --------------------------------------------------------------------------------------------------- */

static void send_ping(const struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;

    request.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
}

static void request_id_0_ends(void **state) {
    static const uint8_t without[] = {0x5a, 0}, zero[] = {0x08, 0, 0x5a, 0};
    struct raw raw;

    (void)state;
    guest_open(&raw);
    assert_int_equal(raw_send_body(&raw, without, sizeof(without), 0, NULL, 0), 0);
    guest_is_ended(&raw);
    guest_close(&raw);
    guest_open(&raw);
    assert_int_equal(raw_send_body(&raw, zero, sizeof(zero), 0, NULL, 0), 0);
    guest_is_ended(&raw);
}

static void any_other_id_is_answered(void **state) {
    static const uint64_t ids[] = {1, 2, UINT32_MAX, UINT64_C(1) << 53, UINT64_MAX, 1};
    struct raw raw;

    (void)state;
    guest_open(&raw);
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        send_ping(&raw, ids[i]);
        guest_is_told(&raw, ids[i], 0);
    }
}

static void request_id_in_flight_ends(void **state) {
    struct raw raw, other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_open(&other);
    uint64_t id = guest_semaphore(&raw, ends[0], 3);
    uint64_t others = guest_semaphore(&other, ends[0], 3);
    assert_int_equal(raw_start_wait(&other, 77, others), 0);
    assert_int_equal(raw_start_wait(&raw, 77, id), 0);
    send_ping(&raw, 77);
    guest_is_ended(&raw);
    guest_is_served(&other);
}

/* The wait of another connection may have the same id, and this one's may again once it was answered. */
static void request_ids_belong_to_their_connection(void **state) {
    struct raw raw, joined;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_join(&joined, &raw);
    uint64_t id = guest_semaphore(&raw, ends[0], 3);
    assert_int_equal(raw_start_wait(&raw, 77, id), 0);
    assert_int_equal(raw_start_wait(&joined, 77, id), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    guest_is_woken(&raw, 77, id, PORTD__V1__CAUSE__CAUSE_READY);
    guest_is_woken(&joined, 77, id, PORTD__V1__CAUSE__CAUSE_READY);
    assert_int_equal(raw_start_wait(&raw, 77, id), 0);
    guest_is_woken(&raw, 77, id, PORTD__V1__CAUSE__CAUSE_READY);
}

TEST_MAIN(FIXTURE_CASE(bad_header_ends_before_its_body), FIXTURE_CASE(bad_header_ends_before_hello),
          FIXTURE_CASE(long_request_ends_by_its_first_bytes),
          FIXTURE_CASE(requests_before_a_bad_header_are_answered), FIXTURE_CASE(largest_request_is_taken),
          FIXTURE_CASE(truncated_frames_end_with_their_connection), FIXTURE_CASE(slow_sender_is_served),
          FIXTURE_CASE(garbage_is_told_so), FIXTURE_CASE(random_bodies_are_answered_or_end),
          FIXTURE_CASE(too_many_fields_are_too_complex), FIXTURE_CASE(unknown_fields_are_ignored),
          FIXTURE_CASE(last_method_counts), FIXTURE_CASE(unknown_methods_are_unsupported),
          FIXTURE_CASE(request_id_0_ends), FIXTURE_CASE(any_other_id_is_answered),
          FIXTURE_CASE(request_id_in_flight_ends), FIXTURE_CASE(request_ids_belong_to_their_connection))
