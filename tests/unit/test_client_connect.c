/* test_client_connect.c: options, finding a broker, hello, and starting the user's own. Run with arguments, this program is
 * itself the broker that the library starts. */
#include "tests/support/broker_fake.h"
#include "tests/support/on_socket.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { WINDOW = 8 };

static char message[2048];

static portd_options options_new(void) {
    portd_options options = PORTD_OPTIONS_INIT;

    message[0] = '\0';
    options.message = message;
    options.message_size = sizeof(message);
    return options;
}

/* ---- the broker that is started ----------------------------------------------------------------------------------- */

/* What it finds out about itself, one line in the folder of its socket. */
static void daemon_report(const char *path, char **arguments) {
    char file[256], line[512];
    struct stat null, stream;
    int wrong = 0;

    snprintf(file, sizeof(file), "%.*s/report", (int)(strrchr(path, '/') - path), path);
    if (stat("/dev/null", &null) < 0)
        wrong |= 1;
    for (int fd = 0; fd < 3; fd++)
        if (fstat(fd, &stream) < 0 || stream.st_rdev != null.st_rdev || !S_ISCHR(stream.st_mode))
            wrong |= 2;
    if (test_fds_count() != 4)
        wrong |= 4;
    const char *starter = getenv("FAKE_SESSION");
    if (getsid(0) == getpid() || (starter && getsid(0) == atoi(starter)))
        wrong |= 8; /* a session of its own, and not its leader: it cannot get a terminal */
    char *folder = getcwd(NULL, 0);
    if (!folder || strcmp(folder, "/") != 0)
        wrong |= 16;
    free(folder);
    struct sigaction action;
    sigset_t blocked;
    if (sigaction(SIGUSR1, NULL, &action) < 0 || action.sa_handler != SIG_DFL ||
        sigprocmask(SIG_BLOCK, NULL, &blocked) < 0 || sigismember(&blocked, SIGUSR2))
        wrong |= 32;
    if (getenv("NOTIFY_SOCKET") || getenv("WATCHDOG_USEC") || getenv("LISTEN_FDS") ||
        !getenv("LISTEN_OTHERS"))
        wrong |= 64; /* what a service manager told the starter is not for the broker */
    int length = snprintf(line, sizeof(line), "wrong=%d", wrong);
    for (; *arguments; arguments++)
        length += snprintf(line + length, sizeof(line) - (size_t)length, " %s", *arguments);
    length += snprintf(line + length, sizeof(line) - (size_t)length, "\n");
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || write(fd, line, (size_t)length) != length || close(fd) < 0)
        _exit(1);
}

/* Welcomes every client, until all have gone again. */
static int daemon_serve(int listener, const char *address, struct transport_file *file) {
    static struct broker_fake clients[64];
    size_t n = 0, here = 0;

    do {
        struct pollfd fds[65] = {{.fd = listener, .events = POLLIN}};
        for (size_t i = 0; i < n; i++)
            fds[i + 1] = (struct pollfd){.fd = transport_pollable(clients[i].connection), .events = POLLIN};
        if (poll(fds, n + 1, 10000) <= 0)
            return 1;
        for (size_t i = 0; i < n; i++) {
            if (!fds[i + 1].revents)
                continue;
            if (channel_fill(&clients[i].channel, broker_discard, NULL) == 1) {
                while (channel_next(&clients[i].channel, &clients[i].frame) == 1)
                    broker_welcome(&clients[i], 1, WINDOW);
                (void)channel_rest(&clients[i].channel);
            } else {
                transport_close(clients[i].connection);
                clients[i].connection = transport_none();
                here--;
            }
        }
        if (fds[0].revents && n < 64 && transport_accept(listener, &clients[n].connection) == 0) {
            if (channel_scratch_init(&clients[n].scratch) < 0)
                return 1;
            broker_take_on(&clients[n], clients[n].connection);
            n++;
            here++;
        }
    } while (n == 0 || here > 0);
    transport_unlink(address, file);
    return 0;
}

