/* test_kept_entries.c: the orders of a broker, whole or not at all, and what is given back. The broker's side is a channel on a socket pair. */
#define _GNU_SOURCE

#include "closer_case.h"

#include "daemon/store/kept_entries.h"
#include "keeper.pb-c.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef Portd__Keeper__V1__Order order;
typedef Portd__Keeper__V1__Entry entry;
typedef Portd__Keeper__V1__Answer answer;

static struct kept_entries entries;
static struct channel_scratch scratch, broker_scratch;
static struct channel keeper, broker;
static size_t open_before;

static void close_fd(void *context, os_fd fd) {
    (void)context;
    os_close(fd);
}

static void set_up(void) {
    int ends[2];

    begin();
    open_before = test_fds_count();
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), errno);
    assert_int_equal(kept_entries_init(&entries, closer), 0);
    assert_int_equal(channel_scratch_init(&scratch) | channel_scratch_init(&broker_scratch), 0);
    channel_init(&keeper, (struct transport){ends[0]}, &scratch, FRAME_LONG_MAX);
    channel_init(&broker, (struct transport){ends[1]}, &broker_scratch, FRAME_LONG_MAX);
    kept_entries_attach(&entries, &keeper);
}

/* Until what was handed to the closer is closed. */
static void until_closed(void) {
    while (closer_pending(closer)) {
        os_fd ends[2];
        native_pipe(ends);
        os_close(ends[0]);
        closer_close(closer, ends[1], 1, on_done, NULL);
        run_until(done_count + 1);
    }
}

/* Nothing may be kept any more. */
static void tear_down(void) {
    kept_entries_attach(&entries, NULL);
    until_closed();
    assert_int_equal(entries.n_fds, 0);
    assert_int_equal(kept_entries_count(&entries), 0);
    channel_deinit(&keeper, close_fd, NULL);
    channel_deinit(&broker, close_fd, NULL);
    transport_close(keeper.transport);
    transport_close(broker.transport);
    assert_int_equal(test_fds_count(), open_before);
    kept_entries_deinit(&entries);
    channel_scratch_deinit(&scratch);
    channel_scratch_deinit(&broker_scratch);
    end();
}

/* The broker sends it, and the keeper takes it: what kept_entries_take says. */
static int give(const order *message, const os_fd *fds, size_t n_fds) {
    uint8_t body[512];
    struct channel_frame frame;
    size_t length = portd__keeper__v1__order__pack(message, body);
    int result;

    if (n_fds) {
        assert_int_equal(channel_put_fds(&broker, body, length, fds, n_fds), 0);
    } else {
        memcpy(channel_put(&broker, length), body, length);
        assert_int_equal(channel_flush(&broker), 0);
    }
    assert_int_equal(channel_fill(&keeper, close_fd, NULL), 1);
    assert_int_equal(channel_next(&keeper, &frame), 1);
    result = kept_entries_take(&entries, &frame);
    assert_int_equal(channel_next(&keeper, &frame), 0);
    assert_int_equal(channel_rest(&keeper), 0);
    return result;
}

static int keep(uint64_t serial, uint64_t key, os_fd fd, bool more) {
    order message = PORTD__KEEPER__V1__ORDER__INIT;
    entry one = PORTD__KEEPER__V1__ENTRY__INIT, *list = &one;

    one.key = key;
    one.fds = 1;
    one.record = (ProtobufCBinaryData){sizeof key, (uint8_t *)&key};
    message.serial = serial;
    message.keep = &list;
    message.n_keep = 1;
    message.more = more;
    return give(&message, &fd, 1);
}

static int forget(uint64_t serial, uint64_t key) {
    order message = PORTD__KEEPER__V1__ORDER__INIT;

    message.serial = serial;
    message.forget = &key;
    message.n_forget = 1;
    return give(&message, NULL, 0);
}

