/* fuzz_flat.c: flat.h treats a message as protobuf-c does, or not at all.
 *
 * The first byte of the input selects one of the messages that a Request or a Reply can contain; the rest are its bytes. What
 * both can read must be equal, compared by how protobuf-c writes it; what protobuf-c reads and flat.h writes must be the same
 * bytes. A flat.h that does nothing would pass: tests/unit/test_flat.c says what it must do. */
#include "portd.pb-c.h"
#include "proto/arena.h"
#include "proto/flat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PACKED = 1 << 20 };

static void check(bool right) {
    if (!right)
        abort();
}

static const ProtobufCMessageDescriptor *choose(uint8_t choice) {
    const ProtobufCMessageDescriptor *outer[] = {&portd__v1__request__descriptor,
                                                 &portd__v1__reply__descriptor};
    const ProtobufCMessageDescriptor *of = outer[choice & 1];
    const ProtobufCFieldDescriptor *field = &of->fields[(choice >> 1) % of->n_fields];
    return field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
}

static void compare(const ProtobufCMessage *theirs, const ProtobufCMessage *ours) {
    static uint8_t bytes[2][PACKED];
    size_t size = protobuf_c_message_get_packed_size(theirs);
    check(size + 64 <= PACKED);
    protobuf_c_message_pack(theirs, bytes[0]);
    if (ours) {
        check(protobuf_c_message_get_packed_size(ours) == size);
        protobuf_c_message_pack(ours, bytes[1]);
        check(memcmp(bytes[0], bytes[1], size) == 0);
    }
    for (size_t room = size < 64 ? 0 : size; room <= size + 32; room++) {
        memset(bytes[1], 0xa5, room + 1);
        size_t length = flat_pack(theirs, bytes[1], room);
        check(length == SIZE_MAX || (length == size && memcmp(bytes[0], bytes[1], size) == 0));
        check(bytes[1][room] == 0xa5);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arenas[2];
    const ProtobufCMessageDescriptor *descriptor = size ? choose(data[0]) : NULL;
    if (!descriptor)
        return 0;
    for (int i = 0; i < 2; i++) {
        if (!arenas[i].block)
            check(arena_init(&arenas[i]) == 0);
        arena_reset(&arenas[i]);
    }
    /* A copy, so that a read behind the end is found. */
    uint8_t *bytes = malloc(size - 1 ? size - 1 : 1);
    check(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    const ProtobufCMessage *ours = flat_unpack(descriptor, &arenas[0].allocator, bytes, size - 1);
    const ProtobufCMessage *theirs =
        protobuf_c_message_unpack(descriptor, &arenas[1].allocator, size - 1, bytes);
    check(theirs || !ours);
    free(bytes);
    if (theirs)
        compare(theirs, ours);
    return 0;
}
