/* emulation_kqueue.c: see emulation.h. Each fault is shown with kevent alone. */
#include "tests/support/test.h"

#include "emulation.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/types.h>

#include <sys/event.h>
#include <sys/socket.h>
#include <time.h>

static int add(int kq, int fd, short filter, unsigned short flags) {
    struct kevent change = {.ident = (uintptr_t)fd, .filter = filter, .flags = flags};

    return kevent(kq, &change, 1, NULL, 0, NULL);
}

static int fired(int kq) {
    struct kevent events[4];

    return kevent(kq, NULL, 0, events, 4, &(struct timespec){0});
}

static bool is_not_pollable(int kq) {
    struct pollfd look = {.fd = kq, .events = POLLIN};
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(add(kq, ends[0], EVFILT_READ, EV_ADD), 0);
    bool fault = poll(&look, 1, 0) == 0;
    assert_int_equal(fired(kq), 1);
    assert_int_equal(add(kq, ends[0], EVFILT_READ, EV_DELETE), 0);
    close(ends[0]);
    close(ends[1]);
    return fault;
}

/* A connection that the other end has reset: its error must still be there once the knote has told it. */
static bool takes_error(int kq) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int listener = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0), error = 0;
    socklen_t length = sizeof(address), size = sizeof(error);

    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(other, (struct sockaddr *)&address, length), 0);
    int fd = accept(listener, NULL, NULL);
    assert_int_equal(setsockopt(other, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(other);
    assert_int_equal(poll(&(struct pollfd){.fd = fd}, 1, -1), 1); /* POLLERR */
    assert_int_equal(add(kq, fd, EVFILT_READ, EV_ADD), 0);
    assert_int_equal(fired(kq), 1);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    assert_int_equal(add(kq, fd, EVFILT_READ, EV_DELETE), 0);
    close(fd);
    close(listener);
    return error != ECONNRESET;
}

static bool has_one_filter(int kq) {
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(add(kq, ends[0], EVFILT_READ, EV_ADD), 0);
    bool fault = add(kq, ends[0], EVFILT_WRITE, EV_ADD) != 0;
    for (short filter = EVFILT_READ; filter >= EVFILT_WRITE; filter--)
        (void)add(kq, ends[0], filter, EV_DELETE);
    close(ends[0]);
    close(ends[1]);
    return fault;
}

static bool keeps_closed(int kq) {
    int ends[2], number;

    assert_int_equal(pipe(ends), 0);
    number = ends[0];
    assert_int_equal(add(kq, number, EVFILT_READ, EV_ADD | EV_ENABLE | EV_DISPATCH), 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ends[0], number);
    if (add(kq, number, EVFILT_READ, EV_ADD | EV_ENABLE | EV_DISPATCH)) {
        (void)add(kq, number, EVFILT_READ, EV_DELETE);
        (void)add(kq, number, EVFILT_READ, EV_ADD | EV_ENABLE | EV_DISPATCH);
    }
    assert_int_equal(write(ends[1], "x", 1), 1);
    bool fault = fired(kq) != 1;
    (void)add(kq, number, EVFILT_READ, EV_DELETE);
    close(ends[0]);
    close(ends[1]);
    return fault;
}

static bool has_short_timeout(int kq) {
    struct timespec timeout = {.tv_nsec = 1500000}, before, after;
    struct kevent event;

    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(kevent(kq, NULL, 0, &event, 1, &timeout), 0);
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    return (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec < timeout.tv_nsec;
}

static const struct {
    const char *text;
    bool (*has)(int kq);
} faults[FAULT_ENDS] = {
    [FAULT_NOT_POLLABLE] = {"this kqueue is not readable when it has events", is_not_pollable},
    [FAULT_TAKES_ERROR] = {"this kqueue takes a socket's error when it tells it", takes_error},
    [FAULT_ONE_FILTER] = {"this kqueue refuses a second filter for a descriptor", has_one_filter},
    [FAULT_KEEPS_CLOSED] = {"this kqueue keeps knotes of numbers that were closed", keeps_closed},
    [FAULT_SHORT_TIMEOUT] = {"this kqueue rounds timeouts down", has_short_timeout},
};

static bool found[FAULT_ENDS];

const char *emulation_fault(enum fault fault) { return found[fault] ? faults[fault].text : NULL; }

/* While a kqueue exists, the thread and the descriptors that all share do, too: so it stays open. */
void emulation_begin(void) {
    int kq = kqueue();

    assert_true(kq >= 0);
    for (size_t i = 0; i < FAULT_ENDS; i++)
        found[i] = faults[i].has && faults[i].has(kq);
}

void emulation_settle(const unsigned char *before) {
    enum { TRIES = 2000 };
    unsigned char after[TEST_FDS];

    for (int i = 0; i < TRIES; i++) {
        test_fds_look(after);
        if (memcmp(after, before, TEST_FDS) == 0)
            return;
        (void)poll(NULL, 0, 1);
    }
}
