/* test_client_call.c: blocking calls, callbacks and the lifetime of a client, against a fake broker. */
#include "tests/support/broker_fake.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/wait.h>

enum { WINDOW = 8, FIRST_ID = 2, PAGE = 256 /* items */ };

struct heard {
    int calls;
    int code;
};

static void hear(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    heard->calls++;
    heard->code = result->code;
}

static void process_all(portd_client *client) {
    while (portd_process(client) > 0)
        continue;
}

/* ---- deadlines ---------------------------------------------------------------------------------------------------- */

static void late_reply_is_swallowed_with_its_descriptor(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__HandleOf form = PORTD__V1__HANDLE_OF__INIT;
    portd_native handle;

    (void)state;
    assert_int_equal(portd_handle_dup(client, 19, portd_now() + 1000, &handle), PORTD_E_TIMEOUT);
    assert_int_equal(handle, -1);
    assert_string_not_equal(portd_last_error(client), "");
    size_t before = test_fds_count();
    reply.id = FIRST_ID;
    reply.result_case = PORTD__V1__REPLY__RESULT_HANDLE;
    reply.handle = &form;
    broker_reply(&broker, &reply, dup(0));
    broker_reply_pong(&broker, FIRST_ID + 1);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    assert_int_equal(test_fds_count(), before);
    portd_disconnect(client);
    broker_close(&broker);
}

static void check_undone(struct broker_fake *broker, portd_id id) {
    const Portd__V1__Release *release = broker_expect(broker, PORTD__V1__REQUEST__METHOD_RELEASE)->release;

    assert_int_equal(release->n_ids, 1);
    assert_true(release->ids[0] == id);
    assert_int_equal(release->undo, BROKER_UNDO);
}

/* Whether a call has made the object or found it: each is undone, and the broker counts them. */
static void late_create_call_is_undone(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_id id = 1;

    (void)state;
    assert_int_equal(portd_fd_to_semaphore(client, 0, PORTD_MODE_READ, 0, &id), PORTD_E_TIMEOUT);
    assert_int_equal(id, 0);
    assert_int_equal(portd_fd_to_semaphore(client, 0, PORTD_MODE_READ, 0, &id), PORTD_E_TIMEOUT);
    for (uint64_t i = 0; i < 2; i++) {
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE);
        broker_reply_object(&broker, FIRST_ID + i, 19, i == 0); /* the second call found the first one's */
    }
    process_all(client);
    check_undone(&broker, 19);
    check_undone(&broker, 19);
    assert_true(broker_hears_nothing(&broker));
    portd_disconnect(client);
    broker_close(&broker);
}

/* The caller has the id that the second call returned; only the first one is undone, whichever came first at the broker. */
static void repeated_create_call_is_not_undone(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_id id = 1;

    (void)state;
    assert_int_equal(portd_fd_to_semaphore(client, 0, PORTD_MODE_READ, 0, &id), PORTD_E_TIMEOUT);
    broker_reply_object(&broker, FIRST_ID + 1, 19, false);
    assert_int_equal(portd_fd_to_semaphore(client, 0, PORTD_MODE_READ, PORTD_FOREVER, &id), 1);
    assert_int_equal(id, 19);
    broker_reply_object(&broker, FIRST_ID, 19, true);
    process_all(client);
    for (int i = 0; i < 2; i++)
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE);
    check_undone(&broker, 19);
    assert_true(broker_hears_nothing(&broker));
    portd_disconnect(client);
    broker_close(&broker);
}

/* Nothing was made: none, a failure, or a broker that has no number for it. */
static void late_reply_without_an_object_undoes_nothing(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Object object;
    portd_id id;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(portd_fd_to_semaphore(client, 0, PORTD_MODE_READ, 0, &id), PORTD_E_TIMEOUT);
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE);
    }
    broker_reply_object(&broker, FIRST_ID, 0, false);
    broker_reply_error(&broker, FIRST_ID + 1, PORTD__V1__CODE__CODE_LIMIT, "too many");
    portd__v1__object__init(&object);
    object.id = 19;
    object.created = true;
    reply.id = FIRST_ID + 2;
    reply.result_case = PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_SEMAPHORE;
    reply.file_descriptor_to_semaphore = &object;
    broker_reply(&broker, &reply, OS_FD_NONE);
    process_all(client);
    assert_true(broker_hears_nothing(&broker));
    portd_disconnect(client);
    broker_close(&broker);
}

