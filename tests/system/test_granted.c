/* test_granted.c: what rules of the configuration let other uids do with held names, and what becomes of it when the rules change. */
#define _GNU_SOURCE

#include "guest.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OWNER = 2002,
    SOMEBODY = 2001,
    DENIED = PORTD__V1__CODE__CODE_DENIED,
    INVALID = PORTD__V1__CODE__CODE_INVALID,
    NOT_FOUND = PORTD__V1__CODE__CODE_NOT_FOUND,
    CLOSED = PORTD__V1__CODE__CODE_CLOSED
};

static struct fixture broker;
static char folder[64], path[128], text[256];
static struct raw owner, somebody;

static void write_config(const char *what) {
    char whole[160];
    (void)snprintf(whole, sizeof whole, "%s.new", path);
    int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, what, strlen(what)), (ssize_t)strlen(what));
    assert_int_equal(close(fd), 0);
    assert_int_equal(rename(whole, path), 0);
}

static void connect_as(struct raw *raw, unsigned uid) {
    guest_connect_as(raw, uid, broker.address);
    assert_int_equal(raw_hello(raw), 0);
}

/* A broker with these rules, an owner of names, and somebody else. */
static void start(const char *rules) {
    static const char *const options[] = {"--config", path, "--mode", "0666", NULL};
    if (geteuid() != 0)
        test_skip("only root can be somebody else");
    write_config(rules);
    fixture_start(&broker, options);
    connect_as(&owner, OWNER);
    connect_as(&somebody, SOMEBODY);
}

static int before(void **state) {
    (void)snprintf(folder, sizeof folder, "/tmp/portd-granted-XXXXXX");
    if (fixture_before_bare(state) || !mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/portd.conf", folder);
    return chmod(folder, 0755);
}

static int after(void **state) {
    (void)unlink(path);
    int result = rmdir(folder);
    return fixture_after(state) || result ? -1 : 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, before, after)

static void reload(const char *rules) {
    portd_client *root = fixture_client_at(broker.address, NULL);
    portd_list *list;
    write_config(rules);
    assert_int_equal(portd_reload(root, fixture_soon(), &list), 1);
    portd_list_free(list);
}

/* ---- requests, of names of the owner ------------------------------------------------------------------------------ */

static char owner_text[] = "2002";

/* The code; keeps the text of a refusal. */
static int code_of(raw_reply *reply) {
    assert_non_null(reply);
    (void)snprintf(text, sizeof text, "%s", reply->error ? reply->error->message : "");
    return raw_code(reply);
}

static int put(struct raw *raw, char *name, int fd) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Put put = PORTD__V1__PUT__INIT;
    put.owner = owner_text;
    put.names = &name;
    put.n_names = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_PUT;
    request.put = &put;
    return code_of(raw_ask_fds(raw, &request, &fd, 1));
}

static int get(struct raw *raw, char *name, bool take) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Get get = PORTD__V1__GET__INIT;
    get.owner = owner_text;
    get.names = &name;
    get.n_names = 1;
    get.take = take;
    request.method_case = PORTD__V1__REQUEST__METHOD_GET;
    request.get = &get;
    int code = code_of(raw_ask(raw, &request));
    raw_close_fds(raw);
    return code;
}

static int drop(struct raw *raw, char *name) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Drop drop = PORTD__V1__DROP__INIT;
    drop.owner = owner_text;
    drop.names = &name;
    drop.n_names = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_DROP;
    request.drop = &drop;
    return code_of(raw_ask(raw, &request));
}

static int renew(struct raw *raw, char *name) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Renew renew = PORTD__V1__RENEW__INIT;
    renew.owner = owner_text;
    renew.names = &name;
    renew.n_names = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_RENEW;
    request.renew = &renew;
    return code_of(raw_ask(raw, &request));
}

/* A semaphore or an event. */
static int watch(struct raw *raw, char *name, bool evt, uint64_t *id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt descriptor_evt = PORTD__V1__DESCRIPTOR_EVT__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    descriptor.hold = descriptor_evt.hold = name;
    descriptor.hold_owner = descriptor_evt.hold_owner = owner_text;
    descriptor.mode = descriptor_evt.mode = PORTD__V1__MODE__MODE_READ;
    request.method_case =
        evt ? PORTD__V1__REQUEST__METHOD_FD_TO_EVT : PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    if (evt)
        request.fd_to_evt = &descriptor_evt;
    else
        request.file_descriptor_to_semaphore = &descriptor;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    if (!reply->error)
        *id = reply->fd_to_evt->id;
    return code_of(reply);
}

