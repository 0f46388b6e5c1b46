/* test_unread.c: replies that are ready while their client does not read: each is sent when there is room, with its descriptors. */
#include "guest.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { OBJECTS = 200, LISTS_MOST = 1000, HANDLES = 3, QUIET = 30 };

static uint64_t send_list(struct raw *raw) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;

    request.id = ++raw->id;
    request.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    request.list = &list;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
    return request.id;
}

static void send_handle(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;

    handle.id = id;
    request.id = ++raw->id;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
}

/* How many bytes have come, however long the broker has had for them: another guest was served many times. */
static int bytes_come(const struct raw *raw, struct raw *other, int expected) {
    int n = 0;

    for (int quiet = 0; quiet < QUIET && (n == 0 || n < expected); quiet++) {
        guest_is_served(other);
        assert_int_equal(ioctl(raw->fd, FIONREAD, &n), 0);
    }
    return n;
}

/* Asks for lists until one more does not come to here as a whole: then the kernel's queue is full, and the broker, which has not
 * much left to send, still reads. How many. */
static size_t fill_with_lists(struct raw *raw, struct raw *other) {
    (void)send_list(raw);
    int one = bytes_come(raw, other, 1);
    for (int n = 2; n < LISTS_MOST; n++) {
        (void)send_list(raw);
        if (bytes_come(raw, other, n * one) < n * one)
            return (size_t)n;
    }
    fail_msg("there is always room");
    return 0;
}

static bool has_handle(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Show show = PORTD__V1__SHOW__INIT;

    show.n_ids = 1;
    show.ids = &id;
    request.method_case = PORTD__V1__REQUEST__METHOD_SHOW;
    request.show = &show;
    raw_reply *reply = raw_ask(raw, &request);
    assert_true(reply && reply->show);
    bool has = reply->show->items[0]->handle;
    raw_free(reply);
    return has;
}

struct asked {
    struct raw *raw;
    uint64_t id;
};

static bool handle_is_made(void *data) {
    const struct asked *asked = data;
    return has_handle(asked->raw, asked->id);
}

/* Handles of descriptors that a poller thread watches are answered when a poller thread comes back, whether there is room or not. */
static void handles(void **state) {
    struct raw raw, other;
    struct epoll_event event = {.events = EPOLLIN};
    uint64_t ids[HANDLES], first;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_join(&other, &raw);
    for (int i = 0; i < HANDLES; i++) {
        int epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
        ids[i] = guest_evt(&raw, epoll, i);
    }
    for (int i = 0; i < OBJECTS; i++)
        (void)guest_evt(&raw, ends[0], 100 + i);
    size_t lists = fill_with_lists(&raw, &other);
    first = raw.id + 1;
    fixture_hold_broker(); /* it reads all of them before it answers one, since then it stops reading */
    for (int i = 0; i < HANDLES; i++)
        send_handle(&raw, ids[i]);
    fixture_continue_broker();
    for (int i = 0; i < HANDLES; i++)
        assert_true(fixture_until(handle_is_made, &(struct asked){&other, ids[i]}));
    for (size_t i = 0; i < lists + HANDLES; i++) {
        raw_reply *reply = raw_next(&raw, NULL);
        assert_non_null(reply);
        assert_null(reply->error);
        assert_int_equal(reply->id, first - lists + i);
        assert_int_equal(raw.n_fds, i < lists ? 0 : 1);
        raw_close_fds(&raw);
        raw_free(reply);
    }
    guest_is_served(&raw);
}

TEST_MAIN(FIXTURE_CASE(handles))
