/* Files for the BSDs and macOS that call nothing but POSIX: they run here as they would there. pollable_bsd.c, pollable_hint_unix.c,
 * stream_bsd.c, wakeup_make_bsd.c, direct_bsd.c, reader_macos.c, peer_process_bsd.c. */
#include "tests/support/test.h"

#include "client/portctl/reader.h"
#include "client/wakeup.h"
#include "daemon/object/pollable.h"
#include "daemon/object/stream.h"
#include "proto/calls.h"
#include "proto/direct_unix.h"
#include "proto/os.h"
#include "proto/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* As inspect_bsd.c, which does not compile here. */
bool inspect_knows_abstract_names(void) { return false; }

/* As peer_xucred.c, which does not either. */
int peer_of(os_fd connection, struct peer *peer) {
    (void)connection;
    (void)peer;
    return -ENOSYS;
}

static bool is_ready(os_fd fd) { return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1; }

static void drain(os_fd fd) {
    char bytes[64];

    while (read(fd, bytes, sizeof(bytes)) > 0)
        ;
}

static void semaphore_rings_then_stays_ready(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(false, &wakeup);

    (void)state;
    assert_int_equal(pollable_semaphore_fds(), 2);
    assert_true(handle != OS_FD_NONE && wakeup != OS_FD_NONE);
    assert_false(is_ready(handle));
    assert_false(pollable_semaphore_fire(handle)); /* a worker does it */
    assert_true(pollable_semaphore_ring(handle, wakeup));
    assert_true(is_ready(handle));
    drain(handle);
    assert_false(is_ready(handle));
    assert_int_equal(pollable_semaphore_end(handle), 0);
    os_close(wakeup);
    assert_true(is_ready(handle));
    drain(handle);
    assert_true(is_ready(handle));
    os_close(handle);
}

static void semaphore_that_has_fired_is_ready(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(true, &wakeup);

    (void)state;
    assert_int_equal(wakeup, OS_FD_NONE);
    assert_true(is_ready(handle));
    assert_true(pollable_semaphore_ring(handle, wakeup));
    os_close(handle);
}

/* A holder that never reads cannot make the loop wait. */
static void full_semaphore_does_not_wait(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(false, &wakeup);

    (void)state;
    for (int i = 0; i < 100 * 1000; i++)
        assert_true(pollable_semaphore_ring(handle, wakeup));
    assert_true(is_ready(handle));
    os_close(wakeup);
    os_close(handle);
}

static void events_have_hints(void **state) {
    (void)state;
    assert_int_equal(pollable_init(), 0);
    assert_true(is_ready(pollable_always()));
    assert_int_equal(pollable_semaphore_form(), POLLABLE_PIPE);
    assert_int_equal(pollable_evt_form(), POLLABLE_HINT);
    assert_int_equal(pollable_evt_new(), OS_FD_NONE);
    assert_int_equal(pollable_evt_follow(0, 1, 1), -ENOTSUP);
    os_close(pollable_always()); /* it stays open in a broker */
}

