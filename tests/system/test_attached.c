/* test_attached.c: frames whose descriptors are not as many as they announce. Such a frame is answered with MISMATCH, its
 * descriptors are closed, and no later frame gets descriptors that were not sent with it.
 *
 * What the kernel delivers in one recvmsg depends on when the broker reads, so the broker is stopped while the frames are sent. */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

enum { MISMATCH = PORTD__V1__CODE__CODE_MISMATCH };

static uint64_t semaphore_of(raw_reply *reply, uint64_t request) {
    assert_non_null(reply);
    assert_int_equal(reply->id, request);
    assert_null(reply->error);
    assert_int_equal(reply->result_case, PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_SEMAPHORE);
    uint64_t id = reply->file_descriptor_to_semaphore->id;
    raw_free(reply);
    assert_true(id != 0);
    return id;
}

/* A request for a semaphore that claims something and has something else. */
static void send_create(const struct raw *raw, uint64_t request_id, int64_t number, unsigned claim,
                        const int *fds, size_t n) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];

    descriptor.number = number;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    request.id = request_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    request.file_descriptor_to_semaphore = &descriptor;
    assert_int_equal(raw_send(raw, bytes, raw_pack(bytes, &request, claim), fds, n), 0);
}

static void send_ping(const struct raw *raw, uint64_t request_id, unsigned claim, const int *fds, size_t n) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];

    request.id = request_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    assert_int_equal(raw_send(raw, bytes, raw_pack(bytes, &request, claim), fds, n), 0);
}

/* The semaphore is that of this pipe and of no other one. */
static void semaphore_follows(struct raw *raw, uint64_t id, int writing_end) {
    assert_int_equal(raw_start_wait(raw, 1000, id), 0);
    guest_is_served(raw); /* throws away what is answered before: the wait must not be */
    assert_int_equal(write(writing_end, "x", 1), 1);
    guest_is_woken(raw, 1000, id, PORTD__V1__CAUSE__CAUSE_READY);
}

/* ---- one read, several frames ------------------------------------------------------------------------------------------- */

static void lie_before_an_honest_frame_shifts_nothing(void **state) {
    struct raw raw;
    int honest[2];

    (void)state;
    guest_pipe(honest);
    guest_open(&raw);
    fixture_hold_broker();
    send_create(&raw, 11, 1, 1, NULL, 0);
    send_create(&raw, 12, 2, 1, &honest[0], 1);
    fixture_continue_broker();
    guest_is_told(&raw, 11, MISMATCH);
    uint64_t id = semaphore_of(raw_next(&raw, NULL), 12);
    semaphore_follows(&raw, id, honest[1]);
}

static void many_lies_before_an_honest_frame_shift_nothing(void **state) {
    struct raw raw;
    int honest[2];

    (void)state;
    guest_pipe(honest);
    guest_open(&raw);
    fixture_hold_broker();
    for (uint64_t i = 0; i < 50; i++) {
        send_create(&raw, 100 + i, (int64_t)i, 1 + (unsigned)i % 3, NULL, 0);
        send_ping(&raw, 200 + i, 0, NULL, 0);
    }
    send_create(&raw, 300, 50, 1, &honest[0], 1);
    send_create(&raw, 301, 51, 1, NULL, 0);
    send_ping(&raw, 302, 0, NULL, 0);
    fixture_continue_broker();
    for (uint64_t i = 0; i < 50; i++) {
        guest_is_told(&raw, 100 + i, MISMATCH);
        guest_is_told(&raw, 200 + i, 0);
    }
    uint64_t id = semaphore_of(raw_next(&raw, NULL), 300);
    guest_is_told(&raw, 301, MISMATCH);
    guest_is_told(&raw, 302, 0);
    semaphore_follows(&raw, id, honest[1]);
}

