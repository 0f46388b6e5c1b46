/* envelope.c: two tags, a varint and a length. */
#include "envelope.h"

#include "flat.h"
#include "varint.h"

#include <string.h>

enum { ID_TAG = 1 << 3, LENGTH_DELIMITED = 2, TYPE_BITS = 3, HEAD_MOST = 5 };

static uint32_t tag_of(uint32_t number) { return number << TYPE_BITS | LENGTH_DELIMITED; }

size_t envelope_size(struct envelope *envelope) {
    envelope->length = flat_pack(envelope->message, envelope->packed, sizeof envelope->packed);
    envelope->flat = envelope->length != SIZE_MAX;
    if (!envelope->flat)
        envelope->length = protobuf_c_message_get_packed_size(envelope->message);
    return (envelope->id ? 1 + varint_size(envelope->id) : 0) + varint_size(tag_of(envelope->number)) +
           varint_size(envelope->length) + envelope->length;
}

void envelope_pack(const struct envelope *envelope, uint8_t *bytes) {
    if (envelope->id) {
        *bytes++ = ID_TAG;
        bytes = varint_write(bytes, envelope->id);
    }
    bytes = varint_write(bytes, tag_of(envelope->number));
    bytes = varint_write(bytes, envelope->length);
    if (envelope->flat)
        memcpy(bytes, envelope->packed, envelope->length);
    else
        protobuf_c_message_pack(envelope->message, bytes);
}

/* The numbers of the last members have no gaps, so the index of each is known. */
static const ProtobufCFieldDescriptor *member_of(const ProtobufCMessageDescriptor *outer, uint32_t number) {
    const ProtobufCFieldDescriptor *last = &outer->fields[outer->n_fields - 1];
    uint32_t behind = last->id - number; /* wraps if number is larger */
    if (behind < outer->n_fields && (last - behind)->id == number)
        return last - behind;
    return protobuf_c_message_descriptor_get_field(outer, number);
}

/* Reads a tag or a length: of at most HEAD_MOST bytes, as in protobuf-c. */
static bool head_read(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    const uint8_t *begin = *at;
    return varint_read(at, end, value) && *at - begin <= HEAD_MOST;
}

int envelope_unpack(struct envelope *envelope, const ProtobufCMessageDescriptor *outer,
                    ProtobufCAllocator *allocator, const uint8_t *bytes, size_t length) {
    const uint8_t *end = bytes + length;
    uint64_t tag, size;

    if (length == 0 || *bytes++ != ID_TAG || !varint_read(&bytes, end, &envelope->id) ||
        !head_read(&bytes, end, &tag) || !head_read(&bytes, end, &size) || size != (uint64_t)(end - bytes) ||
        (tag & ((1 << TYPE_BITS) - 1)) != LENGTH_DELIMITED || tag >> TYPE_BITS > UINT32_MAX)
        return 0;
    envelope->number = (uint32_t)(tag >> TYPE_BITS);
    envelope->length = (size_t)size;
    const ProtobufCFieldDescriptor *field = member_of(outer, envelope->number);
    if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED)
        return 0;
    envelope->message = flat_unpack(field->descriptor, allocator, bytes, envelope->length);
    if (!envelope->message)
        envelope->message = protobuf_c_message_unpack(field->descriptor, allocator, envelope->length, bytes);
    return envelope->message ? 1 : -1;
}
