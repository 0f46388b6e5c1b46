/* test_client_connect_win.c: finding a broker on Windows, and starting the user's own. Run with arguments, this program is itself the broker that
 * the library starts; FAKE_DAEMON says how it behaves. */
#include "tests/support/broker_fake.h"

#include "proto/address.h"

#include <windows.h>

enum { WINDOW = 8 };

static char message[2048], self[MAX_PATH];

static portd_options options_new(void) {
    portd_options options = PORTD_OPTIONS_INIT;

    message[0] = '\0';
    options.message = message;
    options.message_size = sizeof(message);
    options.daemon = self;
    return options;
}

/* ---- the broker that is started ----------------------------------------------------------------------------------- */

/* Welcomes one client after the other, until one has left. */
static int daemon_main(int argc, char **argv) {
    const char *how = getenv("FAKE_DAEMON");
    struct transport_file file;
    struct broker_fake broker = {.connection = transport_none()};

    if (argc != 5 || strcmp(argv[1], "--listen") != 0 || strcmp(argv[3], "--idle-exit") != 0)
        return 2;
    if (GetStdHandle(STD_OUTPUT_HANDLE) && GetConsoleWindow())
        return 2;
    if (how && strcmp(how, "ends") == 0)
        return 9;
    if (how && strcmp(how, "hangs") == 0) {
        HANDLE told = OpenEventA(SYNCHRONIZE, FALSE, "portd-test-over");
        return told && WaitForSingleObject(told, LINE_MS) == WAIT_OBJECT_0 ? 0 : 1;
    }
    if (transport_listen(argv[2], 0600, &broker.listener, &file) < 0)
        return 0; /* another one listens */
    if (channel_scratch_init(&broker.scratch) < 0)
        return 1;
    broker_accept(&broker);
    int r = 0;
    while (r >= 0 && r != CHANNEL_E_END) {
        if (WaitForSingleObject(transport_pollable(broker.connection), LINE_MS) != WAIT_OBJECT_0)
            return 1;
        r = channel_fill(&broker.channel, broker_discard, NULL);
        if (r != 1)
            continue;
        while (channel_next(&broker.channel, &broker.frame) == 1)
            broker_welcome(&broker, 1, WINDOW);
        (void)channel_rest(&broker.channel);
    }
    transport_unlink(argv[2], &file);
    return 0;
}

/* ---- */

static void user_address(char text[ADDRESS_MAX]) {
    struct transport connection;

    assert_int_equal(address_user(text, 0), 0);
    if (transport_connect(text, &connection) != -ENOENT)
        test_skip("the user has a broker");
    if (transport_connect(address_system(), &connection) != -ENOENT)
        test_skip("the system has a broker");
}

/* Waits until the broker that was started has left. */
static void gone(const char *address) {
    struct transport connection;

    for (int i = 0; i < LINE_MS; i++) {
        int r = transport_connect(address, &connection);
        if (r == -ENOENT)
            return;
        if (r == 0)
            transport_close(connection);
        Sleep(1);
    }
    fail_msg("the broker stays");
}

static void how(const char *what) { assert_true(SetEnvironmentVariableA("FAKE_DAEMON", what)); }

static void a_broker_is_found_by_its_address(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);

    (void)state;
    assert_int_equal(portd_session_id(client), 13);
    assert_true(portd_get_fd(client) != -1);
    portd_disconnect(client);
    broker_close(&broker);
}

static void nobody_is_told_in_words(void **state) {
    portd_options options = options_new();
    portd_client *client;

    (void)state;
    assert_int_equal(portd_connect("npipe:portd-test-nobody", &options, PORTD_FOREVER, &client),
                     PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "no such pipe"));
    assert_int_equal(portd_connect("unix:/run/portd.sock", &options, PORTD_FOREVER, &client),
                     PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "npipe:"));
    assert_null(client);
}

static void a_broker_is_started(void **state) {
    char address[ADDRESS_MAX];
    portd_options options = options_new();
    portd_client *client;

    (void)state;
    user_address(address);
    how(NULL);
    options.start = true;
    assert_int_equal(portd_connect(NULL, &options, portd_now() + 10000000, &client), 1);
    portd_disconnect(client);
    gone(address);
}

static void one_that_ends_at_once_is_told(void **state) {
    char address[ADDRESS_MAX];
    portd_options options = options_new();
    portd_client *client;

    (void)state;
    user_address(address);
    how("ends");
    options.start = true;
    assert_int_equal(portd_connect(NULL, &options, portd_now() + 10000000, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "exited before it was ready with status 9"));
    how(NULL);
}

static void one_that_hangs_is_waited_for_until_the_deadline(void **state) {
    char address[ADDRESS_MAX];
    portd_options options = options_new();
    portd_client *client;
    HANDLE over = CreateEventA(NULL, TRUE, FALSE, "portd-test-over");

    (void)state;
    user_address(address);
    how("hangs");
    options.start = true;
    int64_t before = portd_now();
    assert_int_equal(portd_connect(NULL, &options, before + 300000, &client), PORTD_E_TIMEOUT);
    assert_true(portd_now() >= before + 300000);
    assert_non_null(strstr(message, "did not become ready"));
    how(NULL);
    assert_true(SetEvent(over));
    os_close(over);
}

static void what_cannot_be_run_is_told(void **state) {
    char address[ADDRESS_MAX];
    portd_options options = options_new();
    portd_client *client;

    (void)state;
    user_address(address);
    options.start = true;
    options.daemon = "C:\\nowhere\\portd.exe";
    assert_int_equal(portd_connect(NULL, &options, PORTD_FOREVER, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "cannot run C:\\nowhere\\portd.exe"));
    options.daemon = "portd.exe";
    assert_int_equal(portd_connect(NULL, &options, PORTD_FOREVER, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "not an absolute path"));
}

static void a_broker_that_is_busy_is_waited_for(void **state) {
    struct broker_fake broker;
    portd_options options = options_new();
    struct transport waiting[16];
    portd_client *client;
    size_t n = 0;

    (void)state;
    broker_listen(&broker);
    while (n < 16 && transport_connect(broker.place.address, &waiting[n]) == 0)
        n++;
    assert_true(n < 16);
    assert_int_equal(portd_connect(broker.place.address, &options, portd_now() + 20000, &client),
                     PORTD_E_TIMEOUT);
    assert_non_null(strstr(message, "its pipe is busy"));
    while (n > 0)
        transport_close(waiting[--n]);
    broker_close(&broker);
}

int main(int argc, char **argv) {
    struct CMUnitTest cases[] = {TEST_CASE(a_broker_is_found_by_its_address),
                                 TEST_CASE(nobody_is_told_in_words),
                                 TEST_CASE(a_broker_is_started),
                                 TEST_CASE(one_that_ends_at_once_is_told),
                                 TEST_CASE(one_that_hangs_is_waited_for_until_the_deadline),
                                 TEST_CASE(what_cannot_be_run_is_told),
                                 TEST_CASE(a_broker_that_is_busy_is_waited_for)};

    if (argc > 1)
        return daemon_main(argc, argv);
    if (GetModuleFileNameA(NULL, self, sizeof(self)) == 0)
        return EXIT_FAILURE;
    return TEST_RUN(cases);
}