static int wrap(struct raw *raw, char *name, bool writes, uint64_t *port) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapFileDescriptor wrap = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;
    wrap.hold = name;
    wrap.hold_owner = owner_text;
    wrap.read = !writes;
    wrap.write = writes;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT;
    request.file_descriptor_to_port = &wrap;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    if (!reply->error)
        *port = writes ? reply->file_descriptor_to_port->output : reply->file_descriptor_to_port->input;
    return code_of(reply);
}

static int port_dup(struct raw *raw, uint64_t port) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Port message = PORTD__V1__PORT__INIT;
    message.id = port;
    request.method_case = PORTD__V1__REQUEST__METHOD_PORT_DUP;
    request.port_dup = &message;
    int code = code_of(raw_ask(raw, &request));
    raw_close_fds(raw);
    return code;
}

static int shut(struct raw *raw, uint64_t port, bool reading, bool writing) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Shutdown message = PORTD__V1__SHUTDOWN__INIT;
    message.id = port;
    message.read = reading;
    message.write = writing;
    request.method_case = PORTD__V1__REQUEST__METHOD_SHUTDOWN;
    request.shutdown = &message;
    return code_of(raw_ask(raw, &request));
}

/* A page after that id; the reply is the caller's. */
static raw_reply *page(struct raw *raw, uint64_t after_id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Holds holds = PORTD__V1__HOLDS__INIT;
    holds.owner = owner_text;
    holds.after = after_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_HOLDS;
    request.holds = &holds;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    return reply;
}

static Portd__V1__Cause cause_of(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;
    Portd__V1__Cause cause = PORTD__V1__CAUSE__CAUSE_NONE;
    wait.ids = &id;
    wait.n_ids = 1;
    wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = &wait;
    (void)raw_ready(raw_ask(raw, &request), &cause);
    return cause;
}

static bool ends(struct raw *raw, uint64_t id, Portd__V1__Cause cause) {
    for (int i = 0; i < 1000; i++)
        if (cause_of(raw, id) == cause)
            return true;
    return false;
}

static bool has_no_reader(int pipe) {
    struct pollfd asked = {.fd = pipe, .events = POLLOUT};
    return poll(&asked, 1, 0) == 1 && asked.revents & POLLERR;
}

static bool lost_its_reader(void *data) { return has_no_reader(*(int *)data); }

#define RULE(name, names, rights)                                                                            \
    "rule " name " { owner = 2002 users = 2001 names = { " names " } rights = { " rights " } }\n"

/* ---- single rights ------------------------------------------------------------------------------------------------ */

static void each_right_is_one(void **state) {
    int pipes[2], socket[2];
    uint64_t id, port;

    (void)state;
    start(RULE("watchers", "'web/*'", "watch") RULE("readers", "'web/r*', socket", "read")
              RULE("getters", "'web/g*'",
                   "get") "rule others { owner = 2002 users = 2003 names = 'web/*' rights = { drop } }\n");
    guest_pipe(pipes);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket), 0);
    assert_int_equal(put(&owner, "web/r", pipes[0]), 0);
    assert_int_equal(put(&owner, "web/g", pipes[0]), 0);
    assert_int_equal(put(&owner, "db", pipes[0]), 0);
    assert_int_equal(put(&owner, "socket", fixture_own(socket[0])), 0);
    fixture_own(socket[1]);

    assert_int_equal(watch(&somebody, "web/r", true, &id), 0);
    assert_int_equal(watch(&somebody, "web/r", false, &id), 0);
    assert_int_equal(watch(&somebody, "db", true, &id), DENIED);
    assert_int_equal(wrap(&somebody, "web/r", false, &port), 0);
    assert_int_equal(wrap(&somebody, "web/g", false, &port), DENIED);
    assert_int_equal(port_dup(&somebody, port), DENIED); /* it would be a copy */
    assert_int_equal(wrap(&somebody, "web/r", true, &port), DENIED);
    assert_int_equal(wrap(&somebody, "socket", false, &port), 0);
    assert_int_equal(shut(&somebody, port, false, true), DENIED);
    assert_int_equal(shut(&somebody, port, true, true), DENIED);
    assert_int_equal(shut(&somebody, port, true, false), 0);
    assert_int_equal(get(&somebody, "web/g", false), 0);
    assert_int_equal(get(&somebody, "web/r", false), DENIED);
    assert_int_equal(get(&somebody, "web/g", true), DENIED); /* to take is to drop as well */
    assert_int_equal(drop(&somebody, "web/g"), DENIED);
    assert_int_equal(renew(&somebody, "web/g"), DENIED);
    assert_int_equal(put(&somebody, "web/g", pipes[0]), DENIED);
    assert_int_equal(get(&owner, "web/g", true), 0);
    assert_int_equal(get(&somebody, "web/g", false), NOT_FOUND);
}

