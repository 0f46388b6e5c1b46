/* test_kqueue_refused.c: what kqueue.c leaves behind when the kernel refuses a knote. The kernel is played here (the linker's --wrap): as on the BSDs
 * and macOS, EV_ADD of a knote that is there does not change what it was made with. */
#include "tests/support/test.h"

#include "daemon/readiness/engine.h"

#include <fcntl.h>
#include <sys/event.h>
#include <sys/socket.h>
#include <sys/types.h>

int __wrap_kqueue(void);
int __wrap_kevent(int kq, const struct kevent *changes, int n_changes, struct kevent *events, int n_events,
                  const struct timespec *timeout);

enum { READ, WRITE };

/* Of the one descriptor. */
static struct {
    bool made, enabled;
    unsigned flags; /* that it was made with */
} knotes[2];
static bool refuses_writing;

int __wrap_kqueue(void) { return open("/dev/null", O_RDWR); }

int __wrap_kevent(int kq, const struct kevent *changes, int n_changes, struct kevent *events, int n_events,
                  const struct timespec *timeout) {
    (void)kq;
    (void)events;
    (void)n_events;
    (void)timeout;
    for (int i = 0; i < n_changes; i++) {
        int direction = changes[i].filter == EVFILT_READ ? READ : WRITE;
        if (changes[i].flags & EV_DELETE) {
            knotes[direction].made = false;
            continue;
        }
        if (direction == WRITE && refuses_writing) {
            errno = ENOMEM;
            return -1;
        }
        if (!knotes[direction].made)
            knotes[direction].flags = changes[i].flags & (EV_CLEAR | EV_DISPATCH);
        knotes[direction].made = true;
        knotes[direction].enabled = !(changes[i].flags & EV_DISABLE);
    }
    return 0;
}

static void a_refused_arming_leaves_what_was_armed(void **state) {
    struct engine *engine = engine_new();
    struct engine_watch watch = {0};
    int ends[2];

    (void)state;
    assert_non_null(engine);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    for (int edge = 0; edge < 2; edge++) {
        unsigned flags = edge ? EV_CLEAR : EV_DISPATCH;
        assert_int_equal(engine_arm(engine, &watch, ends[0], ENGINE_READ, edge, 1), 0);
        assert_int_equal(knotes[READ].flags, flags);
        refuses_writing = true;
        assert_int_equal(engine_arm(engine, &watch, ends[0], ENGINE_READ | ENGINE_WRITE, !edge, 2), -ENOMEM);
        refuses_writing = false;
        assert_true(knotes[READ].made && knotes[READ].enabled && !knotes[WRITE].made);
        assert_int_equal(knotes[READ].flags, flags);
        engine_disarm(engine, &watch, ends[0]);
        assert_false(knotes[READ].made);
    }
    engine_free(engine);
    os_close(ends[0]);
    os_close(ends[1]);
}

TEST_MAIN(TEST_CASE(a_refused_arming_leaves_what_was_armed))
