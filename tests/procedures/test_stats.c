/* test_stats.c: each counter grows by what was done and by nothing else; and who may see which. */
#include "ask.h"
#include "descriptors.h"
#include "ports.h"
#include "stranger.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { SOMEBODY = 1000, MANY = 21 };

static bool has_label(const portd_metric *metric, const char *name, const char *value) {
    for (size_t i = 0; i < metric->n_labels; i++)
        if (strcmp(metric->labels[i].name, name) == 0 && strcmp(metric->labels[i].value, value) == 0)
            return true;
    return false;
}

static portd_list *stats(portd_client *client) {
    portd_list *list = NULL;

    assert_int_equal(portd_get_stats(client, fixture_soon(), &list), 1);
    assert_true(portd_list_count(list) > 50);
    return list;
}

/* The number of that name and value of its first label (NULL: it has none). */
static uint64_t number_in(const portd_list *list, const char *name, const char *value) {
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_metric *metric = portd_list_metric(list, i);
        if (strcmp(metric->name, name) != 0)
            continue;
        if (!value || (metric->n_labels > 0 && strcmp(metric->labels[0].value, value) == 0))
            return metric->value;
    }
    fail_msg("nobody tells of %s %s", name, value ? value : "");
    return 0;
}

static uint64_t number(portd_client *client, const char *name, const char *value) {
    portd_list *list = stats(client);
    uint64_t found = number_in(list, name, value);

    portd_list_free(list);
    return found;
}

/* How much it has grown between two looks. */
struct looks {
    portd_client *client;
    portd_list *before, *after;
};

static struct looks look(portd_client *client) { return (struct looks){client, stats(client), NULL}; }

static void look_again(struct looks *looks) { looks->after = stats(looks->client); }

static int grown(const struct looks *looks, const char *name, const char *value) {
    return (int)(number_in(looks->after, name, value) - number_in(looks->before, name, value));
}

static void look_end(struct looks *looks) {
    portd_list_free(looks->before);
    portd_list_free(looks->after);
}

static void every_number_has_a_name_a_type_and_a_help(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_list *list = stats(c);

    (void)state;
    assert_true(portd_has_feature("stats") && portd_broker_has_feature(c, "stats"));
    assert_null(portd_list_item(list, 0));
    assert_null(portd_list_status(list));
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_metric *metric = portd_list_metric(list, i);
        assert_true(metric->size >= sizeof(*metric));
        assert_in_range(metric->type, PORTD_METRIC_COUNTER, PORTD_METRIC_INFO);
        assert_in_range(metric->unit, PORTD_UNIT_NONE, PORTD_UNIT_MICROSECONDS);
        assert_true(metric->value < UINT64_C(1) << 53);
        assert_true(strlen(metric->help) > 10);
        /* A name does not come back once another one has come. */
        for (size_t j = i + 1; j < portd_list_count(list); j++)
            if (strcmp(portd_list_metric(list, j)->name, metric->name) == 0)
                assert_string_equal(portd_list_metric(list, j - 1)->name, metric->name);
    }
    assert_null(portd_list_metric(list, portd_list_count(list)));
    fixture_disconnect(c);
    assert_string_equal(portd_list_metric(list, 0)->name, "broker"); /* outlives its client */
    portd_list_free(list);
}

static void requests_are_counted_by_outcome_method_and_code(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_list *list;
    const portd_id nothing = 8;
    struct looks looks = look(c);

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_int_equal(portd_show(c, &nothing, 1, fixture_soon(), &list), PORTD_E_NOT_FOUND);
    look_again(&looks);
    assert_int_equal(grown(&looks, "requests", "done"), 4); /* the first look itself */
    assert_int_equal(grown(&looks, "requests", "refused"), 1);
    assert_int_equal(grown(&looks, "calls", "ping"), 3);
    assert_int_equal(grown(&looks, "calls", "show"), 1);
    assert_int_equal(grown(&looks, "calls", "stats"), 1);
    assert_int_equal(grown(&looks, "refusals", "not_found"), 1);
    assert_int_equal(grown(&looks, "refusals", "invalid"), 0);
    assert_int_equal(grown(&looks, "user_requests", NULL), 5);
    look_end(&looks);
}