/* session: of the first who watches it; UINT64_MAX: nobody does. */
static int show(struct raw *raw, char *name, uint64_t *session) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__ShowHold show_hold = PORTD__V1__SHOW_HOLD__INIT;
    show_hold.owner = owner_text;
    show_hold.names = &name;
    show_hold.n_names = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_SHOW_HOLD;
    request.show_hold = &show_hold;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    if (!reply->error) {
        assert_int_equal(reply->show_hold->n_holds, 1);
        const Portd__V1__Look *look = reply->show_hold->holds[0]->look;
        *session = look->n_watchers ? look->watchers[0]->session : UINT64_MAX;
    }
    return code_of(reply);
}

static int repair(struct raw *raw, char *name) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__RepairHold repair_hold = PORTD__V1__REPAIR_HOLD__INIT;
    repair_hold.owner = owner_text;
    repair_hold.name = name;
    request.method_case = PORTD__V1__REQUEST__METHOD_REPAIR_HOLD;
    request.repair_hold = &repair_hold;
    return code_of(raw_ask(raw, &request));
}

static void looking_needs_list_and_repairing_put(void **state) {
    static char name[] = "log", other[] = "other", nothing[] = "nothing";
    uint64_t id, session;
    int pipes[2];

    (void)state;
    start(RULE("lookers", "log", "list") RULE("watchers", "log", "watch") RULE("putters", "other", "put"));
    guest_pipe(pipes);
    assert_int_equal(put(&owner, name, pipes[0]), 0);
    assert_int_equal(put(&owner, other, pipes[0]), 0);
    assert_int_equal(show(&somebody, name, &session), 0);
    assert_true(session == UINT64_MAX);
    assert_int_equal(show(&somebody, other, &session), DENIED);
    assert_int_equal(show(&somebody, nothing, &session), DENIED);
    assert_int_equal(repair(&somebody, name), DENIED);
    assert_int_equal(repair(&somebody, other), 0);
    assert_int_equal(repair(&somebody, nothing), DENIED);
    /* The session of who watches is told to who may see it. */
    assert_int_equal(watch(&owner, name, true, &id), 0);
    assert_int_equal(show(&somebody, name, &session), 0);
    assert_int_equal(session, 0);
    assert_int_equal(show(&owner, name, &session), 0);
    assert_true(session != 0 && session != UINT64_MAX);
    assert_int_equal(show(&owner, nothing, &session), NOT_FOUND);
}

/* Bytes that were read, or minus the code. limit_us 0: no waiting. */
static int read_spool(struct raw *raw, char *name, bool acknowledge, uint64_t from) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__ReadSpool read = PORTD__V1__READ_SPOOL__INIT;
    read.owner = owner_text;
    read.name = name;
    read.start_case = PORTD__V1__READ_SPOOL__START_FROM;
    read.from = from;
    read.most = 100;
    read.acknowledge = acknowledge;
    request.method_case = PORTD__V1__REQUEST__METHOD_READ_SPOOL;
    request.read_spool = &read;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    int n = reply->error ? 0 : (int)reply->read_spool->data.len, code = code_of(reply);
    return code ? -code : n;
}

