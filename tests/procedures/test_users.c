/* test_users.c: sessions of different uids. Needs root, to act as another user in a child process. */
#include "ask.h"
#include "descriptors.h"
#include "stranger.h"

#include <sys/eventfd.h>

enum { SOMEBODY = 1000, SOMEBODY_ELSE = 1001 };

static struct fixture broker;

struct visit {
    const char *token;
    uint32_t owner_pid;
    portd_id session, evt;
    uid_t uid;
};

static portd_client *connect_as(const struct visit *visit, const char *token, uint32_t owner_pid, int *code) {
    portd_options options = PORTD_OPTIONS_INIT;

    options.token = token;
    options.owner_pid = owner_pid;
    return stranger_connect(&broker, visit->uid, &options, code);
}

/* Each visitor answers 0, or the number of what was not as it must be. */

static int try_token(void *data) {
    const struct visit *visit = data;
    int code;

    portd_client *client = connect_as(visit, visit->token, 0, &code);
    portd_disconnect(client);
    return code == PORTD_E_NOT_FOUND ? 0 : 1;
}

static int try_owner(void *data) {
    const struct visit *visit = data;
    int code;

    portd_client *client = connect_as(visit, NULL, visit->owner_pid, &code);
    if (code != 1)
        return 1;
    bool own = !portd_session_joined(client) && portd_session_id(client) != visit->session;
    portd_disconnect(client);
    return own ? 0 : 2;
}

static int try_ids(void *data) {
    const struct visit *visit = data;
    portd_list *list = NULL;
    portd_ready ready;
    portd_native handle;
    portd_id id;
    int code;

    portd_client *client = connect_as(visit, NULL, 0, &code);
    if (code != 1)
        return 1;
    if (portd_wait(client, &visit->evt, 1, 0, 0, &ready) != PORTD_E_NOT_FOUND)
        return 2;
    if (portd_remove(client, visit->evt, fixture_soon()) != PORTD_E_NOT_FOUND)
        return 3;
    if (portd_release(client, &visit->evt, 1, fixture_soon()) != PORTD_E_NOT_FOUND)
        return 4;
    if (portd_handle_dup(client, visit->evt, fixture_soon(), &handle) != PORTD_E_NOT_FOUND)
        return 5;
    if (portd_show(client, &visit->evt, 1, fixture_soon(), &list) != PORTD_E_NOT_FOUND)
        return 6;
    if (portd_end_session(client, visit->session, fixture_soon()) != PORTD_E_NOT_FOUND)
        return 7;
    if (portd_list_objects(client, PORTD_KIND_SESSION, fixture_soon(), &list) != 1)
        return 8;
    id = portd_list_count(list) == 1 ? portd_list_item(list, 0)->id : 0;
    portd_list_free(list);
    if (id != portd_session_id(client))
        return 9;
    portd_disconnect(client);
    return 0;
}

static int try_procedures(void *data) {
    const struct visit *visit = data;
    portd_ready ready;
    portd_id id;
    int code, p[2];

    portd_client *client = connect_as(visit, NULL, 0, &code);
    if (code != 1 || pipe(p) < 0)
        return 1;
    if (portd_fd_to_evt(client, p[0], READ, PORTD_FD, fixture_soon(), &id) != 1)
        return 2;
    if (portd_wait(client, &id, 1, 0, 0, &ready) != 0 || write(p[1], "x", 1) != 1)
        return 3;
    if (portd_wait(client, &id, 1, 0, fixture_soon(), &ready) != 1 || ready.cause != READY)
        return 4;
    portd_disconnect(client);
    return 0;
}

struct filling {
    int code;   /* of the last one that was refused; 1: none was */
    int under;  /* way */
    bool other; /* it was for want of something else than objects */
};

static void on_filled(portd_client *client, const portd_result *result, void *data) {
    struct filling *filling = data;

    (void)client;
    filling->under--;
    if (result->code == 1)
        return;
    filling->code = result->code;
    filling->other = !strstr(result->message, "limit of objects");
}

