/* flat.c: uses the field tables that protobuf-c generates. Supports tags and lengths of one byte. */
#include "flat.h"

#include "varint.h"

#include <string.h>

enum { TYPE_BITS = 3, WIRE_VARINT = 0, WIRE_LENGTH = 2, FIELD_MOST = 15, VARINT_MOST = 10 };

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* size: bytes of the varint. */
static bool number_set(const ProtobufCFieldDescriptor *field, uint8_t *member, uint64_t value, size_t size) {
    uint32_t word = (uint32_t)value;
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        memcpy(member, &value, sizeof value);
        return true;
    case PROTOBUF_C_TYPE_BOOL: /* bits beyond 64 could make a long varint true */
        if (size > 1)
            return false;
        word = value != 0;
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        break;
    default:
        return false;
    }
    memcpy(member, &word, sizeof word);
    return true;
}

static bool text_set(uint8_t *member, ProtobufCAllocator *allocator, const uint8_t *bytes, size_t size) {
    char *text = allocator->alloc(allocator->allocator_data, size + 1);
    if (!text)
        return false;
    memcpy(text, bytes, size);
    text[size] = 0;
    memcpy(member, &text, sizeof text);
    return true;
}

/* Reads a packed list; false if the field occurs again. */
static bool list_set(const ProtobufCFieldDescriptor *field, uint8_t *message, ProtobufCAllocator *allocator,
                     const uint8_t *bytes, size_t size) {
    const uint8_t *end = bytes + size;
    uint64_t *numbers;
    size_t n = 0, before;
    memcpy(&before, message + field->quantifier_offset, sizeof before);
    if (before || !size || field->type != PROTOBUF_C_TYPE_UINT64)
        return false;
    for (size_t i = 0; i < size; i++)
        n += !(bytes[i] & VARINT_MORE);
    numbers = n ? allocator->alloc(allocator->allocator_data, n * sizeof *numbers) : NULL;
    if (!numbers)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!varint_read(&bytes, end, &numbers[i]))
            return false;
    if (bytes != end)
        return false;
    memcpy(message + field->quantifier_offset, &n, sizeof n);
    memcpy(message + field->offset, &numbers, sizeof numbers);
    return true;
}

/* Notes in a oneof which member is set. False: one is set already. */
static bool oneof_set(const ProtobufCFieldDescriptor *field, uint8_t *message) {
    uint32_t which;
    if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return true;
    memcpy(&which, message + field->quantifier_offset, sizeof which);
    if (which)
        return false;
    memcpy(message + field->quantifier_offset, &field->id, sizeof field->id);
    return true;
}

/* Reads the value after a tag. Returns its end; NULL: use protobuf-c. */
static const uint8_t *field_unpack(const ProtobufCFieldDescriptor *field, unsigned wire, uint8_t *message,
                                   ProtobufCAllocator *allocator, const uint8_t *bytes, const uint8_t *end) {
    const uint8_t *begin = bytes;
    bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
    uint64_t value;
    if ((!list && field->label != PROTOBUF_C_LABEL_NONE) || !varint_read(&bytes, end, &value) ||
        !oneof_set(field, message))
        return NULL;
    if (wire == WIRE_VARINT)
        return !list && number_set(field, message + field->offset, value, (size_t)(bytes - begin)) ? bytes
                                                                                                   : NULL;
    if (wire != WIRE_LENGTH || bytes - begin > 1 || value > (uint64_t)(end - bytes))
        return NULL;
    if (list ? !list_set(field, message, allocator, bytes, (size_t)value)
             : field->type != PROTOBUF_C_TYPE_STRING ||
                   !text_set(message + field->offset, allocator, bytes, (size_t)value))
        return NULL;
    return bytes + value;
}

/* Encoders write fields in the order of their numbers, so the search begins at the last field found. */
static const ProtobufCFieldDescriptor *field_find(const ProtobufCMessageDescriptor *descriptor,
                                                  unsigned *next, unsigned number) {
    for (unsigned i = *next; i < descriptor->n_fields; i++)
        if (descriptor->fields[i].id == number) {
            *next = i;
            return &descriptor->fields[i];
        }
    return NULL;
}