static void a_spool_is_read_by_who_may_read(void **state) {
    static char name[] = "log", other[] = "other";
    static char *names[] = {name};
    int pipes[2];
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Put put_spooled = PORTD__V1__PUT__INIT;
    Portd__V1__Spool spool = PORTD__V1__SPOOL__INIT, *spools[] = {&spool};

    (void)state;
    start(RULE("readers", "log", "read"));
    guest_pipe(pipes);
    spool.bytes = 4096;
    spool.when_full = PORTD__V1__WHEN_FULL__WHEN_FULL_STOP;
    put_spooled.owner = owner_text;
    put_spooled.names = names;
    put_spooled.n_names = put_spooled.n_spools = 1;
    put_spooled.spools = spools;
    request.method_case = PORTD__V1__REQUEST__METHOD_PUT;
    request.put = &put_spooled;
    assert_int_equal(code_of(raw_ask_fds(&owner, &request, &pipes[0], 1)), 0);
    assert_int_equal(write(pipes[1], "abc", 3), 3);
    assert_int_equal(read_spool(&somebody, name, false, 0), 3);
    assert_int_equal(read_spool(&somebody, name, true, 0), -DENIED); /* it would let the writer go on */
    assert_int_equal(read_spool(&owner, name, true, 1), 2);
    assert_int_equal(read_spool(&somebody, other, false, 0), -DENIED);
    assert_int_equal(get(&somebody, name, false), DENIED);
    reload("");
    assert_int_equal(read_spool(&somebody, name, false, 0), -DENIED);
    assert_int_equal(drop(&owner, name), 0);
}

/* The words do not tell whether anything is held. */
static void a_refusal_names_the_right_and_the_rule(void **state) {
    static char held[] = "web/x", nothing[] = "web/y";
    int pipes[2];

    (void)state;
    start("rule others { owner = 2002 users = 2003 names = 'web/*' rights = { drop } }\n");
    guest_pipe(pipes);
    assert_int_equal(put(&owner, held, pipes[0]), 0);
    assert_int_equal(drop(&somebody, held), DENIED);
    assert_string_equal(text,
                        "uid 2001 lacks the right drop to \"web/x\" of uid 2002: rule \"others\" grants it "
                        "to others");
    assert_int_equal(drop(&somebody, nothing), DENIED);
    assert_string_equal(text,
                        "uid 2001 lacks the right drop to \"web/y\" of uid 2002: rule \"others\" grants it "
                        "to others");
    assert_int_equal(get(&somebody, held, false), DENIED);
    assert_string_equal(text, "uid 2001 lacks the right get to \"web/x\" of uid 2002: no rule grants it");
    assert_int_equal(get(&somebody, nothing, false), DENIED);
    assert_string_equal(text, "uid 2001 lacks the right get to \"web/y\" of uid 2002: no rule grants it");
}

static void what_others_put_is_theirs_and_the_owners(void **state) {
    int pipes[2], refused[2];
    uint64_t limit;

    (void)state;
    start(RULE("putters", "'in/*'", "put"));
    guest_pipe(pipes);
    guest_pipe(refused);
    uint64_t before_put = guest_quota(&somebody, "descriptors", &limit);
    uint64_t of_owner = guest_quota(&owner, "descriptors", &limit);
    assert_int_equal(put(&somebody, "in/a", pipes[0]), 0);
    assert_int_equal(renew(&somebody, "in/a"), 0);
    assert_int_equal(guest_quota(&somebody, "descriptors", &limit), before_put + 1);
    assert_int_equal(guest_quota(&owner, "descriptors", &limit), of_owner);
    raw_reply *reply = page(&owner, 0);
    assert_int_equal(reply->holds->n_holds, 1);
    assert_string_equal(reply->holds->holds[0]->put_by, "2001");
    assert_string_equal(reply->holds->holds[0]->owner, "2002");
    raw_free(reply);
    assert_int_equal(get(&owner, "in/a", false), 0);
    assert_int_equal(get(&somebody, "in/a", false), DENIED);
    /* One that is refused is closed. */
    assert_int_equal(put(&somebody, "out/a", refused[0]), DENIED);
    assert_int_equal(close(refused[0]), 0);
    assert_true(fixture_until(lost_its_reader, &refused[1]));
    assert_int_equal(drop(&somebody, "in/a"), DENIED);
    assert_int_equal(drop(&owner, "in/a"), 0);
    assert_int_equal(guest_quota(&somebody, "descriptors", &limit), before_put);
}

