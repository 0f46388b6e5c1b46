/* test_many_ready.c: many descriptors that become ready at once are reported in turns of their uid, not in one pass of the loop;
 * each is reported with the readiness it had, though its turn comes later. */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

enum { MANY = 4096, ROUNDS = 10, SOME = 64 };

struct many {
    portd_client *client;
    int ends[2];
    int fds[MANY]; /* copies of the reading end */
    portd_id semaphores[MANY];
};

static void make_room(void) {
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < MANY + 256)
        skip();
}

static void open_many(struct many *many) {
    make_room();
    many->client = fixture_client(NULL);
    make_pipe(many->ends);
    for (int i = 0; i < MANY; i++) {
        many->fds[i] = fcntl(many->ends[0], F_DUPFD_CLOEXEC, 0);
        assert_true(many->fds[i] >= 0);
    }
}

static void watch_many(struct many *many) {
    for (int i = 0; i < MANY; i++)
        many->semaphores[i] = ask_semaphore(many->client, many->fds[i], READ);
}

static void close_many(const struct many *many) {
    for (int i = 0; i < MANY; i++)
        assert_int_equal(close(many->fds[i]), 0);
}

static void count(portd_client *client, const portd_result *result, void *data) {
    int *left = data;

    (void)client;
    *left = result->code < 0 ? result->code : 0;
    for (size_t i = 0; i < result->n_items; i++)
        *left += result->items[i]->registered;
}

/* All have fired, and the copies are gone. */
static bool all_are_over(void *data) { return ask_quota(data, "descriptors") == 0; }

/* Another client of the same user asks in the moment in which all become ready, and is answered while some have not fired yet. */
static void others_have_their_turn_between(void **state) {
    static struct many many;
    static int left; /* the answer may come when the case is over */
    portd_id some[SOME];
    portd_request *request;

    (void)state;
    open_many(&many);
    portd_client *other = fixture_joined(many.client);
    watch_many(&many);
    for (int i = 0; i < SOME; i++)
        some[i] = many.semaphores[i * (MANY / SOME)];
    left = -1;
    fixture_hold_broker();
    put(many.ends[1]);
    int code = portd_show_start(other, some, SOME, count, &left, &request);
    (void)portd_process(other);
    fixture_continue_broker();
    assert_int_equal(code, 1);
    while (left == -1)
        assert_true(portd_poll(other, fixture_soon()) > 0);
    int before = left;
    bool over = fixture_until(all_are_over, many.client);
    (void)drain(many.ends[0]);
    close_many(&many);
    assert_true(before > 0);
    assert_true(over);
    for (int i = 0; i < MANY; i++)
        assert_cause(many.client, many.semaphores[i], READY);
}

/* It begins to wait while others still have to be told, and what it waits for was taken before that. */
static void nothing_old_is_told_late(void **state) {
    static struct many many;

    (void)state;
    open_many(&many);
    portd_id evt = ask_evt(many.client, many.fds[MANY - 1], READ);
    for (int round = 0; round < ROUNDS; round++) {
        watch_many(&many);
        put(many.ends[1]);
        assert_until(many.client, many.semaphores[0], READY);
        (void)drain(many.ends[0]);
        struct inflight *wait = ask_park_one(many.client, evt, round % 2 ? PORTD_WAIT_ONE : 0);
        for (int i = 0; i < MANY; i++)
            if (ask_cause(many.client, many.semaphores[i]) != READY)
                ask_no_semaphores(many.client, many.fds[i]); /* it was taken before the kernel had told */
        assert_true(ask_still_inflight(wait));
        ask_cancel(wait);
    }
    close_many(&many);
}

/* Those that leave while they are noted leave nothing behind. */
static void some_go_meanwhile(void **state) {
    static struct many many;

    (void)state;
    open_many(&many);
    portd_client *other = fixture_client(NULL);
    watch_many(&many);
    put(many.ends[1]);
    fixture_disconnect(many.client);
    assert_int_equal(portd_ping(other, fixture_soon()), 1);
    fixture_until_fds(fixture_broker(), 1);
    close_many(&many);
}

TEST_MAIN(FIXTURE_CASE(others_have_their_turn_between), FIXTURE_CASE(nothing_old_is_told_late),
          FIXTURE_CASE(some_go_meanwhile))