static int daemon_main(char **arguments) {
    const char *how = getenv("FAKE_DAEMON");
    struct pollfd parent = {.fd = 3, .events = 0};
    int listener;
    struct transport_file file;

    daemon_report(arguments[2] + strlen("unix:"), arguments + 1);
    if (how && strcmp(how, "ends") == 0)
        return 0;
    if (how && strcmp(how, "hangs") == 0)
        return poll(&parent, 1, 10000) == 1 ? 0 : 1; /* until nobody waits for it any more */
    if (transport_listen(arguments[2], 0600, &listener, &file) < 0 || write(3, "\n", 1) != 1 || close(3) < 0)
        return 1;
    return daemon_serve(listener, arguments[2], &file);
}

/* A folder in which the user's broker is looked for, and nothing else. */
struct home {
    char folder[32];
    char socket[64];
};

static void home_make(struct home *home) {
    strcpy(home->folder, "/tmp/portd-home-XXXXXX");
    assert_non_null(mkdtemp(home->folder));
    snprintf(home->socket, sizeof(home->socket), "%s/portd/portd.sock", home->folder);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", home->folder, 1), 0);
    assert_int_equal(unsetenv("PORTD_ADDRESS"), 0);
    assert_int_equal(unsetenv("PORTD_DAEMON"), 0);
    assert_int_equal(unsetenv("FAKE_DAEMON"), 0);
    if (access("/run/portd/portd.sock", F_OK) == 0)
        test_skip("a system broker runs here");
}

/* Reads what the started brokers reported; returns how many there were. */
static int home_report(const struct home *home, char *text, size_t size) {
    char file[128];
    int lines = 0;

    snprintf(file, sizeof(file), "%s/portd/report", home->folder);
    FILE *report = fopen(file, "r");
    if (!report)
        return 0;
    size_t length = fread(text, 1, size - 1, report);
    fclose(report);
    text[length] = '\0';
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    return lines;
}

static void home_remove(struct home *home) {
    const char *const names[] = {"portd/report", "portd/portd.lock", "portd", ""};
    char path[128];

    for (int i = 0; i < 10000 && access(home->socket, F_OK) == 0; i++)
        poll(NULL, 0, 1); /* the broker takes its socket away when everybody has gone */
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", home->folder, names[i]);
        (void)remove(path);
    }
    assert_int_not_equal(access(home->folder, F_OK), 0);
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

static void refused(portd_options options) {
    portd_client *client = (portd_client *)message; /* not to be left as it is */

    options.message = message;
    options.message_size = sizeof(message);
    assert_int_equal(portd_connect("unix:/nowhere/portd.sock", &options, 0, &client), PORTD_E_INVALID);
    assert_null(client);
    assert_string_not_equal(message, "");
}

static void options_are_checked(void **state) {
    const portd_options usual = PORTD_OPTIONS_INIT;
    struct {
        portd_options options;
        uint64_t later;
    } larger = {PORTD_OPTIONS_INIT, 0};
    portd_client *client;
    portd_options options = usual;

    (void)state;
    options.name = "a name of more than sixty-four bytes, which is longer than any list shows";
    refused(options);
    options.name = "\xff";
    refused(options);
    options = usual;
    options.token = "";
    refused(options);
    options.token = "t";
    options.owner_pid = 1;
    refused(options);
    options = usual;
    options.new_session = true;
    refused(options);
    options = usual;
    options.ttl_us = -1;
    refused(options);
    options = usual;
    options.size = offsetof(portd_options, message_size); /* the first there were had this too */
    assert_int_equal(portd_connect("unix:/nowhere/portd.sock", &options, 0, &client), PORTD_E_INVALID);
    /* Options of a later version: fine while what is new is not used. */
    larger.options.size = sizeof(larger);
    assert_int_equal(portd_connect("unix:/nowhere/portd.sock", &larger.options, 0, &client),
                     PORTD_E_UNREACHABLE);
    larger.later = 1;
    assert_int_equal(portd_connect("unix:/nowhere/portd.sock", &larger.options, 0, &client),
                     PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_connect(NULL, NULL, 0, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_connect_start("unix:/nowhere/portd.sock", NULL, NULL, NULL, NULL),
                     PORTD_E_INVALID);
}

/* ---- hello -------------------------------------------------------------------------------------------------------- */

static void hello_tells_the_options(void **state) {
    struct broker_fake broker;
    portd_options options = options_new();
    portd_client *client;
    int met = 0;

    (void)state;
    broker_listen(&broker);
    options.name = "tést";
    options.token = "from another";
    options.ttl_us = 5000000;
    assert_int_equal(portd_connect_start(broker.place.address, &options, broker_met, &met, &client), 1);
    assert_string_equal(portd_address(client), broker.place.address);
    assert_int_equal(portd_session_id(client), 0);
    assert_string_equal(portd_session_token(client), "");
    assert_false(portd_broker_has_feature(client, "wait-one"));
    broker_accept(&broker);
    Portd__V1__Hello *hello = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO)->hello;
    assert_int_equal(hello->version_min, 1);
    assert_int_equal(hello->version_max, 1);
    assert_string_equal(hello->client, "tést");
    assert_string_equal(hello->token, "from another");
    assert_int_equal(hello->ttl_us, 5000000);
    assert_int_equal(hello->owner_pid, 0);
    assert_false(hello->owner_attached || hello->new_);
    assert_int_equal(broker.frame.n_fds, 0);
    broker_welcome(&broker, 1, WINDOW);
    while (met == 0)
        assert_int_equal(portd_poll(client, PORTD_FOREVER), 1);
    assert_int_equal(portd_session_id(client), 13);
    assert_string_equal(portd_session_token(client), "secret");
    assert_true(portd_session_joined(client));
    assert_true(portd_broker_has_feature(client, "wait-one"));
    assert_true(portd_broker_has_feature(client, "handle-eventfd"));
    assert_false(portd_broker_has_feature(client, "secret"));
    assert_false(portd_broker_has_feature(client, ""));
    portd_disconnect(client);
    broker_close(&broker);
}