/* Semaphores until one is refused, many at a time: what that one was answered. Each fires, and its copy is closed by a worker, and is one of the
 * uid's descriptors until then: where the worker is slow these are used up first, for a while. */
static int make_until_refused(portd_client *client, int fd) {
    enum { AT_ONCE = 64 };
    struct filling filling = {.code = 1};

    while (filling.code == 1 || filling.under > 0) {
        for (; filling.code == 1 && filling.under < AT_ONCE; filling.under++)
            if (portd_fd_to_semaphore_start(client, fd, READ, on_filled, &filling, NULL) != 1)
                return 0;
        if (portd_poll(client, fixture_soon()) < 0)
            return 0;
        if (filling.under == 0 && filling.code == PORTD_E_LIMIT && filling.other)
            filling.code = 1;
    }
    return filling.code;
}

/* With no room for another object, a number that comes back with another file keeps what it has. */
static int try_full(void *data) {
    portd_ready ready;
    portd_id e, id;
    int code, p[2], other[2];

    portd_client *client = connect_as(data, NULL, 0, &code);
    int full = eventfd(1, EFD_CLOEXEC); /* ready: each call makes a semaphore that has fired */
    if (code != 1 || full < 0 || pipe(p) < 0 || pipe(other) < 0 || write(other[1], "x", 1) != 1)
        return 1;
    if (portd_fd_to_evt(client, p[0], READ, PORTD_FD, fixture_soon(), &e) != 1)
        return 2;
    if (make_until_refused(client, full) != PORTD_E_LIMIT || dup2(other[0], p[0]) != p[0])
        return 3;
    if (portd_fd_to_evt(client, p[0], READ, PORTD_FD, fixture_soon(), &id) != PORTD_E_LIMIT)
        return 4;
    if (portd_fd_to_port(client, p[0], "p", PORTD_READ, fixture_soon(), NULL, NULL) != PORTD_E_LIMIT)
        return 5;
    if (portd_wait(client, &e, 1, 0, 0, &ready) != 0)
        return 6;
    if (portd_fd_to_evt(client, p[0], CHECK_READ, PORTD_FD, fixture_soon(), &id) != 1 || id != e)
        return 7;
    portd_disconnect(client);
    return 0;
}

static int try_connect(void *data) {
    int code;

    portd_client *client = connect_as(data, NULL, 0, &code);
    portd_disconnect(client);
    return code == 1 ? 0 : code == PORTD_E_UNREACHABLE || code == PORTD_E_DENIED ? 1 : 2;
}

static int try_denied(void *data) {
    int code;

    portd_client *client = connect_as(data, NULL, 0, &code);
    portd_disconnect(client);
    return code == PORTD_E_DENIED ? 0 : 1;
}

static int stay_connected(void *data) {
    const struct visit *visit = data;
    int code;

    portd_client *client = connect_as(visit, NULL, 0, &code);
    if (code != 1)
        return 1;
    while ((code = portd_poll(client, PORTD_FOREVER)) >= 0) {
    }
    portd_disconnect(client);
    return code == PORTD_E_DISCONNECTED ? 0 : 2;
}

static int visit_as(uid_t uid, int (*body)(void *data), struct visit visit) {
    visit.uid = uid;
    return fixture_reap(fixture_fork(body, &visit));
}

static void other_uids_find_nothing(void **state) {
    int p[2];

    (void)state;
    if (!stranger_broker(&broker))
        test_skip("not root");
    make_pipe(p);
    portd_options options = PORTD_OPTIONS_INIT;
    options.owner_pid = (uint32_t)getpid();
    portd_client *c = fixture_client_at(broker.address, &options);
    portd_id e = ask_evt(c, p[0], READ);
    const struct visit visit = {portd_session_token(c), options.owner_pid, portd_session_id(c), e, 0};
    assert_int_equal(visit_as(SOMEBODY, try_procedures, visit), 0);
    assert_int_equal(visit_as(SOMEBODY, try_token, visit), 0);
    assert_int_equal(visit_as(SOMEBODY, try_ids, visit), 0);
    assert_int_equal(visit_as(SOMEBODY, try_owner, visit), 0); /* has one of its own for that process */
    assert_int_equal(visit_as(SOMEBODY_ELSE, try_owner, visit), 0);
    assert_cause(c, e, IDLE);
    assert_int_equal(ask_item(c, visit.session).connections, 1);
}

