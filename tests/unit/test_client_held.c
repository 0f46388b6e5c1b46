/* test_client_held.c: what is held in place of numbers, and in listings, against a fake broker. */
#include "tests/support/broker_fake.h"

#include <limits.h>
#include <pthread.h>

enum { WINDOW = 2, FIRST_ID = 2, PAGE = 256 };

struct heard {
    int calls, code;
    size_t n;
};

static void hear(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    heard->calls++;
    heard->code = result->code;
    heard->n = result->n_held;
}

static void process_all(portd_client *client) {
    while (portd_process(client) > 0)
        continue;
}

/* ---- what is held in place of a number ----------------------------------------------------------------------------- */

static void names_take_the_place_of_numbers(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, 8);
    struct heard heard = {0};

    (void)state;
    for (int mode = PORTD_MODE_READ; mode <= PORTD_MODE_REMOVE; mode++) {
        assert_int_equal(portd_hold_to_semaphore_start(client, "7", "it", mode, hear, &heard, NULL), 1);
        process_all(client);
        const Portd__V1__Descriptor *semaphore =
            broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE)
                ->file_descriptor_to_semaphore;
        assert_true(semaphore->number == 0 && (int)semaphore->mode == mode && broker.frame.n_fds == 0);
        assert_string_equal(semaphore->hold_owner, "7");
        assert_string_equal(semaphore->hold, "it");
    }
    assert_int_equal(portd_hold_to_evt_start(client, NULL, "it", PORTD_MODE_WRITE, hear, &heard, NULL), 1);
    process_all(client);
    const Portd__V1__DescriptorEvt *evt =
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FD_TO_EVT)->fd_to_evt;
    assert_true(evt->number == 0 && (int)evt->mode == PORTD_MODE_WRITE && broker.frame.n_fds == 0);
    assert_string_equal(evt->hold_owner, "");
    assert_string_equal(evt->hold, "it");
    assert_int_equal(
        portd_hold_to_port_start(client, "7", "it", PORTD_READ | PORTD_REGULAR_FILE, hear, &heard, NULL), 1);
    process_all(client);
    const Portd__V1__WrapFileDescriptor *file =
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT)->file_descriptor_to_port;
    assert_true(file->number == 0 && file->read && !file->write && file->regular_file);
    assert_int_equal(broker.frame.n_fds, 0);
    assert_string_equal(file->name, "it");
    assert_string_equal(file->hold, "it");
    assert_string_equal(file->hold_owner, "7");
    portd_disconnect(client);
    broker_close(&broker);
}

static void objects_of_names_are_told_and_undone(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, 8);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Ports ports = PORTD__V1__PORTS__INIT;
    portd_id id, input = 1, output = 1;

    (void)state;
    broker_reply_object(&broker, FIRST_ID, 19, true);
    assert_int_equal(portd_hold_to_semaphore(client, NULL, "it", PORTD_MODE_READ, PORTD_FOREVER, &id), 1);
    assert_true(id == 19);
    assert_int_equal(portd_hold_to_semaphore(client, NULL, "it", PORTD_MODE_READ, 0, &id), PORTD_E_TIMEOUT);
    assert_int_equal(portd_hold_to_evt(client, NULL, "it", PORTD_MODE_READ, 0, &id), PORTD_E_TIMEOUT);
    assert_true(id == 0);
    ports.input = 18;
    ports.descriptor = 9;
    ports.undo = BROKER_UNDO;
    reply.id = FIRST_ID + 3;
    reply.result_case = PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_PORT;
    reply.file_descriptor_to_port = &ports;
    broker_reply(&broker, &reply, OS_FD_NONE);
    assert_int_equal(portd_hold_to_port(client, NULL, "it", PORTD_READ, PORTD_FOREVER, &input, &output), 1);
    assert_true(input == 18 && output == 0);
    broker_reply_object(&broker, FIRST_ID + 1, 19, false); /* too late */
    process_all(client);
    for (int i = 0; i < 2; i++)
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FD_TO_EVT);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT);
    assert_true(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_RELEASE)->release->ids[0] == 19);
    portd_disconnect(client);
    broker_close(&broker);
}

