/* flat.h: packs and unpacks short messages of numbers, strings and lists in one pass.
 *
 * protobuf-c makes three passes over a message to read it and two to write it. This uses the same descriptors, and does exactly what protobuf-c
 * does or fails: fields of other types, forms that encoders do not write, long and garbled messages are left to protobuf-c.
 * tests/fuzz/fuzz_flat.c compares the two. */
#ifndef FLAT_H
#define FLAT_H

#include <protobuf-c/protobuf-c.h>

#include <stddef.h>
#include <stdint.h>

enum { FLAT_MOST = 512 /* longest message that is unpacked here, bytes */ };

/* The message, in memory of the allocator; NULL: use protobuf-c. The allocator must free all at once: on NULL memory stays allocated, at most
 * eight times FLAT_MOST and the message struct. */
ProtobufCMessage *flat_unpack(const ProtobufCMessageDescriptor *descriptor, ProtobufCAllocator *allocator,
                              const uint8_t *bytes, size_t length);

/* Packs into at most `room` bytes. Returns the length; SIZE_MAX: use protobuf-c. */
size_t flat_pack(const ProtobufCMessage *message, uint8_t *bytes, size_t room);

#endif