static void owner_is_attached_as_a_pidfd(void **state) {
    struct broker_fake broker;
    portd_options options = options_new();
    portd_client *client;
    int met = 0;

    (void)state;
    broker_listen(&broker);
    options.owner_pid = (uint32_t)getpid();
    options.new_session = true;
    assert_int_equal(portd_connect_start(broker.place.address, &options, broker_met, &met, &client), 1);
    broker_accept(&broker);
    Portd__V1__Hello *hello = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO)->hello;
    assert_true(hello->new_);
    if (hello->owner_attached)
        assert_int_equal(broker.frame.n_fds, 1);
    else
        assert_int_equal(hello->owner_pid, getpid());
    portd_disconnect(client);
    assert_int_equal(met, PORTD_E_DISCONNECTED);
    broker_forget(&broker);
    transport_close(broker.connection);
    broker.connection = transport_none();
    options.owner_pid = INT32_MAX; /* larger than any */
    assert_int_equal(portd_connect_start(broker.place.address, &options, broker_met, &met, &client),
                     PORTD_E_INVALID);
    assert_string_equal(message, "no process 2147483647");
    broker_close(&broker);
}

/* With a descriptor attached (that of the process of the numbers, where there are pidfds) or without. */
static void hello_that_is_too_long_is_not_sent(void **state) {
    enum { LONGER = 2 * FRAME_REQUEST_MAX };
    static char token[LONGER];
    struct broker_fake broker;
    portd_options options = options_new();
    portd_client *client;
    int met = 0;

    (void)state;
    broker_listen(&broker);
    memset(token, 't', LONGER - 1);
    options.token = token;
    for (uint32_t numbers = 0; numbers < 2; numbers++) {
        options.numbers_pid = numbers * (uint32_t)getpid();
        assert_int_equal(portd_connect_start(broker.place.address, &options, broker_met, &met, &client),
                         PORTD_E_INVALID);
        assert_string_equal(message, "the request is too long");
    }
    broker_close(&broker);
}

static void answer_hello(void (*answer)(struct broker_fake *), int expected, const char *words) {
    struct broker_fake broker;
    portd_client *client;
    int met = 0;

    broker_listen(&broker);
    assert_int_equal(portd_connect_start(broker.place.address, NULL, broker_met, &met, &client), 1);
    broker_accept(&broker);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO);
    int ping = 0;
    assert_int_equal(portd_ping_start(client, broker_met, &ping, NULL), 1);
    answer(&broker);
    while (portd_process(client) > 0)
        continue;
    assert_int_equal(met, expected);
    assert_int_equal(ping, PORTD_E_DISCONNECTED);
    assert_int_equal(portd_process(client), PORTD_E_DISCONNECTED);
    assert_non_null(strstr(portd_last_error(client), words));
    portd_disconnect(client);
    broker_close(&broker);
}