static void a_search_for_a_session_in_vain_is_no_refusal(void **state) {
    portd_client *c = fixture_client(NULL), *none = NULL;
    const uint32_t owner = (uint32_t)getpid();
    portd_options finds = PORTD_OPTIONS_INIT;
    struct looks looks = look(c);

    (void)state;
    finds.owner_pids = &owner;
    finds.n_owner_pids = 1;
    finds.find_session = true;
    assert_int_equal(portd_connect(fixture_address(), &finds, fixture_soon(), &none), PORTD_E_NOT_FOUND);
    look_again(&looks);
    assert_int_equal(grown(&looks, "calls", "hello"), 1);
    assert_int_equal(grown(&looks, "requests", "done"), 2); /* with the first look */
    assert_int_equal(grown(&looks, "requests", "refused"), 0);
    assert_int_equal(grown(&looks, "refusals", "not_found"), 0);
    look_end(&looks);
}

static void objects_posts_and_descriptors_are_counted(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2], event = fixture_own(eventfd(0, EFD_CLOEXEC));
    struct looks looks = look(c);

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id fired = ask_semaphore(c, p[0], READ);
    ask_semaphore(c, q[0], READ);
    ask_evt(c, event, WRITE);
    ask_evt(c, event, WRITE);
    struct wrapped wrapped = port_wrap(c, q[1], PORTD_WRITE);
    put(p[1]);
    assert_until(c, fired, READY);
    ask_no_semaphores(c, q[0]);
    ask_handle(c, fired);
    assert_int_equal(number(c, "descriptors", NULL), 2); /* of the event and the port */
    port_close(c, wrapped.out);
    ask_no_evts(c, event);
    look_again(&looks);
    assert_int_equal(grown(&looks, "objects_made", "semaphore"), 2);
    assert_int_equal(grown(&looks, "objects_made", "evt"), 1);
    assert_int_equal(grown(&looks, "objects_made", "port"), 1);
    assert_int_equal(grown(&looks, "objects", "semaphore"), 2);
    assert_int_equal(grown(&looks, "posts", "ready"), 1);
    assert_int_equal(grown(&looks, "posts", "removed"), 1);
    assert_int_equal(grown(&looks, "descriptors_received", NULL), 5);
    assert_int_equal(grown(&looks, "descriptors_kept", NULL), 4);
    assert_int_equal(grown(&looks, "descriptors_passed", NULL), 1);
    assert_int_equal(grown(&looks, "descriptors", NULL), 0);
    assert_int_equal(grown(&looks, "closes", NULL), 5); /* of one copy more of an eventfd, too */
    assert_int_equal(number_in(looks.after, "closing", NULL), 0);
    look_end(&looks);
}

static void waits_are_counted_by_how_they_end(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    portd_ready ready;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    struct looks looks = look(c);
    assert_cause(c, e, IDLE); /* a look that finds nothing */
    assert_int_equal(portd_wait(c, &e, 1, 0, portd_now() + 1000, &ready), 0);
    struct inflight *cancelled = ask_park_one(c, e, 0);
    ask_cancel(cancelled);
    struct inflight *woken = ask_park_one(c, e, 0);
    assert_int_equal(number(c, "waits_in_flight", NULL), 1);
    assert_int_equal(number(c, "requests_in_flight", NULL), 1);
    assert_int_equal(number(c, "user_used", NULL), 1); /* its first row: the session */
    put(p[1]);
    assert_answer(woken, e, READY);
    drain(p[0]);
    ask_park_one(other, e, 0);
    fixture_disconnect(other);
    ask_until_waiters(c, e, 0);
    look_again(&looks);
    assert_int_equal(grown(&looks, "waits", "at-once"), 1);
    assert_int_equal(grown(&looks, "waits", "late"), 1);
    assert_int_equal(grown(&looks, "waits", "cancelled"), 1);
    assert_int_equal(grown(&looks, "waits", "woken"), 1);
    assert_int_equal(grown(&looks, "waits", "abandoned"), 1);
    assert_int_equal(grown(&looks, "requests", "abandoned"), 1);
    assert_int_equal(grown(&looks, "waits_in_flight", NULL), 0);
    look_end(&looks);
}

static void bytes_through_ports_are_counted_once(void **state) {
    portd_client *c = fixture_client(NULL);
    unsigned char bytes[8];
    size_t count;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]), out = port_out(c, p[1]);
    struct looks looks = look(c);
    port_say(c, out, "hello");
    assert_int_equal(portd_port_read(c, in, bytes, 8, PORTD_PEEK, fixture_soon(), &count, NULL), 1);
    port_hear(c, in, "hello");
    look_again(&looks);
    assert_int_equal(grown(&looks, "port_bytes", "write"), 5);
    assert_int_equal(grown(&looks, "port_bytes", "read"), 5);
    look_end(&looks);
}

static bool has_no_poller(void *data) { return number(data, "pollers", "prompt") == 0; }

