/* test_share.c: many uids and one descriptor table. Each takes what it gets, connections and descriptors, and leaves some for the
 * next; and when the table is full, root can still connect, list and end a session. */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LIMIT = PORTD__V1__CODE__CODE_LIMIT,
    TABLE = 1024, /* descriptors of the broker's process */
    FIRST_UID = 2000,
    FIVE = 5,
    MOST = 12, /* uids */
    MANY = 300
};

/* A child with a uid of its own. It tells what it got, and keeps it until it is told to go. */
struct taker {
    const char *address;
    uid_t uid;
    int ready;  /* a descriptor that can be read */
    int answer; /* writing end */
    int go;     /* reading end */
};

struct taken {
    size_t connections, descriptors;
    int code; /* of the first that was refused */
    uint64_t session;
    char message[512];
};

static int keep_until_told(const struct taker *taker, const struct taken *taken) {
    char go;

    if (write(taker->answer, taken, sizeof(*taken)) != sizeof(*taken))
        return 3;
    return read(taker->go, &go, 1) == 0 ? 0 : 4;
}

/* Connections without a session, until one is turned away. */
static void connect_all(const struct taker *taker, struct taken *taken, size_t most) {
    static struct raw crowd[MANY];
    raw_reply *reply;

    for (; taken->connections < most; taken->connections++) {
        struct raw *raw = &crowd[taken->connections];
        if (raw_connect(raw, taker->address))
            return;
        if (raw_hello(raw) == 0)
            continue;
        raw_close(raw);
        if (raw_connect(raw, taker->address))
            return;
        reply = raw_next(raw, NULL);
        if (reply && reply->error && reply->error->message)
            (void)snprintf(taken->message, sizeof(taken->message), "%s", reply->error->message);
        raw_free(reply);
        raw_close(raw);
        return;
    }
}

static int64_t number;

static void wrap_all(const struct taker *taker, struct raw *raw, struct taken *taken) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;
    raw_reply *reply;

    request.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    request.fd_to_evt = &descriptor;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    for (;; taken->descriptors++) {
        descriptor.number = number++;
        reply = raw_ask_fds(raw, &request, &taker->ready, 1);
        if (!reply || reply->error)
            break;
        raw_free(reply);
    }
    if (reply && reply->error)
        (void)snprintf(taken->message, sizeof(taken->message), "%s", reply->error->message);
    taken->code = raw_code(reply);
}

/* Everything that it gets: some by connections, some by descriptors, and then the other. */
static int take_all(void *data) {
    const struct taker *taker = data;
    struct taken taken = {0};
    struct raw raw;

    if (!guest_become(taker->uid) || raw_open(&raw, taker->address))
        return 1;
    taken.session = raw.session;
    if (taker->uid % 2)
        connect_all(taker, &taken, MANY);
    wrap_all(taker, &raw, &taken);
    connect_all(taker, &taken, MANY);
    wrap_all(taker, &raw, &taken);
    return keep_until_told(taker, &taken);
}

/* What anybody does: connects, hands a descriptor over, and waits for it. */
static int use(void *data) {
    const struct taker *taker = data;
    struct raw raw;
    uint64_t id;

    if (!guest_become(taker->uid) || raw_open(&raw, taker->address))
        return 1;
    if (raw_evt(&raw, taker->ready, 5, PORTD__V1__MODE__MODE_READ, &id))
        return 2;
    if (raw_start_wait(&raw, 77, id))
        return 3;
    return raw_ready(raw_next(&raw, NULL), NULL) == id ? 0 : 4;
}

static pid_t take(struct taker *taker, int reading, struct taken *taken) {
    pid_t pid = fixture_fork(take_all, taker);

    if (!fixture_poll(reading, POLLIN) || read(reading, taken, sizeof(*taken)) != (ssize_t)sizeof(*taken))
        fail_msg("uid %u has taken nothing: %d", (unsigned)taker->uid, fixture_reap(pid));
    return pid;
}

static void each_leaves_something_for_the_next(void **state) {
    static struct fixture broker;
    struct taken taken[MOST];
    struct taker taker;
    struct raw raw;
    pid_t pids[MOST];
    int answer[2], go[2];
    size_t n = 0;

    (void)state;
    int event = fixture_own(eventfd(1, EFD_CLOEXEC));
    assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
    fixture_own(answer[0]);
    fixture_own(answer[1]);
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    fixture_own(go[0]);
    fixture_own(go[1]);
    guest_start_open(&broker, TABLE);
    taker = (struct taker){broker.address, FIRST_UID, event, answer[1], go[0]};
    guest_open_at(&raw, broker.address);
    guest_until_closed(&raw);
    raw_reply *status = guest_status(&raw);
    size_t all = status->status->descriptors_free;
    raw_free(status);
    guest_close(&raw);
    fixture_until_fds(&broker, 0);
    for (; n < FIVE; n++, taker.uid++) {
        pids[n] = take(&taker, answer[0], &taken[n]);
        size_t places = taken[n].connections + taken[n].descriptors;
        assert_int_equal(taken[n].code, LIMIT);
        assert_non_null(strstr(taken[n].message, "descriptor"));
        assert_null(strstr(taken[n].message, n ? "uid 2000" : "uid 2001"));
        assert_in_range(places, 4, all / 4 + 1);
        assert_true(taken[n].connections > 0); /* also of those that had filled their shares before */
    }
    /* The sixth. */
    assert_int_equal(fixture_reap(fixture_fork(use, &taker)), 0);
    /* The others take what is left, until one gets nothing. */
    for (; n < MOST && fixture_reap(fixture_fork(use, &taker)) == 0; n++, taker.uid++)
        pids[n] = take(&taker, answer[0], &taken[n]);
    assert_true(n < MOST);
    /* root connects, sees who it is, hands something over, and ends one. */
    guest_open_at(&raw, broker.address);
    for (int64_t i = 0; i < 8; i++)
        (void)guest_evt(&raw, event, i);
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    end.id = taken[0].session;
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    assert_int_equal(raw_code(raw_ask(&raw, &request)), 0);
    guest_until_closed(&raw);
    taker.uid = FIRST_UID + MOST;
    assert_int_equal(fixture_reap(fixture_fork(use, &taker)), 0);
    while (n > 0)
        fixture_end(pids[--n]);
    guest_close(&raw);
}

/* Connections are made a few at a time; those that are left have their turn. */
static void those_who_come_together_are_all_served(void **state) {
    enum { CROWD = 60 }; /* as many as the queue takes while the broker is held */
    static struct raw crowd[CROWD];

    (void)state;
    fixture_hold_broker();
    for (size_t i = 0; i < CROWD; i++)
        guest_connect(&crowd[i]);
    fixture_continue_broker();
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(raw_hello(&crowd[i]), 0);
    guest_is_served(&crowd[CROWD - 1]);
    for (size_t i = 0; i < CROWD; i++)
        guest_close(&crowd[i]);
}

TEST_MAIN(FIXTURE_CASE_BARE(each_leaves_something_for_the_next),
          FIXTURE_CASE(those_who_come_together_are_all_served))
