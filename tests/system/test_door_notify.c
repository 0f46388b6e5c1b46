/* test_door_notify.c: the door for notifications, with datagrams of the test's own: what is held, for whom, under which names, and what becomes of
 * what is nonsense or too much. libsystemd's own sender: test_libsystemd.c. */
#define _GNU_SOURCE

#include "guest.h"

#include "proto/direct_unix.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { OWNER = 2002, SOMEBODY = 2001, MANY = 64, NAMES = 300, LONG = 8192, RIGHTS_MOST = 253 };

static struct fixture broker;
static char folder[64], config[128], address[128], path[108];

/* ---- a broker with a door ------------------------------------------------------------------------------------------ */

static void start(const char *more, const char *option, const char *value) {
    const char *options[] = {"--config", config, option, value, NULL};
    char text[1024];
    int length = snprintf(text, sizeof text, "door {\n  notify = \"%s\"\n}\n%s", address, more);
    int fd = open(config, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, (size_t)length), length);
    assert_int_equal(close(fd), 0);
    fixture_start(&broker, options);
}

static int before(void **state) {
    (void)snprintf(folder, sizeof folder, "/tmp/portd-post-XXXXXX");
    if (fixture_before_bare(state) || !mkdtemp(folder))
        return -1;
    (void)snprintf(config, sizeof config, "%s/portd.conf", folder);
    (void)snprintf(path, sizeof path, "%s/notify.sock", folder);
    (void)snprintf(address, sizeof address, "unix:%s", path);
    return chmod(folder, 0755);
}

static int after(void **state) {
    int result = fixture_after(state);
    (void)unlink(config);
    return rmdir(folder) || result ? -1 : 0; /* the broker has removed its socket */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, before, after)

/* ---- letters ------------------------------------------------------------------------------------------------------- */

/* Waits while the queue is full. Usable in a child. 0 or an errno. */
static int post_bytes(const void *text, size_t length, const int *fds, size_t n) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(RIGHTS_MOST * sizeof(int))];
    } control;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct iovec part = {.iov_base = (void *)(uintptr_t)text, .iov_len = length};
    struct msghdr message = {
        .msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1};
    int error = 0, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    memcpy(name.sun_path, path, strlen(path) + 1);
    if (n) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = (socklen_t)CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *item = CMSG_FIRSTHDR(&message);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = (socklen_t)CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(item), fds, n * sizeof(int));
    }
    if (direct_sendmsg(fd, &message, MSG_NOSIGNAL) < 0) /* musl's own refuses so many */
        error = errno;
    (void)close(fd);
    return error;
}

static void post(const char *text, const int *fds, size_t n) {
    assert_int_equal(post_bytes(text, strlen(text), fds, n), 0);
}

/* All that was said before is done. */
static void barrier(void) {
    int ends[2];
    assert_return_code(pipe2(ends, O_CLOEXEC), errno);
    post("BARRIER=1", &ends[1], 1);
    assert_int_equal(close(ends[1]), 0);
    short events = fixture_poll(ends[0], POLLHUP);
    assert_int_equal(close(ends[0]), 0);
    assert_true(events & POLLHUP);
}

static void store(const char *name, int fd) {
    char text[512];
    (void)snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=%s", name);
    post(text, &fd, 1);
}

/* ---- what is held -------------------------------------------------------------------------------------------------- */

static void assert_same(int a, int b) {
    struct stat left, right;
    assert_return_code(fstat(a, &left), errno);
    assert_return_code(fstat(b, &right), errno);
    assert_true(left.st_dev == right.st_dev && left.st_ino == right.st_ino);
}

/* Asserts that the owner (NULL: the caller) has that held, and nothing else. */
static void held_of(const char *owner, const char *expected) {
    portd_client *client = fixture_client_at(broker.address, NULL);
    char names[4096] = "";
    portd_list *list;
    assert_int_equal(portd_list_holds(client, owner, fixture_soon(), &list), 1);
    for (size_t i = 0; i < portd_list_count(list); i++) {
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%s", i ? " " : "",
                       portd_list_held(list, i)->name);
    }
    portd_list_free(list);
    assert_string_equal(names, expected);
    fixture_disconnect(client);
}

