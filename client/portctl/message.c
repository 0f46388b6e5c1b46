/* message.c: messages of the schema as JSON, by walking protobuf-c's descriptors.
 *
 * No method is hard-coded, so additions to the schema work, too. A partly filled message can be freed at any time: each
 * allocation is stored at once where protobuf-c finds it.
 */
#include "message.h"

#include "text.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef const ProtobufCFieldDescriptor field_of;

static const int64_t exact_most = (INT64_C(1) << 53) - 1; /* largest integer written as a JSON number */

static void *member(ProtobufCMessage *message, unsigned offset) { return (char *)message + offset; }

static const void *member_of(const ProtobufCMessage *message, unsigned offset) {
    return (const char *)message + offset;
}

static size_t size_of(field_of *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return sizeof(uint32_t);
    }
}

static const ProtobufCEnumDescriptor *enum_of(field_of *field) { return field->descriptor; }

static const ProtobufCMessageDescriptor *message_of(field_of *field) { return field->descriptor; }

/* ---- from JSON: one value -------------------------------------------------------------------------------- */

/* Each of these returns NULL, or an error text that begins with the path of the member. */

static char *not_a(const char *path, const char *what) { return text_print("%s: not %s", path, what); }

/* Any integer may be a number or a string of digits. */
static bool read_integer(json_t *value, bool *negative, uint64_t *number) {
    const char *text = json_string_value(value);
    double real = json_number_value(value);

    *negative = false;
    if (text != NULL) {
        *negative = text[0] == '-';
        return text_number(text + *negative, UINT64_MAX, number);
    }
    if (json_is_real(value)) {
        *negative = real < 0;
        if (real < -(double)exact_most || real > (double)exact_most || real != (double)(int64_t)real)
            return false;
        *number = (uint64_t)(*negative ? -real : real);
        return true;
    }
    *negative = json_integer_value(value) < 0;
    *number = *negative ? 0 - (uint64_t)json_integer_value(value) : (uint64_t)json_integer_value(value);
    return json_is_integer(value);
}

static char *set_integer(field_of *field, json_t *value, const char *path, void *at) {
    bool is_signed = field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_INT32;
    bool is_long = size_of(field) == sizeof(uint64_t), negative;
    uint64_t most = (is_long ? UINT64_MAX : UINT32_MAX) >> is_signed, number;

    if (!read_integer(value, &negative, &number))
        return not_a(path, "a whole number");
    if (negative ? number > (is_signed ? most + 1 : 0) : number > most)
        return text_print("%s: number out of range for %s", path,
                          is_long ? (is_signed ? "int64" : "uint64") : (is_signed ? "int32" : "uint32"));
    number = negative ? 0 - number : number;
    if (is_long)
        *(uint64_t *)at = number;
    else
        *(uint32_t *)at = (uint32_t)number;
    return NULL;
}

static char *enum_names(const ProtobufCEnumDescriptor *descriptor) {
    char *names = text_copy("");

    for (unsigned i = 0; i < descriptor->n_values; i++) {
        char *longer = text_print("%s%s%s", names, i > 0 ? ", " : "", descriptor->values[i].name);

        free(names);
        names = longer;
    }
    return names;
}

/* A number without a name is accepted: a later schema may have one. */
static char *set_enum(field_of *field, json_t *value, const char *path, void *at) {
    const ProtobufCEnumValue *found = NULL;
    const char *name = json_string_value(value);
    char *names, *wrong;

    if (json_is_integer(value) && json_integer_value(value) >= INT32_MIN &&
        json_integer_value(value) <= INT32_MAX) {
        *(int32_t *)at = (int32_t)json_integer_value(value);
        return NULL;
    }
    if (name != NULL)
        found = protobuf_c_enum_descriptor_get_value_by_name(enum_of(field), name);
    if (found != NULL) {
        *(int32_t *)at = found->value;
        return NULL;
    }
    names = enum_names(enum_of(field));
    wrong = text_print("%s: expected one of %s", path, names);
    free(names);
    return wrong;
}

static char *set_bytes(json_t *value, const char *path, ProtobufCBinaryData *at) {
    if (!json_is_string(value) || !text_from_base64(json_string_value(value), &at->data, &at->len))
        return not_a(path, "base64");
    return NULL;
}

static char *fill(ProtobufCMessage *message, json_t *object, const char *path);

static char *set_message(field_of *field, json_t *value, const char *path, void *at) {
    const ProtobufCMessageDescriptor *descriptor = message_of(field);
    ProtobufCMessage *inner;

    if (!json_is_object(value))
        return not_a(path, "an object");
    inner = text_room(1, descriptor->sizeof_message);
    descriptor->message_init(inner);
    *(ProtobufCMessage **)at = inner;
    return fill(inner, value, path);
}

