/* test_door_s6.c: the door for clients of s6-fdholderd: the same holds as those of the broker's own protocol, with the same rights and quotas, and
 * what becomes of clients that speak nonsense. */
#define _GNU_SOURCE

#include "guest.h"

#include "proto/os.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    HEADER = 6,
    TIME = 12,
    LONGEST_NAME = 255,
    MESSAGE = 1024,
    ANSWER = 70000,
    OWNER = 2002,
    SOMEBODY = 2001,
    NAMES = 600
};

#define TAI_1970 (UINT64_C(1) << 62)
#define FOREVER (TAI_1970 + (UINT64_C(1) << 61))

static struct fixture broker;
static char folder[64], config[128], address[128];

/* ---- a broker with a door ------------------------------------------------------------------------------------------ */

static void write_config(const char *more) {
    char text[1024];
    int length = snprintf(text, sizeof text, "door {\n  s6 = \"%s\"\n}\n%s", address, more);
    int fd = open(config, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, (size_t)length), length);
    assert_int_equal(close(fd), 0);
}

static void start(const char *more, const char *option, const char *value) {
    const char *options[] = {"--config", config, option, value, NULL};
    write_config(more);
    fixture_start(&broker, options);
}

static int before(void **state) {
    (void)snprintf(folder, sizeof folder, "/tmp/portd-door-XXXXXX");
    if (fixture_before_bare(state) || !mkdtemp(folder))
        return -1;
    (void)snprintf(config, sizeof config, "%s/portd.conf", folder);
    (void)snprintf(address, sizeof address, "unix:%s/s6.sock", folder);
    return chmod(folder, 0755);
}

static int after(void **state) {
    int result = fixture_after(state);
    (void)unlink(config);
    return rmdir(folder) || result ? -1 : 0; /* the broker has removed its socket */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, before, after)

/* ---- messages ------------------------------------------------------------------------------------------------------ */

struct message {
    uint8_t bytes[MESSAGE];
    size_t size;
};

static void add_big(struct message *message, uint64_t value, size_t n) {
    for (size_t i = n; i-- > 0; value >>= 8)
        message->bytes[message->size + i] = (uint8_t)value;
    message->size += n;
}

/* The header is that of what is added until finish. */
static void begin(struct message *message, char letter) {
    memset(message, 0, sizeof *message);
    message->size = HEADER;
    add_big(message, (uint8_t)letter, 1);
}

static void add_name(struct message *message, const char *name) {
    size_t length = strlen(name);
    add_big(message, length, 1);
    memcpy(message->bytes + message->size, name, length + 1);
    message->size += length + 1;
}

static void finish(struct message *message, unsigned n_fds) {
    size_t size = message->size;
    message->size = 0;
    add_big(message, size - HEADER, 4);
    add_big(message, n_fds, 2);
    message->size = size;
}

static void knock(struct raw *raw) { guest_connect_at(raw, address); }

static void knock_as(struct raw *raw, unsigned uid) { guest_connect_as(raw, uid, address); }

static void send_bytes(const struct raw *raw, const struct message *message, const int *fds, size_t n) {
    assert_int_equal(raw_send(raw, message->bytes, message->size, fds, n), 0);
}