/* ---- lists -------------------------------------------------------------------------------------------------------- */

enum { VISIBLE = 300, HIDDEN_EACH = 5 };

static void pages_tell_of_nothing_else(void **state) {
    int pipes[2];
    char name[32];
    size_t n = 0, pages = 0;
    uint64_t at = 0;
    bool more = true;

    (void)state;
    start(RULE("listers", "'web/*'", "list"));
    guest_pipe(pipes);
    for (int i = 0; i < VISIBLE * (HIDDEN_EACH + 1); i++) {
        (void)snprintf(name, sizeof name, i % (HIDDEN_EACH + 1) ? "db/%d" : "web/%d", i);
        assert_int_equal(put(&owner, name, pipes[0]), 0);
    }
    while (more) {
        raw_reply *reply = page(&somebody, at);
        assert_null(reply->error);
        assert_int_equal(reply->holds->n_holds, pages ? VISIBLE - 256 : 256);
        for (size_t i = 0; i < reply->holds->n_holds; i++)
            assert_int_equal(strncmp(reply->holds->holds[i]->name, "web/", 4), 0);
        n += reply->holds->n_holds;
        more = reply->holds->more;
        at = reply->holds->next;
        assert_int_equal(at, more ? reply->holds->holds[reply->holds->n_holds - 1]->descriptor : 0);
        pages++;
        raw_free(reply);
    }
    assert_int_equal(n, VISIBLE);
    assert_int_equal(pages, 2);
    reload(RULE("listers", "'none*'", "list"));
    raw_reply *reply = page(&somebody, 0);
    assert_null(reply->error);
    assert_int_equal(reply->holds->n_holds, 0);
    assert_false(reply->holds->more);
    raw_free(reply);
    reload(RULE("watchers", "'web/*'", "watch"));
    assert_int_equal(code_of(page(&somebody, 0)), DENIED);
    assert_string_equal(
        text, "uid 2001 lacks the right list to the held descriptors of uid 2002: no rule grants it");
}

/* ---- reload ------------------------------------------------------------------------------------------------------- */

static void a_right_that_is_lost_ends_what_was_made_by_it(void **state) {
    int pipes[2], other[2];
    uint64_t evt, semaphore, kept, port;

    (void)state;
    start(RULE("watchers", "'web/*'", "watch") RULE("readers", "'web/*'", "read")
              RULE("more", "db", "watch"));
    guest_pipe(pipes);
    guest_pipe(other);
    assert_int_equal(put(&owner, "web/a", pipes[0]), 0);
    assert_int_equal(put(&owner, "db", other[0]), 0);
    assert_int_equal(watch(&somebody, "web/a", true, &evt), 0);
    assert_int_equal(watch(&somebody, "web/a", false, &semaphore), 0);
    assert_int_equal(watch(&somebody, "db", true, &kept), 0);
    assert_int_equal(wrap(&somebody, "web/a", false, &port), 0);
    assert_int_equal(raw_start_wait(&somebody, 1000, evt), 0);
    assert_int_equal(raw_start_wait(&somebody, 1001, port), 0);

    reload(RULE("readers", "'web/*'", "read") RULE("more", "db", "watch"));
    guest_is_woken(&somebody, 1000, evt, PORTD__V1__CAUSE__CAUSE_REVOKED);
    assert_true(ends(&somebody, semaphore, PORTD__V1__CAUSE__CAUSE_REVOKED));
    assert_int_equal(cause_of(&somebody, kept), PORTD__V1__CAUSE__CAUSE_NONE);
    assert_int_equal(cause_of(&somebody, port), PORTD__V1__CAUSE__CAUSE_NONE);
    assert_int_equal(watch(&somebody, "web/a", true, &evt), DENIED);

    reload("");
    guest_is_woken(&somebody, 1001, port, PORTD__V1__CAUSE__CAUSE_REVOKED);
    assert_true(ends(&somebody, kept, PORTD__V1__CAUSE__CAUSE_REVOKED));
    /* The copies are gone: the owner's is the last one. */
    assert_int_equal(close(pipes[0]), 0);
    assert_int_equal(drop(&owner, "web/a"), 0);
    assert_true(has_no_reader(pipes[1]));
}

