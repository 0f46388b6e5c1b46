/* test_signal_pipe_win.c: the console's events and the service manager's as signals, in their order. */
#include "tests/support/test.h"

#include "daemon/loop/signal_pipe.h"
#include "daemon/loop/signal_win.h"

#include <signal.h>
#include <windows.h>

enum { MANY = 200000, PATIENCE_MS = 30000 };

static bool is_readable(os_fd fd) { return WaitForSingleObject(fd, 0) == WAIT_OBJECT_0; }

static void is_told_once_until_it_is_read(void **state) {
    os_fd readable;

    (void)state;
    assert_int_equal(signal_pipe_open(&readable), 0);
    assert_int_equal(signal_pipe_catch(SIGINT), 0);
    assert_int_equal(signal_pipe_catch(SIGTERM), 0);
    assert_int_equal(signal_pipe_next(), 0);
    assert_false(is_readable(readable));
    for (int i = 0; i < MANY; i++)
        assert_true(signal_win_send(SIGINT));
    assert_true(signal_win_send(SIGTERM));
    assert_true(is_readable(readable));
    assert_int_equal(signal_pipe_next(), SIGINT);
    assert_true(is_readable(readable));
    assert_true(signal_win_send(SIGINT));
    assert_int_equal(signal_pipe_next(), SIGTERM); /* in the order of their coming */
    assert_int_equal(signal_pipe_next(), SIGINT);
    assert_int_equal(signal_pipe_next(), 0);
    assert_false(is_readable(readable));
    signal_pipe_close();
}

static void what_nobody_catches_is_not_told(void **state) {
    os_fd readable, second;

    (void)state;
    assert_false(signal_win_send(SIGTERM));
    assert_int_equal(signal_pipe_catch(SIGTERM), -EINVAL);
    assert_int_equal(signal_pipe_next(), 0);
    assert_int_equal(signal_pipe_open(&readable), 0);
    assert_int_equal(signal_pipe_open(&second), -EBUSY);
    assert_false(signal_win_send(SIGTERM));
    assert_false(signal_win_send(0) || signal_win_send(-1) || signal_win_send(1000));
    assert_int_equal(signal_pipe_catch(SIGFPE), -EINVAL);
    assert_int_equal(signal_pipe_catch(SIGTERM), 0);
    assert_true(signal_win_send(SIGTERM));
    signal_pipe_close(); /* unread */
    assert_false(signal_win_send(SIGTERM));
    assert_int_equal(signal_pipe_open(&readable), 0);
    assert_int_equal(signal_pipe_catch(SIGTERM), 0);
    assert_false(is_readable(readable));
    signal_pipe_close();
    signal_pipe_close();
}

static volatile LONG others;

static BOOL WINAPI on_other(DWORD event) {
    (void)event;
    (void)InterlockedIncrement(&others);
    return TRUE;
}

/* Only a process with a console gets them: wine without a terminal has none. */
static void the_console_is_heard(void **state) {
    os_fd readable;

    (void)state;
    if (!GetConsoleCP())
        test_skip("there is no console");
    assert_true(SetConsoleCtrlHandler(on_other, TRUE));
    assert_int_equal(signal_pipe_open(&readable), 0);
    assert_int_equal(signal_pipe_catch(SIGINT), 0);
    assert_true(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
    assert_int_equal(WaitForSingleObject(readable, PATIENCE_MS), WAIT_OBJECT_0);
    assert_int_equal(signal_pipe_next(), SIGINT);
    assert_int_equal(others, 0);
    signal_pipe_close();
    assert_true(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0)); /* for who was there before */
    while (!others)
        Sleep(1);
    assert_true(SetConsoleCtrlHandler(on_other, FALSE));
}

TEST_MAIN(TEST_CASE(is_told_once_until_it_is_read), TEST_CASE(what_nobody_catches_is_not_told),
          TEST_CASE(the_console_is_heard))
