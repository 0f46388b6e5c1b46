/* test_client_port.c: ports in the library against a fake broker: the requests sent, late and unexpected replies, and numbers
 * that are given away. */
#include "tests/support/broker_fake.h"

#include <fcntl.h>
#include <pthread.h>

enum { WINDOW = 2, FIRST_ID = 2, BIG = 65536 };

struct heard {
    int calls, code;
    unsigned flags;
    portd_id id, input, output;
    portd_native number, handle;
    size_t count, truncated;
    uint64_t offset;
    unsigned char first;
    portd_endpoint local, peer;
};

static void hear(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    heard->calls++;
    heard->code = result->code;
    heard->flags = result->flags;
    heard->id = result->id;
    heard->input = result->input;
    heard->output = result->output;
    heard->number = result->number;
    heard->handle = result->handle;
    heard->count = result->count;
    heard->truncated = result->truncated;
    heard->offset = result->offset;
    if (result->count > 0 && result->bytes)
        heard->first = *(const unsigned char *)result->bytes;
    if (result->local)
        heard->local = *result->local;
    if (result->peer)
        heard->peer = *result->peer;
}

static void process_all(portd_client *client) {
    while (portd_process(client) > 0)
        continue;
}

static void reply_ports(struct broker_fake *broker, uint64_t id, int method, uint64_t input,
                        uint64_t output) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Ports ports = PORTD__V1__PORTS__INIT;

    ports.input = input;
    ports.output = output;
    ports.descriptor = 9;
    ports.replaced = true;
    ports.undo = BROKER_UNDO;
    reply.id = id;
    reply.result_case = (Portd__V1__Reply__ResultCase)method;
    reply.file_descriptor_to_port = &ports;
    broker_reply(broker, &reply, OS_FD_NONE);
}

static void reply_data(struct broker_fake *broker, uint64_t id, const char *text, bool end,
                       uint64_t truncated) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Data data = PORTD__V1__DATA__INIT;

    data.data.data = (uint8_t *)(uintptr_t)text;
    data.data.len = strlen(text);
    data.end = end;
    data.truncated = truncated;
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_READ;
    reply.read = &data;
    broker_reply(broker, &reply, OS_FD_NONE);
}

static void reply_written(struct broker_fake *broker, uint64_t id, uint32_t count) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Written written = PORTD__V1__WRITTEN__INIT;

    written.count = count;
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_WRITE;
    reply.write = &written;
    broker_reply(broker, &reply, OS_FD_NONE);
}

/* ---- what is sent -------------------------------------------------------------------------------------------------- */

static void flags_and_names(void **state) {
    struct broker_fake broker;
    struct heard heard = {0};
    portd_client *client = broker_meet(&broker, NULL, 8);

    (void)state;
    assert_int_equal(portd_fd_to_port_start(client, 0, "stdin", PORTD_READ | PORTD_TEXT, hear, &heard, NULL),
                     1);
    const Portd__V1__WrapFileDescriptor *file =
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT)->file_descriptor_to_port;
    assert_string_equal(file->name, "stdin");
    assert_true(file->number == 0 && file->read && file->text && !file->write && !file->regular_file);
    assert_int_equal(broker.frame.n_fds, 1);
    assert_int_equal(
        portd_fd_to_port_start(client, 1, NULL, PORTD_WRITE | PORTD_REGULAR_FILE, hear, &heard, NULL), 1);
    file =
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT)->file_descriptor_to_port;
    assert_string_equal(file->name, "");
    assert_true(file->number == 1 && !file->read && !file->text && file->write && file->regular_file);
    for (unsigned flags = 0; flags <= PORTD_NO_CLOSE; flags += PORTD_NO_CLOSE) {
        assert_int_equal(portd_socket_to_port_start(client, 2, "s", flags, hear, &heard, NULL), 1);
        const Portd__V1__WrapSocket *socket =
            broker_expect(&broker, PORTD__V1__REQUEST__METHOD_SOCKET_TO_PORT)->socket_to_port;
        assert_true(socket->number == 2 && socket->no_close == (flags != 0));
        assert_int_equal(broker.frame.n_fds, 1);
    }
    portd_disconnect(client);
    assert_int_equal(heard.calls, 4);
    assert_int_equal(heard.code, PORTD_E_DISCONNECTED);
    broker_close(&broker);
}