/* Also when nobody is connected who is in the group, as between two commands of a shell. */
static void what_a_group_was_given_stays_as_long_as_it_is(void **state) {
    static const char groups[] = "rule group { owner = 2002 groups = 2001 names = a rights = watch }\n";
    char more[512];
    int pipes[2];
    uint64_t evt, own;

    (void)state;
    start(groups);
    guest_pipe(pipes);
    assert_int_equal(put(&owner, "a", pipes[0]), 0);
    assert_int_equal(watch(&somebody, "a", true, &evt), 0);
    assert_int_equal(watch(&owner, "a", true, &own), 0);
    (void)snprintf(more, sizeof more, "%s%s", RULE("else", "b", "watch"), groups);
    reload(more);
    assert_int_equal(watch(&somebody, "b", true, &evt), NOT_FOUND);
    assert_int_equal(cause_of(&somebody, evt), PORTD__V1__CAUSE__CAUSE_NONE);
    reload(RULE("else", "b", "watch"));
    assert_true(ends(&somebody, evt, PORTD__V1__CAUSE__CAUSE_REVOKED));
    assert_int_equal(cause_of(&owner, own), PORTD__V1__CAUSE__CAUSE_NONE);
}

/* All of a uid's, however many they are. */
static void many_objects_are_revoked(void **state) {
    enum { MANY = 700 };
    static uint64_t ids[MANY];
    char name[32];
    int pipes[2];

    (void)state;
    start(RULE("watchers", "'*'", "watch"));
    guest_pipe(pipes);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        assert_int_equal(put(&owner, name, pipes[0]), 0);
        assert_int_equal(watch(&somebody, name, i % 2, &ids[i]), 0);
    }
    reload("");
    for (int i = 0; i < MANY; i++)
        assert_true(ends(&somebody, ids[i], PORTD__V1__CAUSE__CAUSE_REVOKED));
}

/* ---- the broker --------------------------------------------------------------------------------------------------- */

static int ask_reload(struct raw *raw) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Reload message = PORTD__V1__RELOAD__INIT;
    request.method_case = PORTD__V1__REQUEST__METHOD_RELOAD;
    request.reload = &message;
    return code_of(raw_ask(raw, &request));
}

static void monitor_all(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Monitor message = PORTD__V1__MONITOR__INIT;
    request.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_MONITOR;
    request.monitor = &message;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
}

static void admin_is_granted_and_taken_away(void **state) {
    static const char rules[] = "rule ops { groups = 2001 rights = admin }\n";
    static struct raw watcher;
    int pipes[2];

    (void)state;
    start(rules);
    guest_pipe(pipes);
    assert_int_equal(put(&owner, "a", pipes[0]), 0);
    assert_int_equal(ask_reload(&owner), DENIED);
    assert_int_equal(ask_reload(&somebody), 0);
    raw_reply *reply = page(&somebody, 0);
    assert_null(reply->error);
    assert_int_equal(reply->holds->n_holds, 1);
    raw_free(reply);
    assert_int_equal(get(&somebody, "a", false), DENIED); /* it is no right to a name */
    connect_as(&watcher, SOMEBODY);
    monitor_all(&watcher, 1000);
    guest_is_served(&watcher);
    write_config("");
    assert_int_equal(ask_reload(&somebody), 0);
    assert_int_equal(drop(&owner, "a"), 0); /* of which a notice tells */
    guest_is_told(&watcher, 1000, DENIED);
    assert_int_equal(ask_reload(&somebody), DENIED);
    assert_int_equal(code_of(page(&somebody, 0)), DENIED);
}

struct asked {
    char *name, *uid;
    Portd__V1__Right right;
    uint32_t gids[2];
    size_t n_gids;
};

/* 1: allowed, 0: not, and why; below 0: the code, negated. */
static int why(struct raw *raw, struct asked asked) {
    static char nothing[] = "";
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Why message = PORTD__V1__WHY__INIT;
    message.owner = asked.right == PORTD__V1__RIGHT__RIGHT_ADMIN ? nothing : owner_text;
    message.name = asked.name ? asked.name : nothing;
    message.uid = asked.uid ? asked.uid : nothing;
    message.right = asked.right;
    message.gids = asked.gids;
    message.n_gids = asked.n_gids;
    request.method_case = PORTD__V1__REQUEST__METHOD_WHY;
    request.why = &message;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    if (reply->error)
        return -code_of(reply);
    int allowed = reply->why->allowed;
    (void)snprintf(text, sizeof text, "%s|%s", reply->why->rule, reply->why->text);
    raw_free(reply);
    return allowed;
}