/* The next answer, to be freed; NULL: there is none. Its descriptors in fds. */
static answer *receive(os_fd *fds, size_t *n_fds) {
    struct channel_frame frame;
    answer *made = NULL;

    if (!channel_has_frame(&broker) && channel_fill(&broker, close_fd, NULL) != 1)
        return NULL;
    if (channel_next(&broker, &frame) == 1) {
        made = portd__keeper__v1__answer__unpack(NULL, frame.length, frame.body);
        assert_non_null(made);
        *n_fds = frame.n_fds;
        memcpy(fds, frame.fds, frame.n_fds * sizeof *fds);
    }
    assert_int_equal(channel_rest(&broker), 0);
    return made;
}

/* -1: no answer has come. */
static int error_of(uint64_t serial) {
    os_fd fds[FRAME_FDS_ROOM];
    size_t n_fds = 0;
    answer *got = receive(fds, &n_fds);
    int error = got ? got->error : -1;

    assert_int_equal(n_fds, 0);
    if (got)
        assert_int_equal(got->serial, serial);
    portd__keeper__v1__answer__free_unpacked(got, NULL);
    return error;
}

/* The keeper has the writing end: the reading one, and nobody else has the writing one. */
static os_fd keep_pipe(uint64_t serial, uint64_t key, bool more) {
    os_fd ends[2];

    native_pipe(ends);
    assert_int_equal(keep(serial, key, ends[1], more), 0);
    os_close(ends[1]);
    assert_return_code(fcntl(ends[0], F_SETFL, O_NONBLOCK), errno);
    return ends[0];
}

/* Closes the reading end. */
static void assert_closed(os_fd reader, bool closed) {
    char byte;
    ssize_t n = read(reader, &byte, 1);

    assert_int_equal(n, closed ? 0 : -1);
    os_close(reader);
}

/* The answers come in any order. */
static void forget_all(uint64_t n) {
    os_fd fds[FRAME_FDS_ROOM];
    size_t n_fds;
    answer *got;

    for (uint64_t key = 1; key <= n; key++)
        assert_int_equal(forget(1000 + key, key), 0);
    until_closed();
    for (uint64_t i = 0; i < n; i++) {
        if (!(got = receive(fds, &n_fds))) { /* the rest waited for room */
            assert_int_equal(channel_flush(&keeper), 0);
            got = receive(fds, &n_fds);
        }
        assert_non_null(got);
        assert_true(got->serial > 1000 && got->serial <= 1000 + n);
        assert_int_equal(got->error, 0);
        portd__keeper__v1__answer__free_unpacked(got, NULL);
    }
}

static void an_order_is_done_with_its_last_frame(void **state) {
    (void)state;
    set_up();
    os_fd one = keep_pipe(7, 1, true);
    assert_int_equal(kept_entries_count(&entries), 0);
    assert_int_equal(error_of(7), -1);
    os_fd two = keep_pipe(7, 2, false);
    assert_int_equal(kept_entries_count(&entries), 2);
    assert_int_equal(error_of(7), 0);
    assert_int_equal(error_of(7), -1);
    forget_all(2);
    assert_closed(one, true);
    assert_closed(two, true);
    tear_down();
}

static void half_an_order_counts_for_nothing(void **state) {
    (void)state;
    set_up();
    os_fd kept = keep_pipe(1, 1, false);
    assert_int_equal(error_of(1), 0);
    os_fd half = keep_pipe(2, 2, true), other = keep_pipe(3, 3, true); /* which takes its place */
    until_closed();
    assert_closed(half, true);
    kept_entries_attach(&entries, NULL); /* the broker has died */
    until_closed();
    assert_closed(other, true);
    assert_int_equal(kept_entries_count(&entries), 1);
    kept_entries_attach(&entries, &keeper);
    assert_int_equal(entries.n_fds, 1);
    forget_all(1);
    assert_closed(kept, true);
    tear_down();
}

static void what_is_replaced_or_forgotten_is_closed_before_the_answer(void **state) {
    (void)state;
    set_up();
    os_fd first = keep_pipe(1, 1, false);
    assert_int_equal(error_of(1), 0);
    os_fd second = keep_pipe(2, 1, false);
    assert_int_equal(kept_entries_count(&entries), 1);
    until_closed();
    assert_int_equal(error_of(2), 0);
    assert_closed(first, true);
    assert_int_equal(forget(3, 5), 0); /* nothing has that key */
    assert_int_equal(error_of(3), 0);
    forget_all(1);
    assert_closed(second, true);
    tear_down();
}

