/* test_kinds.c: each kind of descriptor in each state, tested with a semaphore and an event for both directions, one at a time.
 * The answers must equal the recorded ones, those of poll(2) and epoll here, and the handles; the descriptor's status flags,
 * offset and state must not change. At the end a port of each is tried. */
#include "answers.h"
#include "ask.h"
#include "descriptors.h"
#include "kinds.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

struct look {
    int flags;
    off_t offset;
    short ready;
};

static struct look look_at(int fd) {
    struct pollfd one = {.fd = fd, .events = POLLIN | POLLOUT};

    assert_true(poll(&one, 1, 0) >= 0);
    return (struct look){fcntl(fd, F_GETFL), lseek(fd, 0, SEEK_CUR), one.revents};
}

static bool is_same(struct look a, struct look b) {
    return a.flags == b.flags && a.offset == b.offset && a.ready == b.ready;
}

/* What the kernel says: four letters as in kinds.h. */
static void ask_kernel(int fd, char answers[5]) {
    static const short asked[2] = {POLLIN, POLLOUT};
    struct epoll_event event = {0};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    bool none = epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 && errno == EPERM;

    (void)close(epoll);
    for (int i = 0; i < 2; i++) {
        struct pollfd one = {.fd = fd, .events = asked[i]};
        bool ready = poll(&one, 1, 0) == 1;
        answers[i] = none ? '-' : ready ? 'f' : 'i';
        answers[2 + i] = ready ? 'r' : 'i';
    }
    answers[4] = '\0';
}

/* The copy that came with the call is closed soon. */
static bool has_nothing(void *data) {
    portd_client *c = data;

    return ask_item(c, portd_session_id(c)).descriptors == 0;
}

static char ask_one(portd_client *c, int fd, int mode, bool evt) {
    portd_id id = evt ? ask_evt(c, fd, mode) : ask_semaphore(c, fd, mode);

    if (!id) {
        bool told = portd_last_flags(c) == PORTD_RESULT_UNSUPPORTED && *portd_last_error(c);
        return told && ask_item(c, portd_session_id(c)).objects == 0 && fixture_until(has_nothing, c) ? '-'
                                                                                                      : '?';
    }
    portd_native handle = -1;
    bool ready = ask_cause(c, id) != IDLE, again = ask_cause(c, id) != IDLE;
    assert_int_equal(portd_handle_dup(c, id, fixture_soon(), &handle), 1);
    bool by_handle = ask_handle_ready((int)handle);
    assert_int_equal(close((int)handle), 0);
    assert_int_equal(portd_remove(c, id, fixture_soon()), 1);
    assert_int_equal(portd_release(c, &id, 1, fixture_soon()), 1);
    if (ready != again || ready != by_handle)
        return '!';
    return ready ? evt ? 'r' : 'f' : 'i';
}

static char answered[128][6]; /* of kinds, in their order: what was right; then those of ports */

static int check_kind(portd_client *c, const struct kind *kind) {
    char answers[5] = "", kernel[5];
    int fd = kind->make();
    struct look before = look_at(fd);

    ask_kernel(fd, kernel);
    answers[0] = ask_one(c, fd, READ, false);
    answers[1] = ask_one(c, fd, WRITE, false);
    answers[2] = ask_one(c, fd, READ, true);
    answers[3] = ask_one(c, fd, WRITE, true);
    bool untouched = is_same(before, look_at(fd));
    if (strcmp(answers, kernel) == 0 && (!kind->answers || strcmp(answers, kind->answers) == 0) &&
        untouched) {
        memcpy(answered[kind - kinds], answers, 4);
        return 0;
    }
    print_error("%s %s: %s; recorded %s, kernel %s%s\n", kind->row, kind->what, answers,
                kind->answers ? kind->answers : "nothing", kernel, untouched ? "" : "; it was changed");
    return 1;
}

/* The rows from one to another. */
static void check_rows(const char *first, const char *last) {
    portd_client *c = fixture_client(NULL);
    int wrong = 0, rows = 0;

    for (size_t i = 0; i < n_kinds; i++) {
        if (strcmp(kinds[i].row, first) < 0 || strcmp(kinds[i].row, last) > 0)
            continue;
        wrong += check_kind(c, &kinds[i]);
        rows++;
    }
    assert_true(rows > 0);
    assert_int_equal(wrong, 0);
    fixture_until_fds(fixture_broker(), 1);
}

static void k01_k10_pipes_and_fifos(void **state) {
    (void)state;
    check_rows("K01", "K10");
}