static void hint_is_rung_and_cleared(void **state) {
    os_fd wakeup, handle = pollable_hint_new(&wakeup);

    (void)state;
    assert_true(handle != OS_FD_NONE && wakeup != OS_FD_NONE);
    for (int i = 0; i < 3; i++) {
        assert_false(is_ready(handle));
        pollable_hint_clear(handle, wakeup); /* which waits for nothing */
        assert_true(pollable_hint_ring(wakeup));
        assert_true(is_ready(handle));
        assert_true(pollable_hint_ring(wakeup));
        pollable_hint_clear(handle, wakeup);
    }
    assert_true(fcntl(handle, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(wakeup, F_GETFD) & FD_CLOEXEC);
    assert_true(pollable_hint_ring(wakeup));
    os_close(wakeup);
    pollable_hint_clear(handle, wakeup);
    pollable_hint_clear(handle, wakeup);
    assert_true(is_ready(handle)); /* for ever */
    os_close(handle);
}

/* A holder cannot make the loop wait, nor put anything into it. */
static void hint_of_a_holder_that_means_harm(void **state) {
    os_fd wakeup, handle = pollable_hint_new(&wakeup);

    (void)state;
    assert_int_equal(fcntl(handle, F_SETFL, 0), 0); /* that flag is shared with all holders */
    pollable_hint_clear(handle, wakeup);
    assert_int_equal(send(handle, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(recv(wakeup, &(char){0}, 1, 0), 0);
    for (int i = 0; i < 100 * 1000; i++)
        assert_true(pollable_hint_ring(wakeup));
    assert_true(is_ready(handle));
    assert_int_equal(shutdown(handle, SHUT_RDWR), 0);
    assert_true(pollable_hint_ring(wakeup)); /* no SIGPIPE */
    pollable_hint_clear(handle, wakeup);
    assert_true(is_ready(handle));
    os_close(handle);
    assert_true(pollable_hint_ring(wakeup));
    os_close(wakeup);
}

static void wakeup_is_taken_whole(void **state) {
    struct wakeup wakeup;

    (void)state;
    assert_int_equal(wakeup_init(&wakeup), 0);
    assert_int_not_equal(wakeup.handle, wakeup.writable);
    for (int i = 0; i < 100; i++)
        wakeup_raise(&wakeup);
    assert_true(is_ready(wakeup.handle));
    wakeup_take(&wakeup);
    assert_false(is_ready(wakeup.handle));
    for (int i = 0; i < 100 * 1000; i++)
        wakeup_raise(&wakeup);
    wakeup_take(&wakeup);
    assert_false(is_ready(wakeup.handle));
    os_fd was = wakeup.writable;
    wakeup_deinit(&wakeup);
    assert_int_equal(fcntl(was, F_GETFD), -1);
}

/* Only a BSD can tell it (stream_plain_bsd.c). */
int stream_check_plain(struct stream_job *job) {
    job->plain = true;
    return 0;
}

static int work(os_fd fd, enum inspect_type type, enum stream_what what, void *bytes, size_t size,
                struct stream_job *job) {
    *job = (struct stream_job){.fd = fd, .type = type, .what = what, .bytes = bytes, .size = size};
    return stream_work(job);
}

static void make_pair(int type, int ends[2]) { assert_int_equal(socketpair(AF_UNIX, type, 0, ends), 0); }

/* The sockets and pipes wait, as their holders' may: the worker does not. */
static void streams_of_sockets_do_not_wait(void **state) {
    static char many[1 << 20];
    struct stream_job job;
    char bytes[8];
    int ends[2];

    (void)state;
    make_pair(SOCK_STREAM, ends);
    assert_int_equal(work(ends[0], INSPECT_UNIX, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_int_equal(work(ends[1], INSPECT_UNIX, STREAM_WRITE, many, 3, &job), 0);
    assert_int_equal(job.count, 3);
    assert_int_equal(work(ends[0], INSPECT_UNIX, STREAM_PEEK, bytes, sizeof(bytes), &job), 0);
    assert_int_equal(work(ends[0], INSPECT_UNIX, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_int_equal(job.count, 3);
    assert_int_equal(work(ends[1], INSPECT_UNIX, STREAM_WRITE, many, sizeof(many), &job), 0);
    assert_in_range(job.count, 1, sizeof(many) - 1);
    assert_int_equal(work(ends[1], INSPECT_UNIX, STREAM_WRITE, many, 1, &job), -EAGAIN);
    os_close(ends[0]);
    assert_int_equal(work(ends[1], INSPECT_UNIX, STREAM_WRITE, many, 1, &job), -EPIPE);
    os_close(ends[1]);
}

static void datagrams_tell_their_length(void **state) {
    struct stream_job job;
    char bytes[4];
    int ends[2];

    (void)state;
    make_pair(SOCK_DGRAM, ends);
    assert_int_equal(work(ends[0], INSPECT_UNIX_DGRAM, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_int_equal(send(ends[1], "123456789", 9, 0), 9);
    assert_int_equal(send(ends[1], "", 0, 0), 0);
    assert_int_equal(work(ends[0], INSPECT_UNIX_DGRAM, STREAM_PEEK, bytes, sizeof(bytes), &job), 0);
    assert_int_equal(job.truncated, 9);
    assert_int_equal(work(ends[0], INSPECT_UNIX_DGRAM, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_int_equal(job.count, 4);
    assert_int_equal(job.truncated, 9);
    assert_int_equal(work(ends[0], INSPECT_UNIX_DGRAM, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_int_equal(job.count, 0);
    assert_false(job.end);
    os_close(ends[0]);
    os_close(ends[1]);
}

static void datagram_that_is_longer_than_any_look_is_told_to_be_cut(void **state) {
    static unsigned char longest[100 * 1000], bytes[65536];
    const enum stream_what ways[] = {STREAM_PEEK, STREAM_READ};
    struct stream_job job;
    int ends[2];

    (void)state;
    make_pair(SOCK_DGRAM, ends);
    assert_int_equal(send(ends[1], longest, sizeof(longest), 0), sizeof(longest));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(work(ends[0], INSPECT_UNIX_DGRAM, ways[i], bytes, sizeof(bytes), &job), 0);
        assert_int_equal(job.count, sizeof(bytes));
        assert_in_range(job.truncated, sizeof(bytes) + 1, sizeof(longest));
    }
    os_close(ends[0]);
    os_close(ends[1]);
}

static void streams_of_pipes_do_not_wait(void **state) {
    static char many[1 << 20];
    struct stream_job job;
    char bytes[8];
    int ends[2];

    (void)state;
    assert_int_equal(calls_pipe(ends, true), 0);
    assert_false(stream_can_peek(INSPECT_PIPE));
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_int_equal(work(ends[1], INSPECT_PIPE, STREAM_WRITE, many, sizeof(many), &job), 0);
    assert_in_range(job.count, 4096, sizeof(many) - 1);
    assert_int_equal(work(ends[1], INSPECT_PIPE, STREAM_WRITE, many, 1, &job), -EAGAIN);
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, many, sizeof(many), &job), 0);
    assert_false(job.end);
    os_close(ends[1]);
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_true(job.end);
    os_close(ends[0]);
}

static void files_are_read_where_they_are(void **state) {
    char name[] = "/tmp/portd-bsd-XXXXXX", bytes[4];
    struct stream_job job;
    int fd = mkstemp(name);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(work(fd, INSPECT_REGULAR, STREAM_WRITE, (char[]){'a', 'b', 'c'}, 3, &job), 0);
    job =
        (struct stream_job){.fd = fd, .type = INSPECT_REGULAR, .what = STREAM_SEEK, .set = true, .offset = 1};
    assert_int_equal(stream_work(&job), 0);
    assert_int_equal(work(fd, INSPECT_REGULAR, STREAM_PEEK, bytes, sizeof(bytes), &job), 0);
    assert_int_equal(job.count, 2);
    assert_int_equal(work(fd, INSPECT_REGULAR, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_int_equal(job.count, 2);
    assert_int_equal(work(fd, INSPECT_REGULAR, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_true(job.end);
    assert_int_equal(work(fd, INSPECT_REGULAR, STREAM_SPLICE_READ, bytes, sizeof(bytes), &job), -EOPNOTSUPP);
    os_close(fd);
}

static void calls_are_the_systems(void **state) {
    int ends[2];
    char byte = 0;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(direct_send(ends[0], "a", 1, calls_send_flags), 1);
    assert_int_equal(direct_recv(ends[1], &byte, 1, MSG_DONTWAIT), 1);
    assert_int_equal(byte, 'a');
    os_close(ends[1]);
    assert_int_equal(direct_send(ends[0], "a", 1, calls_send_flags), -1);
    assert_int_equal(errno, EPIPE);
    os_close(ends[0]);
    assert_int_equal(calls_pipe(ends, true), 0);
    assert_int_equal(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    os_close(ends[0]);
    os_close(ends[1]);
}

/* Not of what is readable, or nothing that can be looked at. */
static void the_loss_of_a_reader_is_asked_for(void **state) {
    int ends[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(calls_pipe(ends, true), 0);
    assert_int_equal(reader_events(ends[1]), POLLHUP);
    os_close(ends[0]);
    os_close(ends[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(reader_events(ends[1]), POLLHUP);
    assert_int_equal(write(ends[0], "a", 1), 1);
    assert_int_equal(reader_events(ends[1]), 0);
    os_close(ends[0]);
    assert_int_equal(reader_events(ends[1]), POLLHUP);
    os_close(ends[1]);
    assert_int_equal(reader_events(null), 0);
    os_close(null);
}

static int look_at_ended(pid_t pid, uid_t own) {
    struct peer mine = {.uid = own, .pid = (uint32_t)pid}, others = {.uid = own + 1, .pid = (uint32_t)pid};
    struct peer unknown = {.uid = own}, alive = {.uid = own, .pid = (uint32_t)getpid()};
    os_fd process;

    if (geteuid() != own && setuid(own) < 0)
        return 1;
    if (!peer_has_ended(OS_FD_NONE, &mine, &process) || peer_has_ended(OS_FD_NONE, &alive, &process))
        return 2;
    return peer_has_ended(OS_FD_NONE, &others, &process) == (own == 0) &&
                   !peer_has_ended(OS_FD_NONE, &unknown, &process)
               ? 0
               : 3;
}

static int exit_of(pid_t pid) {
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Processes of others may be hidden from all but root. */
static void a_process_that_may_be_hidden_has_not_ended(void **state) {
    uid_t own[] = {geteuid(), geteuid() ? geteuid() : 1};
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(0);
    assert_int_equal(exit_of(pid), 0);
    for (size_t i = 0; i < 2; i++) {
        pid_t looker = fork();
        if (looker == 0)
            _exit(look_at_ended(pid, own[i]));
        assert_int_equal(exit_of(looker), 0);
    }
}

TEST_MAIN(TEST_CASE(semaphore_rings_then_stays_ready), TEST_CASE(semaphore_that_has_fired_is_ready),
          TEST_CASE(full_semaphore_does_not_wait), TEST_CASE(events_have_hints),
          TEST_CASE(hint_is_rung_and_cleared), TEST_CASE(hint_of_a_holder_that_means_harm),
          TEST_CASE(wakeup_is_taken_whole), TEST_CASE(streams_of_sockets_do_not_wait),
          TEST_CASE(datagrams_tell_their_length),
          TEST_CASE(datagram_that_is_longer_than_any_look_is_told_to_be_cut),
          TEST_CASE(streams_of_pipes_do_not_wait), TEST_CASE(files_are_read_where_they_are),
          TEST_CASE(calls_are_the_systems), TEST_CASE(the_loss_of_a_reader_is_asked_for),
          TEST_CASE(a_process_that_may_be_hidden_has_not_ended))