/* One that does not know such names would take number 0 instead. It is never asked, also by what was started before it was known. */
static void an_older_broker_is_not_asked(void **state) {
    struct broker_fake broker;
    struct heard heard = {0};
    portd_client *client;
    int code = 0;

    (void)state;
    broker_listen(&broker);
    broker.old = true;
    assert_int_equal(portd_connect_start(broker.place.address, NULL, broker_met, &code, &client), 1);
    broker_accept(&broker);
    assert_int_equal(portd_hold_to_semaphore_start(client, NULL, "it", PORTD_MODE_REMOVE, hear, &heard, NULL),
                     1);
    assert_int_equal(portd_hold_to_evt_start(client, NULL, "it", PORTD_MODE_CHECK_READ, hear, &heard, NULL),
                     1);
    assert_int_equal(portd_hold_to_port_start(client, NULL, "it", PORTD_READ, hear, &heard, NULL), 1);
    assert_int_equal(portd_fd_to_semaphore_start(client, 0, PORTD_MODE_REMOVE, hear, &heard, NULL), 1);
    broker_welcome(&broker, broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO)->id, WINDOW);
    process_all(client);
    assert_int_equal(code, 1);
    assert_int_equal(heard.calls, 3);
    assert_int_equal(heard.code, PORTD_E_UNSUPPORTED);
    assert_string_equal(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE)
                            ->file_descriptor_to_semaphore->hold,
                        "");
    assert_int_equal(portd_hold_to_semaphore(client, NULL, "it", PORTD_MODE_REMOVE, PORTD_FOREVER, NULL),
                     PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_hold_to_port(client, NULL, "it", PORTD_READ, PORTD_FOREVER, NULL, NULL),
                     PORTD_E_UNSUPPORTED);
    assert_true(broker_hears_nothing(&broker));
    portd_disconnect(client);
    broker_close(&broker);
}

/* A new one is, once it is known. */
static void what_waits_for_the_welcome_is_asked(void **state) {
    struct broker_fake broker;
    struct heard heard = {0};
    portd_client *client;
    int code = 0;

    (void)state;
    broker_listen(&broker);
    assert_int_equal(portd_connect_start(broker.place.address, NULL, broker_met, &code, &client), 1);
    broker_accept(&broker);
    assert_int_equal(portd_hold_to_evt_start(client, NULL, "it", PORTD_MODE_READ, hear, &heard, NULL), 1);
    broker_welcome(&broker, broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO)->id, WINDOW);
    process_all(client);
    assert_string_equal(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FD_TO_EVT)->fd_to_evt->hold, "it");
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- listings ------------------------------------------------------------------------------------------------------ */

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

/* How long so many names are that fill a page, which has that size without them. */
static size_t length_that_fills(size_t size, size_t n) {
    enum { HEAD = 6 }; /* of a name, and what its length adds to that of its item */
    size_t length = (FRAME_DATA_MAX - size) / n;

    return length > 255 + HEAD ? 255 : length - HEAD;
}

/* A page of `count` held descriptors, whose names are as long as they may be if `full`. */
static void reply_page(struct broker_fake *broker, uint64_t id, uint64_t first, size_t count, bool more,
                       bool full) {
    static char texts[PAGE][256];
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__HoldsOf page = PORTD__V1__HOLDS_OF__INIT;
    Portd__V1__HoldItem items[PAGE], *pointers[PAGE];

    for (size_t i = 0; i < count; i++) {
        portd__v1__hold_item__init(&items[i]);
        snprintf(texts[i], sizeof(texts[i]), "name %zu", i);
        if (full)
            texts[i][0] = '\0';
        items[i].name = texts[i];
        items[i].owner = (char *)(uintptr_t) "1000";
        items[i].type = (char *)(uintptr_t) "pipe";
        items[i].put_by = (char *)(uintptr_t) "0";
        items[i].descriptor = first + 8 * i;
        items[i].put_pid = 77;
        items[i].age_us = items[i].ttl_us = INT64_MAX;
        items[i].process_pid = items[i].copies = UINT32_MAX;
        items[i].hang_up = true;
        pointers[i] = &items[i];
    }
    page.holds = pointers;
    page.n_holds = count;
    page.more = more;
    page.next = more ? items[count - 1].descriptor + 2 : 0; /* a cursor, and no id */
    size_t length = length_that_fills(portd__v1__holds_of__get_packed_size(&page), count);
    for (size_t i = 0; full && i < count; i++) {
        memset(texts[i], 'n', length);
        texts[i][length] = '\0';
    }
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_HOLDS;
    reply.holds = &page;
    broker_reply(broker, &reply, OS_FD_NONE);
}