static void what_is_refused_sends_nothing(void **state) {
    struct broker_fake broker;
    struct heard heard = {0};
    char name[257];
    size_t n;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);

    (void)state;
    memset(name, 'n', 256);
    name[256] = '\0';
    assert_int_equal(portd_fd_to_port_start(client, 0, "", 0, hear, &heard, NULL), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(client), "flags");
    assert_int_equal(portd_fd_to_port_start(client, 0, "", PORTD_READ | 32, hear, &heard, NULL),
                     PORTD_E_INVALID);
    assert_int_equal(portd_fd_to_port_start(client, 0, "", PORTD_READ | PORTD_NO_CLOSE, hear, &heard, NULL),
                     PORTD_E_INVALID);
    assert_int_equal(portd_socket_to_port_start(client, 0, "", PORTD_READ, hear, &heard, NULL),
                     PORTD_E_INVALID);
    assert_int_equal(portd_socket_to_port_take_start(client, 0, "", PORTD_NO_CLOSE, hear, &heard, NULL),
                     PORTD_E_INVALID);
    assert_int_equal(portd_fd_to_port_start(client, 0, name, PORTD_READ, hear, &heard, NULL),
                     PORTD_E_INVALID);
    assert_string_equal(portd_last_field(client), "name");
    assert_int_equal(portd_fd_to_port_start(client, -1, "", PORTD_READ, hear, &heard, NULL), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(client), "fd");
    assert_int_equal(portd_port_shutdown_start(client, 2, 0, hear, &heard, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_shutdown_start(client, 2, 4, hear, &heard, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_read_start(client, 2, 0, 0, hear, &heard, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_read_start(client, 2, 1, 8, hear, &heard, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_write_start(client, 2, NULL, 1, hear, &heard, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_write_all(client, 2, NULL, 1, 0, &n), PORTD_E_INVALID);
    process_all(client);
    assert_true(broker_hears_nothing(&broker));
    assert_int_equal(heard.calls, 0);
    portd_disconnect(client);
    broker_close(&broker);
}

/* Sixty-four KiB wait in the library until the broker has said welcome, and arrive whole; the caller's array is free at once. */
static void a_long_write_before_the_welcome(void **state) {
    static unsigned char bytes[BIG + 10];
    struct broker_fake broker;
    struct heard heard = {0};
    portd_client *client;
    int code = 0;

    (void)state;
    broker_listen(&broker);
    assert_int_equal(portd_connect_start(broker.place.address, NULL, broker_met, &code, &client), 1);
    broker_accept(&broker);
    memset(bytes, 'b', sizeof(bytes));
    assert_int_equal(portd_port_write_start(client, 2, bytes, sizeof(bytes), hear, &heard, NULL), 1);
    memset(bytes, 0, sizeof(bytes));
    uint64_t hello = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO)->id;
    assert_true(broker_hears_nothing(&broker));
    broker_welcome(&broker, hello, WINDOW);
    process_all(client);
    assert_int_equal(code, 1);
    const Portd__V1__Request *request = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WRITE);
    assert_int_equal(request->write->data.len, BIG);
    for (size_t i = 0; i < BIG; i++)
        assert_int_equal(request->write->data.data[i], 'b');
    reply_written(&broker, request->id, 77);
    process_all(client);
    assert_int_equal(heard.code, 1);
    assert_int_equal(heard.count, 77);
    portd_disconnect(client);
    broker_close(&broker);
}

/* Reads and writes do not count against the window, whatever else waits for it does. */
static void the_window(void **state) {
    struct broker_fake broker;
    struct heard heard = {0}, pinged = {0};
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    uint64_t pings[WINDOW];

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(portd_port_read_start(client, 2, 8, 0, hear, &heard, NULL), 1);
    for (int i = 0; i < WINDOW; i++)
        assert_int_equal(portd_ping_start(client, hear, &pinged, NULL), 1);
    assert_int_equal(portd_port_write_start(client, 10, "x", 1, hear, &heard, NULL), 1);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(portd_fd_to_port_start(client, fd, "", PORTD_READ, hear, &heard, NULL), 1);
    close(fd); /* the library has a copy */
    process_all(client);
    for (int i = 0; i < 5; i++)
        (void)broker_expect(&broker, PORTD__V1__REQUEST__METHOD_READ);
    for (int i = 0; i < WINDOW; i++)
        pings[i] = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING)->id;
    (void)broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WRITE);
    assert_true(broker_hears_nothing(&broker));
    broker_reply_pong(&broker, pings[0]);
    process_all(client);
    uint64_t wrap = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT)->id;
    assert_int_equal(broker.frame.n_fds, 1);
    reply_ports(&broker, wrap, PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_PORT, 18, 0);
    process_all(client);
    assert_int_equal(heard.calls, 1);
    assert_true(heard.input == 18 && heard.output == 0 && heard.id == 18);
    assert_int_equal(heard.flags, PORTD_RESULT_CREATED | PORTD_RESULT_REPLACED);
    portd_disconnect(client);
    assert_int_equal(heard.calls, 7);
    broker_close(&broker);
}