/* Reads so many bytes, and the descriptor that comes with them; -1: none. */
static void receive(const struct raw *raw, uint8_t *bytes, size_t size, int *fd) {
    *fd = -1;
    for (size_t got = 0; got < size;) {
        char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
        struct iovec part = {.iov_base = bytes + got, .iov_len = size - got};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        assert_true(fixture_poll(raw->fd, POLLIN) & POLLIN);
        ssize_t n = recvmsg(raw->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        assert_true(n > 0);
        const struct cmsghdr *item = CMSG_FIRSTHDR(&message);
        if (item && item->cmsg_type == SCM_RIGHTS) {
            memcpy(fd, CMSG_DATA(item), sizeof *fd);
            (void)fixture_own(*fd);
        }
        got += (size_t)n;
    }
}

static uint64_t big(const uint8_t *at, size_t n) {
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | at[i];
    return value;
}

/* The errno of an answer; *fd: what came with it. */
static int answer(const struct raw *raw, int *fd) {
    uint8_t bytes[HEADER + 1];
    receive(raw, bytes, sizeof bytes, fd);
    assert_int_equal(big(bytes, 4), 1);
    assert_int_equal(big(bytes + 4, 2), *fd >= 0);
    return bytes[HEADER];
}

static int done(const struct raw *raw) {
    int fd, error = answer(raw, &fd);
    assert_int_equal(fd, -1);
    return error;
}

static void write_store(struct message *message, const char *name, uint64_t until) {
    begin(message, 'S');
    add_big(message, until, 8);
    add_big(message, 0, 4);
    add_name(message, name);
    finish(message, 1);
}

static int store_until(const struct raw *raw, const char *name, int fd, uint64_t until) {
    struct message message;
    write_store(&message, name, until);
    send_bytes(raw, &message, &fd, 1);
    return done(raw);
}

static int store(const struct raw *raw, const char *name, int fd) {
    return store_until(raw, name, fd, FOREVER);
}

static int retrieve(const struct raw *raw, const char *name, bool drop, int *fd) {
    struct message message;
    begin(&message, 'R');
    add_big(&message, drop, 1);
    add_name(&message, name);
    finish(&message, 0);
    send_bytes(raw, &message, NULL, 0);
    return answer(raw, fd);
}

static int drop(const struct raw *raw, const char *name) {
    struct message message;
    begin(&message, 'D');
    add_name(&message, name);
    finish(&message, 0);
    send_bytes(raw, &message, NULL, 0);
    return done(raw);
}

/* How many names the caller has; all of them one after the other, each with a NUL. */
static size_t list(const struct raw *raw, char *names, size_t *size) {
    struct message message;
    uint8_t head[HEADER + 5];
    int fd;
    begin(&message, 'L');
    finish(&message, 0);
    send_bytes(raw, &message, NULL, 0);
    receive(raw, head, sizeof head, &fd);
    assert_int_equal(head[HEADER], 0);
    *size = (size_t)big(head, 4) - 5;
    assert_true(*size < ANSWER);
    if (*size)
        receive(raw, (uint8_t *)names, *size, &fd);
    return (size_t)big(head + HEADER + 1, 4);
}

static void assert_same(int a, int b) {
    struct stat left, right;
    assert_return_code(fstat(a, &left), errno);
    assert_return_code(fstat(b, &right), errno);
    assert_true(left.st_dev == right.st_dev && left.st_ino == right.st_ino);
}

/* ---- what it does -------------------------------------------------------------------------------------------------- */

static void holds_what_is_stored_and_gives_it_back(void **state) {
    struct raw raw;
    char names[ANSWER], longest[LONGEST_NAME + 1];
    size_t size;
    int ends[2], fd;
    (void)state;
    start("", "--mode", "0600");
    memset(longest, 'n', LONGEST_NAME);
    longest[LONGEST_NAME] = '\0';
    guest_pipe(ends);
    knock(&raw);
    assert_int_equal(list(&raw, names, &size), 0);
    assert_int_equal(store(&raw, "a", ends[0]), 0);
    assert_int_equal(store(&raw, longest, ends[1]), 0);
    assert_int_equal(store(&raw, "a", ends[1]), EBUSY);
    assert_int_equal(list(&raw, names, &size), 2);
    assert_int_equal(size, 2 + LONGEST_NAME + 1);
    assert_string_equal(names, "a");
    assert_string_equal(names + 2, longest);
    guest_close(&raw);
    knock(&raw); /* it outlives who has stored it */
    assert_int_equal(retrieve(&raw, "a", false, &fd), 0);
    assert_same(fd, ends[0]);
    assert_int_equal(retrieve(&raw, longest, true, &fd), 0);
    assert_same(fd, ends[1]);
    assert_int_equal(retrieve(&raw, longest, false, &fd), ENOENT);
    assert_int_equal(drop(&raw, "a"), 0);
    assert_int_equal(drop(&raw, "a"), ENOENT);
    assert_int_equal(list(&raw, names, &size), 0);
    fixture_until_fds(&broker, 1);
    guest_close(&raw);
    fixture_until_fds(&broker, 0);
}

static void both_doors_lead_to_the_same_holds(void **state) {
    struct raw raw;
    const char *name = "from-outside", *own = "of-portd", *foreign = "@7/name";
    portd_native native, taken = -1;
    portd_id id;
    char names[ANSWER];
    size_t size;
    int ends[2], fd;
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    knock(&raw);
    portd_client *client = fixture_client_at(broker.address, NULL);
    assert_int_equal(store(&raw, name, ends[0]), 0);
    assert_int_equal(portd_get(client, NULL, &name, 1, NULL, fixture_soon(), &taken, &id), 1);
    assert_same(fixture_own((int)taken), ends[0]);
    native = ends[1];
    assert_int_equal(portd_put(client, NULL, &own, &native, 1, NULL, NULL, fixture_soon(), &id), 1);
    assert_int_equal(portd_put(client, NULL, &foreign, &native, 1, NULL, NULL, fixture_soon(), &id), 1);
    assert_int_equal(retrieve(&raw, own, false, &fd), 0);
    assert_same(fd, ends[1]);
    assert_int_equal(list(&raw, names, &size), 2); /* not the one that would name another user's */
}

static uint64_t now_tai(void) { return TAI_1970 + (uint64_t)(os_wall_us() / 1000000) + 37; }

static bool is_gone(void *data) {
    int fd;
    int error = retrieve(data, "short", false, &fd);
    if (!error)
        fixture_close(fd);
    return error == ENOENT;
}

static void a_time_is_a_time_to_live(void **state) {
    struct raw raw;
    int ends[2], fd;
    portd_list *list;
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    knock(&raw);
    assert_int_equal(store_until(&raw, "hour", ends[0], now_tai() + 3600), 0);
    assert_int_equal(store_until(&raw, "far", ends[0], FOREVER - 1), 0);
    assert_int_equal(store_until(&raw, "short", ends[0], now_tai() - 1), 0);
    assert_true(fixture_until(is_gone, &raw));
    assert_int_equal(store_until(&raw, "short", ends[0], 1), 0); /* before 1970 */
    assert_true(fixture_until(is_gone, &raw));
    portd_client *client = fixture_client_at(broker.address, NULL);
    assert_int_equal(portd_list_holds(client, NULL, fixture_soon(), &list), 1);
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_held *held = portd_list_held(list, i);
        bool is_hour = strcmp(held->name, "hour") == 0;
        assert_true(is_hour ? held->ttl_us > 3500000000 && held->ttl_us <= 3601000000 : held->ttl_us == 0);
    }
    portd_list_free(list);
    assert_int_equal(retrieve(&raw, "hour", false, &fd), 0);
}

