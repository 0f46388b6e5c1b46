/* test_siphash.c: each byte counts, and the length and the key. */
#include "tests/support/test.h"

#include "daemon/base/siphash.h"

static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static void each_byte_and_the_length_count(void **state) {
    unsigned char bytes[64] = {0};
    uint64_t seen[512];
    size_t n_seen = 0;
    (void)state;
    for (size_t n = 0; n <= sizeof bytes; n++)
        seen[n_seen++] = siphash(key, bytes, n); /* zeros: only the length differs */
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = 1;
        seen[n_seen++] = siphash(key, bytes, sizeof bytes);
        bytes[i] = 0;
    }
    for (size_t i = 0; i < n_seen; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
}

static void the_key_counts(void **state) {
    static const uint64_t other[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0909)};
    (void)state;
    assert_true(siphash(key, "name", 4) != siphash(other, "name", 4));
    assert_true(siphash(key, "name", 4) == siphash(key, "name", 4));
}

TEST_MAIN(TEST_CASE(each_byte_and_the_length_count), TEST_CASE(the_key_counts))