static void refuse(struct broker_fake *broker) {
    broker_reply_error(broker, 1, PORTD__V1__CODE__CODE_VERSION, "this broker speaks 7");
}

static void speak_another_version(struct broker_fake *broker) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Welcome welcome;

    portd__v1__welcome__init(&welcome);
    welcome.version = 7;
    reply.id = 1;
    reply.result_case = PORTD__V1__REPLY__RESULT_HELLO;
    reply.hello = &welcome;
    broker_reply(broker, &reply, OS_FD_NONE);
}

static void refused_hello_ends_the_connection(void **state) {
    (void)state;
    answer_hello(refuse, PORTD_E_VERSION, "refused");
    answer_hello(speak_another_version, PORTD_E_VERSION, "refused");
    answer_hello(broker_hang_up, PORTD_E_DISCONNECTED, "does not admit");
}

static void turn_away(struct broker_fake *broker) {
    broker_reply_error(broker, 0, PORTD__V1__CODE__CODE_LIMIT, "too many connections");
    broker_hang_up(broker);
}

static void turned_away_is_told_with_the_reason(void **state) {
    struct broker_fake broker;
    portd_client *client;
    int met = 0;

    (void)state;
    answer_hello(turn_away, PORTD_E_LIMIT, "refused");
    /* Nothing was read of it, and hello may not even get through any more. */
    broker_listen(&broker);
    assert_int_equal(portd_connect_start(broker.place.address, NULL, broker_met, &met, &client), 1);
    broker_accept(&broker);
    turn_away(&broker);
    while (portd_process(client) > 0)
        continue;
    assert_int_equal(met, PORTD_E_LIMIT);
    portd_disconnect(client);
    broker_close(&broker);
}

struct answerer {
    struct broker_fake *broker;
    void (*answer)(struct broker_fake *);
};

static void *answer_one(void *data) {
    struct answerer *answerer = data;

    broker_accept(answerer->broker);
    broker_expect(answerer->broker, PORTD__V1__REQUEST__METHOD_HELLO);
    answerer->answer(answerer->broker);
    return NULL;
}

static void welcome_first(struct broker_fake *broker) { broker_welcome(broker, 1, WINDOW); }

