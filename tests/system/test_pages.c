/* test_pages.c: lists come in pages, oldest first, whatever is removed meanwhile; ids and pages reveal nothing about other uids.
 * What listing costs is in tests/cost. */
#include "guest.h"

#include <sys/eventfd.h>

enum { OTHER = 2002, PAGE = 256, NOT_FOUND = PORTD__V1__CODE__CODE_NOT_FOUND };

static uint64_t wrap(struct raw *raw, int fd) { return guest_wrap(raw, fd, "one of many"); }

static raw_reply *list(struct raw *raw, Portd__V1__Kind kind, uint64_t after) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;

    list.kind = kind;
    list.after = after;
    request.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    request.list = &list;
    raw_reply *reply = raw_ask(raw, &request);
    assert_true(reply && reply->result_case == PORTD__V1__REPLY__RESULT_LIST);
    return reply;
}

static void open_as(struct raw *raw, uid_t uid, const char *address) {
    guest_connect_as(raw, uid, address);
    assert_int_equal(raw_hello(raw), 0);
}

/* ---- ids -------------------------------------------------------------------------------------------------------------- */

static bool is_far(uint64_t one, uint64_t other) {
    return (one > other ? one - other : other - one) > 8 * 1024;
}

/* How far apart they are, and which is the greater one, is chance. */
static void ids_tell_nothing_of_what_others_make(void **state) {
    enum { MANY = 100 };
    struct raw mine, other;
    uint64_t ids[MANY + 1];
    int above = 0, event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_open(&mine);
    guest_open(&other);
    assert_true(is_far(mine.session, other.session));
    ids[0] = other.session;
    for (int i = 1; i <= MANY; i++) {
        ids[i] = wrap(i % 3 ? &mine : &other, event);
        above += ids[i] > ids[i - 1];
        for (int k = 0; k < i; k++)
            assert_true(is_far(ids[i], ids[k]));
    }
    assert_in_range(above, 10, MANY - 10);
}

/* ---- cursors ---------------------------------------------------------------------------------------------------------- */

enum { OBJECTS = 1500 };

struct seen {
    uint64_t ids[OBJECTS];
    bool gone[OBJECTS];
    unsigned listed[OBJECTS];
    size_t n, last; /* the last one that was listed */
};

static size_t place_of(const struct seen *seen, uint64_t id) {
    size_t i = 0;
    while (i < seen->n && seen->ids[i] != id)
        i++;
    assert_true(i < seen->n);
    return i;
}

static void lose(struct raw *raw, struct seen *seen, size_t i) {
    if (i >= seen->n || seen->gone[i])
        return;
    guest_drop(raw, seen->ids[i]);
    seen->gone[i] = true;
}

/* The cursor goes, its neighbours, and others far and near. */
static void lose_some(struct raw *raw, struct seen *seen, uint64_t cursor, size_t round) {
    size_t at = place_of(seen, cursor);
    lose(raw, seen, at);
    lose(raw, seen, at + 1);
    if (at > 0)
        lose(raw, seen, at - 1);
    for (size_t i = 0; i < 40; i++)
        lose(raw, seen, (at + i * i * 7 + round * 131) % seen->n);
}

static void pages_lose_and_repeat_nothing(void **state) {
    static struct seen seen;
    struct raw raw;
    uint64_t after = 0;
    size_t round = 0;
    bool more = true;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    seen = (struct seen){0};
    guest_open(&raw);
    while (seen.n < OBJECTS)
        seen.ids[seen.n++] = wrap(&raw, event);
    for (; more; round++) {
        raw_reply *reply = list(&raw, PORTD__V1__KIND__KIND_PORT, after);
        assert_in_range(reply->list->n_items, 0, PAGE);
        for (size_t i = 0; i < reply->list->n_items; i++) {
            size_t place = place_of(&seen, reply->list->items[i]->id);
            assert_true(!seen.gone[place] && (place > seen.last || place == 0));
            seen.listed[place]++;
            seen.last = place;
        }
        more = reply->list->more;
        assert_true(more == (reply->list->next != 0));
        after = reply->list->next;
        raw_free(reply);
        if (more && after != seen.ids[seen.last])
            continue; /* the cursor is an object of another kind */
        if (more)
            lose_some(&raw, &seen, after, round);
    }
    assert_true(round > OBJECTS / PAGE);
    for (size_t i = 0; i < OBJECTS; i++)
        assert_true(seen.listed[i] == 1 || (seen.gone[i] && seen.listed[i] == 0));
}

