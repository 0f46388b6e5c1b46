/* test_reach.c: a connection that reaches all sessions of its uid reaches none of another uid, though it knows every id. */
#include "guest.h"

#include <sys/eventfd.h>

enum { NOT_FOUND = PORTD__V1__CODE__CODE_NOT_FOUND, OTHER_UID = 1000, CANNOT = 100 };

struct stranger {
    const char *address;
    uint64_t session, id;
};

static int ask_about(struct raw *raw, raw_request *request, uint64_t id) {
    Portd__V1__Release release = PORTD__V1__RELEASE__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;
    Portd__V1__Show show = PORTD__V1__SHOW__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;

    wait.ids = show.ids = release.ids = &id;
    wait.n_ids = show.n_ids = release.n_ids = 1;
    wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
    handle.id = end.id = list.session = id;
    switch (request->method_case) {
    case PORTD__V1__REQUEST__METHOD_WAIT:
        request->wait = &wait;
        break;
    case PORTD__V1__REQUEST__METHOD_HANDLE:
        request->handle = &handle;
        break;
    case PORTD__V1__REQUEST__METHOD_SHOW:
        request->show = &show;
        break;
    case PORTD__V1__REQUEST__METHOD_LIST:
        request->list = &list;
        break;
    case PORTD__V1__REQUEST__METHOD_RELEASE:
        request->release = &release;
        break;
    default:
        request->end_session = &end;
        break;
    }
    return raw_code(raw_ask(raw, request));
}

static int be_strange(void *data) {
    static const struct {
        Portd__V1__Request__MethodCase method;
        bool session;
    } asked[] = {{PORTD__V1__REQUEST__METHOD_WAIT, false}, {PORTD__V1__REQUEST__METHOD_HANDLE, false},
                 {PORTD__V1__REQUEST__METHOD_SHOW, false}, {PORTD__V1__REQUEST__METHOD_RELEASE, false},
                 {PORTD__V1__REQUEST__METHOD_LIST, true},  {PORTD__V1__REQUEST__METHOD_END_SESSION, true}};
    const struct stranger *stranger = data;
    Portd__V1__Hello hello = raw_hello_make();
    struct raw raw;

    if (!guest_become(OTHER_UID))
        return CANNOT;
    hello.reach = true;
    if (raw_connect(&raw, stranger->address) || raw_hello_with(&raw, &hello, NULL, 0))
        return 1;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        raw_request request = PORTD__V1__REQUEST__INIT;
        request.method_case = asked[i].method;
        if (ask_about(&raw, &request, asked[i].session ? stranger->session : stranger->id) != NOT_FOUND)
            return 10 + (int)i;
    }
    if (raw_remove(&raw, stranger->id) != NOT_FOUND)
        return 2;
    return raw_ping(&raw) == 0 ? 0 : 3;
}

static void none_of_another_uid(void **state) {
    static struct fixture broker;
    struct stranger stranger;
    struct raw raw;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_start_open(&broker, 0);
    guest_open_at(&raw, broker.address);
    stranger = (struct stranger){broker.address, raw.session, guest_evt(&raw, event, 5)};
    int code = fixture_reap(fixture_fork(be_strange, &stranger));
    if (code == CANNOT)
        test_skip("nobody can become somebody else here");
    assert_int_equal(code, 0);
    assert_true(guest_evt(&raw, event, 5) == stranger.id);
    guest_is_served(&raw);
}

TEST_MAIN(FIXTURE_CASE_BARE(none_of_another_uid))