static void reply_that_has_arrived_beats_a_passed_deadline(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);

    (void)state;
    broker_reply_pong(&broker, FIRST_ID);
    assert_int_equal(portd_ping(client, 0), 1);
    assert_int_equal(portd_poll(client, 0), 0);
    assert_int_equal(portd_poll(client, portd_now() + 1000), 0);
    portd_disconnect(client);
    broker_close(&broker);
}

static void replies_of_before_are_seen_before_sleeping(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};

    (void)state;
    assert_int_equal(portd_ping_start(client, hear, &heard, NULL), 1);
    broker_reply_pong(&broker, FIRST_ID);
    broker_reply_pong(&broker, FIRST_ID + 1);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    assert_int_equal(heard.calls, 1); /* others' callbacks run in blocking calls */
    assert_int_equal(portd_ping_start(client, hear, &heard, NULL), 1);
    broker_reply_pong(&broker, FIRST_ID + 2);
    assert_int_equal(portd_poll(client, PORTD_FOREVER), 1);
    assert_int_equal(heard.calls, 2);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- wakeup and signals ------------------------------------------------------------------------------------------- */

static void *wake(void *client) {
    portd_wakeup(client);
    return NULL;
}

static void wakeup_ends_the_next_blocking_call_once(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const portd_id id = 19;
    portd_ready ready;

    (void)state;
    portd_wakeup(client);
    portd_wakeup(client);
    assert_int_equal(portd_poll(client, PORTD_FOREVER), PORTD_E_INTERRUPTED);
    assert_int_equal(portd_poll(client, 0), 0);
    portd_wakeup(client);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), PORTD_E_INTERRUPTED);
    assert_int_equal(portd_poll(client, 0), 0);
    portd_wakeup(client);
    assert_int_equal(portd_wait(client, &id, 1, 0, PORTD_FOREVER, &ready), PORTD_E_INTERRUPTED);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WAIT);
    assert_int_equal(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_CANCEL)->cancel->request,
                     FIRST_ID + 1);
    /* A result that is there comes before the wakeup, which stays for the next call. */
    broker_reply_pong(&broker, FIRST_ID + 3);
    portd_wakeup(client);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), PORTD_E_INTERRUPTED);
    portd_disconnect(client);
    portd_wakeup(NULL);
    broker_close(&broker);
}

static void wakeup_from_a_thread_ends_a_sleep(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const portd_id id = 19;
    portd_ready ready;

    (void)state;
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wake, client), 0);
        assert_int_equal(portd_wait(client, &id, 1, 0, PORTD_FOREVER, &ready), PORTD_E_INTERRUPTED);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

struct nudge {
    pthread_t target;
    atomic_int signals; /* that have been handled */
    struct broker_fake *broker;
};

static struct nudge nudge;

static void on_signal(int number) {
    (void)number;
    nudge.signals++;
}

/* Signals until some have been handled, and only then answers. */
static void *nudge_and_reply(void *data) {
    (void)data;
    while (nudge.signals < 5)
        (void)pthread_kill(nudge.target, SIGUSR1);
    broker_reply_pong(nudge.broker, FIRST_ID);
    return NULL;
}

static void signals_do_not_end_a_blocking_call(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct sigaction action = {.sa_handler = on_signal}, before;
    pthread_t thread;

    (void)state;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    nudge.target = pthread_self();
    nudge.signals = 0;
    nudge.broker = &broker;
    assert_int_equal(pthread_create(&thread, NULL, nudge_and_reply, NULL), 0);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- callbacks ---------------------------------------------------------------------------------------------------- */

static void try_to_block(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;
    portd_ready ready;
    const portd_id id = 19;

    (void)result;
    assert_int_equal(portd_ping(client, PORTD_FOREVER), PORTD_E_BUSY);
    assert_int_equal(portd_wait(client, &id, 1, 0, 0, &ready), PORTD_E_BUSY);
    assert_int_equal(portd_poll(client, 0), PORTD_E_BUSY);
    assert_int_equal(portd_process(client), PORTD_E_BUSY);
    assert_int_equal(portd_ping_start(client, hear, heard, NULL), 1);
}

static void callback_cannot_block_and_may_start(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};

    (void)state;
    assert_int_equal(portd_ping_start(client, try_to_block, &heard, NULL), 1);
    broker_reply_pong(&broker, FIRST_ID);
    assert_int_equal(portd_process(client), 1);
    assert_int_equal(portd_get_events(client), PORTD_EVENT_READ); /* what it started is on its way */
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
    broker_reply_pong(&broker, FIRST_ID + 1);
    process_all(client);
    assert_int_equal(heard.calls, 1);
    portd_disconnect(client);
    broker_close(&broker);
}

