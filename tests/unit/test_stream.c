/* test_stream.c: what a worker finds when it splices a socket, in states that a broker cannot be brought into at a known moment. */
#include "tests/support/test.h"

#include "daemon/object/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
    int in, out; /* of a connection */
    int pipe[2];
};

static void make(struct ends *ends) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ends->out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends->out, (struct sockaddr *)&address, size), 0);
    ends->in = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(ends->in >= 0);
    assert_int_equal(close(listener), 0);
    assert_int_equal(pipe2(ends->pipe, O_CLOEXEC), 0);
}

static void unmake(const struct ends *ends) {
    assert_int_equal(close(ends->in), 0);
    assert_int_equal(close(ends->out), 0);
    assert_int_equal(close(ends->pipe[0]), 0);
    assert_int_equal(close(ends->pipe[1]), 0);
}

static struct stream_job job_of(const struct ends *ends) {
    return (struct stream_job){.fd = ends->in,
                               .type = INSPECT_TCP,
                               .what = STREAM_SPLICE_READ,
                               .pipe = ends->pipe[1],
                               .size = 100,
                               .least = 100};
}

static short events_of(int fd, short events, int patience) {
    struct pollfd poll_fd = {.fd = fd, .events = events};
    return poll(&poll_fd, 1, patience) > 0 ? poll_fd.revents : 0;
}

static void set(int fd, int option, int value) {
    assert_int_equal(setsockopt(fd, SOL_SOCKET, option, &value, sizeof value), 0);
}

/* poll(2) tells of it as of an error; splice would wait for bytes. Without an interrupt the test ends by its time limit. */
static void an_error_queue_is_no_byte(void **state) {
    struct ends ends;

    (void)state;
    make(&ends);
    struct stream_job job = job_of(&ends);
    set(ends.in, SO_TIMESTAMPING,
        SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY);
    assert_int_equal(send(ends.in, "x", 1, 0), 1);
    assert_true(events_of(ends.in, 0, 10000) & POLLERR);
    assert_false(events_of(ends.in, POLLIN, 0) & POLLIN);
    assert_int_equal(stream_work(&job), -EAGAIN);
    assert_int_equal(job.count, 0);
    assert_int_equal(send(ends.out, "abc", 3, 0), 3);
    assert_true(events_of(ends.in, POLLIN, 10000) & POLLIN);
    assert_int_equal(stream_work(&job), -EAGAIN);
    assert_int_equal(job.count, 3);
    assert_int_equal(shutdown(ends.out, SHUT_WR), 0);
    assert_true(events_of(ends.in, POLLRDHUP, 10000) & POLLRDHUP);
    assert_int_equal(stream_work(&job), 0);
    assert_true(job.end);
    unmake(&ends);
}

/* Bytes of which poll(2) has not told are none that cannot be spliced. */
static void bytes_that_are_too_few(void **state) {
    struct ends ends;
    char byte;

    (void)state;
    make(&ends);
    struct stream_job job = job_of(&ends);
    set(ends.in, SO_RCVLOWAT, 50);
    assert_int_equal(send(ends.out, "abc", 3, 0), 3);
    assert_int_equal(recv(ends.in, &byte, 1, MSG_PEEK), 1);
    assert_int_equal(stream_work(&job), -EAGAIN);
    assert_int_equal(job.count, 0);
    set(ends.in, SO_RCVLOWAT, 1);
    assert_int_equal(stream_work(&job), -EAGAIN);
    assert_int_equal(job.count, 3);
    unmake(&ends);
}

/* Reset: it is told once, by whichever call comes first. */
static void an_error_is_told(void **state) {
    struct linger linger = {.l_onoff = 1};
    struct ends ends;

    (void)state;
    make(&ends);
    struct stream_job job = job_of(&ends);
    assert_int_equal(setsockopt(ends.out, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    assert_int_equal(close(ends.out), 0);
    assert_true(events_of(ends.in, POLLIN, 10000) & POLLERR);
    assert_int_equal(stream_work(&job), -ECONNRESET);
    assert_int_equal(stream_work(&job), 0);
    assert_true(job.end);
    ends.out = dup(ends.in);
    unmake(&ends);
}

TEST_MAIN(TEST_CASE(an_error_queue_is_no_byte), TEST_CASE(bytes_that_are_too_few),
          TEST_CASE(an_error_is_told))