/* To another broker than the one that gave the order nothing is said of it. */
static void who_has_died_is_not_answered(void **state) {
    (void)state;
    set_up();
    os_fd reader = keep_pipe(1, 1, false);
    assert_int_equal(error_of(1), 0);
    assert_int_equal(forget(2, 1), 0);
    kept_entries_attach(&entries, NULL);
    kept_entries_attach(&entries, &keeper);
    until_closed();
    assert_int_equal(error_of(2), -1);
    assert_closed(reader, true);
    tear_down();
}

static void all_is_given_back(void **state) {
    enum { MANY = 300 };
    static os_fd readers[MANY];
    order ask = PORTD__KEEPER__V1__ORDER__INIT;
    os_fd fds[FRAME_FDS_ROOM];
    size_t n_fds;
    uint64_t n = 0;
    answer *got;

    (void)state;
    set_up();
    for (uint64_t i = 0; i < MANY; i++) {
        readers[i] = keep_pipe(i + 1, i + 1, false);
        assert_int_equal(error_of(i + 1), 0);
    }
    kept_entries_attach(&entries, &keeper); /* the next broker */
    ask.ask = true;
    ask.serial = 1000;
    assert_int_equal(give(&ask, NULL, 0), 0);
    for (bool last = false; !last;) {
        int error = kept_entries_give(&entries);
        assert_true(error == 0 || error == -EAGAIN);
        assert_int_equal(channel_flush(&keeper), 0);
        while ((got = receive(fds, &n_fds))) {
            last = got->serial == 1000;
            if (!last) {
                assert_int_equal(n_fds, 1);
                assert_int_equal(got->entry->key, ++n); /* in the order in which they came */
                assert_int_equal(got->entry->record.len, sizeof n);
                assert_memory_equal(got->entry->record.data, &n, sizeof n);
                assert_int_equal(write(fds[0], "x", 1), 1);
                os_close(fds[0]);
                char byte;
                assert_int_equal(read(readers[n - 1], &byte, 1), 1);
            }
            portd__keeper__v1__answer__free_unpacked(got, NULL);
        }
    }
    assert_int_equal(n, MANY);
    assert_int_equal(kept_entries_count(&entries), MANY); /* it still has them */
    forget_all(MANY);
    for (int i = 0; i < MANY; i++)
        assert_closed(readers[i], true);
    tear_down();
}

/* Nothing that is kept suffers, and what was kept can be renewed and given back. */
static void what_there_is_no_room_for_is_refused(void **state) {
    os_fd ends[2];

    (void)state;
    set_up();
    entries.most = 2;
    os_fd one = keep_pipe(1, 1, false), two = keep_pipe(2, 2, false);
    assert_int_equal(error_of(1), 0);
    assert_int_equal(error_of(2), 0);
    os_fd refused = keep_pipe(3, 3, false);
    assert_int_equal(error_of(3), EMFILE);
    until_closed();
    assert_closed(refused, true);
    assert_int_equal(kept_entries_count(&entries), 2);
    assert_int_equal(entries.n_fds, 2);

    os_fd part = keep_pipe(4, 4, true), rest = keep_pipe(4, 5, true);
    assert_int_equal(error_of(4), -1); /* its broker does not expect an answer before it has sent all */
    os_fd last = keep_pipe(4, 6, false);
    assert_int_equal(error_of(4), EMFILE);
    until_closed();
    assert_closed(part, true);
    assert_closed(rest, true);
    assert_closed(last, true);

    os_fd renewed = keep_pipe(5, 2, false);
    until_closed();
    assert_int_equal(error_of(5), 0);
    assert_closed(two, true);
    assert_int_equal(forget(6, 1), 0);
    until_closed();
    assert_int_equal(error_of(6), 0);
    assert_closed(one, true);
    native_pipe(ends);
    assert_int_equal(keep(7, 1, ends[1], false), 0);
    os_close(ends[1]);
    assert_int_equal(error_of(7), 0);
    forget_all(2);
    os_close(ends[0]);
    os_close(renewed);
    tear_down();
}

