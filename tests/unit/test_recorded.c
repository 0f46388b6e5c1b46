/* test_recorded.c: frames are the same bytes on every processor.
 *
 * tests/unit/recorded.tsv has frames of all requests and replies, one a line, as x86_64 encodes them: `request` or `reply`, the message,
 * the bytes of the frame, and what they mean. Each message is there empty and with a value in all of its fields, of which a oneof can have
 * one: so a few times. `test_recorded --record >recorded.tsv`, with a program of x86_64, makes the file anew, when portd.proto has changed.
 * Here the same messages must give the same lines, and each frame is decoded, must mean what its line says, and is encoded again. */
#include "tests/support/test.h"

#include "portd.pb-c.h"
#include "proto/arena.h"
#include "proto/envelope.h"
#include "proto/frame.h"

#include <inttypes.h>

enum { FRAME_MOST = 4096, LINE_MOST = 16384, REPEATS = 3, N_FDS = FRAME_FDS_MAX };

static const uint64_t id = UINT64_C(0x0102030405060708);

/* ---- values ------------------------------------------------------------------------------------------------------- */

static void *allocate(size_t size) {
    void *memory = calloc(1, size);
    assert_non_null(memory);
    return memory;
}

static ProtobufCMessage *make(const ProtobufCMessageDescriptor *of, unsigned choice);

static size_t size_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
        return sizeof(char *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(ProtobufCMessage *);
    default:
        fail_msg("portd.proto has a type that is unknown here: %d", (int)type);
    }
    return 0;
}

/* Values of many different bytes; n tells those of a list apart. */
static void set(const ProtobufCFieldDescriptor *field, void *at, unsigned n, unsigned choice) {
    static const uint8_t bytes[] = {0x00, 0x7F, 0x80, 0xFF, '\n'};
    unsigned more = field->id + n;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
        *(int32_t *)at = -0x01020304 - (int32_t)more;
        break;
    case PROTOBUF_C_TYPE_UINT32:
        *(uint32_t *)at = UINT32_C(0xF1020304) + more;
        break;
    case PROTOBUF_C_TYPE_INT64:
        *(int64_t *)at = -INT64_C(0x0102030405060708) - (int64_t)more;
        break;
    case PROTOBUF_C_TYPE_UINT64:
        *(uint64_t *)at = UINT64_C(0xF102030405060708) + more;
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = true;
        break;
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumDescriptor *of = field->descriptor;
        *(int *)at = of->values[of->n_values - 1].value;
        break;
    }
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = strdup(field->name);
        assert_non_null(*(char **)at);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        ProtobufCBinaryData *data = at;
        *data = (ProtobufCBinaryData){.len = sizeof(bytes), .data = allocate(sizeof(bytes))};
        memcpy(data->data, bytes, sizeof(bytes));
        break;
    }
    default:
        *(ProtobufCMessage **)at = make(field->descriptor, choice + n);
    }
}

static bool in_oneof(const ProtobufCFieldDescriptor *field) {
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

static void *of(const ProtobufCMessage *message, size_t offset) {
    return (char *)(uintptr_t)message + offset;
}

/* Whether it is the member of its oneof that the choice is for. */
static bool is_chosen(const ProtobufCMessageDescriptor *descriptor, const ProtobufCFieldDescriptor *field,
                      unsigned choice) {
    unsigned n = 0, place = 0;

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &descriptor->fields[i];
        if (!in_oneof(other) || other->quantifier_offset != field->quantifier_offset)
            continue;
        if (other == field)
            place = n;
        n++;
    }
    return choice % n == place;
}

static void fill(const ProtobufCFieldDescriptor *field, ProtobufCMessage *message, unsigned choice) {
    void *at = of(message, field->offset);

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        char *list = allocate(REPEATS * size_of(field->type));
        for (unsigned n = 0; n < REPEATS; n++)
            set(field, list + n * size_of(field->type), n, choice);
        *(void **)at = list;
        *(size_t *)of(message, field->quantifier_offset) = REPEATS;
    } else {
        set(field, at, 0, choice);
        if (in_oneof(field))
            *(uint32_t *)of(message, field->quantifier_offset) = field->id;
        else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset)
            *(protobuf_c_boolean *)of(message, field->quantifier_offset) = true;
    }
}

static ProtobufCMessage *make_empty(const ProtobufCMessageDescriptor *descriptor) {
    ProtobufCMessage *message = allocate(descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, message);
    return message;
}

