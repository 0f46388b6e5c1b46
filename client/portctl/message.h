/* message.h: messages of the schema as JSON, by the proto3 JSON mapping.
 *
 * Members have the names of the schema (limit_us; limitUs is accepted), integers are numbers below 2^53 and else strings of
 * digits, bytes are base64, enums their names (numbers are accepted). Every member is written, an absent message as null; of
 * a oneof only the one that is set. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "client/portctl/output.h"

#include "portd.pb-c.h"

/* The message, to be freed with protobuf_c_message_free_unpacked without an allocator; or NULL, and *wrong says why. */
ProtobufCMessage *message_parse(const ProtobufCMessageDescriptor *descriptor, const char *json, char **wrong);

struct node *message_describe(const ProtobufCMessage *message);

/* "ids: [uint64], all: bool". Freed by the caller. */
char *message_members(const ProtobufCMessageDescriptor *descriptor);

#endif