static void held(const char *expected) { held_of(NULL, expected); }

static int get(const char *name) {
    portd_client *client = fixture_client_at(broker.address, NULL);
    portd_native taken = -1;
    portd_id id;
    assert_int_equal(portd_get(client, NULL, &name, 1, NULL, fixture_soon(), &taken, &id), 1);
    fixture_disconnect(client);
    return fixture_own((int)taken);
}

static void holds_what_is_stored(void **state) {
    int ends[2], more[2];
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    guest_pipe(more);
    post("READY=1\nSTATUS=up", NULL, 0);
    post("WATCHDOG=1", more, 2); /* closed: nothing says that they are to be stored */
    store("web", ends[0]);
    post("READY=1\nFDSTORE=1", more, 1);
    barrier();
    held("web stored");
    assert_same(get("web"), ends[0]);
    assert_same(get("stored"), more[0]);
    post("FDSTOREREMOVE=1\nFDNAME=web", NULL, 0);
    barrier();
    held("stored");
    fixture_until_fds(&broker, 1);
}

static void several_have_numbers(void **state) {
    int ends[2], more[2];
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    guest_pipe(more);
    store("a", ends[0]);
    store("a", ends[1]);
    store("a", ends[0]); /* it is held already, and so is this: */
    store("a", ends[1]);
    post("FDNAME=b\nFDSTORE=1", more, 2);
    store("aa", more[0]);
    barrier();
    held("a a:2 b b:2 aa");
    assert_same(get("a:2"), ends[1]);
    post("FDNAME=a\nFDSTOREREMOVE=1", NULL, 0);
    barrier();
    held("b b:2 aa");
    fixture_until_fds(&broker, 3);
}

static bool is_nothing_held(void *data) {
    (void)data;
    return fixture_broker_fds(&broker) == broker.fds;
}

static void a_hang_up_ends_it_or_not(void **state) {
    int ends[2], more[2], file;
    (void)state;
    start("", "--mode", "0600");
    assert_return_code(pipe2(ends, O_CLOEXEC), errno);
    guest_pipe(more);
    file = fixture_own(open("/dev/null", O_RDONLY | O_CLOEXEC)); /* never hangs up */
    post("FDSTORE=1\nFDNAME=stays\nFDPOLL=0", ends, 1);
    post("FDSTORE=1\nFDNAME=goes", ends, 1);
    post("FDSTORE=1\nFDNAME=file", &file, 1);
    barrier();
    held("stays goes file");
    assert_int_equal(close(ends[1]), 0);
    post("FDSTOREREMOVE=1\nFDNAME=file", NULL, 0);
    fixture_until_fds(&broker, 1);
    held("stays");
    post("FDSTOREREMOVE=1\nFDNAME=stays", NULL, 0);
    assert_true(fixture_until(is_nothing_held, NULL));
    assert_int_equal(close(ends[0]), 0);
}

/* ---- nonsense ------------------------------------------------------------------------------------------------------ */

