/* test_reload.c: a running broker reads its configuration again: for SIGHUP and for who may ask, good and bad, under load and from a file system that
 * does not answer. */
#define _GNU_SOURCE

#include "guest.h"

#include "tests/support/fuse_silent.h"

#include <signal.h>
#include <sys/stat.h>

enum { SOMEBODY = 2001 };

static struct fixture broker;
static char folder[64], path[128];

static void put(const char *text) {
    char whole[160];
    (void)snprintf(whole, sizeof(whole), "%s.new", path);
    int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    assert_int_equal(rename(whole, path), 0);
}

/* A broker that reads that text. everybody: other users may connect, for which this must be root. */
static void start(const char *text, bool everybody) {
    static const char *const closed[] = {"--config", path, NULL};
    static const char *const opened[] = {"--config", path, "--mode", "0666", NULL};
    if (everybody && geteuid() != 0)
        test_skip("only root can be somebody else");
    put(text);
    fixture_start(&broker, everybody ? opened : closed);
}

static int before(void **state) {
    (void)snprintf(folder, sizeof(folder), "/tmp/portd-reload-XXXXXX");
    if (fixture_before_bare(state) || !mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/portd.conf", folder);
    return chmod(folder, 0755);
}

static int after(void **state) {
    int result;
    (void)unlink(path);
    result = rmdir(folder);
    return fixture_after(state) || result ? -1 : 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, before, after)

/* The notes; frees them with the list. */
static portd_list *reload(portd_client *client) {
    portd_list *list = NULL;
    int code = portd_reload(client, fixture_soon(), &list);
    if (code != 1)
        fail_msg("%s: %s", portd_code_name(code), portd_last_error(client));
    return list;
}

static void reload_quietly(portd_client *client) {
    portd_list *list = reload(client);
    assert_int_equal(portd_list_count(list), 0);
    portd_list_free(list);
}

static uint64_t limit(portd_client *client, const char *name) {
    portd_list *list;
    uint64_t found = UINT64_MAX;
    assert_int_equal(portd_get_status(client, fixture_soon(), &list), 1);
    const portd_status *status = portd_list_status(list);
    for (size_t i = 0; i < status->n_quotas; i++)
        if (strcmp(status->quotas[i].name, name) == 0)
            found = status->quotas[i].limit;
    portd_list_free(list);
    return found;
}

/* ---- what is in use ------------------------------------------------------------------------------------------------- */

static void open_as_somebody(struct raw *raw) {
    guest_connect_as(raw, SOMEBODY, broker.address);
    assert_int_equal(raw_hello(raw), 0);
}

/* Waits that nobody answers, from request number `from` on: how many are not refused. */
static unsigned wait_for(struct raw *raw, uint64_t evt, uint64_t from, unsigned n) {
    uint64_t used, most;
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(raw_start_wait(raw, from + i, evt), 0);
    used = guest_quota(raw, "waits", &most); /* the refusals have come before that */
    return (unsigned)used;
}

static void a_limit_is_raised_and_lowered_for_who_is_connected(void **state) {
    struct raw raw;
    int ends[2];
    uint64_t evt, most;
    (void)state;
    start("quota { waits = 400 }\nuser 2001 { waits = 5 }", true);
    portd_client *client = fixture_client_at(broker.address, NULL);
    guest_pipe(ends);
    open_as_somebody(&raw);
    evt = guest_evt(&raw, ends[0], 7);
    assert_int_equal(limit(client, "waits"), geteuid() == 0 ? 400 : 100);
    assert_int_equal(wait_for(&raw, evt, 1000, 8), 5);
    (void)guest_quota(&raw, "waits", &most);
    assert_int_equal(most, 5);
    put("user 2001 { waits = 7 }");
    reload_quietly(client);
    assert_int_equal(limit(client, "waits"), 65536);
    assert_int_equal(wait_for(&raw, evt, 2000, 8), 7);
    put("user 2001 { waits = 2 }");
    reload_quietly(client);
    assert_int_equal(guest_quota(&raw, "waits", &most), 7); /* what is there stays */
    assert_int_equal(most, 2);
    assert_int_equal(wait_for(&raw, evt, 3000, 1), 7);
    put("quota { waits = 44 }");
    reload_quietly(client);
    assert_int_equal(wait_for(&raw, evt, 4000, 8), 11);
    assert_int_equal(write(ends[1], "x", 1), 1);
    guest_is_served(&raw);
}

static void who_may_not_connect_is_let_in_after_a_reload(void **state) {
    struct raw raw;
    (void)state;
    start("user 2001 { connections = 0 }", true);
    portd_client *client = fixture_client_at(broker.address, NULL);
    guest_connect_as(&raw, SOMEBODY, broker.address);
    assert_int_not_equal(raw_hello(&raw), 0);
    guest_close(&raw);
    put("");
    reload_quietly(client);
    open_as_somebody(&raw);
    put("user 2001 { connections = 0 rate = 1 }");
    reload_quietly(client);
    guest_is_served(&raw); /* it is there */
}

static void what_only_the_next_start_changes_is_told_each_time(void **state) {
    portd_list *list;
    (void)state;
    start("listen = unix:/nowhere\nmode = 0600", false); /* a flag counts more */
    portd_client *client = fixture_client_at(broker.address, NULL);
    put("mode = 0640\nlisten = unix:/elsewhere\nlog-level = debug");
    for (int i = 0; i < 2; i++) {
        list = reload(client);
        assert_int_equal(portd_list_count(list), 1);
        assert_string_equal(portd_list_note(list, 0), "mode: the next start of portd uses the new value");
        assert_null(portd_list_note(list, 1));
        portd_list_free(list);
    }
    put("mode = 0600");
    reload_quietly(client);
}

static void more_descriptors_than_there_can_be_are_noted_and_cut(void **state) {
    portd_list *list;
    (void)state;
    start("", false);
    portd_client *client = fixture_client_at(broker.address, NULL);
    uint64_t all = limit(client, "descriptors");
    put("# more than a process can have\nquota { descriptors = 1048576 }");
    list = reload(client);
    assert_int_equal(portd_list_count(list), 1);
    assert_non_null(strstr(portd_list_note(list, 0), "portd.conf:2: descriptors = 1048576: only "));
    portd_list_free(list);
    assert_int_equal(limit(client, "descriptors"), all);
    put("quota { descriptors = 100 }");
    reload_quietly(client);
    assert_int_equal(limit(client, "descriptors"), 100);
}

/* ---- what is not ---------------------------------------------------------------------------------------------------- */

static void a_bad_file_changes_nothing(void **state) {
    static const struct {
        const char *text, *told;
    } bad[] = {
        {"quota { waits = 9 }\nlog-levl = debug",
         ":2: unknown key \"log-levl\"; did you mean \"log-level\"?"},
        {"mode = 9\nmode = 10000\nidle-exit = x", " (and 2 more)"},
        {"quota {", ":1: the { here is never closed"},
    };
    portd_list *list = NULL;
    (void)state;
    start("quota { waits = 50 }", false);
    portd_client *client = fixture_client_at(broker.address, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(bad[i].text);
        assert_int_equal(portd_reload(client, fixture_soon(), &list), PORTD_E_INVALID);
        assert_null(list);
        assert_int_equal(strncmp(portd_last_error(client), path, strlen(path)), 0);
        assert_non_null(strstr(portd_last_error(client), bad[i].told));
        assert_string_equal(portd_last_field(client), "config");
        assert_int_equal(limit(client, "waits"), 50);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(portd_reload(client, fixture_soon(), &list), PORTD_E_INVALID);
    assert_non_null(strstr(portd_last_error(client), "No such file or directory"));
    assert_int_equal(limit(client, "waits"), 50);
    put("quota { waits = 51 }");
    reload_quietly(client);
    assert_int_equal(limit(client, "waits"), 51);
}

static void who_is_nobody_special_is_denied(void **state) {
    Portd__V1__Reload message = PORTD__V1__RELOAD__INIT;
    raw_request request = PORTD__V1__REQUEST__INIT;
    struct raw raw;
    (void)state;
    start("", true);
    put("nonsense");
    open_as_somebody(&raw);
    request.method_case = PORTD__V1__REQUEST__METHOD_RELOAD;
    request.reload = &message;
    raw_reply *reply = raw_ask(&raw, &request);
    assert_non_null(reply);
    assert_non_null(reply->error);
    assert_int_equal(reply->error->code, PORTD__V1__CODE__CODE_DENIED);
    assert_non_null(strstr(reply->error->message, "the right admin is missing"));
    raw_free(reply);
    guest_is_served(&raw);
}

/* ---- a signal ------------------------------------------------------------------------------------------------------- */

struct wanted {
    portd_client *client;
    uint64_t waits;
};

static bool has_limit(void *data) {
    const struct wanted *wanted = data;
    return limit(wanted->client, "waits") == wanted->waits;
}

static void a_signal_does_the_same(void **state) {
    (void)state;
    start("quota { waits = 50 }", false);
    struct wanted wanted = {fixture_client_at(broker.address, NULL), 51};
    put("quota { waits = 51 }");
    assert_int_equal(kill(broker.pid, SIGHUP), 0);
    assert_true(fixture_until(has_limit, &wanted));
    put("quota { waits = 52 } nonsense");
    assert_int_equal(kill(broker.pid, SIGHUP), 0);
    portd_list *list =
        NULL; /* it is answered by this reading or a later one: the signal has been taken then */
    assert_int_equal(portd_reload(wanted.client, fixture_soon(), &list), PORTD_E_INVALID);
    assert_true(has_limit(&wanted));
    put("quota { waits = 53 }");
    assert_int_equal(kill(broker.pid, SIGHUP), 0);
    wanted.waits = 53;
    assert_true(fixture_until(has_limit, &wanted));
}

/* ---- a file system that does not answer ----------------------------------------------------------------------------- */

static struct fuse_silent fuse;

/* The file of the broker is a link into the file system. */
static void point_to_silence(void) {
    char target[128];
    (void)snprintf(target, sizeof(target), "%s/file", fuse.folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(target, path), 0);
}

static void start_in_silence(void) {
    if (geteuid() != 0 || !fuse_silent_mount(&fuse))
        test_skip("this machine cannot mount a file system");
    start("quota { waits = 50 }", false);
    point_to_silence();
}

struct asked {
    bool done;
    int code;
};

static void on_reloaded(portd_client *client, const portd_result *result, void *data) {
    struct asked *asked = data;
    (void)client;
    asked->done = true;
    asked->code = result->code;
}

static bool is_done(void *data) { return ((struct asked *)data)->done; }

struct running {
    portd_client *client;
    struct asked *asked;
};

static bool runs_until_done(void *data) {
    struct running *running = data;
    if (portd_process(running->client) < 0)
        return true;
    return is_done(running->asked);
}

/* A job of a worker has run for a second. */
static bool has_stuck(void *data) {
    portd_client *client = data;
    portd_list *list;
    uint64_t stuck = 0;
    assert_int_equal(portd_get_stats(client, fixture_soon(), &list), 1);
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_metric *metric = portd_list_metric(list, i);
        if (strcmp(metric->name, "jobs") == 0 && strcmp(metric->labels[0].value, "stuck") == 0)
            stuck = metric->value;
    }
    portd_list_free(list);
    return stuck > 0;
}

/* A reload was asked for, and the worker hangs. */
static void await_worker(portd_client *client) {
    assert_true(portd_process(client) >= 0);
    portd_client *looking = fixture_client_at(broker.address, NULL);
    assert_true(fixture_until(has_stuck, looking));
    fixture_disconnect(looking);
}

static void a_reading_that_hangs_delays_only_the_next_ones(void **state) {
    struct asked first = {0}, second = {0};
    static struct raw raw;
    (void)state;
    start_in_silence();
    portd_client *client = fixture_client_at(broker.address, NULL);
    portd_client *other = fixture_client_at(broker.address, NULL);
    guest_open_at(&raw, broker.address);
    assert_int_equal(portd_reload_start(client, on_reloaded, &first, NULL), 1);
    await_worker(client);
    put("quota { waits = 60 }");
    assert_int_equal(portd_reload_start(other, on_reloaded, &second, NULL), 1);
    assert_true(portd_process(other) >= 0);
    for (int i = 0; i < 20; i++)
        guest_is_served(&raw);
    assert_true(portd_process(client) >= 0 && portd_process(other) >= 0);
    assert_false(first.done || second.done);
    fuse_silent_end(&fuse);
    assert_true(fixture_until(runs_until_done, &(struct running){client, &first}));
    assert_int_equal(first.code, PORTD_E_INVALID);
    assert_true(fixture_until(runs_until_done, &(struct running){other, &second}));
    assert_int_equal(second.code, 1);
    assert_int_equal(limit(client, "waits"), 60);
}

static void who_asked_can_leave_or_cancel_meanwhile(void **state) {
    struct asked asked = {0}, left = {0};
    portd_request *request;
    (void)state;
    start_in_silence();
    portd_client *leaver = fixture_client_at(broker.address, NULL);
    portd_client *canceller = fixture_client_at(broker.address, NULL);
    assert_int_equal(portd_reload_start(leaver, on_reloaded, &left, NULL), 1);
    await_worker(leaver);
    assert_int_equal(portd_reload_start(canceller, on_reloaded, &asked, &request), 1);
    assert_true(portd_process(canceller) >= 0);
    fixture_disconnect(leaver);
    portd_cancel(request);
    assert_true(fixture_until(runs_until_done, &(struct running){canceller, &asked}));
    assert_int_equal(asked.code, PORTD_E_CANCELLED);
    put("quota { waits = 70 }");
    fuse_silent_end(&fuse);
    struct wanted wanted = {canceller, 70}; /* it was asked for, and is done for nobody */
    assert_true(fixture_until(has_limit, &wanted));
}

static void the_broker_stops_while_a_reading_hangs(void **state) {
    struct asked asked = {0};
    (void)state;
    start_in_silence();
    portd_client *client = fixture_client_at(broker.address, NULL);
    assert_int_equal(portd_reload_start(client, on_reloaded, &asked, NULL), 1);
    await_worker(client);
    assert_int_equal(kill(broker.pid, SIGTERM), 0);
    assert_true(fixture_until(runs_until_done, &(struct running){client, &asked}));
    assert_true(asked.code < 0);
    fuse_silent_end(&fuse);
    fixture_stop(&broker);
}

/* ---- load ----------------------------------------------------------------------------------------------------------- */

static int ping_for_ever(void *data) {
    const char *address = data;
    struct raw raw;
    if (raw_open(&raw, address))
        return 2;
    for (;;)
        if (raw_ping(&raw))
            return 3;
}

static void many_reloads_under_load_lose_nothing(void **state) {
    enum { WARM = 20, TIMES = 100, MORE_KB = 512 };
    static const char *const texts[] = {("quota { waits = 100 objects = 1000 }\nuser 0 { waits = 77 }\nuser "
                                         "2001 { bytes = 1M }\nlog-level = error"),
                                        "quota { waits = 200 }\nuser 2002 { rate = 100 }\nlog-level = error",
                                        "nonsense = {"};
    pid_t pingers[2];
    portd_list *list;
    long memory = 0;
    (void)state;
    start(texts[0], false);
    portd_client *client = fixture_client_at(broker.address, NULL);
    for (int i = 0; i < 2; i++)
        pingers[i] = fixture_fork(ping_for_ever, broker.address);
    for (int i = 0; i < WARM + TIMES; i++) {
        if (i == WARM)
            memory = guest_memory(broker.pid, "VmRSS:");
        put(texts[i % 3]);
        int code = portd_reload(client, fixture_soon(), &list);
        assert_int_equal(code, i % 3 == 2 ? PORTD_E_INVALID : 1);
        if (code == 1)
            portd_list_free(list);
    }
    if (!guest_is_sanitized())
        assert_true(guest_memory(broker.pid, "VmRSS:") - memory < MORE_KB);
    for (int i = 0; i < 2; i++)
        assert_int_equal(kill(pingers[i], 0), 0); /* no ping has failed */
    for (int i = 0; i < 2; i++)
        fixture_end(pingers[i]);
    assert_int_equal(limit(client, "waits"), 200); /* of the last good one */
    put("");
    fixture_until_fds(&broker, 1);
}

TEST_MAIN(CASE(a_limit_is_raised_and_lowered_for_who_is_connected),
          CASE(who_may_not_connect_is_let_in_after_a_reload),
          CASE(what_only_the_next_start_changes_is_told_each_time),
          CASE(more_descriptors_than_there_can_be_are_noted_and_cut), CASE(a_bad_file_changes_nothing),
          CASE(who_is_nobody_special_is_denied), CASE(a_signal_does_the_same),
          CASE(a_reading_that_hangs_delays_only_the_next_ones), CASE(who_asked_can_leave_or_cancel_meanwhile),
          CASE(the_broker_stops_while_a_reading_hangs), CASE(many_reloads_under_load_lose_nothing))
