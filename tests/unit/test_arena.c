/* test_arena.c: bounded, aligned, zero-filled memory, alone and under the protobuf unpacker. */
#include "tests/support/test.h"

#include "portd.pb-c.h"
#include "proto/arena.h"

static void *arena_get(struct arena *arena, size_t size) {
    return arena->allocator.alloc(arena->allocator.allocator_data, size);
}

static void pieces_are_zero_aligned_and_apart(void **state) {
    struct arena arena;
    uint8_t *before = NULL;

    (void)state;
    assert_int_equal(arena_init(&arena), 0);
    for (int round = 0; round < 2; round++) { /* the second time over what the first has written */
        for (size_t size = 1; size < 100; size++) {
            uint8_t *piece = arena_get(&arena, size);
            assert_non_null(piece);
            assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
            assert_true(!before || piece > before);
            before = piece + size - 1;
            for (size_t i = 0; i < size; i++)
                assert_int_equal(piece[i], 0);
            memset(piece, 0xFF, size);
        }
        before = NULL;
        arena_reset(&arena);
        assert_int_equal(arena.used, 0);
    }
    arena_deinit(&arena);
}

static void the_last_byte_is_given_and_no_more(void **state) {
    struct arena arena;

    (void)state;
    assert_int_equal(arena_init(&arena), 0);
    assert_non_null(arena_get(&arena, ARENA_SIZE));
    assert_false(arena.exhausted);
    assert_null(arena_get(&arena, 1));
    assert_true(arena.exhausted);
    arena_reset(&arena);
    assert_false(arena.exhausted);
    assert_non_null(arena_get(&arena, ARENA_SIZE - 16));
    assert_non_null(arena_get(&arena, 16));
    assert_null(arena_get(&arena, 1));
    arena_deinit(&arena);
}

static void sizes_that_would_overflow_are_refused(void **state) {
    static const size_t sizes[] = {ARENA_SIZE + 1, SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2};
    struct arena arena;

    (void)state;
    assert_int_equal(arena_init(&arena), 0);
    assert_non_null(arena_get(&arena, 1));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        arena.exhausted = false;
        assert_null(arena_get(&arena, sizes[i]));
        assert_true(arena.exhausted);
        assert_int_equal(arena.used, 16);
    }
    arena_deinit(&arena);
}

static void *nothing(void *context, void *old, size_t size) {
    (void)context;
    (void)old;
    (void)size;
    return NULL;
}

static void without_memory_there_is_no_arena(void **state) {
    struct memory memory = {nothing, NULL};
    struct arena arena;

    (void)state;
    assert_int_equal(arena_init_in(&arena, &memory), -ENOMEM);
    arena_deinit(&arena);
}

static void messages_are_unpacked_in_it(void **state) {
    /* The hello of PROTOCOL.md section 8. */
    static const uint8_t hello[] = {0x08, 0x01, 0x52, 0x04, 0x08, 0x01, 0x10, 0x01};
    struct arena arena;

    (void)state;
    assert_int_equal(arena_init(&arena), 0);
    Portd__V1__Request *request = portd__v1__request__unpack(&arena.allocator, sizeof(hello), hello);
    assert_non_null(request);
    assert_int_equal(request->id, 1);
    assert_int_equal(request->method_case, PORTD__V1__REQUEST__METHOD_HELLO);
    assert_int_equal(request->hello->version_max, 1);
    size_t used = arena.used;
    portd__v1__request__free_unpacked(request, &arena.allocator);
    assert_int_equal(arena.used, used); /* frees do nothing, the reset does it all */
    arena_deinit(&arena);
}

/* Small on the wire, large in memory: many empty messages in one. */
static void what_is_too_complex_fails_cleanly(void **state) {
    enum { READY = 4000 };
    static uint8_t reply[3 + 3 + 2 * READY] = {0x08, 0x01};
    struct arena arena;

    (void)state;
    size_t size = 2;
    reply[size++] = 0x82; /* field 16, wait */
    reply[size++] = 0x01;
    reply[size++] = (uint8_t)(0x80 | ((2 * READY) & 0x7F));
    reply[size++] = (uint8_t)((2 * READY) >> 7);
    for (int i = 0; i < READY; i++) {
        reply[size++] = 0x0A; /* ready, of no bytes */
        reply[size++] = 0x00;
    }
    assert_int_equal(arena_init(&arena), 0);
    assert_null(portd__v1__reply__unpack(&arena.allocator, size, reply));
    assert_true(arena.exhausted);
    arena_deinit(&arena);
}

TEST_MAIN(TEST_CASE(pieces_are_zero_aligned_and_apart), TEST_CASE(the_last_byte_is_given_and_no_more),
          TEST_CASE(sizes_that_would_overflow_are_refused), TEST_CASE(without_memory_there_is_no_arena),
          TEST_CASE(messages_are_unpacked_in_it), TEST_CASE(what_is_too_complex_fails_cleanly))