static void what_is_nonsense_leaves_nothing(void **state) {
    static const char *const texts[] = {"",
                                        "\n\n\n",
                                        "FDSTORE=0",
                                        "FDSTORE=1 ",
                                        "fdstore=1",
                                        "FDSTOREREMOVE=1",
                                        "FDSTOREREMOVE=1\nFDNAME=a:b",
                                        "FDNAME=x"};
    char bytes[LONG];
    int ends[2], many[RIGHTS_MOST];
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    for (size_t i = 0; i < RIGHTS_MOST; i++)
        many[i] = ends[0];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        post(texts[i], ends, 2);
    post("", NULL, 0); /* an empty letter is none that the door closes for */
    post("FDSTORE=1", NULL, 0);
    post("BARRIER=1", NULL, 0);
    post("BARRIER=1", ends, 2);
    post("BARRIER=1\nFDSTORE=1\nFDNAME=x", ends, 1);
    post("nothing", many, RIGHTS_MOST);
    assert_int_equal(post_bytes("FDSTORE=1\0FDNAME=x", 18, ends, 1), 0);
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, "FDSTORE=1\n", 10);
    assert_int_equal(post_bytes(bytes, sizeof bytes, ends, 2), 0); /* cut off */
    barrier();
    held("");
    fixture_until_fds(&broker, 0);
    assert_int_equal(post_bytes("FDSTORE=1\nFDNAME=x", 19, ends, 1), 0); /* a NUL may be at its end */
    post("FDSTORE=1\nFDNAME=\x01", ends, 1);                             /* no name: systemd's */
    barrier();
    held("x stored");
}

static void a_connection_to_the_broker_is_not_held(void **state) {
    struct raw raw;
    (void)state;
    start("", "--mode", "0600");
    guest_connect_at(&raw, broker.address);
    store("own", raw.fd);
    barrier();
    held("");
}

/* ---- who ----------------------------------------------------------------------------------------------------------- */

struct sender {
    unsigned uid;
    const char *text;
    int fd;
    size_t n; /* how often */
};

static int send_as(void *data) {
    const struct sender *sender = data;
    if (sender->uid && !guest_become(sender->uid))
        return 1;
    for (size_t i = 0; i < sender->n; i++)
        if (post_bytes(sender->text, strlen(sender->text), &sender->fd, 1))
            return 2;
    return 0;
}

static void names_are_the_senders_own(void **state) {
    int ends[2];
    (void)state;
    if (geteuid() != 0)
        test_skip("only root can be somebody else");
    start("", "--mode", "0666");
    guest_pipe(ends);
    struct sender owner = {OWNER, "FDSTORE=1\nFDNAME=mine", ends[0], 1},
                  somebody = {SOMEBODY, "FDSTOREREMOVE=1\nFDNAME=mine", ends[1], 1},
                  nobody = {65534, "FDSTORE=1\nFDNAME=none", ends[1], 1};
    assert_int_equal(fixture_reap(fixture_fork(send_as, &owner)), 0);
    assert_int_equal(fixture_reap(fixture_fork(send_as, &somebody)), 0);
    assert_int_equal(fixture_reap(fixture_fork(send_as, &nobody)), 0);
    barrier();
    held("");
    held_of("2002", "mine");
    held_of("65534", "");
    fixture_until_fds(&broker, 1);
}

/* What is beyond a quota is closed, and others store all the same. */
static void quotas_count(void **state) {
    char name[32];
    int ends[2], many[MANY][2];
    (void)state;
    if (geteuid() != 0)
        test_skip("only root can be somebody else");
    start("user \"2001\" {\n  descriptors = 8\n}\n", "--mode", "0666");
    guest_pipe(ends);
    for (int i = 0; i < MANY; i++) {
        struct sender sender = {SOMEBODY, name, 0, 1};
        guest_pipe(many[i]);
        sender.fd = many[i][0];
        (void)snprintf(name, sizeof name, "FDSTORE=1\nFDNAME=n%d", i);
        assert_int_equal(fixture_reap(fixture_fork(send_as, &sender)), 0);
    }
    store("root", ends[0]);
    barrier();
    held("root");
    fixture_until_fds(&broker, 1 + 8);
}

/* A flood beyond its rate and its quotas costs only who sends it. */
static void a_flood_hurts_who_sends_it(void **state) {
    int ends[2];
    (void)state;
    if (geteuid() != 0)
        test_skip("only root can be somebody else");
    start("user \"2001\" {\n  rate = 10\n}\n", "--mode", "0666");
    guest_pipe(ends);
    struct sender flood = {SOMEBODY, "FDSTORE=1\nFDNAME=flood", ends[1], 100000};
    pid_t pid = fixture_fork(send_as, &flood);
    for (int i = 0; i < 20; i++) {
        store("calm", ends[0]);
        barrier();
        post("FDSTOREREMOVE=1\nFDNAME=calm", NULL, 0);
    }
    store("calm", ends[0]);
    barrier();
    fixture_end(pid);
    held("calm");
}

