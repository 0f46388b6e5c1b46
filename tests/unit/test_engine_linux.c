/* test_engine_linux.c: engine.h on what Linux alone has, and epoll's own limits. */
#include "engine_case.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

static void excite_by_counting(struct pair *pair) { assert_int_equal(eventfd_write(pair->fd, 1), 0); }

static void pair_of_eventfd(struct pair *pair) {
    *pair = (struct pair){eventfd(0, EFD_CLOEXEC), -1, excite_by_counting, true, false};
}

static void excite_by_setting_time(struct pair *pair) {
    assert_int_equal(timerfd_settime(pair->fd, 0, &(struct itimerspec){.it_value.tv_nsec = 1}, NULL), 0);
}

static void pair_of_timerfd(struct pair *pair) {
    *pair =
        (struct pair){timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), -1, excite_by_setting_time, false, false};
}

static void excite_by_making_a_file(struct pair *pair) {
    char path[] = "/tmp/test_engine.XXXXXX";
    int fd = mkstemp(path);

    (void)pair;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(path), 0);
}

static void pair_of_inotify(struct pair *pair) {
    *pair = (struct pair){inotify_init1(IN_CLOEXEC), -1, excite_by_making_a_file, false, false};
    assert_true(inotify_add_watch(pair->fd, "/tmp", IN_CREATE) > 0);
}

static void excite_by_ending_a_process(struct pair *pair) {
    close(pair->other);
    pair->other = -1;
}

/* A child that ends when the other end of its pipe is closed. */
static void pair_of_pidfd(struct pair *pair) {
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char byte;
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    close(ends[0]);
    *pair = (struct pair){(int)syscall(SYS_pidfd_open, child, 0), ends[1], excite_by_ending_a_process, false,
                          false};
    assert_true(pair->fd >= 0);
}

static void excite_inside(struct pair *pair) { assert_int_equal(eventfd_write(pair->other, 1), 0); }

static void pair_of_epoll(struct pair *pair) {
    struct epoll_event event = {.events = EPOLLIN};

    *pair = (struct pair){epoll_create1(EPOLL_CLOEXEC), eventfd(0, EFD_CLOEXEC), excite_inside, false, false};
    assert_int_equal(epoll_ctl(pair->fd, EPOLL_CTL_ADD, pair->other, &event), 0);
}

const struct kind engine_kinds[] = {
    {"eventfd", pair_of_eventfd}, {"timerfd", pair_of_timerfd}, {"inotify", pair_of_inotify},
    {"pidfd", pair_of_pidfd},     {"epoll", pair_of_epoll},     {NULL, NULL},
};

static void what_the_kernel_cannot_watch_is_unsupported(void **state) {
    char path[] = "/tmp/test_engine.XXXXXX";
    int fds[] = {mkstemp(path), open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                 open("/dev/null", O_RDWR | O_CLOEXEC), memfd_create("test", MFD_CLOEXEC),
                 open("/dev/zero", O_RDONLY | O_CLOEXEC)};

    (void)state;
    engine_begin();
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
        assert_unsupported(fds[i]);
        close(fds[i]);
    }
    assert_int_equal(unlink(path), 0);
    engine_free(engine);
}

static void what_can_be_watched_is_told_without_asking_it(void **state) {
    static const char *const never[] = {"/", "/dev/null", "/etc/passwd"};
    struct engine_watch watch = {0};
    int ends[2], loop = epoll_create1(EPOLL_CLOEXEC), file = memfd_create("test", MFD_CLOEXEC);
    int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);

    (void)state;
    engine_begin();
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(engine_can_watch(engine, fd));
    assert_true(engine_can_watch(engine, ends[0]));
    assert_true(engine_can_watch(engine, loop));
    assert_false(engine_can_watch(engine, file));
    assert_int_equal(arm(&watch, ends[1], ENGINE_WRITE), 0); /* and others are left alone by it */
    assert_true(told() & ENGINE_WRITE);
    engine_disarm(engine, &watch, ends[1]);
    int all[] = {ends[0], ends[1], loop, file, fd};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        close(all[i]);
    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
        fd = open(never[i], O_RDONLY | O_CLOEXEC);
        assert_false(engine_can_watch(engine, fd));
        close(fd);
    }
    engine_free(engine);
}

/* The kernel decides, not the kind of file. */
static void a_file_of_proc_can_be_watched(void **state) {
    struct engine_watch watch = {0};
    int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
    struct stat status;

    (void)state;
    engine_begin();
    assert_int_equal(fstat(fd, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(arm(&watch, fd, ENGINE_READ), 0);
    assert_true(told() & ENGINE_READ);
    engine_disarm(engine, &watch, fd);
    close(fd);
    engine_free(engine);
}

static void a_cycle_is_told_from_a_failure(void **state) {
    struct epoll_event event = {.events = EPOLLIN};
    struct engine_watch watch = {0};
    int outer = epoll_create1(EPOLL_CLOEXEC), chain[8];

    (void)state;
    engine_begin();
    assert_int_equal(arm(&watch, engine_pollable(engine), ENGINE_READ), ENGINE_E_CYCLE);
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, engine_pollable(engine), &event), 0);
    assert_int_equal(arm(&watch, outer, ENGINE_READ), ENGINE_E_CYCLE);
    assert_int_equal(engine_watch_interest(&watch), 0);
    close(outer);
    /* Nested too deep, without a cycle. */
    for (size_t i = 0; i < 8; i++) {
        chain[i] = epoll_create1(EPOLL_CLOEXEC);
        if (i > 0 && epoll_ctl(chain[i], EPOLL_CTL_ADD, chain[i - 1], &event) < 0)
            assert_int_equal(errno, ELOOP);
    }
    assert_int_equal(arm(&watch, chain[4], ENGINE_READ), ENGINE_E_CYCLE);
    assert_int_equal(arm(&watch, chain[3], ENGINE_READ), 0);
    engine_disarm(engine, &watch, chain[3]);
    for (size_t i = 0; i < 8; i++)
        close(chain[i]);
    engine_free(engine);
}

/* In an epoll that lies in another one the kernel allows a file so many entries. That is a limit, and nothing with a cycle. */
static void a_file_that_is_watched_too_often_is_at_a_limit(void **state) {
    enum { MOST = 500 };
    struct engine_watch watch = {0}, last = {0};
    struct epoll_event event = {.events = EPOLLIN};
    int outer = epoll_create1(EPOLL_CLOEXEC), ends[2], copies[MOST];
    size_t n = 0;
    int result = 0;

    (void)state;
    engine_begin();
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, engine_pollable(engine), &event), 0);
    assert_int_equal(arm(&watch, ends[0], ENGINE_READ), 0);
    while (n < MOST && !result) {
        copies[n] = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
        assert_true(copies[n] >= 0);
        last = (struct engine_watch){0};
        result = arm(&last, copies[n++], ENGINE_READ);
    }
    assert_int_equal(result, -ENOSPC);
    assert_int_equal(engine_watch_interest(&last), 0);
    while (n > 0)
        close(copies[--n]);
    engine_free(engine);
    close(outer);
    close(ends[0]);
    close(ends[1]);
}

ENGINE_MAIN(ENGINE_CASES_OF_KINDS, ENGINE_CASE(what_the_kernel_cannot_watch_is_unsupported),
            ENGINE_CASE(what_can_be_watched_is_told_without_asking_it),
            ENGINE_CASE(a_file_of_proc_can_be_watched), ENGINE_CASE(a_cycle_is_told_from_a_failure),
            ENGINE_CASE(a_file_that_is_watched_too_often_is_at_a_limit))
