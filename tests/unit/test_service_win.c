/* test_service_win.c: what whoever starts portd on Windows is told. */
#include "tests/support/test.h"

#include "daemon/loop/loop.h"
#include "daemon/loop/signal_win.h"
#include "daemon/service.h"
#include "tests/support/native.h"

#include <signal.h>
#include <windows.h>

static void nothing_hands_over_a_listener(void **state) {
    os_fd listener = NULL;

    (void)state;
    struct service_stored *stored;
    size_t n_stored;
    assert_int_equal(service_listener(&listener, &stored, &n_stored), 0);
    assert_ptr_equal(listener, OS_FD_NONE);
}

static void a_handle_gets_a_newline_and_is_closed(void **state) {
    char text[4];
    os_fd ends[2];

    (void)state;
    native_pipe(ends);
    assert_true(service_may_notify(ends[1], OS_FD_NONE));
    service_ready(ends[1], "ready");
    assert_int_equal(native_read(ends[0], text, sizeof(text)), 1);
    assert_int_equal(text[0], '\n');
    assert_int_equal(native_read(ends[0], text, sizeof(text)), 0);
    os_close(ends[0]);
}

static void nobody_to_tell_is_no_failure(void **state) {
    os_fd ends[2];

    (void)state;
    service_ready(OS_FD_NONE, "ready");
    native_pipe(ends);
    os_close(ends[0]);
    service_ready(ends[1], "ready");
}

static void what_cannot_be_told_by_is_refused(void **state) {
    os_fd ends[2], copy;

    (void)state;
    native_pipe(ends);
    assert_true(service_may_notify(OS_FD_NONE, OS_FD_NONE));
    assert_false(service_may_notify(ends[1], ends[1]));
    HANDLE before = GetStdHandle(STD_ERROR_HANDLE);
    copy = os_dup(ends[1]);
    assert_true(SetStdHandle(STD_ERROR_HANDLE, copy));
    bool same = service_may_notify(ends[1], OS_FD_NONE), itself = service_may_notify(copy, OS_FD_NONE);
    assert_true(SetStdHandle(STD_ERROR_HANDLE, before));
    assert_false(same || itself);
    os_close(copy);
    os_close(ends[0]);
    os_close(ends[1]);
    assert_false(service_may_notify(ends[1], OS_FD_NONE));
}

/* Nobody reads it. The broker does not wait for that. The case is the last, since a thread is left with the handle. */
static void a_full_handle_is_not_waited_for(void **state) {
    static char much[65536];
    os_fd ends[2], held;
    DWORD mode = PIPE_NOWAIT, n;

    (void)state;
    assert_true(CreatePipe(&ends[0], &ends[1], NULL, sizeof(much)));
    assert_true(SetNamedPipeHandleState(ends[1], &mode, NULL, NULL));
    while (WriteFile(ends[1], much, sizeof(much), &n, NULL) && n > 0)
        ;
    mode = PIPE_WAIT;
    assert_true(SetNamedPipeHandleState(ends[1], &mode, NULL, NULL));
    held = os_dup(ends[1]);
    service_ready(ends[1], "ready");
    os_close(held);
    do /* what was in it, and perhaps the newline */
        n = (DWORD)native_read(ends[0], much, sizeof(much));
    while (n);
    os_close(ends[0]);
}

static int heard;
static struct loop *heard_by;

static void on_stop(void *context, int number) {
    assert_ptr_equal(context, &heard);
    heard = number;
    loop_stop(heard_by);
}

static void every_end_stops(void **state) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGBREAK};

    (void)state;
    heard_by = loop_new();
    assert_non_null(heard_by);
    assert_int_equal(service_watch(heard_by, on_stop, on_stop, &heard), 0);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        assert_true(signal_win_send(numbers[i]));
        assert_int_equal(loop_run(heard_by), 0);
        assert_int_equal(heard, numbers[i]);
    }
    loop_free(heard_by);
}

static void handles_are_counted(void **state) {
    size_t limit = service_descriptor_limit(), before = service_descriptors_open(limit);
    os_fd ends[2];

    (void)state;
    assert_in_range(before, 1, limit - 1);
    native_pipe(ends);
    assert_int_equal(service_descriptors_open(limit), before + 2);
    os_close(ends[0]);
    os_close(ends[1]);
    assert_int_equal(service_descriptors_open(limit), before);
}

static int n_arguments;
static char last_argument[64];

static int run(int argc, char **argv) {
    n_arguments = argc;
    (void)snprintf(last_argument, sizeof(last_argument), "%s", argv[argc - 1]);
    return 5;
}

/* They are those of the process, in UTF-8, whatever main has got. */
static void arguments_come_in_utf8(void **state) {
    static char wrong[] = "wrong";
    char *argv[] = {wrong, NULL};

    (void)state;
    assert_int_equal(service_main(1, argv, run), 5);
    assert_int_equal(n_arguments, 1);
    assert_non_null(strstr(last_argument, "test_service"));
}

TEST_MAIN(TEST_CASE(nothing_hands_over_a_listener), TEST_CASE(a_handle_gets_a_newline_and_is_closed),
          TEST_CASE(nobody_to_tell_is_no_failure), TEST_CASE(what_cannot_be_told_by_is_refused),
          TEST_CASE(every_end_stops), TEST_CASE(handles_are_counted), TEST_CASE(arguments_come_in_utf8),
          TEST_CASE(a_full_handle_is_not_waited_for))