static void hang_up(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    hear(client, result, data);
    portd_disconnect(client);
    portd_disconnect(client); /* the second one has nothing to do */
    assert_int_equal(portd_ping_start(client, hear, heard, NULL), PORTD_E_DISCONNECTED);
}

static void callback_may_disconnect(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard first = {0}, second = {0}, rest = {0};

    (void)state;
    assert_int_equal(portd_ping_start(client, hang_up, &first, NULL), 1);
    assert_int_equal(portd_ping_start(client, hear, &second, NULL), 1);
    assert_int_equal(portd_ping_start(client, hear, &rest, NULL), 1);
    assert_int_equal(portd_ping_start(client, hear, &rest, NULL), 1);
    broker_reply_pong(&broker, FIRST_ID);
    broker_reply_pong(&broker, FIRST_ID + 1); /* arrives together with the first: too late all the same */
    assert_int_equal(portd_process(client), PORTD_E_DISCONNECTED);
    assert_int_equal(first.calls, 1);
    assert_int_equal(first.code, 1);
    assert_int_equal(second.calls, 1);
    assert_int_equal(second.code, PORTD_E_DISCONNECTED);
    assert_int_equal(rest.calls, 2);
    assert_int_equal(rest.code, PORTD_E_DISCONNECTED);
    broker_close(&broker);
}

static void callback_may_disconnect_under_a_blocking_call(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard first = {0};
    portd_list *list = NULL;

    (void)state;
    assert_int_equal(portd_ping_start(client, hang_up, &first, NULL), 1);
    broker_reply_pong(&broker, FIRST_ID);
    assert_int_equal(portd_list_objects(client, PORTD_KIND_ANY, PORTD_FOREVER, &list), PORTD_E_DISCONNECTED);
    assert_null(list);
    assert_int_equal(first.calls, 1);
    broker_close(&broker);
}

static void lost_callback_may_disconnect(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard first = {0}, rest = {0};

    (void)state;
    assert_int_equal(portd_ping_start(client, hang_up, &first, NULL), 1);
    assert_int_equal(portd_ping_start(client, hear, &rest, NULL), 1);
    broker_hang_up(&broker);
    assert_int_equal(portd_process(client), PORTD_E_DISCONNECTED);
    assert_int_equal(first.calls, 1);
    assert_int_equal(rest.calls, 1);
    broker_close(&broker);
}

static void disconnect_calls_back_what_is_left(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard first = {0};

    (void)state;
    assert_int_equal(portd_ping_start(client, hang_up, &first, NULL), 1);
    portd_disconnect(client);
    assert_int_equal(first.calls, 1);
    assert_int_equal(first.code, PORTD_E_DISCONNECTED);
    portd_disconnect(NULL);
    broker_close(&broker);
}

/* ---- fork --------------------------------------------------------------------------------------------------------- */

/* What a child finds; 0: all as it must be. */
static int child_looks(portd_client *client, struct heard *heard) {
    const portd_id id = 19;
    portd_ready ready;

    if (portd_ping(client, PORTD_FOREVER) != PORTD_E_FORKED || portd_process(client) != PORTD_E_FORKED)
        return 1;
    if (portd_wait(client, &id, 1, 0, PORTD_FOREVER, &ready) != PORTD_E_FORKED)
        return 2;
    if (portd_ping_start(client, hear, heard, NULL) != PORTD_E_FORKED)
        return 3;
    portd_wakeup(client);
    portd_disconnect(client);
    return heard->calls == 0 ? 0 : 4;
}

