/* fuzz_envelope.c: envelope.h reads a Request or a Reply as protobuf-c does, or leaves it to protobuf-c.
 *
 * The first byte of the input selects one of the two; the rest are its bytes. What the envelope accepts protobuf-c must accept,
 * with the same id and the same message under the same number, compared by how both are written; what it calls malformed
 * protobuf-c must not accept. */
#include "portd.pb-c.h"
#include "proto/arena.h"
#include "proto/envelope.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PACKED = 1 << 20 };

static void check(bool right) {
    if (!right)
        abort();
}

static void compare(struct envelope *envelope, const ProtobufCMessage *theirs) {
    static uint8_t bytes[2][PACKED];
    size_t size = protobuf_c_message_get_packed_size(theirs);
    check(size <= PACKED && envelope_size(envelope) == size);
    protobuf_c_message_pack(theirs, bytes[0]);
    envelope_pack(envelope, bytes[1]);
    check(memcmp(bytes[0], bytes[1], size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arenas[2];
    struct envelope envelope;
    if (!size)
        return 0;
    for (int i = 0; i < 2; i++) {
        if (!arenas[i].block)
            check(arena_init(&arenas[i]) == 0);
        arena_reset(&arenas[i]);
    }
    const ProtobufCMessageDescriptor *outer =
        data[0] & 1 ? &portd__v1__reply__descriptor : &portd__v1__request__descriptor;
    /* A copy, so that a read behind the end is found. */
    uint8_t *bytes = malloc(size - 1 ? size - 1 : 1);
    check(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    int result = envelope_unpack(&envelope, outer, &arenas[0].allocator, bytes, size - 1);
    const ProtobufCMessage *theirs =
        result ? protobuf_c_message_unpack(outer, &arenas[1].allocator, size - 1, bytes) : NULL;
    free(bytes);
    if (result > 0) {
        check(theirs != NULL);
        compare(&envelope, theirs);
    } else if (result < 0 && !arenas[0].exhausted) {
        check(!theirs);
    }
    return 0;
}