struct asked {
    struct broker_fake *broker;
    uint64_t after[2];
    bool always_more;
};

static void *serve_pages(void *data) {
    struct asked *asked = data;

    for (uint64_t i = 0; i < 2; i++) {
        const Portd__V1__Request *request = broker_expect(asked->broker, PORTD__V1__REQUEST__METHOD_HOLDS);
        asked->after[i] = request->holds->after;
        assert_string_equal(request->holds->owner, "1000");
        reply_page(asked->broker, request->id, asked->always_more ? 9 : 9 + i * 8 * PAGE, PAGE,
                   asked->always_more || i == 0, false);
    }
    return NULL;
}

static void a_listing_has_all_pages_and_outlives_its_client(void **state) {
    struct broker_fake broker;
    struct budget budget = {.left = INT_MAX};
    portd_options options = PORTD_OPTIONS_INIT;
    portd_list *list;
    pthread_t thread;

    (void)state;
    options.allocate = budget_allocate;
    options.context = &budget;
    portd_client *client = broker_meet(&broker, &options, WINDOW);
    struct asked asked = {.broker = &broker};
    assert_int_equal(pthread_create(&thread, NULL, serve_pages, &asked), 0);
    assert_int_equal(portd_list_holds(client, "1000", PORTD_FOREVER, &list), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(asked.after[0] == 0 && asked.after[1] == 9 + 8 * (PAGE - 1) + 2);
    portd_disconnect(client);
    broker_close(&broker);
    assert_int_equal(portd_list_count(list), 2 * PAGE);
    for (size_t i = 0; i < 2 * PAGE; i++) {
        const portd_held *held = portd_list_held(list, i);
        char name[16];
        snprintf(name, sizeof(name), "name %zu", i % PAGE);
        assert_int_equal(held->size, sizeof(*held));
        assert_string_equal(held->name, name);
        assert_string_equal(held->owner, "1000");
        assert_string_equal(held->type, "pipe");
        assert_string_equal(held->put_by, "0");
        assert_true(held->descriptor == 9 + 8 * i && held->put_pid == 77);
        assert_true(held->age_us == INT64_MAX && held->ttl_us == INT64_MAX);
        assert_true(held->process_pid == UINT32_MAX && held->copies == UINT32_MAX && held->hang_up);
    }
    assert_null(portd_list_held(list, 2 * PAGE));
    assert_null(portd_list_item(list, 0));
    assert_null(portd_list_held(NULL, 0));
    portd_list_free(list);
    assert_int_equal(budget.blocks, 0);
}

static void pages_that_lead_nowhere_end(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct asked asked = {.broker = &broker, .always_more = true};
    portd_list *list;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve_pages, &asked), 0);
    assert_int_equal(portd_list_holds(client, "1000", PORTD_FOREVER, &list), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    portd_list_free(list);
    portd_disconnect(client);
    broker_close(&broker);
}