static void child_has_no_client(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    int status;

    (void)state;
    assert_int_equal(portd_ping_start(client, hear, &heard, NULL), 1);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(child_looks(client, &heard));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    /* The parent's client has noticed nothing: no wakeup, nothing sent twice, the connection open. */
    assert_int_equal(portd_poll(client, 0), 0);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
    assert_true(broker_hears_nothing(&broker));
    broker_reply_pong(&broker, FIRST_ID);
    process_all(client);
    assert_int_equal(heard.code, 1);
    portd_disconnect(client);
    broker_close(&broker);
}

struct forking {
    struct heard *other; /* that of what the child must not hear of */
    pid_t child;         /* 0 in the child */
    bool disconnects;
};

static void fork_inside(portd_client *client, const portd_result *result, void *data) {
    struct forking *forking = data;

    assert_int_equal(result->code, 1);
    assert_int_equal(portd_ping_start(client, hear, forking->other, NULL), 1); /* is not sent yet */
    forking->child = fork();
    assert_true(forking->child >= 0);
    if (forking->child == 0 && forking->disconnects)
        portd_disconnect(client);
}

/* What is freed cannot be used as if it were not. */
static void *poison_allocate(void *context, void *old, size_t size) {
    const size_t head = sizeof(max_align_t);
    char *block = old ? (char *)old - head : NULL;

    (void)context;
    if (size == 0) {
        memset(old, 0xA5, *(size_t *)(void *)block);
        free(block);
        return NULL;
    }
    block = realloc(block, head + size);
    assert_non_null(block);
    *(size_t *)(void *)block = size;
    return block + head;
}