ProtobufCMessage *flat_unpack(const ProtobufCMessageDescriptor *descriptor, ProtobufCAllocator *allocator,
                              const uint8_t *bytes, size_t length) {
    const uint8_t *end = bytes + length;
    unsigned next = 0;
    if (length > FLAT_MOST)
        return NULL;
    uint8_t *message = allocator->alloc(allocator->allocator_data, descriptor->sizeof_message);
    if (!message)
        return NULL;
    descriptor->message_init((ProtobufCMessage *)message);
    while (bytes && bytes < end) {
        unsigned tag = *bytes++;
        const ProtobufCFieldDescriptor *field =
            tag & VARINT_MORE ? NULL : field_find(descriptor, &next, tag >> TYPE_BITS);
        bytes =
            field ? field_unpack(field, tag & ((1 << TYPE_BITS) - 1), message, allocator, bytes, end) : NULL;
    }
    return bytes ? (ProtobufCMessage *)message : NULL;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static uint8_t tag_of(const ProtobufCFieldDescriptor *field, unsigned wire) {
    return (uint8_t)(field->id << TYPE_BITS | wire);
}

/* False: a type that is not supported here. */
static bool number_get(const ProtobufCFieldDescriptor *field, const uint8_t *member, uint64_t *value) {
    uint32_t word;
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        memcpy(value, member, sizeof *value);
        return true;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        memcpy(&word, member, sizeof word);
        break;
    default:
        return false;
    }
    if (field->type == PROTOBUF_C_TYPE_UINT32)
        *value = word;
    else if (field->type == PROTOBUF_C_TYPE_BOOL)
        *value = word != 0;
    else
        *value = (uint64_t)(int64_t)(int32_t)word;
    return true;
}

/* The functions below return the end of what they wrote; NULL: use protobuf-c. */
static uint8_t *text_pack(const ProtobufCFieldDescriptor *field, const uint8_t *member, uint8_t *at,
                          const uint8_t *end) {
    const char *text;
    memcpy(&text, member, sizeof text);
    size_t size = text ? strlen(text) : 0;
    if (size >= VARINT_MORE || (size_t)(end - at) < 2 + size)
        return NULL;
    if (!size)
        return at;
    *at++ = tag_of(field, WIRE_LENGTH);
    *at++ = (uint8_t)size;
    memcpy(at, text, size);
    return at + size;
}

static uint8_t *numbers_pack(const uint64_t *numbers, size_t n, uint8_t *at, const uint8_t *end) {
    for (size_t i = 0; i < n; i++) {
        if (end - at < VARINT_MOST)
            return NULL;
        at = varint_write(at, numbers[i]);
    }
    return at;
}

/* Writes a packed list of numbers as one field, or each message of a list as one. */
static uint8_t *list_pack(const ProtobufCFieldDescriptor *field, const uint8_t *message, uint8_t *at,
                          const uint8_t *end) {
    const void *list;
    size_t n, length;
    memcpy(&n, message + field->quantifier_offset, sizeof n);
    memcpy(&list, message + field->offset, sizeof list);
    bool numbers = field->type == PROTOBUF_C_TYPE_UINT64 && field->flags & PROTOBUF_C_FIELD_FLAG_PACKED;
    if (!numbers && field->type != PROTOBUF_C_TYPE_MESSAGE)
        return NULL;
    for (size_t i = 0; i < n; i = numbers ? n : i + 1) {
        if (end - at < 2)
            return NULL;
        if (numbers) {
            const uint8_t *behind = numbers_pack(list, n, at + 2, end);
            length = behind ? (size_t)(behind - at) - 2 : SIZE_MAX;
        } else {
            length = flat_pack(((ProtobufCMessage *const *)list)[i], at + 2, (size_t)(end - at) - 2);
        }
        if (length >= VARINT_MORE)
            return NULL;
        *at++ = tag_of(field, WIRE_LENGTH);
        *at++ = (uint8_t)length;
        at += length;
    }
    return at;
}

static uint8_t *field_pack(const ProtobufCFieldDescriptor *field, const uint8_t *message, uint8_t *at,
                           const uint8_t *end) {
    const uint8_t *member = message + field->offset;
    bool oneof = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
    uint64_t value;
    if (field->id > FIELD_MOST)
        return NULL;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return list_pack(field, message, at, end);
    if (field->label != PROTOBUF_C_LABEL_NONE)
        return NULL;
    if (oneof) {
        uint32_t which;
        memcpy(&which, message + field->quantifier_offset, sizeof which);
        if (which != field->id)
            return at;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return oneof ? NULL : text_pack(field, member, at, end);
    if (!number_get(field, member, &value))
        return NULL;
    if (!value && !oneof)
        return at;
    if (end - at < 1 + VARINT_MOST)
        return NULL;
    *at++ = tag_of(field, WIRE_VARINT);
    return varint_write(at, value);
}

size_t flat_pack(const ProtobufCMessage *message, uint8_t *bytes, size_t room) {
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    uint8_t *at = bytes;
    if (message->n_unknown_fields)
        return SIZE_MAX;
    for (unsigned i = 0; i < descriptor->n_fields && at; i++)
        at = field_pack(&descriptor->fields[i], (const uint8_t *)message, at, bytes + room);
    return at ? (size_t)(at - bytes) : SIZE_MAX;
}