/* The threads that poll descriptors whose poll can block. */
static void pollers_are_counted(void **state) {
    portd_client *c = fixture_client(NULL);
    int epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));

    (void)state;
    assert_int_equal(number(c, "pollers", "prompt"), 0);
    ask_evt(c, epoll, READ);
    assert_int_equal(number(c, "pollers", "prompt"), 1);
    assert_int_equal(number(c, "pollers", "late"), 0);
    assert_int_equal(number(c, "jobs", "stuck"), 0);
    ask_no_evts(c, epoll);
    assert_true(fixture_until(has_no_poller, c));
}

static bool is_alone(void *data) { return number(data, "connections", NULL) == 1; }

static void connections_and_sessions_are_counted(void **state) {
    portd_client *c = fixture_client(NULL);
    struct looks looks = look(c);

    (void)state;
    portd_client *one = fixture_client(NULL), *joined = fixture_joined(one);
    assert_int_equal(number(c, "connections", NULL), 3);
    assert_int_equal(number(c, "sessions", NULL), 2);
    assert_int_equal(portd_end_session(c, portd_session_id(one), fixture_soon()), 1);
    fixture_disconnect(one);
    fixture_disconnect(joined);
    fixture_disconnect(fixture_client(NULL));
    assert_true(fixture_until(is_alone, c));
    look_again(&looks);
    assert_int_equal(grown(&looks, "connections_made", NULL), 3);
    assert_int_equal(grown(&looks, "connections_ended", "broker"), 2); /* their session ended */
    assert_int_equal(grown(&looks, "connections_ended", "client"), 1);
    assert_int_equal(grown(&looks, "sessions_made", NULL), 2);
    assert_int_equal(grown(&looks, "sessions_joined", NULL), 1);
    assert_int_equal(grown(&looks, "sessions_ended", NULL), 2);
    look_end(&looks);
}

/* ---- who is told what ---------------------------------------------------------------------------------------------- */

static struct fixture broker;

static bool is_of_the_broker(const portd_metric *metric) {
    return strcmp(metric->name, "broker") == 0 || strcmp(metric->name, "uptime") == 0 ||
           (strcmp(metric->name, "table") == 0 && has_label(metric, "slots", "limit"));
}

/* Every number is about this uid, or about the broker and changed by no uid. */
static int see_only_oneself(void *data) {
    portd_client *client = stranger_connect(&broker, *(uid_t *)data, NULL, NULL);
    portd_list *list = NULL;
    char own[24];
    int own_numbers = 0, whole_numbers = 0;

    (void)snprintf(own, sizeof(own), "%u", (unsigned)*(uid_t *)data);
    if (!client || portd_get_stats(client, fixture_soon(), &list) != 1)
        return 1;
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_metric *metric = portd_list_metric(list, i);
        if (has_label(metric, "uid", own))
            own_numbers++;
        else if (!is_of_the_broker(metric))
            return 2;
        else
            whole_numbers++;
    }
    portd_list_free(list);
    if (whole_numbers != 3)
        return 3;
    portd_disconnect(client);
    return own_numbers > 6 ? 0 : 4;
}

static void others_see_themselves_and_no_sums(void **state) {
    uid_t uid = SOMEBODY;

    (void)state;
    if (!stranger_broker(&broker))
        test_skip("not root");
    portd_client *c = fixture_client_at(broker.address, NULL);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_int_equal(fixture_reap(fixture_fork(see_only_oneself, &uid)), 0);
}

struct totals {
    uint32_t sessions, connections, descriptors, objects, waits, limit, room;
};

static int ask_totals(portd_client *client, struct totals *totals) {
    portd_list *list = NULL;

    if (portd_get_status(client, fixture_soon(), &list) != 1)
        return -1;
    const portd_status *status = portd_list_status(list);
    *totals =
        (struct totals){status->sessions, status->connections,       status->descriptors,     status->objects,
                        status->waits,    status->descriptors_limit, status->descriptors_free};
    portd_list_free(list);
    return 0;
}

/* An event of its own, in a session of its own, is all that there is. */
static int have_an_event(void *data) {
    portd_client *client = stranger_connect(&broker, SOMEBODY, NULL, NULL);
    int p[2];
    portd_id event;
    struct totals before, after;

    if (!client || pipe(p) < 0 || ask_totals(client, &before) < 0 ||
        portd_fd_to_evt(client, p[0], PORTD_READ, PORTD_FD, fixture_soon(), &event) != 1 ||
        ask_totals(client, &after) < 0)
        return 1;
    if (after.sessions != 1 || after.connections != 1 || after.descriptors != 1 || after.objects != 1 ||
        after.waits)
        return 2;
    if (after.limit != *(uint32_t *)data)
        return 3;
    return after.room + 1 == before.room ? 0 : 4;
}