/* ---- what is answered ---------------------------------------------------------------------------------------------- */

static void answers_to_reads(void **state) {
    struct broker_fake broker;
    struct heard heard = {0};
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    char bytes[4];
    size_t n = 77, truncated = 77;

    (void)state;
    assert_int_equal(portd_port_read_start(client, 2, 1 << 20, PORTD_PEEK, hear, &heard, NULL), 1);
    process_all(client);
    const Portd__V1__Request *request = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_READ);
    assert_true(request->read->id == 2 && request->read->most == BIG && request->read->peek);
    reply_data(&broker, request->id, "data", false, 2000);
    process_all(client);
    assert_int_equal(heard.code, 1);
    assert_int_equal(heard.count, 4);
    assert_int_equal(heard.first, 'd');
    assert_int_equal(heard.truncated, 2000);
    reply_data(&broker, FIRST_ID + 1, "", true, 0);
    assert_int_equal(portd_port_read(client, 2, bytes, 4, 0, PORTD_FOREVER, &n, &truncated), 0);
    assert_true(n == 0 && truncated == 0);
    reply_data(&broker, FIRST_ID + 2, "", false, 0);
    assert_int_equal(portd_port_read(client, 2, bytes, 4, 0, PORTD_FOREVER, &n, NULL), 1);
    assert_int_equal(n, 0);
    reply_data(&broker, FIRST_ID + 3, "more than asked", false, 0);
    assert_int_equal(portd_port_read(client, 2, bytes, 4, 0, PORTD_FOREVER, &n, NULL), PORTD_E_GARBLED);
    assert_int_equal(n, 0);
    reply_written(&broker, FIRST_ID + 4, 1);
    assert_int_equal(portd_port_read(client, 2, bytes, 4, 0, PORTD_FOREVER, &n, NULL), PORTD_E_GARBLED);
    portd_disconnect(client);
    broker_close(&broker);
}

static void reply_spliced(struct broker_fake *broker, uint64_t id, uint64_t count, bool end, int os_errno) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Spliced spliced = PORTD__V1__SPLICED__INIT;

    spliced.count = count;
    spliced.end = end;
    spliced.os_errno = os_errno;
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_SPLICE;
    reply.splice = &spliced;
    broker_reply(broker, &reply, OS_FD_NONE);
}

/* What was moved is told, whatever else is; and a broker that has never heard of it is no failure of the connection. */
static void answers_to_splices(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    int ends[2];
    size_t n = 77;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_false(portd_broker_has_feature(client, "splice"));
    assert_int_equal(portd_port_splice_start(client, 2, ends[1], BIG, SIZE_MAX, hear, &heard, NULL), 1);
    process_all(client);
    const Portd__V1__Request *request = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_SPLICE);
    assert_true(request->splice->id == 2 && request->splice->least == BIG);
    assert_true(request->splice->most == UINT64_C(1) << 30);
    assert_int_equal(broker.frame.n_fds, 1);
    reply_spliced(&broker, request->id, BIG, false, 0);
    process_all(client);
    assert_int_equal(heard.code, 1);
    assert_int_equal(heard.count, BIG);
    reply_spliced(&broker, FIRST_ID + 1, 3, true, 0);
    assert_int_equal(portd_port_splice(client, 2, ends[1], 0, 4, PORTD_FOREVER, &n), 0);
    assert_int_equal(n, 3);
    reply_spliced(&broker, FIRST_ID + 2, 2, false, EPIPE);
    assert_int_equal(portd_port_splice(client, 2, ends[1], 0, 4, PORTD_FOREVER, &n), PORTD_E_SYSTEM);
    assert_int_equal(portd_last_errno(client), EPIPE);
    assert_int_equal(n, 2);
    reply_spliced(&broker, FIRST_ID + 3, UINT64_MAX, false, 0);
    assert_int_equal(portd_port_splice(client, 2, ends[1], 0, 4, PORTD_FOREVER, &n), PORTD_E_GARBLED);
    assert_int_equal(n, 0);
    broker_reply_error(&broker, FIRST_ID + 4, PORTD__V1__CODE__CODE_UNSUPPORTED, "no method");
    assert_int_equal(portd_port_splice(client, 2, ends[1], 0, 4, PORTD_FOREVER, &n), PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_port_splice(NULL, 2, ends[1], 0, 4, PORTD_FOREVER, &n), PORTD_E_INVALID);
    assert_int_equal(n, 0);
    portd_disconnect(client);
    broker_close(&broker);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* Plays the broker while the case is in a blocking call: takes three of five bytes, the other two, three, and no more. */