static void blocking_connect_returns_the_outcome(void **state) {
    struct broker_fake broker;
    struct answerer answerer = {&broker, refuse};
    portd_options options = options_new();
    portd_client *client;
    pthread_t thread;

    (void)state;
    broker_listen(&broker);
    assert_int_equal(portd_connect(broker.place.address, &options, 0, &client), PORTD_E_TIMEOUT);
    assert_null(client);
    broker_accept(&broker); /* the one that gave up */
    broker_hang_up(&broker);
    assert_int_equal(pthread_create(&thread, NULL, answer_one, &answerer), 0);
    assert_int_equal(portd_connect(broker.place.address, &options, PORTD_FOREVER, &client), PORTD_E_VERSION);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(message, "this broker speaks 7; hint");
    assert_null(client);
    broker_hang_up(&broker);
    answerer.answer = welcome_first;
    assert_int_equal(pthread_create(&thread, NULL, answer_one, &answerer), 0);
    assert_int_equal(portd_connect(broker.place.address, &options, PORTD_FOREVER, &client), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- finding ------------------------------------------------------------------------------------------------------ */

static void failure_tells_what_was_tried(void **state) {
    struct home home;
    portd_options options = options_new();
    portd_client *client;
    struct broker_fake broker;

    (void)state;
    home_make(&home);
    assert_int_equal(portd_connect(NULL, &options, 0, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, home.socket));
    assert_non_null(strstr(message, "/portd/portd.sock: no such socket; unix:/run"));
    assert_non_null(strstr(message, "unix:/run/portd/portd.sock: no such socket"));
    assert_non_null(strstr(message, "start one"));
    assert_int_equal(portd_connect("unix:relative", &options, 0, &client), PORTD_E_INVALID);
    assert_int_equal(portd_connect("unix:/nowhere/portd.sock", &options, 0, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "unix:/nowhere/portd.sock: no such socket"));
    /* PORTD_ADDRESS, and no other if it is set. */
    assert_int_equal(setenv("PORTD_ADDRESS", "unix:/nowhere/else.sock", 1), 0);
    assert_int_equal(portd_connect(NULL, &options, 0, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "unix:/nowhere/else.sock"));
    assert_null(strstr(message, "/run/portd"));
    assert_int_equal(setenv("PORTD_ADDRESS", "nonsense", 1), 0);
    assert_int_equal(portd_connect(NULL, &options, 0, &client), PORTD_E_INVALID);
    assert_int_equal(unsetenv("PORTD_ADDRESS"), 0);
    /* A socket that nobody listens at. */
    broker_listen(&broker);
    close(broker.listener);
    broker.listener = -1;
    assert_int_equal(portd_connect(broker.place.address, &options, 0, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "nobody listens"));
    broker_close(&broker);
    home_remove(&home);
}

static void denied_socket_is_told_with_mode_and_group(void **state) {
    struct broker_fake broker;
    int status;

    (void)state;
    if (geteuid() != 0)
        test_skip("only root can become somebody else");
    broker_listen(&broker);
    assert_int_equal(chmod(broker.place.folder, 0711), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        portd_options options = options_new();
        portd_client *client;
        if (setgid(65533) < 0 || setuid(65533) < 0)
            _exit(1);
        if (portd_connect(broker.place.address, &options, 0, &client) != PORTD_E_DENIED)
            _exit(2);
        _exit(strstr(message, "permission denied: its mode is 0600, its group root") ? 0 : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    broker_close(&broker);
}

static void queue_that_is_full_is_waited_for(void **state) {
    struct broker_fake broker;
    portd_options options = options_new();
    portd_client *client;
    os_fd waiting[8];
    size_t n = 0;

    (void)state;
    broker_listen(&broker);
    assert_int_equal(listen(broker.listener, 0), 0); /* room for one more than said */
    while (n < 8 && on_socket_connect(broker.place.address, &waiting[n]) == 0)
        n++;
    assert_true(n < 8);
    assert_int_equal(portd_connect(broker.place.address, &options, portd_now() + 20000, &client),
                     PORTD_E_TIMEOUT);
    assert_non_null(strstr(message, "its listen queue is full"));
    assert_int_equal(portd_connect(broker.place.address, &options, 0, &client), PORTD_E_TIMEOUT);
    assert_int_equal(portd_connect_start(broker.place.address, &options, NULL, NULL, &client),
                     PORTD_E_TIMEOUT);
    assert_null(client);
    while (n > 0)
        os_close(waiting[--n]);
    broker_close(&broker);
}

/* A broker listens there: no other address is tried, and none is started. */
static void no_other_broker_is_tried_while_the_queue_of_the_users_is_full(void **state) {
    struct home home;
    struct transport_file file;
    portd_options options = options_new();
    portd_client *client;
    char text[128];
    os_fd listener, waiting[8];
    size_t n = 0;

    (void)state;
    home_make(&home);
    snprintf(text, sizeof(text), "%s/portd", home.folder);
    assert_int_equal(mkdir(text, 0700), 0);
    snprintf(text, sizeof(text), "unix:%s", home.socket);
    assert_int_equal(transport_listen(text, 0600, &listener, &file), 0);
    assert_int_equal(listen(listener, 0), 0);
    while (n < 8 && on_socket_connect(text, &waiting[n]) == 0)
        n++;
    assert_true(n < 8);
    options.start = true;
    assert_int_equal(portd_connect(NULL, &options, portd_now() + 20000, &client), PORTD_E_TIMEOUT);
    assert_non_null(strstr(message, "its listen queue is full"));
    assert_null(strstr(message, ";"));
    while (n > 0)
        os_close(waiting[--n]);
    transport_unlink(text, &file);
    os_close(listener);
    home_remove(&home);
}

/* It was turned away before its hello came, which with a descriptor is sent at once: the answer is there all the same. */
static void refusal_is_read_though_nothing_can_be_sent(void **state) {
    portd_options options = options_new();
    Portd__V1__Error error = PORTD__V1__ERROR__INIT;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    portd_client *client;
    uint8_t bytes[256];
    char address[32], text[] = "no room for you";
    int ends[2];

    (void)state;
    for (int with_owner = 0; with_owner < 2; with_owner++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        error.code = PORTD__V1__CODE__CODE_LIMIT;
        error.message = text;
        reply.error = &error;
        size_t length = portd__v1__reply__pack(&reply, bytes + FRAME_HEADER);
        frame_encode(bytes, (struct frame_header){.length = (uint32_t)length});
        assert_int_equal(write(ends[0], bytes, FRAME_HEADER + length), (ssize_t)(FRAME_HEADER + length));
        assert_int_equal(close(ends[0]), 0);
        snprintf(address, sizeof(address), "fd:%d", ends[1]);
        options.owner_pid = with_owner ? (uint32_t)getpid() : 0;
        assert_int_equal(portd_connect(address, &options, portd_now() + 10000000, &client), PORTD_E_LIMIT);
        assert_non_null(strstr(message, text));
    }
}

/* A broker that left when the first connection was in its queue; then another one answers. */
static void connection_that_ends_unanswered_is_made_again(void **state) {
    struct broker_fake broker;
    portd_options options = options_new();
    portd_client *client;
    int status;

    (void)state;
    broker_listen(&broker);
    pid_t other = fork();
    assert_true(other >= 0);
    if (other == 0) {
        broker_accept(&broker);
        broker_hang_up(&broker);
        broker_accept(&broker);
        broker_wait_readable(&broker);
        if (channel_fill(&broker.channel, broker_discard, NULL) != 1 ||
            channel_next(&broker.channel, &broker.frame) != 1)
            _exit(1);
        broker_welcome(&broker, 1, WINDOW);
        broker_wait_readable(&broker);
        _exit(0);
    }
    assert_int_equal(portd_connect(broker.place.address, &options, portd_now() + 10000000, &client), 1);
    portd_disconnect(client);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    broker_close(&broker);
}

/* ---- starting ----------------------------------------------------------------------------------------------------- */

static void broker_is_started_apart_from_its_starter(void **state) {
    struct home home;
    portd_options options = options_new();
    portd_client *client;
    char report[1024];
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigset_t block, mask;
    const char *const service[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_OTHERS", NULL};

    (void)state;
    home_make(&home);
    char session[16];
    snprintf(session, sizeof(session), "%d", (int)getsid(0));
    assert_int_equal(setenv("FAKE_SESSION", session, 1), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", "/nowhere", 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "1000000", 1), 0);
    assert_int_equal(setenv("LISTEN_FDS", "1", 1), 0);
    assert_int_equal(setenv("LISTEN_OTHERS", "kept", 1), 0);
    options.start = true;
    options.daemon = "/proc/self/exe";
    sigemptyset(&block);
    sigaddset(&block, SIGUSR2);
    assert_int_equal(sigaction(SIGUSR1, &ignore, &before), 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, &block, &mask), 0);
    int leaked = dup(0); /* neither close-on-exec nor the broker's business */
    assert_int_equal(portd_connect(NULL, &options, PORTD_FOREVER, &client), 1);
    assert_int_equal(close(leaked), 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &block), 0);
    assert_true(sigismember(&block, SIGUSR2) && !sigismember(&block, SIGTERM)); /* given back as it was */
    assert_int_equal(sigprocmask(SIG_SETMASK, &mask, NULL), 0);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    assert_non_null(getenv("NOTIFY_SOCKET")); /* the starter's own */
    for (const char *const *name = service; *name; name++)
        assert_int_equal(unsetenv(*name), 0);
    assert_int_equal(home_report(&home, report, sizeof(report)), 1);
    char expected[512];
    snprintf(expected, sizeof(expected), "wrong=0 --listen unix:%s --idle-exit 60s --notify-fd 3\n",
             home.socket);
    assert_string_equal(report, expected);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
    /* The next one finds it. */
    portd_client *second;
    assert_int_equal(portd_connect(NULL, &options, PORTD_FOREVER, &second), 1);
    portd_disconnect(second);
    assert_int_equal(home_report(&home, report, sizeof(report)), 1);
    portd_disconnect(client);
    home_remove(&home);
}

static bool without_connect(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* EPERM then says nothing about the directory, and a socket in the root has none that has a name. */
static void a_sandbox_that_forbids_to_connect_is_told(void **state) {
    int status;

    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        portd_options options = options_new();
        portd_client *client;
        if (!without_connect())
            _exit(2);
        if (portd_connect("unix:/portd.sock", &options, PORTD_FOREVER, &client) != PORTD_E_UNREACHABLE)
            _exit(3);
        _exit(strstr(message, "unix:/portd.sock: Operation not permitted") ? 0 : 4);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* A kernel without close_range, and a call that nobody needs to make: closing a number that was never open. */
static bool without_close_range(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 1000, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void without_close_range_what_is_open_is_closed(void **state) {
    struct home home;
    char report[1024];
    int status;

    (void)state;
    home_make(&home);
    assert_int_equal(setenv("LISTEN_OTHERS", "kept", 1), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        portd_options options = options_new();
        portd_client *client;
        options.start = true;
        options.daemon = "/proc/self/exe";
        for (int fd = 20; fd < 620; fd++) /* more than one look at the list shows */
            if (dup2(0, fd) != fd)
                _exit(1);
        if (!without_close_range())
            _exit(2);
        if (portd_connect(NULL, &options, portd_now() + 10000000, &client) != 1)
            _exit(3);
        portd_disconnect(client);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(unsetenv("LISTEN_OTHERS"), 0);
    assert_int_equal(status, 0);
    assert_int_equal(home_report(&home, report, sizeof(report)), 1);
    assert_int_equal(strncmp(report, "wrong=0 ", 8), 0);
    home_remove(&home);
}

struct starter {
    pthread_barrier_t *together;
    int code;
    portd_client *client;
};

static void *start_one(void *data) {
    struct starter *starter = data;
    portd_options options = PORTD_OPTIONS_INIT;

    options.start = true;
    options.daemon = "/proc/self/exe";
    (void)pthread_barrier_wait(starter->together);
    starter->code = portd_connect(NULL, &options, PORTD_FOREVER, &starter->client);
    return NULL;
}

static void many_starters_get_one_broker(void **state) {
    enum { STARTERS = 8 };
    struct home home;
    struct starter starters[STARTERS];
    pthread_t threads[STARTERS];
    pthread_barrier_t together;
    char report[4096];

    (void)state;
    home_make(&home);
    assert_int_equal(pthread_barrier_init(&together, NULL, STARTERS), 0);
    for (int i = 0; i < STARTERS; i++) {
        starters[i] = (struct starter){.together = &together};
        assert_int_equal(pthread_create(&threads[i], NULL, start_one, &starters[i]), 0);
    }
    for (int i = 0; i < STARTERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&together), 0);
    assert_int_equal(home_report(&home, report, sizeof(report)), 1);
    for (int i = 0; i < STARTERS; i++) {
        assert_int_equal(starters[i].code, 1);
        portd_disconnect(starters[i].client);
    }
    home_remove(&home);
}

static void start_that_fails_says_why(void **state) {
    struct home home;
    portd_options options = options_new();
    portd_client *client;

    (void)state;
    home_make(&home);
    options.start = true;
    options.daemon = "/nowhere/portd";
    assert_int_equal(portd_connect(NULL, &options, PORTD_FOREVER, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "cannot run /nowhere/portd: No such file"));
    assert_non_null(strstr(message, "set PORTD_DAEMON"));
    assert_int_equal(setenv("XDG_RUNTIME_DIR", "/nowhere", 1), 0);
    assert_int_equal(portd_connect(NULL, &options, PORTD_FOREVER, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "its directory cannot be created: No such file"));
    assert_null(strstr(message, "PORTD_DAEMON"));
    assert_int_equal(setenv("XDG_RUNTIME_DIR", home.folder, 1), 0);
    options.daemon = NULL;
    assert_int_equal(setenv("PORTD_DAEMON", "portd", 1), 0);
    assert_int_equal(portd_connect(NULL, &options, PORTD_FOREVER, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "portd is not an absolute path"));
    assert_int_equal(setenv("PORTD_DAEMON", "/proc/self/exe", 1), 0);
    assert_int_equal(setenv("FAKE_DAEMON", "ends", 1), 0);
    assert_int_equal(portd_connect(NULL, &options, PORTD_FOREVER, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(message, "exited before it was ready"));
    assert_int_equal(setenv("FAKE_DAEMON", "hangs", 1), 0);
    assert_int_equal(portd_connect(NULL, &options, portd_now() + 50000, &client), PORTD_E_TIMEOUT);
    assert_non_null(strstr(message, "did not become ready"));
    assert_int_equal(unsetenv("FAKE_DAEMON"), 0);
    /* PORTD_ADDRESS is the only place then: nothing is started. */
    assert_int_equal(setenv("PORTD_ADDRESS", "unix:/nowhere/portd.sock", 1), 0);
    assert_int_equal(portd_connect(NULL, &options, PORTD_FOREVER, &client), PORTD_E_UNREACHABLE);
    assert_int_equal(unsetenv("PORTD_ADDRESS"), 0);
    assert_int_equal(unsetenv("PORTD_DAEMON"), 0);
    home_remove(&home);
}

/* ---- words -------------------------------------------------------------------------------------------------------- */

static void words_are_there_for_all_numbers(void **state) {
    (void)state;
    assert_int_equal(portd_version(), PORTD_VERSION_HEX);
    assert_true(portd_has_feature("start") && portd_has_feature("handle") && portd_has_feature("wait-one"));
    assert_false(portd_has_feature("holds") || portd_has_feature(NULL));
    for (int code = PORTD_E_INVALID; code >= PORTD_E_EXISTS; code--)
        assert_string_not_equal(portd_code_name(code), "PORTD_E_?");
    for (int code = PORTD_E_UNREACHABLE; code >= PORTD_E_BUSY; code--)
        assert_string_not_equal(portd_code_name(code), "PORTD_E_?");
    assert_string_equal(portd_code_name(PORTD_E_LIMIT), "PORTD_E_LIMIT");
    assert_string_equal(portd_code_name(-1000), "PORTD_E_?");
    assert_string_not_equal(portd_code_text(-1000), "");
    assert_string_equal(portd_cause_name(PORTD_CAUSE_HALF_CLOSE), "half-close");
    assert_string_equal(portd_cause_name(99), "?");
    assert_string_equal(portd_kind_name(PORTD_KIND_SEMAPHORE), "semaphore");
    assert_int_equal(portd_id_kind((UINT64_C(1) << 32) + PORTD_KIND_EVT), PORTD_KIND_EVT);
    assert_int_equal(portd_id_kind((UINT64_C(1) << 53) - 8 + PORTD_KIND_EVT), PORTD_KIND_EVT);
    assert_int_equal(portd_id_kind(0), 0);
    assert_int_equal(portd_id_kind(8 + PORTD_KIND_EVT), 0); /* it may be the number of a descriptor */
    assert_int_equal(portd_id_kind(UINT32_MAX), 0);
    assert_int_equal(portd_id_kind((UINT64_C(1) << 32) + 6), 0);
    assert_int_equal(portd_id_kind((UINT64_C(1) << 53) + PORTD_KIND_EVT), 0);
    assert_string_equal(portd_last_error(NULL), "");
    assert_int_equal(portd_get_fd(NULL), -1);
}

int main(int n, char **arguments) {
    struct CMUnitTest cases[] = {
        TEST_CASE(options_are_checked),
        TEST_CASE(hello_tells_the_options),
        TEST_CASE(owner_is_attached_as_a_pidfd),
        TEST_CASE(hello_that_is_too_long_is_not_sent),
        TEST_CASE(refused_hello_ends_the_connection),
        TEST_CASE(turned_away_is_told_with_the_reason),
        TEST_CASE(blocking_connect_returns_the_outcome),
        TEST_CASE(failure_tells_what_was_tried),
        TEST_CASE(denied_socket_is_told_with_mode_and_group),
        TEST_CASE(queue_that_is_full_is_waited_for),
        TEST_CASE(no_other_broker_is_tried_while_the_queue_of_the_users_is_full),
        TEST_CASE(refusal_is_read_though_nothing_can_be_sent),
        TEST_CASE(connection_that_ends_unanswered_is_made_again),
        TEST_CASE(broker_is_started_apart_from_its_starter),
        TEST_CASE(a_sandbox_that_forbids_to_connect_is_told),
        TEST_CASE(without_close_range_what_is_open_is_closed),
        TEST_CASE(many_starters_get_one_broker),
        TEST_CASE(start_that_fails_says_why),
        TEST_CASE(words_are_there_for_all_numbers),
    };

    if (n > 1)
        return daemon_main(arguments);
    return TEST_RUN(cases);
}