static void lie_after_an_honest_frame_gets_nothing(void **state) {
    struct raw raw;
    int first[2], second[2];

    (void)state;
    guest_pipe(first);
    guest_pipe(second);
    guest_open(&raw);
    fixture_hold_broker();
    send_create(&raw, 11, 1, 1, &first[0], 1);
    send_create(&raw, 12, 2, 1, NULL, 0);
    send_create(&raw, 13, 3, 1, &second[0], 1);
    fixture_continue_broker();
    uint64_t one = semaphore_of(raw_next(&raw, NULL), 11);
    guest_is_told(&raw, 12, MISMATCH);
    uint64_t two = semaphore_of(raw_next(&raw, NULL), 13);
    semaphore_follows(&raw, one, first[1]);
    semaphore_follows(&raw, two, second[1]);
}

/* Two frames in one sendmsg, which the protocol forbids: the descriptor is the last one's. */
static void descriptor_belongs_to_the_last_frame_of_a_read(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    uint8_t bytes[2 * (RAW_HEADER + RAW_BODY_MAX)];
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    request.file_descriptor_to_semaphore = &descriptor;
    descriptor.number = 1;
    request.id = 11;
    size_t size = raw_pack(bytes, &request, 1);
    descriptor.number = 2;
    request.id = 12;
    size += raw_pack(bytes + size, &request, 1);
    assert_int_equal(raw_send(&raw, bytes, size, &ends[0], 1), 0);
    guest_is_told(&raw, 11, MISMATCH);
    uint64_t id = semaphore_of(raw_next(&raw, NULL), 12);
    semaphore_follows(&raw, id, ends[1]);
}

/* ---- too many, too few ------------------------------------------------------------------------------------------------- */

static void more_than_claimed_are_closed(void **state) {
    static const struct {
        unsigned claim;
        size_t n;
    } lies[] = {{0, 1}, {1, 2}, {1, 3}, {0, 252}, {1, 252}, {1, 253}, {252, 253}, {251, 252}};
    struct raw raw;
    int ends[2], copies[RAW_FDS_MAX];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    for (size_t i = 0; i < RAW_FDS_MAX; i++)
        copies[i] = ends[1];
    for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
        send_create(&raw, 50 + i, 4, lies[i].claim, copies, lies[i].n);
        guest_is_told(&raw, 50 + i, MISMATCH);
        guest_is_served(&raw);
    }
    fixture_until_fds(fixture_broker(), 1);
    /* Not one copy of the writing end is left anywhere: the reading end sees its hang-up. */
    fixture_close(ends[1]);
    assert_true(fixture_poll(ends[0], POLLIN) & POLLHUP);
}

static void fewer_than_claimed_are_closed(void **state) {
    struct raw raw;
    int ends[2], copies[RAW_FDS_MAX];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    for (size_t i = 0; i < RAW_FDS_MAX; i++)
        copies[i] = ends[1];
    send_create(&raw, 21, 4, 2, copies, 1);
    guest_is_told(&raw, 21, MISMATCH);
    send_create(&raw, 22, 4, 252, copies, 251);
    guest_is_told(&raw, 22, MISMATCH);
    send_create(&raw, 23, 4, 1, NULL, 0);
    guest_is_told(&raw, 23, MISMATCH);
    fixture_until_fds(fixture_broker(), 1);
    fixture_close(ends[1]);
    assert_true(fixture_poll(ends[0], POLLIN) & POLLHUP);
}

/* As many as the frame says, but not as many as the method takes. */
static void honest_but_unwanted_descriptors_are_closed(void **state) {
    struct raw raw;
    int ends[2], copies[RAW_FDS_MAX];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    for (size_t i = 0; i < RAW_FDS_MAX; i++)
        copies[i] = ends[1];
    send_ping(&raw, 31, 1, copies, 1);
    guest_is_told(&raw, 31, MISMATCH);
    send_ping(&raw, 32, 252, copies, 252);
    guest_is_told(&raw, 32, MISMATCH);
    send_create(&raw, 33, 4, 2, copies, 2);
    guest_is_told(&raw, 33, MISMATCH);
    send_create(&raw, 34, 4, 252, copies, 252);
    guest_is_told(&raw, 34, MISMATCH);
    guest_is_served(&raw);
    fixture_until_fds(fixture_broker(), 1);
    fixture_close(ends[1]);
    assert_true(fixture_poll(ends[0], POLLIN) & POLLHUP);
}

