/* envelope.h: the outer message of both directions, which is an id and one of many messages.
 *
 * protobuf-c looks at every member that a Request or Reply may have, three times on the way of a request.
 * Here the two fields that are there are written and read directly, and only the inner message is left to
 * flat.h or, if it is not of its kind, to protobuf-c. The bytes are the same; what came in another form than encoders write it is left to protobuf-c
 * as a whole. */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <protobuf-c/protobuf-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENVELOPE_FLAT = 48 };
enum { ENVELOPE_ERROR = 2 }; /* Reply.error; all other messages have the number of their method */

struct envelope {
    uint64_t id;     /* field 1 */
    uint32_t number; /* of the field that the message is in */
    const ProtobufCMessage *message;
    size_t length; /* of the message; envelope_size finds it */
    bool flat;     /* and has packed it already */
    uint8_t packed[ENVELOPE_FLAT];
};

/* Bytes that it takes. */
size_t envelope_size(struct envelope *envelope);

/* Writes that many, after envelope_size. */
void envelope_pack(const struct envelope *envelope, uint8_t *bytes);

/* Reads the bytes of an `outer`, whose members from field 2 on are messages, into memory that the allocator gives back all at once: 1 and *envelope (message is the
 * allocator's); 0: not in the plain form; -1: the inner message is garbled, or the allocator is exhausted. */
int envelope_unpack(struct envelope *envelope, const ProtobufCMessageDescriptor *outer,
                    ProtobufCAllocator *allocator, const uint8_t *bytes, size_t length);

#endif