static int ask(const struct raw *raw, char letter, size_t bytes) {
    struct message message;
    begin(&message, letter);
    add_big(&message, 0, bytes);
    finish(&message, 0);
    send_bytes(raw, &message, NULL, 0);
    return done(raw);
}

static void dumps_are_denied(void **state) {
    struct raw raw;
    (void)state;
    start("", "--mode", "0600");
    knock(&raw);
    assert_int_equal(ask(&raw, '?', 0), EPERM);
    assert_int_equal(ask(&raw, '!', 4), EPERM);
    assert_int_equal(drop(&raw, "none"), ENOENT); /* and the client goes on */
}

static void requests_at_once_are_answered_in_order(void **state) {
    struct raw raw;
    struct message message;
    struct {
        uint8_t bytes[16 * 64];
        size_t size;
    } all = {.size = 0};
    int ends[2], fd;
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    knock(&raw);
    assert_int_equal(store(&raw, "name", ends[0]), 0);
    for (int i = 0; i < 16;
         i++) { /* dropped by the 5th, which is answered later than what follows could be */
        begin(&message, i == 4 ? 'D' : 'R');
        if (i != 4)
            add_big(&message, 0, 1);
        add_name(&message, "name");
        finish(&message, 0);
        memcpy(all.bytes + all.size, message.bytes, message.size);
        all.size += message.size;
    }
    assert_int_equal(raw_send(&raw, all.bytes, all.size, NULL, 0), 0);
    for (int i = 0; i < 16; i++) {
        int error = answer(&raw, &fd);
        assert_int_equal(error, i <= 4 ? 0 : ENOENT);
        assert_int_equal(fd >= 0, i < 4);
    }
}

/* ---- who may ------------------------------------------------------------------------------------------------------- */