/* In the child everything ends when the callback returns: nobody is called back, and nothing is sent. */
static void child_of_a_callback(bool disconnects) {
    struct broker_fake broker;
    struct heard other = {0};
    struct forking forking = {.other = &other, .disconnects = disconnects};
    portd_options options = PORTD_OPTIONS_INIT;
    int status;

    options.allocate = poison_allocate;
    portd_client *client = broker_meet(&broker, &options, WINDOW);
    assert_int_equal(portd_ping_start(client, fork_inside, &forking, NULL), 1);
    assert_int_equal(portd_ping_start(client, hear, &other, NULL), 1);
    broker_reply_pong(&broker, FIRST_ID);
    broker_reply_pong(&broker, FIRST_ID + 2);
    int code = portd_ping(client, PORTD_FOREVER);
    if (forking.child == 0) {
        if (!disconnects)
            portd_disconnect(client);
        _exit(code == PORTD_E_FORKED && other.calls == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(forking.child, &status, 0), forking.child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(code, 1);
    process_all(client);
    for (int i = 0; i < 4; i++)
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
    assert_true(broker_hears_nothing(&broker));
    broker_reply_pong(&broker, FIRST_ID + 1);
    broker_reply_pong(&broker, FIRST_ID + 3);
    process_all(client);
    assert_int_equal(other.calls, 2);
    portd_disconnect(client);
    broker_close(&broker);
}

static void child_of_a_callback_disconnects(void **state) {
    (void)state;
    child_of_a_callback(true);
}

static void child_of_a_callback_returns(void **state) {
    (void)state;
    child_of_a_callback(false);
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

struct budget {
    int left;   /* allocations until there is no more memory */
    int blocks; /* that are out */
    bool refused;
};

static void *budget_allocate(void *context, void *old, size_t size) {
    struct budget *budget = context;

    if (size == 0) {
        budget->blocks--;
        free(old);
        return NULL;
    }
    if (budget->left-- <= 0) {
        budget->refused = true;
        return NULL;
    }
    if (!old)
        budget->blocks++;
    return realloc(old, size);
}

static void reply_page(struct broker_fake *broker, uint64_t id, uint64_t first, bool more) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Items page = PORTD__V1__ITEMS__INIT;
    Portd__V1__Item items[PAGE], *pointers[PAGE];

    for (size_t i = 0; i < PAGE; i++) {
        portd__v1__item__init(&items[i]);
        items[i].id = first + i * 8;
        items[i].kind = PORTD__V1__KIND__KIND_DESCRIPTOR;
        items[i].number = (int64_t)i;
        items[i].type = (char *)(uintptr_t) "tcp-listener";
        pointers[i] = &items[i];
    }
    page.items = pointers;
    page.n_items = PAGE;
    page.more = more;
    page.next = more ? items[PAGE - 1].id + 2 : 0; /* a cursor, and no id */
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_LIST;
    reply.list = &page;
    broker_reply(broker, &reply, OS_FD_NONE);
}

/* One of everything that allocates. Stops at the first refusal. */
static void walk(struct broker_fake *broker, const portd_options *options, struct heard *heard) {
    portd_client *client;
    portd_list *list = NULL;
    portd_id id;
    int met = 0;

    if (portd_connect_start(broker->place.address, options, broker_met, &met, &client) < 0)
        return;
    broker_accept(broker);
    bool queued = portd_fd_to_semaphore_start(client, 0, PORTD_MODE_READ, hear, heard, NULL) > 0;
    broker_welcome(broker, 1, WINDOW);
    process_all(client);
    uint64_t next = FIRST_ID + queued;
    if (met == 1 && portd_list_start(client, 0, 0, hear, heard, NULL) > 0)
        reply_page(broker, next++, 1, false);
    process_all(client);
    for (uint64_t i = 0; met == 1 && i < 100; i++)
        if (portd_wait_start(client, (portd_id[]){19, 27}, 2, 0, PORTD_FOREVER, hear, heard, NULL) < 0)
            break;
    process_all(client);
    if (met == 1 && portd_ping(client, 0) == PORTD_E_TIMEOUT)
        (void)portd_fd_to_semaphore(client, 0, PORTD_MODE_WRITE, 0, &id);
    portd_wakeup(client);
    if (met == 1)
        assert_true(portd_list_objects(client, 0, PORTD_FOREVER, &list) < 0);
    portd_disconnect(client);
}

static void every_allocation_may_fail(void **state) {
    struct budget budget = {0};
    portd_options options = PORTD_OPTIONS_INIT;
    int n = 0;

    (void)state;
    options.allocate = budget_allocate;
    options.context = &budget;
    do {
        struct broker_fake broker;
        struct heard heard = {0};
        broker_listen(&broker);
        budget = (struct budget){.left = n++};
        walk(&broker, &options, &heard);
        assert_int_equal(budget.blocks, 0);
        broker_close(&broker);
    } while (budget.refused);
    assert_true(n > 10);
}

/* A reply comes in two parts, and there is no memory left for anything. */
static void part_of_a_reply_needs_no_memory(void **state) {
    struct broker_fake broker;
    struct budget budget = {.left = INT_MAX};
    portd_options options = PORTD_OPTIONS_INIT;
    struct heard heard = {0};
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Pong pong = PORTD__V1__PONG__INIT;
    uint8_t bytes[FRAME_HEADER + 64];

    (void)state;
    options.allocate = budget_allocate;
    options.context = &budget;
    portd_client *client = broker_meet(&broker, &options, WINDOW);
    assert_int_equal(portd_ping_start(client, hear, &heard, NULL), 1);
    process_all(client);
    reply.id = FIRST_ID;
    reply.result_case = PORTD__V1__REPLY__RESULT_PING;
    reply.ping = &pong;
    size_t length = portd__v1__reply__pack(&reply, bytes + FRAME_HEADER);
    frame_encode(bytes, (struct frame_header){.length = (uint32_t)length});
    budget.left = 0;
    for (size_t at = 0; at < FRAME_HEADER + length; at++) {
        assert_int_equal(heard.calls, 0);
        assert_int_equal(transport_send(broker.connection, bytes + at, 1, NULL, 0), 1);
        assert_int_equal(portd_poll(client, portd_now() + 10000000), 1);
    }
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.code, 1);
    portd_disconnect(client);
    assert_int_equal(budget.blocks, 0);
    broker_close(&broker);
}

/* ---- listings ----------------------------------------------------------------------------------------------------- */

struct pages {
    struct broker_fake *broker;
    uint64_t first[2];
    bool more[2];
    uint64_t after[2]; /* what was asked for */
};

static void *serve_pages(void *data) {
    struct pages *pages = data;

    for (int i = 0; i < 2; i++) {
        Portd__V1__Request *request = broker_expect(pages->broker, PORTD__V1__REQUEST__METHOD_LIST);
        pages->after[i] = request->list->after;
        reply_page(pages->broker, request->id, pages->first[i], pages->more[i]);
    }
    return NULL;
}

static void listing_takes_all_pages_and_outlives_the_client(void **state) {
    struct broker_fake broker;
    struct budget budget = {.left = INT32_MAX};
    portd_options options = PORTD_OPTIONS_INIT;
    portd_list *list;
    pthread_t thread;

    (void)state;
    options.allocate = budget_allocate;
    options.context = &budget;
    portd_client *client = broker_meet(&broker, &options, WINDOW);
    struct pages pages = {.broker = &broker, .first = {9, 9 + PAGE * 8}, .more = {true, false}};
    assert_int_equal(pthread_create(&thread, NULL, serve_pages, &pages), 0);
    assert_int_equal(portd_list_objects(client, PORTD_KIND_DESCRIPTOR, PORTD_FOREVER, &list), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pages.after[0], 0);
    assert_int_equal(pages.after[1], 9 + (PAGE - 1) * 8 + 2);
    portd_disconnect(client);
    broker_close(&broker);
    assert_int_equal(portd_list_count(list), 2 * PAGE);
    for (size_t i = 0; i < 2 * PAGE; i++) {
        const portd_item *item = portd_list_item(list, i);
        assert_int_equal(item->size, sizeof(*item));
        assert_int_equal(item->id, 9 + i * 8);
        assert_int_equal(item->number, i % PAGE);
        assert_string_equal(item->type, "tcp-listener");
        assert_string_equal(item->client, "");
        assert_string_equal(item->hold_name, "");
    }
    assert_null(portd_list_item(list, 2 * PAGE));
    assert_null(portd_list_status(list));
    portd_list_free(list);
    assert_int_equal(budget.blocks, 0);
}

static void pages_that_lead_nowhere_end(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct pages pages = {.broker = &broker, .first = {9, 9}, .more = {true, true}};
    portd_list *list;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve_pages, &pages), 0);
    assert_int_equal(portd_list_objects(client, PORTD_KIND_ANY, PORTD_FOREVER, &list), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    portd_list_free(list);
    portd_disconnect(client);
    broker_close(&broker);
}