/* Any number is a place among the own objects; what others have made is none of them. */
static void any_cursor_will_do(void **state) {
    static const uint64_t odd[] = {1, 7, UINT64_C(1) << 32, UINT64_C(1) << 53, UINT64_MAX};
    struct raw mine, other;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_open(&mine);
    guest_open(&other);
    uint64_t first = wrap(&mine, event), between = wrap(&other, event), last = wrap(&mine, event);
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
        raw_free(list(&mine, PORTD__V1__KIND__KIND_NONE, odd[i]));
    raw_reply *reply = list(&mine, PORTD__V1__KIND__KIND_PORT, between);
    assert_int_equal(reply->list->n_items, 1);
    assert_int_equal(reply->list->items[0]->id, last);
    raw_free(reply);
    guest_drop(&mine, first);
    reply = list(&mine, PORTD__V1__KIND__KIND_PORT, first);
    assert_int_equal(reply->list->n_items, 1);
    assert_int_equal(reply->list->items[0]->id, last);
    raw_free(reply);
    reply = list(&mine, PORTD__V1__KIND__KIND_PORT, last);
    assert_int_equal(reply->list->n_items, 0);
    raw_free(reply);
}

static void sessions_are_listed_behind_one_that_is_gone(void **state) {
    enum { SESSIONS = 600 };
    static struct raw raw[SESSIONS];
    static unsigned listed[SESSIONS];
    uint64_t after = 0;
    size_t last = 0, left = SESSIONS;

    (void)state;
    memset(listed, 0, sizeof(listed));
    for (size_t i = 0; i < SESSIONS; i++)
        guest_open(&raw[i]);
    do {
        raw_reply *reply = list(&raw[SESSIONS - 1], PORTD__V1__KIND__KIND_SESSION, after);
        for (size_t i = 0; i < reply->list->n_items; i++) {
            size_t k = last;
            while (k < SESSIONS && raw[k].session != reply->list->items[i]->id)
                k++;
            assert_true(k < SESSIONS); /* in the order of making */
            listed[last = k]++;
        }
        after = reply->list->next;
        raw_free(reply);
        if (after) { /* its own end, and that of the next one */
            assert_int_equal(raw[last].session, after);
            guest_close(&raw[last]);
            guest_close(&raw[last + 1]);
            listed[last + 1]++;
            fixture_until_fds(fixture_broker(), left -= 2);
        }
    } while (after);
    for (size_t i = 0; i < SESSIONS; i++)
        assert_int_equal(listed[i], 1);
}

/* A user's pages are those of its sessions alone, however many there are of others. */
static void sessions_of_others_make_no_pages(void **state) {
    static struct fixture broker;
    struct raw other, another;

    (void)state;
    guest_start_open(&broker, 0);
    open_as(&other, OTHER, broker.address);
    guest_leave_sessions(broker.address, 1500);
    open_as(&another, OTHER, broker.address);
    raw_reply *reply = list(&other, PORTD__V1__KIND__KIND_SESSION, 0);
    assert_int_equal(reply->list->n_items, 2);
    assert_int_equal(reply->list->items[0]->id, other.session);
    assert_int_equal(reply->list->items[1]->id, another.session);
    assert_false(reply->list->more);
    raw_free(reply);
}

/* ---- what may be left unread -------------------------------------------------------------------------------------------- */

/* Reads that nobody answers, until not one byte more may be in flight. */
static void use_up_bytes(struct raw *raw, uint64_t port) {
    enum { MOST = 65536, READS = 1400 /* of that size: more than a session may have */ };
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Read read = PORTD__V1__READ__INIT;
    int times = READS;

    read.id = port;
    request.method_case = PORTD__V1__REQUEST__METHOD_READ;
    request.read = &read;
    request.id = UINT64_C(1) << 40;
    for (read.most = MOST; read.most; read.most /= 2, times = 3)
        for (int i = 0; i < times; i++) {
            request.id++;
            assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
            if (i % 64 == 0)
                guest_is_served(raw);
        }
    guest_is_served(raw);
}

