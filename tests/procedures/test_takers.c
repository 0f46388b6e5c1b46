/* test_takers.c: a program hears of its news, whatever the broker does with the files that tell. A poll of such a file takes what it tells: so the
 * broker polls neither the file nor an epoll descriptor with one in it. Needs root, to make news: mounts and names of its own. */
#define _GNU_SOURCE

#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char folder[FIXTURE_PATH + 32];

/* Namespaces that no other process sees, with a procfs that the broker has never seen at `folder`. */
static void need_namespaces(void) {
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        test_skip("needs root, to make namespaces");
    (void)snprintf(folder, sizeof(folder), "%s/proc", fixture_broker()->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(mount("proc", folder, "proc", 0, NULL), 0);
}

static void leave_namespaces(void) {
    assert_int_equal(umount2(folder, MNT_DETACH), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void change_mounts(void) {
    assert_int_equal(mount("none", folder, "tmpfs", 0, NULL), 0);
    assert_int_equal(umount(folder), 0);
}

static void change_name(void) {
    assert_int_equal(sethostname("other", 5), 0);
    assert_int_equal(sethostname("own", 3), 0);
}

static bool own_news(int fd) {
    struct pollfd look = {.fd = fd, .events = POLLPRI};

    assert_in_range(poll(&look, 1, 0), 0, 1);
    return look.revents & POLLPRI;
}

static bool own_news_in(int epoll) {
    struct epoll_event event;

    return epoll_wait(epoll, &event, 1, 0) == 1 && event.events & EPOLLPRI;
}

/* An epoll descriptor that watches a pipe, too. */
static int epoll_with(int fd) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLPRI};
    int ends[2], epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));

    make_pipe(ends);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
    event.events = EPOLLPRI;
    if (fd >= 0)
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    return epoll;
}

static const struct {
    const char *path; /* in a procfs */
    int flags;
    void (*change)(void);
} files[] = {{"self/mountinfo", O_RDONLY, change_mounts},
             {"self/mounts", O_RDONLY, change_mounts},
             {"sys/kernel/hostname", O_RDONLY, change_name},
             {"sys/kernel/hostname", O_RDWR, change_name}};
enum { FILES = sizeof(files) / sizeof(*files) };

static int open_file(size_t i, const char *procfs) {
    char path[FIXTURE_PATH + 64];

    (void)snprintf(path, sizeof(path), "%s/%s", procfs, files[i].path);
    int fd = fixture_own(open(path, files[i].flags | O_CLOEXEC));
    (void)own_news(fd);
    return fd;
}

static void check_file(portd_client *c, size_t i, const char *procfs) {
    int fd = open_file(i, procfs);
    bool writable = files[i].flags == O_RDWR;
    portd_id in = ask_evt(c, fd, READ), out = ask_evt(c, fd, WRITE);

    files[i].change();
    assert_cause(c, in, READY);
    assert_cause(c, out, writable ? READY : IDLE);
    assert_true(own_news(fd));
    assert_false(own_news(fd));
    struct inflight *inflight = writable ? NULL : ask_park_one(c, out, 0);
    files[i].change();
    assert_until(c, ask_semaphore(c, fd, READ), READY);
    portd_id fires = ask_semaphore(c, fd, WRITE);
    assert_cause(c, fires, writable ? READY : IDLE);
    assert_true(ask_handle_ready(ask_handle(c, in)));
    assert_true(ask_handle_ready(ask_handle(c, out)) == writable);
    if (inflight)
        assert_true(ask_still_inflight(inflight));
    assert_true(own_news(fd));
    ask_no_evts(c, fd);
    ask_no_semaphores(c, fd);
    if (inflight)
        assert_answer(inflight, out, REMOVED);
    fixture_close(fd);
}

static void of_the_files_that_it_watches(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    need_namespaces();
    for (size_t i = 0; i < FILES; i++) {
        check_file(c, i, "/proc");
        check_file(c, i, folder);
    }
    leave_namespaces();
}

static void check_epoll(portd_client *c, size_t i, const char *procfs) {
    int fd = open_file(i, procfs), epoll = epoll_with(fd);
    portd_id id = 1;

    files[i].change();
    assert_int_equal(portd_fd_to_evt(c, epoll, READ, PORTD_FD, fixture_soon(), &id), 0);
    assert_true(portd_last_flags(c) & PORTD_RESULT_UNSUPPORTED);
    assert_none(id);
    assert_int_equal(portd_fd_to_semaphore(c, epoll, READ, fixture_soon(), &id), 0);
    assert_true(portd_last_flags(c) & PORTD_RESULT_UNSUPPORTED);
    assert_none(id);
    assert_true(own_news_in(epoll));
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), 0);
    assert_cause(c, ask_evt(c, epoll, READ), IDLE);
    ask_no_evts(c, epoll);
    fixture_close(epoll);
    fixture_close(fd);
}

static void of_the_files_in_its_epoll(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    need_namespaces();
    for (size_t i = 0; i < FILES; i++) {
        check_epoll(c, i, "/proc");
        check_epoll(c, i, folder);
    }
    leave_namespaces();
}

