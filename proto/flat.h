/* flat.h: short messages of numbers, strings and lists of numbers, to and from bytes in one pass.
 *
 * protobuf-c walks over a message three times to read it and twice to write it, whatever is in it. This goes by the same descriptors, and does what
 * protobuf-c does or nothing at all: what it does not know (other kinds of fields, other forms than encoders write, what is long or
 * garbled) is left to protobuf-c. tests/fuzz/fuzz_flat.c compares the two. */
#ifndef FLAT_H
#define FLAT_H

#include <protobuf-c/protobuf-c.h>

#include <stddef.h>
#include <stdint.h>

enum { FLAT_MOST = 512 /* bytes of a message that is read here */ };

/* The message in memory of the allocator, which gives all back at once; so what is left there when it answers NULL (ask protobuf-c) is lost until then:
 * no more than eight times FLAT_MOST and the message. */
ProtobufCMessage *flat_unpack(const ProtobufCMessageDescriptor *descriptor, ProtobufCAllocator *allocator,
                              const uint8_t *bytes, size_t length);

/* Packs into at most `room` bytes. Returns the length, or SIZE_MAX: ask protobuf-c. */
size_t flat_pack(const ProtobufCMessage *message, uint8_t *bytes, size_t room);

#endif