/* 253 is what the kernel can pass and the header may not say. */
static void claim_of_253_ends_and_closes(void **state) {
    struct raw raw, other;
    int ends[2], copies[RAW_FDS_MAX];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&raw);
    for (size_t i = 0; i < RAW_FDS_MAX; i++)
        copies[i] = ends[1];
    send_create(&raw, 41, 4, 253, copies, 253);
    guest_is_ended(&raw);
    fixture_until_fds(fixture_broker(), 1);
    guest_is_served(&other);
}

/* ---- descriptors at odd places -------------------------------------------------------------------------------------------- */

/* One frame in two pieces, the descriptor with the second; the broker reads them apart or together. */
static void send_torn(struct raw *raw, struct raw *other, size_t cut, int fd, bool together) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];

    descriptor.number = 9;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    request.id = 61;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    request.file_descriptor_to_semaphore = &descriptor;
    size_t size = raw_pack(bytes, &request, 1);
    assert_true(cut < size);
    if (together)
        fixture_hold_broker();
    assert_int_equal(raw_send(raw, bytes, cut, NULL, 0), 0);
    if (!together)
        guest_is_served(other);
    assert_int_equal(raw_send(raw, bytes + cut, size - cut, &fd, 1), 0);
    if (together)
        fixture_continue_broker();
}

/* While no frame begins they belong to none; the frame they came in the middle of has what it should not have. */
static void descriptor_in_the_middle_of_a_frame_is_closed(void **state) {
    struct raw raw, other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&raw);
    for (size_t cut = 1; cut < 12; cut++) {
        send_torn(&raw, &other, cut, ends[1], false);
        guest_is_told(&raw, 61, MISMATCH);
        guest_is_served(&raw);
    }
    fixture_until_fds(fixture_broker(), 2);
    fixture_close(ends[1]);
    assert_true(fixture_poll(ends[0], POLLIN) & POLLHUP);
}

/* Both pieces in one read: the frame begins in it, so the descriptor is the frame's. */
static void torn_frame_in_one_read_is_whole(void **state) {
    struct raw raw, other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&raw);
    send_torn(&raw, &other, 5, ends[0], true);
    uint64_t id = semaphore_of(raw_next(&raw, NULL), 61);
    semaphore_follows(&raw, id, ends[1]);
}

/* The end of one frame and the beginning of the next in one sendmsg with a descriptor. */
static void descriptor_across_a_boundary_belongs_to_the_next_frame(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    uint8_t bytes[2 * (RAW_HEADER + RAW_BODY_MAX)];
    struct raw raw, other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&raw);
    request.id = 71;
    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    size_t first = raw_pack(bytes, &request, 0);
    descriptor.number = 9;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    request.id = 72;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    request.file_descriptor_to_semaphore = &descriptor;
    size_t size = first + raw_pack(bytes + first, &request, 1);
    assert_int_equal(raw_send(&raw, bytes, first - 2, NULL, 0), 0);
    guest_is_served(&other);
    assert_int_equal(raw_send(&raw, bytes + first - 2, size - first + 2, &ends[0], 1), 0);
    guest_is_told(&raw, 71, 0);
    uint64_t id = semaphore_of(raw_next(&raw, NULL), 72);
    semaphore_follows(&raw, id, ends[1]);
}

/* Half a frame of its own, with all its descriptors, and the rest later. */
static void rest_of_a_frame_may_follow_later(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw raw, other;

    (void)state;
    guest_open(&other);
    guest_open(&raw);
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    request.file_descriptor_to_semaphore = &descriptor;
    for (size_t cut = 1; cut < 12; cut++) {
        int ends[2];
        guest_pipe(ends);
        descriptor.number = (int64_t)cut;
        request.id = 80 + cut;
        size_t size = raw_pack(bytes, &request, 1);
        assert_int_equal(raw_send(&raw, bytes, cut, &ends[0], 1), 0);
        guest_is_served(&other);
        assert_int_equal(raw_send(&raw, bytes + cut, size - cut, NULL, 0), 0);
        uint64_t id = semaphore_of(raw_next(&raw, NULL), 80 + cut);
        semaphore_follows(&raw, id, ends[1]);
    }
}