static void the_totals_of_others_are_their_own(void **state) {
    struct totals totals;
    int p[2];

    (void)state;
    if (!stranger_broker(&broker))
        test_skip("not root");
    portd_client *c = fixture_client_at(broker.address, NULL);
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    ask_park_one(c, e, 0);
    assert_int_equal(ask_totals(c, &totals), 0);
    assert_int_equal(totals.waits, 1);
    assert_int_equal(totals.objects, 1);
    assert_int_equal(fixture_reap(fixture_fork(have_an_event, &totals.limit)), 0);
}

static int stay(void *data) {
    portd_client *client = stranger_connect(&broker, *(uid_t *)data, NULL, NULL);

    while (client && portd_poll(client, PORTD_FOREVER) >= 0)
        continue;
    return client ? 0 : 1;
}

static bool are_many(void *data) { return number(data, "sessions", NULL) == MANY + 1; }

static void an_admin_sees_every_uid(void **state) {
    portd_list *list;
    size_t found = 0;
    uint64_t last = 0;

    (void)state;
    if (!stranger_broker(&broker))
        test_skip("not root");
    portd_client *c = fixture_client_at(broker.address, NULL);
    for (uid_t i = 0; i < MANY; i++) {
        uid_t uid = SOMEBODY + i * 8 % MANY; /* in some order */
        fixture_fork(stay, &uid);
    }
    assert_true(fixture_until(are_many, c));
    list = stats(c);
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_metric *metric = portd_list_metric(list, i);
        if (strcmp(metric->name, "user_used") != 0 || !has_label(metric, "resource", "sessions"))
            continue;
        assert_int_equal(metric->value, 1);
        assert_true(found == 0 || strtoull(metric->labels[0].value, NULL, 10) > last);
        last = strtoull(metric->labels[0].value, NULL, 10);
        found++;
        for (size_t j = i + 1; j < portd_list_count(list); j++)
            if (strcmp(portd_list_metric(list, j)->name, "user_used") == 0)
                assert_string_equal(portd_list_metric(list, j - 1)->name, "user_used");
    }
    assert_int_equal(found, MANY + 1);
    assert_int_equal(last, SOMEBODY + MANY - 1);
    portd_list_free(list);
}

/* ---- one page at a time -------------------------------------------------------------------------------------------- */

struct heard {
    int code;
    size_t n;
    uint64_t cursor;
    bool more;
};

static void hear(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(struct heard *)data = (struct heard){result->code, result->n_metrics, result->cursor, result->more};
}

static void a_page_beyond_the_end_is_empty(void **state) {
    portd_client *c = fixture_client(NULL);
    struct heard heard = {0};

    (void)state;
    assert_int_equal(portd_get_stats_start(c, 0, hear, &heard, NULL), 1);
    while (heard.code == 0)
        assert_int_equal(portd_poll(c, fixture_soon()), 1);
    assert_int_equal(heard.code, 1);
    assert_true(heard.n > 50);
    assert_false(heard.more);
    assert_int_equal(heard.cursor, 0);
    heard.code = 0;
    assert_int_equal(portd_get_stats_start(c, UINT64_MAX, hear, &heard, NULL), 1);
    while (heard.code == 0)
        assert_int_equal(portd_poll(c, fixture_soon()), 1);
    assert_int_equal(heard.code, 1);
    assert_int_equal(heard.n, 0);
    assert_int_equal(heard.cursor, 0);
}

TEST_MAIN(FIXTURE_CASE(every_number_has_a_name_a_type_and_a_help),
          FIXTURE_CASE(requests_are_counted_by_outcome_method_and_code),
          FIXTURE_CASE(a_search_for_a_session_in_vain_is_no_refusal),
          FIXTURE_CASE(objects_posts_and_descriptors_are_counted),
          FIXTURE_CASE(waits_are_counted_by_how_they_end), FIXTURE_CASE(bytes_through_ports_are_counted_once),
          FIXTURE_CASE(pollers_are_counted), FIXTURE_CASE(connections_and_sessions_are_counted),
          FIXTURE_CASE(a_page_beyond_the_end_is_empty), FIXTURE_CASE_BARE(others_see_themselves_and_no_sums),
          FIXTURE_CASE_BARE(the_totals_of_others_are_their_own), FIXTURE_CASE_BARE(an_admin_sees_every_uid))