static void under_one_name_there_are_only_so_many(void **state) {
    int ends[2];
    portd_client *client;
    portd_list *list;
    (void)state;
    start("", "--mode", "0600");
    for (int i = 0; i < NAMES / 2; i++) {
        assert_return_code(pipe2(ends, O_CLOEXEC), errno);
        post("FDSTORE=1\nFDPOLL=0", ends, 2);
        assert_int_equal(close(ends[0]), 0);
        assert_int_equal(close(ends[1]), 0);
    }
    barrier();
    client = fixture_client_at(broker.address, NULL);
    assert_int_equal(portd_list_holds(client, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), 128);
    portd_list_free(list);
    fixture_disconnect(client);
    post("FDSTOREREMOVE=1\nFDNAME=stored", NULL, 0);
    barrier();
    held("");
    fixture_until_fds(&broker, 0);
}

/* ---- death --------------------------------------------------------------------------------------------------------- */

struct change {
    pid_t keeper, last;
};

static bool is_another(void *data) {
    const struct change *change = data;
    pid_t pid = fixture_child(change->keeper, NULL);
    return pid && pid != change->last;
}

static bool is_open(void *data) {
    (void)data;
    return post_bytes("READY=1", 7, NULL, 0) == 0;
}

/* Killed at once when the barrier is passed: the keeper has it by then. */
static void what_is_stored_outlives_the_broker(void **state) {
    int ends[2];
    (void)state;
    start("", "--keeper", "yes");
    guest_pipe(ends);
    struct change change = {.keeper = broker.pid};
    for (int i = 0; i < 5; i++) {
        post("FDSTORE=1\nFDNAME=kept", ends, 2);
        barrier();
        change.last = fixture_child(broker.pid, NULL);
        assert_true(change.last > 0);
        assert_return_code(kill(change.last, SIGKILL), errno);
        assert_true(fixture_until(is_another, &change));
        assert_true(fixture_until(is_open, NULL));
        held("kept kept:2");
        assert_same(get("kept"), ends[0]);
        assert_same(get("kept:2"), ends[1]);
        store("kept", ends[1]); /* known again */
        barrier();
        held("kept kept:2");
        post("FDSTOREREMOVE=1\nFDNAME=kept", NULL, 0);
        barrier();
        held("");
    }
}

/* The door is the same, and what is sent meanwhile waits there. */
static void an_upgrade_loses_no_notification(void **state) {
    int ends[2];
    (void)state;
    start("", "--keeper", "yes");
    guest_pipe(ends);
    portd_client *client = fixture_client_at(broker.address, NULL);
    store("before", ends[0]);
    for (int i = 0; i < 3; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "name-%d", i);
        store(name, ends[1]);
        assert_int_equal(portd_upgrade(client, fixture_soon(), NULL), 1);
    }
    barrier();
    held("before name-0 name-1 name-2");
    assert_same(get("name-2"), ends[1]);
}

int main(void) {
    struct CMUnitTest cases[] = {CASE(holds_what_is_stored),
                                 CASE(several_have_numbers),
                                 CASE(a_hang_up_ends_it_or_not),
                                 CASE(what_is_nonsense_leaves_nothing),
                                 CASE(a_connection_to_the_broker_is_not_held),
                                 CASE(names_are_the_senders_own),
                                 CASE(quotas_count),
                                 CASE(a_flood_hurts_who_sends_it),
                                 CASE(under_one_name_there_are_only_so_many),
                                 CASE(what_is_stored_outlives_the_broker),
                                 CASE(an_upgrade_loses_no_notification)};
    return TEST_RUN(cases);
}