/* A page of so many ports whose names fill it to the limit. */
static void reply_full_page(struct broker_fake *broker, uint64_t id, size_t count) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Items page = PORTD__V1__ITEMS__INIT;
    Portd__V1__Item items[PAGE], *pointers[PAGE];
    char name[256] = "";

    for (size_t i = 0; i < count; i++) {
        portd__v1__item__init(&items[i]);
        items[i].id = items[i].descriptor = items[i].session = (1ULL << 53) - 3;
        items[i].kind = PORTD__V1__KIND__KIND_PORT;
        items[i].number = INT32_MAX;
        items[i].direction = PORTD__V1__DIRECTION__DIRECTION_WRITE;
        items[i].registered = items[i].socket = true;
        items[i].cause = PORTD__V1__CAUSE__CAUSE_READY;
        items[i].name = name;
        pointers[i] = &items[i];
    }
    page.items = pointers;
    page.n_items = count;
    while (strlen(name) < 255 && portd__v1__items__get_packed_size(&page) + count <= FRAME_DATA_MAX)
        name[strlen(name)] = 'n';
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_LIST;
    reply.list = &page;
    broker_reply(broker, &reply, OS_FD_NONE);
}

static void full_pages_are_read_however_many_items_they_have(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};

    (void)state;
    for (size_t count = 1; count <= PAGE; count++) {
        assert_int_equal(portd_list_start(client, PORTD_KIND_ANY, 0, hear, &heard, NULL), 1);
        reply_full_page(&broker, FIRST_ID + count - 1, count);
        while (heard.calls < (int)count)
            assert_int_equal(portd_poll(client, PORTD_FOREVER), 1);
        assert_int_equal(heard.code, 1);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

/* Answers a show with the first `count` of its ids. */
static void reply_shown(struct broker_fake *broker, const Portd__V1__Request *request, size_t count) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Items page = PORTD__V1__ITEMS__INIT;
    Portd__V1__Item items[4], *pointers[4];

    for (size_t i = 0; i < count; i++) {
        portd__v1__item__init(&items[i]);
        items[i].id = request->show->ids[i];
        pointers[i] = &items[i];
    }
    page.items = pointers;
    page.n_items = count;
    page.more = count < request->show->n_ids;
    reply.id = request->id;
    reply.result_case = PORTD__V1__REPLY__RESULT_SHOW;
    reply.show = &page;
    broker_reply(broker, &reply, OS_FD_NONE);
}