/* ---- methods ---------------------------------------------------------------------------------------------------------------- */

/* Every method that takes none, asked with one. */
static void methods_without_descriptors_take_none(void **state) {
    static const uint8_t methods[] = {11, 12, 16, 17, 18, 20, 21, 22, 23, 26, 27, 28, 29, 30, 31, 32, 33, 34};
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    for (size_t i = 0; i < sizeof(methods); i++) {
        unsigned tag = (unsigned)methods[i] << 3 | 2;
        uint8_t body[] = {0x08, 5, (uint8_t)tag, 0, 0};
        size_t length = 4;
        if (tag > 127) {
            body[2] = (uint8_t)((tag & 0x7f) | 0x80);
            body[3] = (uint8_t)(tag >> 7);
            length = 5;
        }
        assert_int_equal(raw_send_body(&raw, body, length, 1, &ends[1], 1), 0);
        guest_is_told(&raw, 5, MISMATCH);
    }
    fixture_until_fds(fixture_broker(), 1);
}

static void check_and_remove_take_no_descriptor(void **state) {
    static const Portd__V1__Mode modes[] = {PORTD__V1__MODE__MODE_CHECK_READ,
                                            PORTD__V1__MODE__MODE_CHECK_WRITE, PORTD__V1__MODE__MODE_REMOVE};
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_semaphore(&raw, ends[0], 5);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(raw_semaphore(&raw, ends[0], 5, modes[i], NULL), MISMATCH);
        assert_int_equal(raw_evt(&raw, ends[0], 5, modes[i], NULL), MISMATCH);
    }
    /* Nothing was changed by that. */
    uint64_t id = 0;
    assert_int_equal(raw_semaphore(&raw, -1, 5, PORTD__V1__MODE__MODE_CHECK_READ, &id), 0);
    assert_true(id != 0);
    fixture_until_fds(fixture_broker(), 2);
}

static void read_and_write_need_a_descriptor(void **state) {
    struct raw raw;

    (void)state;
    guest_open(&raw);
    assert_int_equal(raw_semaphore(&raw, -1, 5, PORTD__V1__MODE__MODE_READ, NULL), MISMATCH);
    assert_int_equal(raw_semaphore(&raw, -1, 5, PORTD__V1__MODE__MODE_WRITE, NULL), MISMATCH);
    assert_int_equal(raw_evt(&raw, -1, 5, PORTD__V1__MODE__MODE_READ, NULL), MISMATCH);
    assert_int_equal(raw_evt(&raw, -1, 5, PORTD__V1__MODE__MODE_WRITE, NULL), MISMATCH);
}

/* Descriptors of garbage, of unknown methods and of frames that end the connection are closed as well. */
static void descriptors_of_refused_frames_are_closed(void **state) {
    static const uint8_t garbage[] = {0xff, 0xff}, unknown[] = {0x08, 5, 0xc2, 0x3e, 0}, zero[] = {0x5a, 0};
    struct raw raw;
    int ends[2], copies[100];

    (void)state;
    guest_pipe(ends);
    for (size_t i = 0; i < 100; i++)
        copies[i] = ends[1];
    guest_open(&raw);
    assert_int_equal(raw_send_body(&raw, garbage, sizeof(garbage), 100, copies, 100), 0);
    guest_is_told(&raw, 0, PORTD__V1__CODE__CODE_GARBLED);
    assert_int_equal(raw_send_body(&raw, unknown, sizeof(unknown), 100, copies, 100), 0);
    guest_is_told(&raw, 5, PORTD__V1__CODE__CODE_UNSUPPORTED);
    fixture_until_fds(fixture_broker(), 1);
    assert_int_equal(raw_send_body(&raw, zero, sizeof(zero), 100, copies, 100), 0);
    guest_is_ended(&raw);
    fixture_until_fds(fixture_broker(), 0);
    fixture_close(ends[1]);
    assert_true(fixture_poll(ends[0], POLLIN) & POLLHUP);
}

