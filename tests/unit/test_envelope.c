/* test_envelope.c: the fast path reads and writes the same bytes as protobuf-c. */
#include "tests/support/test.h"

#include "portd.pb-c.h"
#include "proto/arena.h"
#include "proto/envelope.h"

static struct arena arena;

static void begin(void) {
    assert_int_equal(arena_init(&arena), 0);
    arena_reset(&arena);
}

/* Packs both ways and compares the bytes. Returns how many. */
static size_t pack_both(const Portd__V1__Request *request, uint8_t bytes[4096]) {
    struct envelope envelope = {
        .id = request->id, .number = request->method_case, .message = &request->ping->base};
    size_t size = portd__v1__request__get_packed_size(request);
    uint8_t theirs[4096];

    assert_int_equal(envelope_size(&envelope), size);
    assert_int_equal(portd__v1__request__pack(request, theirs), size);
    memset(bytes, 0xa5, 4096);
    envelope_pack(&envelope, bytes);
    assert_memory_equal(bytes, theirs, size);
    assert_int_equal(bytes[size], 0xa5);
    return size;
}

static int unpack(struct envelope *envelope, const uint8_t *bytes, size_t size) {
    return envelope_unpack(envelope, &portd__v1__request__descriptor, &arena.allocator, bytes, size);
}

static void every_size_of_id_and_message_is_packed_alike(void **state) {
    static const uint64_t ids[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_C(1) << 63, UINT64_MAX};
    static uint64_t targets[256];
    uint8_t bytes[4096];

    (void)state;
    for (size_t i = 0; i < 256; i++)
        targets[i] = UINT64_C(1) << (i % 53);
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
        Portd__V1__Ping ping = PORTD__V1__PING__INIT;
        Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;
        request.id = ids[i];
        request.method_case = PORTD__V1__REQUEST__METHOD_PING;
        request.ping = &ping;
        pack_both(&request, bytes);
        request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
        request.wait = &wait;
        wait.ids = targets;
        for (wait.n_ids = 0; wait.n_ids <= 256; wait.n_ids++)
            pack_both(&request, bytes);
    }
}

static void what_was_packed_is_unpacked(void **state) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    struct envelope envelope;
    uint8_t bytes[4096];

    (void)state;
    begin();
    request.id = 300;
    request.method_case = PORTD__V1__REQUEST__METHOD_SOCKET_TO_SEMAPHORE;
    request.socket_to_semaphore = &descriptor;
    descriptor.number = 70000;
    descriptor.mode = PORTD__V1__MODE__MODE_WRITE;
    size_t size = pack_both(&request, bytes);
    assert_int_equal(unpack(&envelope, bytes, size), 1);
    assert_int_equal(envelope.id, 300);
    assert_int_equal(envelope.number, PORTD__V1__REQUEST__METHOD_SOCKET_TO_SEMAPHORE);
    assert_ptr_equal(envelope.message->descriptor, &portd__v1__descriptor__descriptor);
    const Portd__V1__Descriptor *got = (const Portd__V1__Descriptor *)envelope.message;
    assert_int_equal(got->number, 70000);
    assert_int_equal(got->mode, PORTD__V1__MODE__MODE_WRITE);
    /* No part of it is in the plain form. */
    for (size_t length = 0; length < size; length++)
        assert_int_equal(unpack(&envelope, bytes, length), 0);
    arena_deinit(&arena);
}

static void other_forms_are_left_to_protobuf(void **state) {
    static const struct {
        size_t size;
        uint8_t bytes[16];
    } forms[] = {
        {0, {0}},
        {2, {0x08, 0x01}},                         /* an id and nothing else */
        {2, {0x5a, 0x00}},                         /* a ping without an id */
        {4, {0x5a, 0x00, 0x08, 0x01}},             /* the id behind it */
        {6, {0x08, 0x01, 0x5a, 0x00, 0x5a, 0x00}}, /* two messages */
        {6, {0x08, 0x01, 0x08, 0x02, 0x5a, 0x00}}, /* two ids */
        {4, {0x08, 0x01, 0x5a, 0x01}},             /* longer than the bytes */
        {5, {0x08, 0x01, 0x5a, 0x00, 0x00}},       /* shorter */
        {4, {0x08, 0x01, 0x58, 0x00}},             /* a number where the message should be */
        {4, {0x08, 0x01, 0x0a, 0x00}},             /* field 1 as a message */
        {5, {0x08, 0x01, 0xba, 0x3e, 0x00}},       /* a method that nobody knows */
        {9, {0x08, 0x01, 0xda, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00}}, /* a tag that protobuf-c does not take */
        {9, {0x08, 0x01, 0x5a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}}, /* a length that it does not take */
        {12,
         {0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}}, /* an id without an end */
    };
    struct envelope envelope;

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        assert_int_equal(unpack(&envelope, forms[i].bytes, forms[i].size), 0);
    arena_deinit(&arena);
}

static void a_garbled_message_is_told(void **state) {
    static const uint8_t cut[] = {0x08, 0x01, 0x6a, 0x01, 0x08}; /* a number that ends in its tag */
    /* A wait for 59990 ids of one byte each: they do not fit into the arena. */
    static uint8_t many[7 + 4 + 59990] = {0x08, 0x01, 0x82, 0x01, 0xda, 0xd4, 0x03, 0x0a, 0xd6, 0xd4, 0x03};
    struct envelope envelope;

    (void)state;
    begin();
    assert_int_equal(unpack(&envelope, cut, sizeof(cut)), -1);
    assert_false(arena.exhausted);
    arena_reset(&arena);
    assert_int_equal(unpack(&envelope, many, sizeof(many)), -1);
    assert_true(arena.exhausted);
    arena_deinit(&arena);
}

TEST_MAIN(TEST_CASE(every_size_of_id_and_message_is_packed_alike), TEST_CASE(what_was_packed_is_unpacked),
          TEST_CASE(other_forms_are_left_to_protobuf), TEST_CASE(a_garbled_message_is_told))