static void k11_k20_socket_pairs(void **state) {
    (void)state;
    check_rows("K11", "K20");
}

static void k21_k26_unconnected_and_listening(void **state) {
    (void)state;
    check_rows("K21", "K26");
}

static void k27_k32_tcp(void **state) {
    (void)state;
    check_rows("K27", "K32");
}

static void k33_k35_udp(void **state) {
    (void)state;
    check_rows("K33", "K35");
}

static void k36_k43_what_is_always_ready(void **state) {
    (void)state;
    check_rows("K36", "K43");
}

static void k45_k50_terminals(void **state) {
    (void)state;
    check_rows("K45", "K50");
}

static void k51_k59_kernel_objects(void **state) {
    (void)state;
    check_rows("K51", "K59");
}

static void k62_k63_processes(void **state) {
    (void)state;
    check_rows("K62", "K63");
}

static void k64_k66_devices_and_proc(void **state) {
    (void)state;
    check_rows("K64", "K66");
}

static void kinds_answer_as_the_table_says(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    assert_true(n_kinds <= sizeof(answered) / sizeof(*answered));
    for (size_t i = 0; i < n_kinds; i++) {
        if (!*answered[i])
            test_skip("another case has failed or was left out, so not every kind was answered");
    }
    for (size_t i = 0; i < n_kinds; i++) {
        char *answers = answered[i];
        int fd = kinds[i].make();
        answers[4] = answers_port(c, fd, false, false, answers[2]);
        answers[5] = answers_port(c, fd, false, true, answers[3]);
        answers_note(kinds[i].kind, answers);
    }
    answers_check("Linux");
}

/* ---- what the kernel does not watch --------------------------------------------------------------------------------- */

static void x14_nothing_is_registered_without_a_semaphore(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    int fd = fixture_own(open("/dev/null", O_RDWR | O_CLOEXEC));
    assert_none(ask_semaphore(c, fd, READ));
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_UNSUPPORTED);
    assert_none(ask_semaphore(c, fd, WRITE));
    assert_none(ask_semaphore(c, fd, CHECK_READ));
    assert_int_equal(portd_last_flags(c), 0);
    assert_none(ask_semaphore(c, fd, CHECK_WRITE));
    ask_no_semaphores(c, fd);
    assert_int_equal(ask_item(c, portd_session_id(c)).objects, 0);
    fixture_until_fds(fixture_broker(), 1);
}

/* Its event and its handle are ready at once, wait or no wait, and end as others do. */
static void events_of_files_are_always_ready(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id ids[2];
    int p[2];

    (void)state;
    make_pipe(p);
    int fd = fixture_own(open("/dev/null", O_RDWR | O_CLOEXEC));
    ids[0] = ask_evt(c, fd, READ);
    ids[1] = ask_evt(c, p[0], READ);
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_CREATED);
    int handle = ask_handle(c, ids[0]);
    assert_true(ask_handle_ready(handle));
    assert_until(c, ids[0], READY);
    struct inflight *all = ask_park(c, ids, 2, PORTD_WAIT_ALL);
    assert_true(ask_still_inflight(all));
    put(p[1]);
    assert_int_equal(ask_answer(all), 2);
    assert_int_equal(all->ready[0].cause, READY);
    assert_none(ask_semaphore(c, fd, READ)); /* still none, though an event is there */
    assert_int_equal(portd_last_flags(c), PORTD_RESULT_UNSUPPORTED);
    ask_no_evts(c, fd);
    assert_cause(c, ids[0], REMOVED);
    assert_true(ask_handle_ready(handle));
}

TEST_MAIN(FIXTURE_CASE(k01_k10_pipes_and_fifos), FIXTURE_CASE(k11_k20_socket_pairs),
          FIXTURE_CASE(k21_k26_unconnected_and_listening), FIXTURE_CASE(k27_k32_tcp),
          FIXTURE_CASE(k33_k35_udp), FIXTURE_CASE(k36_k43_what_is_always_ready),
          FIXTURE_CASE(k45_k50_terminals), FIXTURE_CASE(k51_k59_kernel_objects),
          FIXTURE_CASE(k62_k63_processes), FIXTURE_CASE(k64_k66_devices_and_proc),
          FIXTURE_CASE(kinds_answer_as_the_table_says),
          FIXTURE_CASE(x14_nothing_is_registered_without_a_semaphore),
          FIXTURE_CASE(events_of_files_are_always_ready))