static ProtobufCMessage *make(const ProtobufCMessageDescriptor *descriptor, unsigned choice) {
    ProtobufCMessage *message = make_empty(descriptor);

    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (!in_oneof(&descriptor->fields[i]) || is_chosen(descriptor, &descriptor->fields[i], choice))
            fill(&descriptor->fields[i], message, choice);
    return message;
}

/* As many messages have all members of its longest oneof. */
static unsigned choices(const ProtobufCMessageDescriptor *descriptor) {
    unsigned most = 1;

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        unsigned n = 0;
        for (unsigned k = 0; in_oneof(field) && k < descriptor->n_fields; k++)
            n += in_oneof(&descriptor->fields[k]) &&
                 descriptor->fields[k].quantifier_offset == field->quantifier_offset;
        if (n > most)
            most = n;
    }
    return most;
}

/* ---- what a message means ----------------------------------------------------------------------------------------- */

static void tell_message(FILE *out, const ProtobufCMessage *message);

static void tell_value(FILE *out, const ProtobufCFieldDescriptor *field, const void *at) {
    const ProtobufCBinaryData *data = at;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
        (void)fprintf(out, "%" PRId32, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
        (void)fprintf(out, "%" PRIu32, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
        (void)fprintf(out, "%" PRId64, *(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
        (void)fprintf(out, "%" PRIu64, *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        (void)fputs(*(const protobuf_c_boolean *)at ? "true" : "false", out);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        (void)fprintf(out, "%d", *(const int *)at);
        break;
    case PROTOBUF_C_TYPE_STRING:
        (void)fprintf(out, "\"%s\"", *(char *const *)at);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        for (size_t i = 0; i < data->len; i++)
            (void)fprintf(out, "%02x", data->data[i]);
        break;
    default:
        tell_message(out, *(ProtobufCMessage *const *)at);
    }
}

static bool is_set(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message) {
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(size_t *)of(message, field->quantifier_offset) > 0;
    if (in_oneof(field))
        return *(uint32_t *)of(message, field->quantifier_offset) == field->id;
    return field->type != PROTOBUF_C_TYPE_MESSAGE || *(void **)of(message, field->offset) != NULL;
}

static void tell_message(FILE *out, const ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;

    (void)fputc('{', out);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        const char *at = of(message, field->offset);
        size_t n = 1;
        if (!is_set(field, message))
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            n = *(size_t *)of(message, field->quantifier_offset);
            at = *(char *const *)at;
        }
        (void)fprintf(out, " %s:", field->name);
        for (size_t k = 0; k < n; k++) {
            (void)fputs(k ? ", " : " ", out);
            tell_value(out, field, at + k * size_of(field->type));
        }
        (void)fputc(';', out);
    }
    (void)fputs(" }", out);
}

/* ---- lines -------------------------------------------------------------------------------------------------------- */

/* The frame of a message under that number. Returns its length. */
static size_t encode(uint64_t request, uint32_t number, const ProtobufCMessage *message, uint16_t n_fds,
                     uint8_t frame[FRAME_MOST]) {
    struct envelope envelope = {.id = request, .number = number, .message = message};
    size_t size = envelope_size(&envelope);

    assert_true(size + FRAME_HEADER <= FRAME_MOST);
    frame_encode(frame, (struct frame_header){.length = (uint32_t)size, .n_fds = n_fds});
    envelope_pack(&envelope, frame + FRAME_HEADER);
    return size + FRAME_HEADER;
}

static void write_line(FILE *out, const ProtobufCMessageDescriptor *outer,
                       const ProtobufCFieldDescriptor *field, ProtobufCMessage *message) {
    uint8_t frame[FRAME_MOST];
    size_t size = encode(id, field->id, message, N_FDS, frame);

    (void)fprintf(out, "%s\t%s\t", outer == &portd__v1__request__descriptor ? "request" : "reply",
                  field->name);
    for (size_t i = 0; i < size; i++)
        (void)fprintf(out, "%02x", frame[i]);
    (void)fputc('\t', out);
    tell_message(out, message);
    (void)fputc('\n', out);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void write_all(FILE *out) {
    static const ProtobufCMessageDescriptor *const outers[] = {&portd__v1__request__descriptor,
                                                               &portd__v1__reply__descriptor};

    for (size_t i = 0; i < sizeof(outers) / sizeof(*outers); i++) {
        for (unsigned k = 0; k < outers[i]->n_fields; k++) {
            const ProtobufCFieldDescriptor *field = &outers[i]->fields[k];
            if (field->type != PROTOBUF_C_TYPE_MESSAGE)
                continue;
            write_line(out, outers[i], field, make_empty(field->descriptor));
            for (unsigned choice = 0; choice < choices(field->descriptor); choice++)
                write_line(out, outers[i], field, make(field->descriptor, choice));
        }
    }
}

static FILE *open_recorded(void) {
    const char *source = getenv("PORTD_SOURCE");
    char path[4096];

    if (!source)
        test_skip("PORTD_SOURCE does not name the project");
    (void)snprintf(path, sizeof(path), "%s/tests/unit/recorded.tsv", source);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    return file;
}

/* ---- cases -------------------------------------------------------------------------------------------------------- */

static void messages_are_encoded_as_recorded(void **state) {
    static char ours[LINE_MOST], theirs[LINE_MOST];
    FILE *recorded, *made = tmpfile();
    size_t n = 0;

    (void)state;
    assert_non_null(made);
    recorded = open_recorded();
    write_all(made);
    rewind(made);
    while (fgets(theirs, sizeof(theirs), recorded)) {
        assert_non_null(fgets(ours, sizeof(ours), made));
        assert_string_equal(ours, theirs);
        n++;
    }
    assert_null(fgets(ours, sizeof(ours), made));
    assert_true(n > 50);
    (void)fclose(made);
    (void)fclose(recorded);
}

static size_t bytes_of(const char *digits, uint8_t frame[FRAME_MOST]) {
    size_t n = 0;

    for (; digits[0] && digits[1]; digits += 2) {
        char pair[] = {digits[0], digits[1], '\0'};
        assert_true(n < FRAME_MOST);
        frame[n++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n;
}

static void assert_means(const ProtobufCMessage *message, const char *meaning) {
    static char text[LINE_MOST];
    FILE *out = tmpfile();

    assert_non_null(out);
    tell_message(out, message);
    rewind(out);
    text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
    (void)fclose(out);
    assert_string_equal(text, meaning);
}

/* By the path of what encoders write, and by protobuf-c. */
static void check_frame(const ProtobufCMessageDescriptor *outer, const char *name, const uint8_t *frame,
                        size_t size, const char *meaning) {
    struct frame_header header = frame_decode(frame);
    struct envelope envelope;
    uint8_t again[FRAME_MOST];
    struct arena arena;

    assert_int_equal(header.length, size - FRAME_HEADER);
    assert_int_equal(header.n_fds, N_FDS);
    assert_int_equal(header.flags, 0);
    assert_int_equal(arena_init(&arena), 0);
    arena_reset(&arena);
    assert_int_equal(envelope_unpack(&envelope, outer, &arena.allocator, frame + FRAME_HEADER, header.length),
                     1);
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(outer, envelope.number);
    assert_non_null(field);
    assert_string_equal(field->name, name);
    assert_true(envelope.id == id);
    assert_means(envelope.message, meaning);
    assert_int_equal(encode(envelope.id, envelope.number, envelope.message, header.n_fds, again), size);
    assert_memory_equal(again, frame, size);

    ProtobufCMessage *whole = protobuf_c_message_unpack(outer, NULL, header.length, frame + FRAME_HEADER);
    assert_non_null(whole);
    assert_means(*(ProtobufCMessage **)of(whole, field->offset), meaning);
    assert_int_equal(protobuf_c_message_pack(whole, again), header.length);
    assert_memory_equal(again, frame + FRAME_HEADER, header.length);
    protobuf_c_message_free_unpacked(whole, NULL);
    arena_deinit(&arena);
}

static void recorded_frames_are_decoded_and_encoded_again(void **state) {
    static char line[LINE_MOST];
    static uint8_t frame[FRAME_MOST];
    FILE *recorded = open_recorded();

    (void)state;
    while (fgets(line, sizeof(line), recorded)) {
        const char *outer = strtok(line, "\t"), *name = strtok(NULL, "\t"), *digits = strtok(NULL, "\t"),
                   *meaning = strtok(NULL, "\n");
        assert_non_null(meaning);
        size_t size = bytes_of(digits, frame);
        check_frame(strcmp(outer, "request") == 0 ? &portd__v1__request__descriptor
                                                  : &portd__v1__reply__descriptor,
                    name, frame, size, meaning);
    }
    (void)fclose(recorded);
}

int main(int n, char **arguments) {
    struct CMUnitTest cases[] = {
        TEST_CASE(messages_are_encoded_as_recorded),
        TEST_CASE(recorded_frames_are_decoded_and_encoded_again),
    };

    if (n > 1 && strcmp(arguments[1], "--record") == 0) {
        write_all(stdout);
        return EXIT_SUCCESS;
    }
    return TEST_RUN(cases);
}