static char *set_value(field_of *field, json_t *value, const char *path, void *at) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = json_is_true(value);
        return json_is_boolean(value) ? NULL : not_a(path, "true or false");
    case PROTOBUF_C_TYPE_STRING:
        if (!json_is_string(value))
            return not_a(path, "a string");
        *(char **)at = text_copy(json_string_value(value));
        return NULL;
    case PROTOBUF_C_TYPE_BYTES:
        return set_bytes(value, path, at);
    case PROTOBUF_C_TYPE_ENUM:
        return set_enum(field, value, path, at);
    case PROTOBUF_C_TYPE_MESSAGE:
        return set_message(field, value, path, at);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
        return set_integer(field, value, path, at);
    default:
        return text_print("%s: unsupported type of member", path);
    }
}

/* ---- from JSON: all members ------------------------------------------------------------------------------ */

/* Whether `key` is the name, in snake_case or in camelCase (limit_us, limitUs). */
static bool is_name(const char *name, const char *key) {
    if (strcmp(name, key) == 0)
        return true;
    for (; *name != '\0'; name++, key++) {
        bool raised = *name == '_';

        name += raised;
        if (*key != (raised ? toupper((unsigned char)*name) : *name))
            return false;
    }
    return *key == '\0';
}

static field_of *find_field(const ProtobufCMessageDescriptor *descriptor, const char *key) {
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (is_name(descriptor->fields[i].name, key))
            return &descriptor->fields[i];
    return NULL;
}

static char *unknown_member(const ProtobufCMessageDescriptor *descriptor, const char *key, const char *path) {
    const char **names = text_room(descriptor->n_fields + 1, sizeof(*names)), *closest;
    char *wrong, *members;

    for (unsigned i = 0; i < descriptor->n_fields; i++)
        names[i] = descriptor->fields[i].name;
    closest = text_closest(key, names);
    members = message_members(descriptor);
    if (closest != NULL)
        wrong = text_print("unknown member '%s'; did you mean '%s'?", path, closest);
    else
        wrong = text_print("unknown member '%s'%s%s", path, members[0] != '\0' ? ": they are " : "", members);
    free(members);
    free(names);
    return wrong;
}

static char *set_list(ProtobufCMessage *message, field_of *field, json_t *value, const char *path) {
    size_t *n = member(message, field->quantifier_offset), size = size_of(field), i;
    char *items, *wrong = NULL;
    json_t *element;

    if (!json_is_array(value))
        return not_a(path, "a list");
    items = text_room(json_array_size(value), size);
    *(void **)member(message, field->offset) = items;
    json_array_foreach(value, i, element) {
        char *inner = text_print("%s[%zu]", path, i);

        *n = i + 1;
        if (wrong == NULL)
            wrong = set_value(field, element, inner, items + i * size);
        free(inner);
        if (wrong != NULL)
            break;
    }
    return wrong;
}

/* A separate member says which member of a oneof is set. */
static char *set_choice(ProtobufCMessage *message, field_of *field, json_t *value, const char *path) {
    uint32_t *which = member(message, field->quantifier_offset);
    field_of *other;

    if (*which != 0) {
        other = protobuf_c_message_descriptor_get_field(message->descriptor, *which);
        return text_print("%s: mutually exclusive with '%s'", path, other != NULL ? other->name : "?");
    }
    *which = field->id;
    return set_value(field, value, path, member(message, field->offset));
}

static char *set_member(ProtobufCMessage *message, const char *key, json_t *value, const char *path) {
    field_of *field = find_field(message->descriptor, key);

    if (field == NULL)
        return unknown_member(message->descriptor, key, path);
    if (json_is_null(value))
        return NULL;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return set_list(message, field, value, path);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return set_choice(message, field, value, path);
    return set_value(field, value, path, member(message, field->offset));
}

/* Two keys can name one member: limit_us and limitUs. */
static bool is_given_twice(const ProtobufCMessageDescriptor *descriptor, json_t *object, const char *key) {
    field_of *field = find_field(descriptor, key);
    const char *other;
    json_t *value;
    unsigned n = 0;

    json_object_foreach(object, other, value) n += field != NULL && find_field(descriptor, other) == field;
    return n > 1;
}

static char *fill(ProtobufCMessage *message, json_t *object, const char *path) {
    char *wrong = NULL;
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value) {
        char *inner = text_print("%s%s%s", path, path[0] != '\0' ? "." : "", key);

        wrong = is_given_twice(message->descriptor, object, key) ? text_print("%s: given twice", inner)
                                                                 : set_member(message, key, value, inner);
        free(inner);
        if (wrong != NULL)
            break;
    }
    return wrong;
}