static void *take_bytes(void *data) {
    static const char *const expected[] = {"12345", "45", "12345", "45"};
    struct broker_fake *broker = data;

    for (int i = 0; i < 4; i++) {
        const Portd__V1__Request *request = broker_expect(broker, PORTD__V1__REQUEST__METHOD_WRITE);
        assert_int_equal(request->write->data.len, strlen(expected[i]));
        assert_memory_equal(request->write->data.data, expected[i], strlen(expected[i]));
        if (i < 3)
            reply_written(broker, request->id, i == 1 ? 2 : 3);
        else
            broker_reply_error(broker, request->id, PORTD__V1__CODE__CODE_CLOSED, "closed");
    }
    return NULL;
}

static void answers_to_writes(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    pthread_t thread;
    size_t n = 77;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, take_bytes, &broker), 0);
    assert_int_equal(portd_port_write_all(client, 2, "12345", 5, PORTD_FOREVER, &n), 1);
    assert_int_equal(n, 5);
    assert_int_equal(portd_port_write_all(client, 2, "12345", 5, PORTD_FOREVER, &n), PORTD_E_CLOSED);
    assert_int_equal(n, 3);
    assert_int_equal(pthread_join(thread, NULL), 0);
    portd_disconnect(client);
    broker_close(&broker);
}

/* Cancelled, a request waits for what the broker says, and is asked once. */
static void cancelled_transfers(void **state) {
    struct broker_fake broker;
    struct heard heard = {0};
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_request *request;

    (void)state;
    assert_int_equal(portd_port_write_start(client, 2, "abc", 3, hear, &heard, &request), 1);
    portd_cancel(request);
    portd_cancel(request);
    process_all(client);
    uint64_t id = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WRITE)->id;
    assert_true(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_CANCEL)->cancel->request == id);
    assert_true(broker_hears_nothing(&broker));
    assert_int_equal(heard.calls, 0);
    reply_written(&broker, id, 2);
    process_all(client);
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.code, 1);
    assert_int_equal(heard.count, 2);
    assert_int_equal(portd_port_read_start(client, 2, 3, 0, hear, &heard, &request), 1);
    portd_cancel(request);
    process_all(client);
    id = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_READ)->id;
    broker_reply_error(&broker, id, PORTD__V1__CODE__CODE_CANCELLED, "cancelled");
    process_all(client);
    assert_int_equal(heard.code, PORTD_E_CANCELLED);
    assert_int_equal(heard.calls, 2);
    portd_disconnect(client);
    broker_close(&broker);
}

static void strange_answers(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, 8);
    portd_id input = 77, output = 77;
    portd_native copy = 77;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    reply_ports(&broker, FIRST_ID, PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_PORT, 0, 0);
    assert_int_equal(portd_fd_to_port_take(client, fd, "", PORTD_READ, PORTD_FOREVER, &input, &output),
                     PORTD_E_GARBLED);
    assert_true(input == 0 && output == 0);
    reply_ports(&broker, FIRST_ID + 1, PORTD__V1__REPLY__RESULT_SOCKET_TO_PORT, 18, 26);
    assert_int_equal(portd_fd_to_port_take(client, fd, "", PORTD_READ, PORTD_FOREVER, NULL, NULL),
                     PORTD_E_GARBLED);
    assert_true(fcntl(fd, F_GETFD) >= 0);                                        /* nothing was accepted */
    broker_reply_done(&broker, FIRST_ID + 2, PORTD__V1__REPLY__RESULT_PORT_DUP); /* without a descriptor */
    assert_int_equal(portd_port_dup_fd(client, 18, PORTD_FOREVER, &copy), PORTD_E_MISMATCH);
    assert_int_equal(copy, -1);
    close(fd);
    portd_disconnect(client);
    broker_close(&broker);
}