/* Descriptors with the very first frame, which is no hello. */
static void descriptors_before_hello_are_closed(void **state) {
    struct raw raw;
    int ends[2], copies[RAW_FDS_MAX];

    (void)state;
    guest_pipe(ends);
    for (size_t i = 0; i < RAW_FDS_MAX; i++)
        copies[i] = ends[1];
    guest_connect(&raw);
    send_ping(&raw, 1, 252, copies, 252);
    guest_is_ended(&raw);
    fixture_until_fds(fixture_broker(), 0);
    fixture_close(ends[1]);
    assert_true(fixture_poll(ends[0], POLLIN) & POLLHUP);
}

/* Thousands of descriptors one after the other, most of them lies, leave nothing behind. */
static void a_storm_of_descriptors_leaves_nothing(void **state) {
    struct raw raw;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC)), copies[RAW_FDS_MAX];

    (void)state;
    for (size_t i = 0; i < RAW_FDS_MAX; i++)
        copies[i] = event;
    guest_open(&raw);
    for (uint64_t i = 1; i <= 60; i++) {
        send_ping(&raw, i, (unsigned)i % 253, copies, (size_t)(i * 7 % 253));
        guest_is_told(&raw, i, i % 253 == 0 && i * 7 % 253 == 0 ? 0 : MISMATCH);
    }
    fixture_until_fds(fixture_broker(), 1);
}

/* Half a frame with the client's own end in it: if the broker kept that end open itself, it would never see the client go. */
static void half_a_frame_keeps_no_connection_alive(void **state) {
    struct raw raw, whole;
    uint8_t half[RAW_HEADER + 1] = {0};

    (void)state;
    guest_open(&raw);
    guest_open(&whole);
    raw_header(half, 100, 1, 0);
    half[RAW_HEADER] = 8;
    assert_int_equal(raw_send(&raw, half, sizeof half, &raw.fd, 1), 0);
    guest_is_served(&whole);
    guest_close(&raw);
    fixture_until_fds(fixture_broker(), 1);
    /* A pipe may stay there. */
    int ends[2];
    guest_pipe(ends);
    guest_open(&raw);
    assert_int_equal(raw_send(&raw, half, sizeof half, ends, 1), 0);
    fixture_until_fds(fixture_broker(), 3);
    guest_close(&raw);
    guest_close(&whole);
    fixture_until_fds(fixture_broker(), 0);
}

TEST_MAIN(FIXTURE_CASE(half_a_frame_keeps_no_connection_alive),
          FIXTURE_CASE(lie_before_an_honest_frame_shifts_nothing),
          FIXTURE_CASE(many_lies_before_an_honest_frame_shift_nothing),
          FIXTURE_CASE(lie_after_an_honest_frame_gets_nothing),
          FIXTURE_CASE(descriptor_belongs_to_the_last_frame_of_a_read),
          FIXTURE_CASE(more_than_claimed_are_closed), FIXTURE_CASE(fewer_than_claimed_are_closed),
          FIXTURE_CASE(honest_but_unwanted_descriptors_are_closed),
          FIXTURE_CASE(claim_of_253_ends_and_closes),
          FIXTURE_CASE(descriptor_in_the_middle_of_a_frame_is_closed),
          FIXTURE_CASE(torn_frame_in_one_read_is_whole),
          FIXTURE_CASE(descriptor_across_a_boundary_belongs_to_the_next_frame),
          FIXTURE_CASE(rest_of_a_frame_may_follow_later), FIXTURE_CASE(methods_without_descriptors_take_none),
          FIXTURE_CASE(check_and_remove_take_no_descriptor), FIXTURE_CASE(read_and_write_need_a_descriptor),
          FIXTURE_CASE(descriptors_of_refused_frames_are_closed),
          FIXTURE_CASE(descriptors_before_hello_are_closed),
          FIXTURE_CASE(a_storm_of_descriptors_leaves_nothing))