/* The event was made before: each wait is answered, but tells nothing. */
static void of_a_file_that_it_adds_later(void **state) {
    portd_client *c = fixture_client(NULL);
    struct epoll_event event = {.events = EPOLLPRI};

    (void)state;
    need_namespaces();
    int fd = open_file(0, "/proc"), epoll = epoll_with(-1);
    portd_native handle;
    portd_id id = ask_evt(c, epoll, READ);
    assert_cause(c, id, IDLE);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    change_mounts();
    assert_until(c, id, PORTD_CAUSE_RESYNC);
    assert_int_equal(portd_handle_dup(c, id, fixture_soon(), &handle), PORTD_E_UNSUPPORTED);
    assert_true(own_news_in(epoll));
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), 0);
    assert_cause(c, id, IDLE);
    assert_false(ask_handle_ready(ask_handle(c, id)));
    leave_namespaces();
}

/* A wait is in flight when the file is added: the next one notices it, however short its limit is, and ends the first. */
static void of_a_file_that_it_adds_during_a_wait(void **state) {
    portd_client *c = fixture_client(NULL);
    struct epoll_event event = {.events = EPOLLPRI};

    (void)state;
    need_namespaces();
    int fd = open_file(0, "/proc"), epoll = epoll_with(-1);
    portd_id id = ask_evt(c, epoll, READ);
    struct inflight *inflight = ask_park_one(c, id, 0);
    assert_cause(c, id, IDLE); /* answered after it was armed */
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    assert_cause(c, id, PORTD_CAUSE_RESYNC);
    assert_answer(inflight, id, PORTD_CAUSE_RESYNC);
    change_mounts();
    assert_cause(c, id, PORTD_CAUSE_RESYNC);
    assert_true(own_news_in(epoll));
    leave_namespaces();
}

/* A wait has ended without an answer: for nobody nothing is polled. */
static void of_a_file_that_it_adds_after_a_wait(void **state) {
    portd_client *c = fixture_client(NULL);
    struct epoll_event event = {.events = EPOLLPRI};
    portd_ready ready;

    (void)state;
    need_namespaces();
    int fd = open_file(0, "/proc"), epoll = epoll_with(-1);
    portd_id id = ask_evt(c, epoll, READ);
    assert_int_equal(portd_wait(c, &id, 1, 0, portd_now() + 20000, &ready), 0);
    assert_cause(c, id, IDLE); /* answered after the end of that */
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    assert_int_equal(mount("none", folder, "tmpfs", 0, NULL),
                     0);                     /* one change: a poll would take the first alone */
    assert_cause(c, id, PORTD_CAUSE_RESYNC); /* by the thread that would have polled */
    assert_true(own_news_in(epoll));
    assert_int_equal(umount(folder), 0);
    leave_namespaces();
}

/* The broker does not look into a large epoll descriptor before each poll. */
static void of_a_file_that_it_adds_to_many(void **state) {
    enum { MANY = 100, POLLS = MANY / 32 + 2 };
    portd_client *c = fixture_client(NULL);
    struct epoll_event event = {.events = EPOLLIN};
    int ends[2];

    (void)state;
    need_namespaces();
    int fd = open_file(0, "/proc"), epoll = epoll_with(-1);
    make_pipe(ends);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fixture_own(dup(ends[0])), &event), 0);
    portd_id id = ask_evt(c, epoll, READ);
    event.events = EPOLLPRI;
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    assert_cause(c, id, IDLE);
    int polls = 1, cause;
    while ((cause = ask_cause(c, id)) == IDLE)
        assert_in_range(++polls, 1, POLLS);
    assert_int_equal(cause, PORTD_CAUSE_RESYNC);
    change_mounts();
    assert_until(c, id, PORTD_CAUSE_RESYNC);
    assert_true(own_news_in(epoll));
    leave_namespaces();
}

/* What may be polled is polled, inside an epoll descriptor too. */
static void other_files_are_polled(void **state) {
    portd_client *c = fixture_client(NULL);
    int log = open("/proc/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    (void)state;
    assert_cause(c, ask_evt(c, epoll_with(-1), READ), IDLE);
    if (log < 0)
        test_skip("the kernel's log cannot be opened");
    bool ready = poll(&(struct pollfd){.fd = fixture_own(log), .events = POLLIN}, 1, 0) == 1;
    assert_cause(c, ask_evt(c, log, READ), ready ? READY : IDLE);
    assert_true(ask_evt(c, epoll_with(log), READ));
}

TEST_MAIN(FIXTURE_CASE(of_the_files_that_it_watches), FIXTURE_CASE(of_the_files_in_its_epoll),
          FIXTURE_CASE(of_a_file_that_it_adds_later), FIXTURE_CASE(of_a_file_that_it_adds_during_a_wait),
          FIXTURE_CASE(of_a_file_that_it_adds_after_a_wait), FIXTURE_CASE(of_a_file_that_it_adds_to_many),
          FIXTURE_CASE(other_files_are_polled))