ProtobufCMessage *message_parse(const ProtobufCMessageDescriptor *descriptor, const char *json,
                                char **wrong) {
    json_error_t error;
    json_t *object = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    ProtobufCMessage *message;

    if (object == NULL && json_error_code(&error) == json_error_numeric_overflow) {
        *wrong =
            text_print("a number from 2^63 on must be written as a string of digits (line %d, column %d)",
                       error.line, error.column);
        return NULL;
    }
    if (object == NULL) {
        *wrong = text_print("invalid JSON: %s (line %d, column %d)", error.text, error.line, error.column);
        return NULL;
    }
    if (!json_is_object(object)) {
        json_decref(object);
        *wrong = text_copy("a request must be an object: {...}");
        return NULL;
    }
    message = text_room(1, descriptor->sizeof_message);
    descriptor->message_init(message);
    *wrong = fill(message, object, "");
    json_decref(object);
    if (*wrong == NULL)
        return message;
    protobuf_c_message_free_unpacked(message, NULL);
    return NULL;
}

/* ---- to JSON --------------------------------------------------------------------------------------------- */

static struct node *describe_integer(bool negative, uint64_t number) {
    uint64_t size = negative ? 0 - number : number;
    struct node *node;
    char *text;

    if (size <= (uint64_t)exact_most)
        return node_of_number((int64_t)number);
    text = text_print("%s%llu", negative ? "-" : "", (unsigned long long)size);
    node = node_of_text(text);
    free(text);
    return node;
}

static struct node *describe_enum(field_of *field, int32_t number) {
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(enum_of(field), number);

    return value != NULL ? node_of_text(value->name) : node_of_number(number);
}

static struct node *describe_bytes(const ProtobufCBinaryData *bytes) {
    char *text = text_base64(bytes->data, bytes->len);
    struct node *node = node_of_text(text);

    free(text);
    return node;
}

static struct node *describe_value(field_of *field, const void *at) {
    const char *text;
    const ProtobufCMessage *inner;

    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return node_of_flag(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_STRING:
        text = *(const char *const *)at;
        return node_of_text(text != NULL ? text : "");
    case PROTOBUF_C_TYPE_BYTES:
        return describe_bytes(at);
    case PROTOBUF_C_TYPE_ENUM:
        return describe_enum(field, *(const int32_t *)at);
    case PROTOBUF_C_TYPE_MESSAGE:
        inner = *(const ProtobufCMessage *const *)at;
        return inner != NULL ? message_describe(inner) : node_of_nothing();
    case PROTOBUF_C_TYPE_INT32:
        return node_of_number(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
        return node_of_number(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
        return describe_integer(*(const int64_t *)at < 0, *(const uint64_t *)at);
    case PROTOBUF_C_TYPE_UINT64:
        return describe_integer(false, *(const uint64_t *)at);
    default:
        return node_of_nothing();
    }
}

static struct node *describe_list(const ProtobufCMessage *message, field_of *field) {
    size_t n = *(const size_t *)member_of(message, field->quantifier_offset);
    const char *items = *(const char *const *)member_of(message, field->offset);
    struct node *list = node_list();

    for (size_t i = 0; i < n; i++)
        node_append(list, describe_value(field, items + i * size_of(field)));
    return list;
}

struct node *message_describe(const ProtobufCMessage *message) {
    struct node *object = node_object();

    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        field_of *field = &message->descriptor->fields[i];
        bool choice = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;

        if (choice && *(const uint32_t *)member_of(message, field->quantifier_offset) != field->id)
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            node_put(object, field->name, describe_list(message, field));
        else
            node_put(object, field->name, describe_value(field, member_of(message, field->offset)));
    }
    return object;
}

/* ---- about ----------------------------------------------------------------------------------------------- */

static const char *type_name(field_of *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_ENUM:
        return enum_of(field)->short_name;
    case PROTOBUF_C_TYPE_MESSAGE:
        return message_of(field)->short_name;
    case PROTOBUF_C_TYPE_BOOL:
        return "bool";
    case PROTOBUF_C_TYPE_STRING:
        return "string";
    case PROTOBUF_C_TYPE_BYTES:
        return "bytes";
    case PROTOBUF_C_TYPE_INT32:
        return "int32";
    case PROTOBUF_C_TYPE_UINT32:
        return "uint32";
    case PROTOBUF_C_TYPE_INT64:
        return "int64";
    case PROTOBUF_C_TYPE_UINT64:
        return "uint64";
    default:
        return "?";
    }
}

char *message_members(const ProtobufCMessageDescriptor *descriptor) {
    char *members = text_copy("");

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        field_of *field = &descriptor->fields[i];
        bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
        char *longer = text_print("%s%s%s: %s%s%s", members, i > 0 ? ", " : "", field->name, list ? "[" : "",
                                  type_name(field), list ? "]" : "");

        free(members);
        members = longer;
    }
    return members;
}