static void why_tells_what_a_rule_does(void **state) {
    static struct raw root;

    (void)state;
    start(RULE("watchers", "'web/*'",
               "watch") "rule group { owner = 2002 groups = 60 names = x rights = get }\n"
                        "rule ops { groups = 2003 rights = admin }\n");
    connect_as(&root, 0);
    assert_int_equal(why(&somebody, (struct asked){.name = "web/a", .right = PORTD__V1__RIGHT__RIGHT_WATCH}),
                     1);
    assert_string_equal(text, "watchers|rule \"watchers\" grants watch to \"web/a\" of uid 2002 to uid 2001");
    assert_int_equal(why(&somebody, (struct asked){.name = "web/a", .right = PORTD__V1__RIGHT__RIGHT_PUT}),
                     0);
    assert_string_equal(text,
                        "|uid 2001 lacks put to \"web/a\" of uid 2002: no rule grants it; one in portd.conf "
                        "with users = { \"2001\" } and rights = { \"put\" } would");
    assert_int_equal(why(&somebody, (struct asked){.name = "x", .right = PORTD__V1__RIGHT__RIGHT_GET}), 0);
    assert_string_equal(text,
                        "group|uid 2001 lacks get to \"x\" of uid 2002: rule \"group\" grants it to others; "
                        "\"2001\" in its users would add this one");
    assert_int_equal(why(&owner, (struct asked){.name = "x", .right = PORTD__V1__RIGHT__RIGHT_GET}), 1);
    assert_string_equal(text, "|uid 2002 has get to \"x\" of uid 2002 without a rule");
    assert_int_equal(why(&somebody, (struct asked){.right = PORTD__V1__RIGHT__RIGHT_ADMIN}), 0);
    /* About others, and about groups, with admin alone. */
    assert_int_equal(
        why(&somebody, (struct asked){.name = "x", .uid = "2002", .right = PORTD__V1__RIGHT__RIGHT_GET}),
        -DENIED);
    struct asked of_group = {
        .name = "x", .uid = "2001", .right = PORTD__V1__RIGHT__RIGHT_GET, .gids = {5, 60}, .n_gids = 2};
    assert_int_equal(why(&somebody, of_group), -DENIED);
    assert_int_equal(why(&root, of_group), 1);
    of_group.n_gids = 1;
    assert_int_equal(why(&root, of_group), 0);
    of_group.uid = "65534";
    of_group.n_gids = 2;
    assert_int_equal(why(&root, of_group), 0);
    assert_int_equal(why(&root, (struct asked){.right = PORTD__V1__RIGHT__RIGHT_ADMIN}), 1);
    assert_int_equal(why(&root, (struct asked){.right = PORTD__V1__RIGHT__RIGHT_NONE, .name = "x"}),
                     -INVALID);
    assert_int_equal(why(&root, (struct asked){.right = (Portd__V1__Right)9, .name = "x"}), -INVALID);
    assert_int_equal(why(&root, (struct asked){.right = PORTD__V1__RIGHT__RIGHT_GET}), -INVALID);
    assert_int_equal(why(&root, (struct asked){.right = PORTD__V1__RIGHT__RIGHT_ADMIN, .name = "x"}),
                     -INVALID);
}

TEST_MAIN(CASE(each_right_is_one), CASE(looking_needs_list_and_repairing_put),
          CASE(a_spool_is_read_by_who_may_read), CASE(a_refusal_names_the_right_and_the_rule),
          CASE(what_others_put_is_theirs_and_the_owners), CASE(pages_tell_of_nothing_else),
          CASE(a_right_that_is_lost_ends_what_was_made_by_it),
          CASE(what_a_group_was_given_stays_as_long_as_it_is), CASE(many_objects_are_revoked),
          CASE(admin_is_granted_and_taken_away), CASE(why_tells_what_a_rule_does))