static void names_are_the_callers_own(void **state) {
    struct raw owner, somebody;
    char names[ANSWER];
    size_t size;
    int ends[2], fd;
    (void)state;
    if (geteuid() != 0)
        test_skip("only root can be somebody else");
    start("rule \"r\" {\n owner = \"2002\"\n names = { \"shared\" }\n users = { \"2001\" }\n rights = { "
          "\"get\" }\n}\n",
          "--mode", "0666");
    guest_pipe(ends);
    knock_as(&owner, OWNER);
    knock_as(&somebody, SOMEBODY);
    assert_int_equal(store(&owner, "shared", ends[0]), 0);
    assert_int_equal(store(&owner, "mine", ends[1]), 0);
    assert_int_equal(retrieve(&somebody, "shared", false, &fd), ENOENT);
    assert_int_equal(list(&somebody, names, &size), 0);
    assert_int_equal(retrieve(&somebody, "@2002/shared", false, &fd), 0);
    assert_same(fd, ends[0]);
    assert_int_equal(retrieve(&somebody, "@2002/shared", true, &fd), EPERM);
    assert_int_equal(retrieve(&somebody, "@2002/mine", false, &fd), EPERM);
    assert_int_equal(retrieve(&somebody, "@2002/none", false, &fd), EPERM);
    assert_int_equal(drop(&somebody, "@2002/shared"), EPERM);
    assert_int_equal(store(&somebody, "@2002/other", ends[0]), EPERM);
    assert_int_equal(store(&somebody, "mine", ends[0]), 0);
    assert_int_equal(retrieve(&owner, "mine", false, &fd), 0);
    assert_same(fd, ends[1]);
    assert_int_equal(retrieve(&owner, "@2002/mine", true, &fd), 0);
}

static void quotas_count(void **state) {
    struct raw raw, other;
    char name[16];
    int ends[2], error = 0, n = 0;
    (void)state;
    if (geteuid() != 0)
        test_skip("only root can be somebody else");
    start("user \"2001\" {\n  descriptors = 8\n  connections = 2\n}\n", "--mode", "0666");
    guest_pipe(ends);
    knock_as(&raw, SOMEBODY);
    for (; !error && n < NAMES; n++) {
        (void)snprintf(name, sizeof name, "%d", n);
        error = store(&raw, name, ends[0]);
    }
    assert_int_equal(error, ENFILE);
    assert_true(n <= 9);
    knock_as(&other, SOMEBODY);
    assert_int_equal(drop(&other, "0"), 0);
    assert_int_equal(store(&other, "0", ends[0]), 0);
    struct raw third;
    knock_as(&third, SOMEBODY);
    guest_is_ended(&third);
    knock_as(&third, OWNER);
    assert_int_equal(store(&third, "0", ends[0]), 0);
}

static void a_connection_of_its_own_is_not_held(void **state) {
    struct raw raw, other;
    (void)state;
    start("", "--mode", "0600");
    knock(&raw);
    knock(&other);
    assert_int_equal(store(&raw, "door", other.fd), EINVAL);
    assert_int_equal(drop(&raw, "door"), ENOENT);
}

static void many_names_fit_or_not(void **state) {
    struct raw raw;
    char names[ANSWER], name[LONGEST_NAME + 1];
    uint8_t byte;
    size_t size, n = 0;
    int ends[2];
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    knock(&raw);
    memset(name, 'x', sizeof name);
    for (; (n + 1) * sizeof name + 5 <= 65536; n++) {
        (void)snprintf(name + LONGEST_NAME - 4, 5, "%04zu", n);
        assert_int_equal(store(&raw, name, ends[0]), 0);
    }
    assert_int_equal(list(&raw, names, &size), n);
    assert_int_equal(size, n * sizeof name);
    (void)snprintf(name + LONGEST_NAME - 4, 5, "%04zu", n);
    assert_int_equal(store(&raw, name, ends[0]), 0);
    byte = (uint8_t)ask(&raw, 'L', 0);
    assert_int_equal(byte, EMSGSIZE);
}

/* ---- nonsense ------------------------------------------------------------------------------------------------------ */

/* Sends it, with n descriptors though its header says otherwise: the connection ends, and nothing of it is left. */
static void is_ended_by(struct message *message, const int *fds, size_t n) {
    struct raw raw;
    knock(&raw);
    send_bytes(&raw, message, fds, n);
    guest_is_ended(&raw);
    guest_close(&raw);
    fixture_until_fds(&broker, 0);
}

