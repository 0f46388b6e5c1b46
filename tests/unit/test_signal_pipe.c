/* test_signal_pipe.c: signals that come faster than they are read. */
#include "tests/support/test.h"

#include "daemon/loop/signal_pipe.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { MANY = 200000 /* a pipe of bytes holds 65536 */ };

static bool is_readable(os_fd fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static void is_told_once_until_it_is_read(void **state) {
    os_fd readable;

    (void)state;
    assert_int_equal(signal_pipe_open(&readable), 0);
    assert_int_equal(signal_pipe_catch(SIGHUP), 0);
    assert_int_equal(signal_pipe_catch(SIGTERM), 0);
    assert_int_equal(signal_pipe_next(), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(kill(getpid(), SIGHUP), 0);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(signal_pipe_next(), SIGHUP);
    assert_int_equal(signal_pipe_next(), SIGTERM); /* in the order of their coming */
    assert_int_equal(signal_pipe_next(), SIGHUP);  /* all that came after the first */
    assert_int_equal(signal_pipe_next(), 0);
    assert_false(is_readable(readable));
    signal_pipe_close();
}

static volatile sig_atomic_t handled;

static void on_signal(int number) {
    (void)number;
    handled = 1;
}

static void what_was_before_is_there_again(void **state) {
    struct sigaction before, mine = {.sa_handler = on_signal};
    sigset_t mask;
    os_fd readable;

    (void)state;
    assert_int_equal(sigaction(SIGHUP, &mine, &before), 0);
    assert_int_equal(signal_pipe_open(&readable), 0);
    assert_int_equal(signal_pipe_catch(SIGHUP), 0);
    assert_int_equal(raise(SIGHUP), 0);
    assert_true(is_readable(readable));
    signal_pipe_close(); /* unread */
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGHUP));
    assert_int_equal(raise(SIGHUP), 0);
    assert_true(handled);
    assert_int_equal(sigaction(SIGHUP, &before, NULL), 0);
}

static void what_was_said_since_stays(void **state) {
    struct sigaction before, now;
    os_fd readable;

    (void)state;
    assert_int_equal(sigaction(SIGHUP, NULL, &before), 0);
    assert_int_equal(signal_pipe_open(&readable), 0);
    assert_int_equal(signal_pipe_catch(SIGHUP), 0);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(raise(SIGHUP),
                     0); /* waits until the first is read, and would have its old action at the end */
    assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    signal_pipe_close();
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(sigaction(SIGHUP, &before, &now), 0);
    assert_true(now.sa_handler == SIG_IGN);
}

static void is_taken_also_when_it_was_blocked(void **state) {
    sigset_t one, before;
    os_fd readable;

    (void)state;
    (void)sigemptyset(&one);
    (void)sigaddset(&one, SIGHUP);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &one, &before), 0);
    assert_int_equal(signal_pipe_open(&readable), 0);
    assert_int_equal(signal_pipe_catch(SIGHUP), 0);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(signal_pipe_next(), SIGHUP);
    signal_pipe_close();
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

/* A process that does nothing else than send. */
static pid_t begin_flood(pid_t target) {
    pid_t child = fork();
    if (child == 0)
        for (;;)
            (void)kill(target, SIGHUP);
    return child;
}

static void a_flooded_loop_goes_on(void **state) {
    enum { READS = 1000 };
    os_fd readable;
    int got = 0;

    (void)state;
    assert_int_equal(signal_pipe_open(&readable), 0);
    assert_int_equal(signal_pipe_catch(SIGHUP), 0);
    pid_t child = begin_flood(getpid());
    assert_true(child > 0);
    while (got < READS) {
        struct pollfd poll_fd = {.fd = readable, .events = POLLIN};
        if (poll(&poll_fd, 1, -1) == 1)
            got += signal_pipe_next() == SIGHUP;
    }
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (signal_pipe_next())
        ;
    signal_pipe_close();
}

TEST_MAIN(TEST_CASE(is_told_once_until_it_is_read), TEST_CASE(what_was_before_is_there_again),
          TEST_CASE(what_was_said_since_stays), TEST_CASE(is_taken_also_when_it_was_blocked),
          TEST_CASE(a_flooded_loop_goes_on))