static void only_its_own_uid_may_connect_unless_told(void **state) {
    (void)state;
    if (geteuid() != 0)
        test_skip("not root");
    assert_true(stranger_broker(&broker));
    assert_int_equal(visit_as(SOMEBODY, try_connect, (struct visit){0}), 0);
    fixture_stop(&broker);
    fixture_start(&broker, NULL); /* file mode 0600 */
    assert_int_equal(visit_as(SOMEBODY, try_connect, (struct visit){0}), 1);
    assert_int_equal(visit_as(0, try_connect, (struct visit){0}), 0);
}

/* No file keeps others from a name: the broker itself does what the mode of a file would. */
static void of_a_name_too(void **state) {
    char name[64];
    const char *const open[] = {"--listen", name, "--mode", "0666", NULL};
    const char *const usual[] = {"--listen", name, NULL}, *const group[] = {"--listen", name, "--mode",
                                                                            "0660", NULL};

    (void)state;
    if (geteuid() != 0)
        test_skip("not root");
    (void)snprintf(name, sizeof(name), "unix:@portd-test-users-%d", (int)getpid());
    fixture_start(&broker, open);
    assert_int_equal(visit_as(SOMEBODY, try_connect, (struct visit){0}), 0);
    assert_int_equal(visit_as(SOMEBODY, try_procedures, (struct visit){0}), 0);
    fixture_stop(&broker);
    fixture_start(&broker, group);
    assert_int_equal(visit_as(SOMEBODY, try_denied, (struct visit){0}), 0);
    fixture_stop(&broker);
    fixture_start(&broker, usual);
    assert_int_equal(visit_as(SOMEBODY, try_denied, (struct visit){0}), 0);
    assert_int_equal(visit_as(0, try_connect, (struct visit){0}), 0);
}

static void a_refused_replacement_changes_nothing(void **state) {
    (void)state;
    if (!stranger_broker(&broker))
        test_skip("not root");
    assert_int_equal(visit_as(SOMEBODY, try_full, (struct visit){0}), 0);
}

static size_t sessions_of_all(portd_client *c) {
    portd_list *list = NULL;

    assert_int_equal(portd_list_objects(c, PORTD_KIND_SESSION, fixture_soon(), &list), 1);
    size_t n = portd_list_count(list);
    portd_list_free(list);
    return n;
}

static bool are_two(void *data) { return sessions_of_all(data) == 2; }

static void an_admin_sees_and_ends_those_of_others(void **state) {
    struct visit visit = {.uid = SOMEBODY};
    portd_list *list = NULL;
    portd_id theirs = 0;

    (void)state;
    if (!stranger_broker(&broker))
        test_skip("not root");
    portd_client *c = fixture_client_at(broker.address, NULL);
    pid_t child = fixture_fork(stay_connected, &visit);
    assert_true(fixture_until(are_two, c));
    assert_int_equal(portd_list_objects(c, PORTD_KIND_SESSION, fixture_soon(), &list), 1);
    for (size_t i = 0; i < portd_list_count(list); i++)
        if (portd_list_item(list, i)->uid == SOMEBODY)
            theirs = portd_list_item(list, i)->id;
    portd_list_free(list);
    assert_int_not_equal(theirs, 0);
    assert_int_equal(portd_end_session(c, theirs, fixture_soon()), 1);
    assert_int_equal(fixture_reap(child), 0);
    assert_int_equal(sessions_of_all(c), 1);
}

TEST_MAIN(FIXTURE_CASE_BARE(a_refused_replacement_changes_nothing),
          FIXTURE_CASE_BARE(other_uids_find_nothing),
          FIXTURE_CASE_BARE(only_its_own_uid_may_connect_unless_told), FIXTURE_CASE_BARE(of_a_name_too),
          FIXTURE_CASE_BARE(an_admin_sees_and_ends_those_of_others))