static void full_pages_are_read_however_many_they_have(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};

    (void)state;
    for (size_t count = 1; count <= PAGE; count++) {
        assert_int_equal(portd_list_holds_start(client, NULL, 0, hear, &heard, NULL), 1);
        reply_page(&broker, FIRST_ID + count - 1, 9, count, false, true);
        while (heard.calls < (int)count)
            assert_int_equal(portd_poll(client, PORTD_FOREVER), 1);
        assert_int_equal(heard.code, 1);
        assert_int_equal(heard.n, count);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

/* Of more, a page that is filled to the limit needs more than the memory for unpacking. */
enum { ITEMS = 240 };

/* A page of so many ports made from what is held, whose names fill it to the limit. */
static void reply_items(struct broker_fake *broker, uint64_t id, size_t count) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Items page = PORTD__V1__ITEMS__INIT;
    Portd__V1__Item items[PAGE], *pointers[PAGE];
    Portd__V1__Hold hold = PORTD__V1__HOLD__INIT;
    char name[256] = "";

    hold.owner = (char *)(uintptr_t) "4294967294";
    hold.name = name;
    for (size_t i = 0; i < count; i++) {
        portd__v1__item__init(&items[i]);
        items[i].id = items[i].descriptor = items[i].session = (UINT64_C(1) << 53) - 3;
        items[i].kind = PORTD__V1__KIND__KIND_PORT;
        items[i].number = -1;
        items[i].direction = PORTD__V1__DIRECTION__DIRECTION_WRITE;
        items[i].registered = items[i].socket = true;
        items[i].name = name;
        items[i].hold = &hold;
        pointers[i] = &items[i];
    }
    page.items = pointers;
    page.n_items = count;
    memset(name, 'n', length_that_fills(portd__v1__items__get_packed_size(&page), 2 * count));
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_LIST;
    reply.list = &page;
    broker_reply(broker, &reply, OS_FD_NONE);
}

static void look_at_items(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    heard->calls++;
    heard->code = result->code;
    heard->n = result->n_items;
    for (size_t i = 0; i < result->n_items; i++) {
        assert_int_equal(result->items[i]->number, -1);
        assert_string_equal(result->items[i]->hold_owner, "4294967294");
        assert_string_equal(result->items[i]->hold_name, result->items[i]->name);
    }
}

static void items_say_what_they_were_made_from(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};

    (void)state;
    for (size_t count = 1; count <= ITEMS; count++) {
        assert_int_equal(portd_list_start(client, PORTD_KIND_ANY, 0, look_at_items, &heard, NULL), 1);
        reply_items(&broker, FIRST_ID + count - 1, count);
        while (heard.calls < (int)count)
            assert_int_equal(portd_poll(client, PORTD_FOREVER), 1);
        assert_int_equal(heard.code, 1);
        assert_int_equal(heard.n, count);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

/* A list is made whole or not at all. */
static void a_listing_without_memory_is_none(void **state) {
    struct broker_fake broker;
    struct budget budget = {.left = INT_MAX};
    portd_options options = PORTD_OPTIONS_INIT;
    portd_list *list;
    int n = 0, r;

    (void)state;
    options.allocate = budget_allocate;
    options.context = &budget;
    portd_client *client = broker_meet(&broker, &options, WINDOW);
    int blocks = budget.blocks;
    do {
        budget.left = n;
        reply_page(&broker, FIRST_ID, 9, 3, false, false);
        r = portd_list_holds(client, NULL, PORTD_FOREVER, &list);
        assert_true(r == 1 || r == PORTD_E_MEMORY);
        assert_true((r == 1) == (list != NULL));
        portd_list_free(list);
        budget.left = INT_MAX;
        portd_disconnect(client);
        assert_int_equal(budget.blocks, 0);
        broker_close(&broker);
        n++;
        client = broker_meet(&broker, &options, WINDOW);
        assert_int_equal(budget.blocks, blocks);
    } while (r < 0);
    assert_true(n > 3);
    portd_disconnect(client);
    broker_close(&broker);
}

TEST_MAIN(TEST_CASE(names_take_the_place_of_numbers), TEST_CASE(objects_of_names_are_told_and_undone),
          TEST_CASE(an_older_broker_is_not_asked), TEST_CASE(what_waits_for_the_welcome_is_asked),
          TEST_CASE(a_listing_has_all_pages_and_outlives_its_client), TEST_CASE(pages_that_lead_nowhere_end),
          TEST_CASE(full_pages_are_read_however_many_they_have),
          TEST_CASE(items_say_what_they_were_made_from), TEST_CASE(a_listing_without_memory_is_none))