static void strange_addresses(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, 8);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Addresses addresses = PORTD__V1__ADDRESSES__INIT;
    Portd__V1__Address one = PORTD__V1__ADDRESS__INIT;
    portd_endpoint local = PORTD_ENDPOINT_INIT, peer = PORTD_ENDPOINT_INIT;
    char longest[500];

    (void)state;
    memset(longest, 'h', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    one.family = (char *)(uintptr_t) "of a later version";
    one.host = longest;
    one.port = 7;
    addresses.local = &one;
    reply.id = FIRST_ID;
    reply.result_case = PORTD__V1__REPLY__RESULT_ADDRESSES;
    reply.addresses = &addresses;
    broker_reply(&broker, &reply, OS_FD_NONE);
    assert_int_equal(portd_port_addresses(client, 18, PORTD_FOREVER, &local, &peer), 1);
    assert_string_equal(local.family, "other");
    assert_string_equal(local.host, "");
    assert_int_equal(local.port, 7);
    assert_string_equal(peer.family, "");
    assert_int_equal(peer.size, sizeof(peer));
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- giving up ----------------------------------------------------------------------------------------------------- */

/* Nobody waits for these ports any more: the wrap is undone, and the number stays the caller's. */
static void check_late_wrap(uint64_t input, uint64_t output) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, 8);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    portd_id port = 77;

    assert_int_equal(portd_fd_to_port_take(client, fd, "", PORTD_READ, 0, &port, NULL), PORTD_E_TIMEOUT);
    assert_true(port == 0);
    uint64_t id = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT)->id;
    reply_ports(&broker, id, PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_PORT, input, output);
    process_all(client);
    const Portd__V1__Release *release = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_RELEASE)->release;
    assert_int_equal(release->undo, BROKER_UNDO);
    assert_int_equal(release->n_ids, (input != 0) + (output != 0));
    assert_true(release->ids[0] == (input ? input : output));
    assert_true(release->ids[release->n_ids - 1] == (output ? output : input));
    assert_true(broker_hears_nothing(&broker));
    assert_true(fcntl(fd, F_GETFD) >= 0);
    close(fd);
    portd_disconnect(client);
    broker_close(&broker);
}

static void a_wrap_that_comes_late(void **state) {
    (void)state;
    check_late_wrap(18, 26);
    check_late_wrap(18, 0);
    check_late_wrap(0, 26);
}

static void a_number_that_is_given_away(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, 8);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    broker_reply_error(&broker, FIRST_ID, PORTD__V1__CODE__CODE_LIMIT, "no more");
    assert_int_equal(portd_fd_to_port_take(client, fd, "", PORTD_READ, PORTD_FOREVER, NULL, NULL),
                     PORTD_E_LIMIT);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    reply_ports(&broker, FIRST_ID + 1, PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_PORT, 18, 0);
    assert_int_equal(portd_fd_to_port_take(client, fd, "", PORTD_READ, PORTD_FOREVER, NULL, NULL), 1);
    assert_true(fcntl(fd, F_GETFD) < 0);
    /* The same request struct is used again: this wrap closes nothing. */
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    reply_ports(&broker, FIRST_ID + 2, PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_PORT, 34, 0);
    assert_int_equal(portd_fd_to_port(client, fd, "", PORTD_READ, PORTD_FOREVER, NULL, NULL), 1);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    close(fd);
    portd_disconnect(client);
    broker_close(&broker);
}

/* What was not sent was not done. */
static void lost_before_it_was_sent(void **state) {
    struct broker_fake broker;
    struct heard sent = {0}, queued = {0};
    portd_client *client = broker_meet(&broker, NULL, WINDOW);

    (void)state;
    for (int i = 0; i < WINDOW; i++)
        assert_int_equal(portd_port_shutdown_start(client, 2, PORTD_READ, hear, &sent, NULL), 1);
    assert_int_equal(portd_port_shutdown_start(client, 2, PORTD_WRITE, hear, &queued, NULL), 1);
    assert_int_equal(portd_port_write_start(client, 2, "x", 1, hear, &queued, NULL), 1); /* behind it */
    process_all(client);
    broker_hang_up(&broker);
    assert_int_equal(portd_process(client), PORTD_E_DISCONNECTED);
    assert_int_equal(sent.calls, WINDOW);
    assert_int_equal(sent.code, PORTD_E_UNCERTAIN);
    assert_int_equal(queued.calls, 2);
    assert_int_equal(queued.code, PORTD_E_DISCONNECTED);
    portd_disconnect(client);
    broker_close(&broker);
}

TEST_MAIN(TEST_CASE(flags_and_names), TEST_CASE(what_is_refused_sends_nothing),
          TEST_CASE(a_long_write_before_the_welcome), TEST_CASE(the_window), TEST_CASE(answers_to_reads),
          TEST_CASE(answers_to_writes), TEST_CASE(answers_to_splices), TEST_CASE(cancelled_transfers),
          TEST_CASE(strange_answers), TEST_CASE(strange_addresses), TEST_CASE(a_wrap_that_comes_late),
          TEST_CASE(a_number_that_is_given_away), TEST_CASE(lost_before_it_was_sent))
