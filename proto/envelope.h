/* envelope.h: the outer message of both directions: an id and one of many inner messages.
 *
 * protobuf-c checks every member that a Request or Reply may have, three times per request. This writes and reads the two fields directly, and
 * passes only the inner message to flat.h or, if flat.h does not support it, to protobuf-c. The bytes are the same; a message in a form that
 * encoders do not write is left to protobuf-c as a whole. */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <protobuf-c/protobuf-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENVELOPE_FLAT = 48 };
enum { ENVELOPE_ERROR = 2 }; /* Reply.error; all other fields have the number of their method */

struct envelope {
    uint64_t id;     /* field 1 */
    uint32_t number; /* of the field with the message */
    const ProtobufCMessage *message;
    size_t length; /* of the packed message; set by envelope_size */
    bool flat;     /* envelope_size has packed it already */
    uint8_t packed[ENVELOPE_FLAT];
};

/* The packed size in bytes. */
size_t envelope_size(struct envelope *envelope);

/* Writes as many bytes as envelope_size has returned; call that first. */
void envelope_pack(const struct envelope *envelope, uint8_t *bytes);

/* Unpacks an `outer`, whose members from field 2 on are messages. The allocator, which frees all at once, owns the message. 1: done; 0: not in
 * the form that encoders write; -1: the inner message is garbled, or the allocator is exhausted. */
int envelope_unpack(struct envelope *envelope, const ProtobufCMessageDescriptor *outer,
                    ProtobufCAllocator *allocator, const uint8_t *bytes, size_t length);

#endif