static void what_is_no_message_ends_the_connection(void **state) {
    struct message message;
    int ends[2], many[16];
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    for (size_t i = 0; i < 16; i++)
        many[i] = ends[0];
    write_store(&message, "no descriptor", FOREVER);
    is_ended_by(&message, NULL, 0);
    is_ended_by(&message, ends, 2);
    is_ended_by(&message, many, 16);
    finish(&message, 2);
    is_ended_by(&message, ends, 2);
    finish(&message, 253);
    is_ended_by(&message, many, 16);
    finish(&message, 1);
    message.bytes[HEADER + 1 + TIME]++; /* the name is longer than the message */
    is_ended_by(&message, ends, 1);
    message.bytes[HEADER + 1 + TIME] -= 2; /* and shorter */
    is_ended_by(&message, ends, 1);
    write_store(&message, "name", FOREVER);
    message.bytes[message.size - 1] = 'x'; /* without its NUL */
    is_ended_by(&message, ends, 1);
    write_store(&message, "na", FOREVER);
    message.bytes[message.size - 2] = '\0'; /* with one inside */
    is_ended_by(&message, ends, 1);
    write_store(&message, "", FOREVER);
    is_ended_by(&message, ends, 1);
    begin(&message, 'S');
    finish(&message, 1);
    is_ended_by(&message, ends, 1);
    begin(&message, 'X');
    finish(&message, 0);
    is_ended_by(&message, NULL, 0);
    begin(&message, 'L');
    finish(&message, 1);
    is_ended_by(&message, ends, 1);
    begin(&message, '.'); /* nothing was asked for */
    add_big(&message, 0, 20);
    finish(&message, 1);
    is_ended_by(&message, ends, 1);
    begin(&message, 'D');
    message.size--;
    finish(&message, 0); /* empty */
    is_ended_by(&message, NULL, 0);
    begin(&message, 'R');
    message.bytes[0] = 0x7f; /* two thousand million bytes */
    is_ended_by(&message, NULL, 0);
}

static void a_name_is_utf8(void **state) {
    struct raw raw;
    int ends[2], fd;
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    knock(&raw);
    assert_int_equal(store(&raw, "\xff", ends[0]), EINVAL);
    assert_int_equal(retrieve(&raw, "\xc0\x80", false, &fd), EINVAL);
    fixture_until_fds(&broker, 1);
}

/* Ten seconds, as long as a hello has. */
static void half_a_message_has_its_time(void **state) {
    struct raw half, idle;
    struct message message;
    int ends[2];
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    knock(&idle);
    knock(&half);
    assert_int_equal(drop(&half, "x"), ENOENT);
    write_store(&message, "half", FOREVER);
    message.size--;
    send_bytes(&half, &message, ends, 1);
    guest_is_ended(&half);
    guest_close(&half);
    assert_int_equal(drop(&idle, "x"), ENOENT); /* who says nothing may stay */
    fixture_until_fds(&broker, 1);
}