/* What the kernel had no place for is refused as well; else a frame with too few descriptors ends the broker. */
static void what_a_full_table_cannot_receive_is_refused(void **state) {
    struct channel_frame frame = {.mismatch = true};
    order message = PORTD__KEEPER__V1__ORDER__INIT;
    entry one = PORTD__KEEPER__V1__ENTRY__INIT, *list = &one;
    uint8_t body[64];

    (void)state;
    set_up();
    os_fd kept = keep_pipe(1, 1, false);
    assert_int_equal(error_of(1), 0);
    one.key = 2;
    one.fds = 1;
    message.serial = 2;
    message.keep = &list;
    message.n_keep = 1;
    frame.length = portd__keeper__v1__order__pack(&message, body);
    frame.body = body;
    assert_int_equal(kept_entries_take(&entries, &frame), -EPROTO);
    entries.most = 0; /* more was loaded */
    assert_int_equal(kept_entries_take(&entries, &frame), 0);
    assert_int_equal(error_of(2), EMFILE);
    assert_int_equal(kept_entries_count(&entries), 1);
    forget_all(1);
    assert_closed(kept, true);
    tear_down();
}

/* The broker that writes it cannot go on, and nothing that is kept suffers. */
static void what_is_no_order_changes_nothing(void **state) {
    order message = PORTD__KEEPER__V1__ORDER__INIT;
    entry one = PORTD__KEEPER__V1__ENTRY__INIT, *list = &one;
    struct channel_frame garbage = {.body = (const uint8_t *)"\xff\xff", .length = 2};
    os_fd ends[2];

    (void)state;
    set_up();
    os_fd kept = keep_pipe(1, 1, false);
    assert_int_equal(error_of(1), 0);
    assert_int_equal(kept_entries_take(&entries, &garbage), -EPROTO);
    native_pipe(ends);
    one.key = 2;
    one.fds = 2; /* but there is one */
    message.serial = 2;
    message.keep = &list;
    message.n_keep = 1;
    assert_int_equal(give(&message, &ends[1], 1), -EPROTO);
    os_close(ends[1]);
    until_closed();
    assert_closed(ends[0], true);
    native_pipe(ends);
    one.fds = 0; /* one too many */
    message.serial = 3;
    assert_int_equal(give(&message, &ends[1], 1), -EPROTO);
    os_close(ends[1]);
    until_closed();
    assert_closed(ends[0], true);
    assert_int_equal(kept_entries_count(&entries), 1);
    assert_true(error_of(2) > 0);
    assert_true(error_of(3) > 0);
    forget_all(1);
    assert_closed(kept, true);
    tear_down();
}

/* With half an order, and after the closer has ended. */
static void the_end_closes_nothing(void **state) {
    (void)state;
    set_up();
    os_fd half = keep_pipe(1, 1, true);
    entries.closer = NULL;
    kept_entries_deinit(&entries);
    assert_closed(half, false);
    assert_int_equal(kept_entries_init(&entries, closer), 0);
    open_before++; /* the keeper's, until the process ends */
    tear_down();
}

TEST_MAIN(cmocka_unit_test(an_order_is_done_with_its_last_frame),
          cmocka_unit_test(half_an_order_counts_for_nothing),
          cmocka_unit_test(what_is_replaced_or_forgotten_is_closed_before_the_answer),
          cmocka_unit_test(who_has_died_is_not_answered), cmocka_unit_test(all_is_given_back),
          cmocka_unit_test(what_there_is_no_room_for_is_refused),
          cmocka_unit_test(what_a_full_table_cannot_receive_is_refused),
          cmocka_unit_test(what_is_no_order_changes_nothing), cmocka_unit_test(the_end_closes_nothing))