static void pages_are_what_may_be_left_unread(void **state) {
    /* What comes with a connection, and what is too little for another read in flight. */
    enum { PORTS = 200, SHORT = 8192 + 1024 };
    static char name[256];
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Show show = PORTD__V1__SHOW__INIT;
    Portd__V1__StatsOf stats = PORTD__V1__STATS_OF__INIT;
    uint64_t ids[PORTS], after = 0;
    size_t n = 0;
    struct raw raw;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    guest_open(&raw);
    for (size_t i = 0; i < PORTS; i++)
        ids[i] = guest_wrap(&raw, event, name);
    use_up_bytes(&raw, ids[0]);
    do {
        raw_reply *reply = list(&raw, PORTD__V1__KIND__KIND_PORT, after);
        assert_in_range(portd__v1__reply__get_packed_size(reply), 1, SHORT);
        assert_true(reply->list->n_items > 0);
        for (size_t i = 0; i < reply->list->n_items; i++)
            assert_int_equal(reply->list->items[i]->id, ids[n++]);
        after = reply->list->next;
        raw_free(reply);
    } while (after);
    assert_int_equal(n, PORTS);
    show.ids = ids;
    show.n_ids = PORTS;
    request.method_case = PORTD__V1__REQUEST__METHOD_SHOW;
    request.show = &show;
    raw_reply *reply = raw_ask(&raw, &request);
    assert_true(reply && reply->show && reply->show->more);
    assert_in_range(reply->show->n_items, 1, PORTS - 1);
    raw_free(reply);
    request.method_case = PORTD__V1__REQUEST__METHOD_STATS;
    request.stats = &stats;
    reply = raw_ask(&raw, &request);
    assert_true(reply && (reply->error ? reply->error->code == PORTD__V1__CODE__CODE_LIMIT
                                       : portd__v1__reply__get_packed_size(reply) <= SHORT));
    raw_free(reply);
    guest_is_served(&raw);
}

/* ---- totals -------------------------------------------------------------------------------------------------------- */

static uint64_t total(struct raw *raw, uint64_t *objects, uint64_t *descriptors) {
    raw_reply *reply = guest_status(raw);
    uint64_t sessions = reply->status->sessions;

    *objects = reply->status->objects;
    *descriptors = reply->status->descriptors;
    raw_free(reply);
    return sessions;
}

static void totals_follow_what_comes_and_goes(void **state) {
    struct raw mine, other;
    uint64_t objects, descriptors, ids[20];
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_open(&mine);
    guest_open(&other);
    for (int i = 0; i < 20; i++)
        ids[i] = wrap(i % 2 ? &mine : &other, event);
    (void)guest_evt(&mine, event, 9);
    assert_int_equal(total(&mine, &objects, &descriptors), 2);
    assert_int_equal(objects, 21);
    assert_int_equal(descriptors, guest_quota(&mine, "descriptors", NULL));
    guest_drop(&mine, ids[1]);
    (void)total(&mine, &objects, &descriptors);
    assert_int_equal(objects, 20);
    guest_close(&other);
    fixture_until_fds(fixture_broker(), 1 + 2); /* copies of two numbers */
    assert_int_equal(total(&mine, &objects, &descriptors), 1);
    assert_int_equal(objects, 10);
}

TEST_MAIN(FIXTURE_CASE(ids_tell_nothing_of_what_others_make), FIXTURE_CASE(pages_lose_and_repeat_nothing),
          FIXTURE_CASE(any_cursor_will_do), FIXTURE_CASE(sessions_are_listed_behind_one_that_is_gone),
          FIXTURE_CASE_BARE(sessions_of_others_make_no_pages),
          FIXTURE_CASE(pages_are_what_may_be_left_unread), FIXTURE_CASE(totals_follow_what_comes_and_goes))