static void a_message_may_come_byte_by_byte(void **state) {
    struct raw raw;
    struct message message;
    int ends[2], fd;
    (void)state;
    start("", "--mode", "0600");
    guest_pipe(ends);
    knock(&raw);
    write_store(&message, "slow", FOREVER);
    for (size_t i = 0; i < message.size; i++)
        assert_int_equal(raw_send(&raw, message.bytes + i, 1, ends, i == 0), 0);
    assert_int_equal(done(&raw), 0);
    assert_int_equal(retrieve(&raw, "slow", true, &fd), 0);
    assert_same(fd, ends[0]);
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

/* The next broker opens the door anew. */
static bool is_open(void *data) {
    struct raw *raw = data;
    if (raw_connect(raw, address))
        return false;
    (void)fixture_own(raw->fd);
    return true;
}

static void what_is_stored_outlives_the_broker(void **state) {
    struct raw raw;
    int ends[2], fd;
    (void)state;
    start("", "--keeper", "yes");
    guest_pipe(ends);
    struct change change = {.keeper = broker.pid};
    for (int i = 0; i < 5; i++) {
        knock(&raw);
        assert_int_equal(store(&raw, "kept", ends[i % 2]), 0);
        assert_int_equal(store_until(&raw, "timed", ends[0], now_tai() + 3600), 0);
        change.last = fixture_child(broker.pid, NULL);
        assert_true(change.last > 0);
        assert_return_code(kill(change.last, SIGKILL), errno); /* at once after the answer */
        assert_true(fixture_until(is_another, &change));
        guest_close(&raw);
        assert_true(fixture_until(is_open, &raw));
        assert_int_equal(retrieve(&raw, "timed", true, &fd), 0);
        assert_int_equal(retrieve(&raw, "kept", true, &fd), 0);
        assert_same(fd, ends[i % 2]);
        guest_close(&raw);
    }
}

/* Where something else is by then. */
static void what_is_held_does_not_need_the_door(void **state) {
    struct raw raw;
    const char *name = "kept", *path = address + strlen("unix:");
    portd_native taken = -1;
    portd_id id;
    int ends[2];
    (void)state;
    start("", "--keeper", "yes");
    guest_pipe(ends);
    struct change change = {.keeper = broker.pid};
    knock(&raw);
    assert_int_equal(store(&raw, name, ends[0]), 0);
    change.last = fixture_child(broker.pid, NULL);
    assert_return_code(unlink(path), errno);
    assert_return_code(mkdir(path, 0700), errno);
    assert_return_code(kill(change.last, SIGKILL), errno);
    assert_true(fixture_until(is_another, &change));
    portd_client *client = fixture_client_at(broker.address, NULL);
    assert_int_equal(portd_get(client, NULL, &name, 1, NULL, fixture_soon(), &taken, &id), 1);
    assert_same(fixture_own((int)taken), ends[0]);
    assert_return_code(rmdir(path), errno);
}

/* The door, a connection that has said nothing, and half a message with its descriptor. */
static void connections_outlive_an_upgrade(void **state) {
    struct raw quiet, half, late;
    struct message message;
    int ends[2], fd;
    (void)state;
    start("", "--keeper", "yes");
    guest_pipe(ends);
    knock(&quiet);
    knock(&half);
    assert_int_equal(store(&quiet, "first", ends[0]), 0);
    write_store(&message, "second", FOREVER);
    struct message rest = message;
    message.size = HEADER + 3;
    rest.size -= message.size;
    memmove(rest.bytes, rest.bytes + message.size, rest.size);
    send_bytes(&half, &message, &ends[1], 1);
    portd_client *client = fixture_client_at(broker.address, NULL);
    for (int i = 0; i < 2; i++)
        assert_int_equal(portd_upgrade(client, fixture_soon(), NULL), 1);
    send_bytes(&half, &rest, NULL, 0);
    assert_int_equal(done(&half), 0);
    assert_int_equal(retrieve(&quiet, "second", false, &fd), 0);
    assert_same(fixture_own(fd), ends[1]);
    knock(&late);
    assert_int_equal(retrieve(&late, "first", true, &fd), 0);
    assert_same(fixture_own(fd), ends[0]);
}

static void the_door_does_not_open_elsewhere(void **state) {
    struct raw raw, other;
    (void)state;
    start("", "--mode", "0600");
    guest_connect_at(&other, broker.address);
    knock(&raw);
    assert_int_equal(raw_hello(&other), 0); /* each door has its own protocol */
    assert_int_not_equal(raw_hello(&raw), 0);
}

int main(void) {
    struct CMUnitTest cases[] = {CASE(holds_what_is_stored_and_gives_it_back),
                                 CASE(both_doors_lead_to_the_same_holds),
                                 CASE(a_time_is_a_time_to_live),
                                 CASE(dumps_are_denied),
                                 CASE(requests_at_once_are_answered_in_order),
                                 CASE(names_are_the_callers_own),
                                 CASE(quotas_count),
                                 CASE(a_connection_of_its_own_is_not_held),
                                 CASE(many_names_fit_or_not),
                                 CASE(what_is_no_message_ends_the_connection),
                                 CASE(a_name_is_utf8),
                                 CASE(half_a_message_has_its_time),
                                 CASE(a_message_may_come_byte_by_byte),
                                 CASE(what_is_stored_outlives_the_broker),
                                 CASE(connections_outlive_an_upgrade),
                                 CASE(what_is_held_does_not_need_the_door),
                                 CASE(the_door_does_not_open_elsewhere)};
    return TEST_RUN(cases);
}
