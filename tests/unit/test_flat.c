/* test_flat.c: the fields of usual messages are read and written without protobuf-c, with the same result. tests/fuzz/fuzz_flat.c
 * compares the results for arbitrary bytes. */
#include "tests/support/test.h"

#include "portd.pb-c.h"
#include "proto/arena.h"
#include "proto/flat.h"

static struct arena arena;

/* Writes it both ways, and reads what was written both ways. Returns what was read here, which lasts until the next call. */
static const ProtobufCMessage *both_ways(const ProtobufCMessage *message) {
    uint8_t bytes[256], theirs[256];
    size_t size = protobuf_c_message_get_packed_size(message);
    assert_true(size <= sizeof bytes - 16);
    protobuf_c_message_pack(message, theirs);
    assert_int_equal(flat_pack(message, bytes, sizeof bytes), size);
    assert_memory_equal(bytes, theirs, size);
    if (!arena.block)
        assert_int_equal(arena_init(&arena), 0);
    arena_reset(&arena);
    const ProtobufCMessage *read = flat_unpack(message->descriptor, &arena.allocator, bytes, size);
    assert_non_null(read);
    assert_int_equal(protobuf_c_message_get_packed_size(read), size);
    protobuf_c_message_pack(read, theirs);
    assert_memory_equal(bytes, theirs, size);
    return read;
}

static void numbers_and_texts_are_read_and_written(void **state) {
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    Portd__V1__DescriptorEvt evt = PORTD__V1__DESCRIPTOR_EVT__INIT;
    Portd__V1__WrapFileDescriptor wrap = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;

    (void)state;
    both_ways(&ping.base);
    both_ways(&descriptor.base);
    descriptor.number = INT64_MIN;
    descriptor.mode = PORTD__V1__MODE__MODE_WRITE;
    const Portd__V1__Descriptor *got = (const Portd__V1__Descriptor *)both_ways(&descriptor.base);
    assert_true(got->number == INT64_MIN && got->mode == PORTD__V1__MODE__MODE_WRITE);
    evt.number = 300;
    evt.socket = 1;
    assert_true(((const Portd__V1__DescriptorEvt *)both_ways(&evt.base))->socket);
    char name[] = "a name";
    wrap.name = name;
    assert_string_equal(((const Portd__V1__WrapFileDescriptor *)both_ways(&wrap.base))->name, name);
}

static void lists_are_read_and_written(void **state) {
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;
    uint64_t ids[] = {1, 300, UINT64_MAX};

    (void)state;
    wait.ids = ids;
    wait.n_ids = 3;
    wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
    wait.one = 1;
    const Portd__V1__Wait *got = (const Portd__V1__Wait *)both_ways(&wait.base);
    assert_int_equal(got->n_ids, 3);
    assert_memory_equal(got->ids, ids, sizeof ids);
    assert_int_equal(got->limit_case, PORTD__V1__WAIT__LIMIT_LIMIT_US);
    assert_int_equal(got->limit_us, 0);
}

static void a_list_of_messages_is_written(void **state) {
    Portd__V1__Ready one = PORTD__V1__READY__INIT, two = PORTD__V1__READY__INIT, *both[] = {&one, &two};
    Portd__V1__WaitResult result = PORTD__V1__WAIT_RESULT__INIT;
    uint8_t bytes[64], theirs[64];

    (void)state;
    one.id = 300;
    one.cause = PORTD__V1__CAUSE__CAUSE_READY;
    result.ready = both;
    result.n_ready = 2;
    size_t size = portd__v1__wait_result__pack(&result, theirs);
    assert_int_equal(flat_pack(&result.base, bytes, sizeof bytes), size);
    assert_memory_equal(bytes, theirs, size);
    assert_true(flat_pack(&result.base, bytes, size - 1) == SIZE_MAX);
}

static void what_is_too_long_is_left_to_others(void **state) {
    static uint8_t bytes[FLAT_MOST + 2];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = 0x08;
        bytes[i + 1] = 1;
    }
    arena_reset(&arena);
    assert_non_null(flat_unpack(&portd__v1__descriptor__descriptor, &arena.allocator, bytes, FLAT_MOST));
    assert_null(flat_unpack(&portd__v1__descriptor__descriptor, &arena.allocator, bytes, FLAT_MOST + 2));
    arena_deinit(&arena);
}

TEST_MAIN(TEST_CASE(numbers_and_texts_are_read_and_written), TEST_CASE(lists_are_read_and_written),
          TEST_CASE(a_list_of_messages_is_written), TEST_CASE(what_is_too_long_is_left_to_others))