static void *serve_shown(void *data) {
    for (int i = 0; i < 3; i++)
        reply_shown(data, broker_expect(data, PORTD__V1__REQUEST__METHOD_SHOW), i < 2 ? 2 : 1);
    return NULL;
}

static void show_asks_again_for_what_a_page_had_no_room_for(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_id ids[] = {19, 27, 35, 27, 43};
    portd_list *list;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve_shown, &broker), 0);
    assert_int_equal(portd_show(client, ids, 5, PORTD_FOREVER, &list), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(portd_list_count(list), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(portd_list_item(list, i)->id, ids[i]);
    portd_list_free(list);
    portd_disconnect(client);
    broker_close(&broker);
}

static void status_is_a_copy(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Status status;
    Portd__V1__Item session;
    Portd__V1__Quota quota, *quotas[1] = {&quota};
    portd_list *list;

    (void)state;
    portd__v1__status__init(&status);
    portd__v1__item__init(&session);
    portd__v1__quota__init(&quota);
    status.engine = (char *)(uintptr_t) "epoll";
    status.pid = 42;
    session.id = 13;
    session.client = (char *)(uintptr_t) "me";
    status.session = &session;
    quota.name = (char *)(uintptr_t) "waits";
    quota.limit = 7;
    status.quotas = quotas;
    status.n_quotas = 1;
    reply.id = FIRST_ID;
    reply.result_case = PORTD__V1__REPLY__RESULT_STATUS;
    reply.status = &status;
    broker_reply(&broker, &reply, OS_FD_NONE);
    assert_int_equal(portd_get_status(client, PORTD_FOREVER, &list), 1);
    status.session = NULL;
    status.n_quotas = 0;
    reply.id = FIRST_ID + 1;
    broker_reply(&broker, &reply, OS_FD_NONE);
    struct heard heard = {0};
    assert_int_equal(portd_get_status_start(client, hear, &heard, NULL), 1);
    process_all(client);
    assert_int_equal(heard.code, 1);
    portd_disconnect(client);
    broker_close(&broker);
    const portd_status *copy = portd_list_status(list);
    assert_int_equal(copy->size, sizeof(*copy));
    assert_string_equal(copy->engine, "epoll");
    assert_string_equal(copy->broker, "");
    assert_int_equal(copy->pid, 42);
    assert_int_equal(copy->session->id, 13);
    assert_string_equal(copy->session->client, "me");
    assert_int_equal(copy->n_quotas, 1);
    assert_string_equal(copy->quotas[0].name, "waits");
    assert_int_equal(copy->quotas[0].limit, 7);
    assert_int_equal(portd_list_count(list), 0);
    portd_list_free(list);
}

TEST_MAIN(TEST_CASE(late_reply_is_swallowed_with_its_descriptor), TEST_CASE(late_create_call_is_undone),
          TEST_CASE(repeated_create_call_is_not_undone),
          TEST_CASE(late_reply_without_an_object_undoes_nothing),
          TEST_CASE(reply_that_has_arrived_beats_a_passed_deadline),
          TEST_CASE(replies_of_before_are_seen_before_sleeping),
          TEST_CASE(wakeup_ends_the_next_blocking_call_once), TEST_CASE(wakeup_from_a_thread_ends_a_sleep),
          TEST_CASE(signals_do_not_end_a_blocking_call), TEST_CASE(callback_cannot_block_and_may_start),
          TEST_CASE(callback_may_disconnect), TEST_CASE(callback_may_disconnect_under_a_blocking_call),
          TEST_CASE(lost_callback_may_disconnect), TEST_CASE(disconnect_calls_back_what_is_left),
          TEST_CASE(child_has_no_client), TEST_CASE(child_of_a_callback_disconnects),
          TEST_CASE(child_of_a_callback_returns), TEST_CASE(every_allocation_may_fail),
          TEST_CASE(part_of_a_reply_needs_no_memory),
          TEST_CASE(listing_takes_all_pages_and_outlives_the_client), TEST_CASE(pages_that_lead_nowhere_end),
          TEST_CASE(full_pages_are_read_however_many_items_they_have),
          TEST_CASE(show_asks_again_for_what_a_page_had_no_room_for), TEST_CASE(status_is_a_copy))
