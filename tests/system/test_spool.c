/* test_spool.c: the spool of a held pipe, socket or terminal: positions, readers that take nothing from one another, what is dropped or waited for, and the
 * death of the broker, over which no byte is lost or there twice. */
#define _GNU_SOURCE

#include "tests/support/fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum { SMALL = 4096, SIZE = 1 << 18, STRETCH = 1 << 19, KILLS = 6, PIECE = 65536 };

static const char *const keeper[] = {"--keeper", "yes", NULL};

static portd_id put(portd_client *c, const char *name, int fd, uint64_t bytes, int when_full) {
    portd_native native = fd;
    portd_id id = 0;
    int r = portd_put_spooled(c, NULL, &name, &native, 1, NULL, NULL, &bytes, when_full, fixture_soon(), &id);
    assert_int_equal(r, 1);
    return id;
}

static void make_pipe(int ends[2]) {
    assert_return_code(pipe2(ends, O_CLOEXEC), errno);
    (void)fixture_own(ends[0]);
    (void)fixture_own(ends[1]);
}

static void drop(portd_client *c, const char *name) {
    assert_int_equal(portd_drop(c, NULL, &name, 1, NULL, fixture_soon()), 1);
}

static void write_all(int fd, const char *text) {
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* The code; the bytes become a string. */
static int read_at(portd_client *c, const char *name, uint64_t from, char *text, size_t room,
                   portd_spool *spool) {
    *spool = (portd_spool)PORTD_SPOOL_INIT;
    int r = portd_spool_read(c, NULL, name, 0, from, text, room - 1, 0, fixture_soon(), spool);
    text[r >= 0 ? spool->count : 0] = '\0';
    return r;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void readers_take_nothing_from_one_another(void **state) {
    int p[2];
    char text[64];
    portd_spool spool;
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    (void)state;
    make_pipe(p);
    portd_id id = put(c, "s", p[0], SMALL, PORTD_SPOOL_DROP);
    write_all(p[1], "one two");
    assert_int_equal(read_at(c, "s", PORTD_SPOOL_OLDEST, text, sizeof text, &spool), 1);
    assert_string_equal(text, "one two");
    assert_int_equal(spool.position, 0);
    assert_int_equal(spool.next, 7);
    assert_int_equal(spool.descriptor, id);
    assert_int_equal(read_at(other, "s", 4, text, sizeof text, &spool), 1);
    assert_string_equal(text, "two");
    assert_int_equal(spool.position, 4);
    assert_int_equal(spool.lost, 0);
    assert_int_equal(read_at(other, "s", 2, text, 3, &spool), 1);
    assert_string_equal(text, "e ");
    assert_false(spool.end || spool.hung_up);
    drop(c, "s");
}

static void on_read(portd_client *client, const portd_result *result, void *data) {
    size_t *count = data;
    (void)client;
    assert_int_equal(result->code, 1);
    assert_non_null(result->spool);
    *count = result->count;
}

static void on_hung(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(bool *)data = result->code == 1 && result->spool->hung_up;
}

static void who_waits_is_told(void **state) {
    int p[2];
    size_t count = 0;
    char text[8];
    portd_spool spool = PORTD_SPOOL_INIT;
    portd_client *c = fixture_client(NULL);
    (void)state;
    make_pipe(p);
    put(c, "s", p[0], SMALL, PORTD_SPOOL_DROP);
    assert_int_equal(portd_spool_read(c, NULL, "s", 0, 0, text, sizeof text, 0, portd_now(), &spool), 0);
    assert_int_equal(portd_spool_read_start(c, NULL, "s", 0, 0, 100, 0, PORTD_FOREVER, on_read, &count, NULL),
                     1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1); /* it is parked */
    assert_int_equal(count, 0);
    write_all(p[1], "abc");
    while (!count)
        assert_true(portd_poll(c, fixture_soon()) >= 0);
    assert_int_equal(count, 3);
    fixture_close(p[1]);
    assert_int_equal(read_at(c, "s", 3, text, sizeof text, &spool), 1);
    assert_int_equal(spool.count, 0);
    assert_true(spool.hung_up);
    bool hung = false; /* who asks later is told at once */
    assert_int_equal(portd_spool_read_start(c, NULL, "s", 0, 3, 100, 0, PORTD_FOREVER, on_hung, &hung, NULL),
                     1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_true(hung);
    drop(c, "s");
}

static void the_oldest_bytes_are_dropped(void **state) {
    int p[2];
    char bytes[SMALL], text[SMALL + 1];
    portd_spool spool;
    portd_client *c = fixture_client(NULL);
    (void)state;
    make_pipe(p);
    put(c, "s", p[0], SMALL, PORTD_SPOOL_DROP);
    memset(bytes, 'a', sizeof bytes);
    assert_int_equal(write(p[1], bytes, SMALL), SMALL);
    memset(bytes, 'b', sizeof bytes);
    assert_int_equal(write(p[1], bytes, 1000), 1000);
    do
        assert_int_equal(read_at(c, "s", PORTD_SPOOL_OLDEST, text, sizeof text, &spool), 1);
    while (spool.next < SMALL + 1000);
    assert_int_equal(read_at(c, "s", 10, text, sizeof text, &spool), 1);
    assert_int_equal(spool.position, 1000);
    assert_int_equal(spool.lost, 990);
    assert_int_equal(spool.oldest, 1000);
    assert_int_equal(text[0], 'a');
    drop(c, "s");
}

static bool is_full(void *data) {
    int n = 0;
    return ioctl(*(int *)data, FIONREAD, &n) == 0 && n == 500;
}

static void a_full_one_stops_until_it_is_acknowledged(void **state) {
    int p[2];
    char bytes[SMALL + 500], text[SMALL + 1];
    portd_spool spool;
    portd_client *c = fixture_client(NULL);
    (void)state;
    make_pipe(p);
    put(c, "s", p[0], SMALL, PORTD_SPOOL_STOP);
    memset(bytes, 'a', sizeof bytes);
    bytes[SMALL] = 'z';
    assert_int_equal(write(p[1], bytes, sizeof bytes), sizeof bytes);
    assert_true(fixture_until(is_full, &p[1])); /* the rest stays in the pipe */
    assert_int_equal(read_at(c, "s", 0, text, sizeof text, &spool), 1);
    assert_int_equal(spool.next, SMALL);
    assert_int_equal(spool.count, SMALL);
    spool = (portd_spool)PORTD_SPOOL_INIT;
    assert_int_equal(portd_spool_read(c, NULL, "s", 0, SMALL, text, SMALL, PORTD_SPOOL_ACKNOWLEDGE,
                                      fixture_soon(), &spool),
                     1);
    assert_int_equal(text[0], 'z');
    assert_int_equal(spool.position, SMALL);
    drop(c, "s");
}

static void what_is_wrong_is_refused(void **state) {
    int p[2], file;
    char text[8];
    const char *name = "s", *plain = "plain";
    portd_native got, native;
    uint64_t bytes = SMALL - 1;
    portd_id ports, id;
    portd_spool spool = PORTD_SPOOL_INIT;
    portd_client *c = fixture_client(NULL);
    (void)state;
    make_pipe(p);
    native = p[0];
    assert_int_equal(portd_put_spooled(c, NULL, &name, &native, 1, NULL, NULL, &bytes, PORTD_SPOOL_DROP,
                                       fixture_soon(), &id),
                     PORTD_E_INVALID);
    bytes = UINT64_C(1) << 40;
    assert_int_equal(portd_put_spooled(c, NULL, &name, &native, 1, NULL, NULL, &bytes, PORTD_SPOOL_DROP,
                                       fixture_soon(), &id),
                     PORTD_E_INVALID);
    assert_int_equal(
        portd_put_spooled(c, NULL, &name, &native, 1, NULL, NULL, &bytes, 7, fixture_soon(), &id),
        PORTD_E_INVALID);
    bytes = SMALL;
    native = p[1];
    assert_int_equal(portd_put_spooled(c, NULL, &name, &native, 1, NULL, NULL, &bytes, PORTD_SPOOL_DROP,
                                       fixture_soon(), &id),
                     PORTD_E_INVALID);
    file = fixture_own(open("/dev/null", O_RDONLY | O_CLOEXEC));
    native = file;
    assert_int_equal(portd_put_spooled(c, NULL, &name, &native, 1, NULL, NULL, &bytes, PORTD_SPOOL_DROP,
                                       fixture_soon(), &id),
                     PORTD_E_UNSUPPORTED);
    native = p[0];
    assert_int_equal(portd_put(c, NULL, &plain, &native, 1, NULL, NULL, fixture_soon(), &id), 1);
    assert_int_equal(portd_spool_read(c, NULL, "plain", 0, 0, text, 1, 0, portd_now(), &spool),
                     PORTD_E_UNSUPPORTED);
    put(c, "s", p[0], SMALL, PORTD_SPOOL_DROP);
    assert_int_equal(portd_spool_read(c, NULL, "s", 0, 1, text, 1, 0, portd_now(), &spool), PORTD_E_INVALID);
    assert_int_equal(portd_spool_read(c, NULL, "s", id, 0, text, 1, 0, portd_now(), &spool),
                     PORTD_E_NOT_FOUND);
    assert_int_equal(portd_spool_read(c, NULL, "t", 0, 0, text, 1, 0, portd_now(), &spool),
                     PORTD_E_NOT_FOUND);
    assert_int_equal(portd_hold_to_port(c, NULL, "s", PORTD_READ, fixture_soon(), &ports, NULL),
                     PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_get(c, NULL, &name, 1, NULL, fixture_soon(), &got, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_take(c, NULL, &name, 1, NULL, fixture_soon(), &got, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_get_raw(c, NULL, &name, 1, NULL, 0, fixture_soon(), &got, NULL), 1);
    (void)fixture_own((int)got);
    write_all(p[1], "x");
    assert_int_equal(read_at(c, "s", 0, text, sizeof text, &spool), 1);
    assert_int_equal(spool.n_gaps, 1);
    assert_int_equal(spool.gaps[0], 0);
    drop(c, "s");
    drop(c, "plain");
}

static void a_packet_mode_terminal_has_none(void **state) {
    int master, slave, on = 1;
    const char *name = "s";
    uint64_t bytes = SMALL;
    portd_id id;
    portd_client *c = fixture_client(NULL);
    (void)state;
    assert_return_code(openpty(&master, &slave, NULL, NULL, NULL), errno);
    portd_native native = fixture_own(master);
    (void)fixture_own(slave);
    assert_return_code(ioctl(master, TIOCPKT, &on), errno);
    assert_int_equal(portd_put_spooled(c, NULL, &name, &native, 1, NULL, NULL, &bytes, PORTD_SPOOL_DROP,
                                       fixture_soon(), &id),
                     PORTD_E_UNSUPPORTED);
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static void on_lost(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(int *)data = result->code;
}

static void a_drop_tells_who_waits(void **state) {
    int p[2], code = 0;
    const char *name = "s";
    portd_list *list;
    portd_client *c = fixture_client(NULL), *waiting = fixture_client(NULL);
    (void)state;
    make_pipe(p);
    fixture_until_closed(c);
    size_t before = fixture_broker_fds(fixture_broker());
    put(c, "s", p[0], SIZE, PORTD_SPOOL_DROP);
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_held(list, 0)->spool_bytes, SIZE);
    assert_int_equal(portd_list_held(list, 0)->spool_when_full, PORTD_SPOOL_DROP);
    portd_list_free(list);
    assert_int_equal(
        portd_spool_read_start(waiting, NULL, "s", 0, 0, 100, 0, PORTD_FOREVER, on_lost, &code, NULL), 1);
    assert_int_equal(portd_ping(waiting, fixture_soon()), 1);
    assert_int_equal(portd_drop(c, NULL, &name, 1, NULL, fixture_soon()), 1);
    while (!code)
        assert_true(portd_poll(waiting, fixture_soon()) >= 0);
    assert_int_equal(code, PORTD_E_NOT_FOUND);
    fixture_until_closed(c);
    assert_int_equal(fixture_broker_fds(fixture_broker()), before);
}

/* ---- deaths ------------------------------------------------------------------------------------------------------- */

static uint8_t byte_at(uint64_t position) {
    uint64_t word = position / 8 * UINT64_C(0x9e3779b97f4a7c15);
    return (uint8_t)(word >> position % 8 * 8 ^ word >> 32);
}

/* Of each stream; PORTD_SPOOL_KILLS has another number (scripts/crash-campaign). */
static unsigned deaths(void) {
    const char *text = getenv("PORTD_SPOOL_KILLS");
    return text && *text ? (unsigned)strtoul(text, NULL, 10) : KILLS;
}

struct writer {
    int fd;
    uint64_t length;
};

static int write_stream(void *data) {
    const struct writer *writer = data;
    static uint8_t piece[PIECE];
    uint64_t at = 0;
    signal(SIGPIPE, SIG_DFL);
    while (at < writer->length) {
        size_t n = 1 + at % 5000;
        if (n > writer->length - at)
            n = (size_t)(writer->length - at);
        for (size_t i = 0; i < n; i++)
            piece[i] = byte_at(at + i);
        for (size_t sent = 0; sent < n;) {
            ssize_t m = write(writer->fd, piece + sent, n - sent);
            if (m < 0)
                return 1;
            sent += (size_t)m;
        }
        at += n;
    }
    return 0;
}

static bool has_successor(void *data) {
    const pid_t *pids = data;
    pid_t pid = fixture_child(pids[0], NULL);
    return pid && pid != pids[1];
}

static void kill_broker(const struct fixture *fixture) {
    pid_t pids[2] = {fixture->pid, fixture_child(fixture->pid, NULL)};
    assert_true(pids[1] > 0);
    assert_return_code(kill(pids[1], SIGKILL), errno);
    assert_true(fixture_until(has_successor, pids));
}

/* Reads all that the child writes, and kills broker after broker meanwhile, each in the middle of the stream. */
static void read_over_deaths(int source, int sink, int when_full) {
    struct fixture fixture;
    struct writer writer = {sink, (uint64_t)(deaths() + 1) * STRETCH};
    static uint8_t bytes[PIECE];
    uint64_t at = 0, kill_at = STRETCH;
    unsigned kills = 0;
    fixture_start(&fixture, keeper);
    portd_client *c = fixture_client_at(fixture.address, NULL);
    portd_id id = put(c, "s", source, SIZE, when_full);
    pid_t child = fixture_fork(write_stream, &writer);
    while (at < writer.length) {
        portd_spool spool = PORTD_SPOOL_INIT;
        int r = portd_spool_read(c, NULL, "s", id, at, bytes, sizeof bytes, PORTD_SPOOL_ACKNOWLEDGE,
                                 fixture_soon(), &spool);
        if (r == PORTD_E_DISCONNECTED) {
            fixture_disconnect(c);
            c = fixture_client_at(fixture.address, NULL);
            continue;
        }
        assert_int_equal(r, 1);
        assert_int_equal(spool.lost, 0);
        assert_int_equal(spool.n_gaps, 0);
        assert_int_equal(spool.position, at);
        for (size_t i = 0; i < spool.count; i++)
            assert_int_equal(bytes[i], byte_at(at + i));
        at += spool.count;
        if (at >= kill_at && kills < deaths()) {
            kill_broker(&fixture);
            kills++;
            kill_at += STRETCH;
        }
    }
    assert_int_equal(fixture_reap(child), 0);
    assert_int_equal(kills, deaths());
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

static void a_pipe_loses_nothing(void **state) {
    int p[2];
    (void)state;
    make_pipe(p);
    read_over_deaths(p[0], p[1], PORTD_SPOOL_STOP);
}

static void a_socket_loses_nothing(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    (void)state;
    assert_return_code(bind(listener, (struct sockaddr *)&address, size), errno);
    assert_return_code(listen(listener, 1), errno);
    assert_return_code(getsockname(listener, (struct sockaddr *)&address, &size), errno);
    int out = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_return_code(connect(out, (struct sockaddr *)&address, size), errno);
    read_over_deaths(fixture_own(accept4(listener, NULL, NULL, SOCK_CLOEXEC)), out, PORTD_SPOOL_STOP);
}

static void a_unix_socket_loses_nothing(void **state) {
    int pair[2];
    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    read_over_deaths(fixture_own(pair[0]), fixture_own(pair[1]), PORTD_SPOOL_STOP);
}

static void a_terminal_loses_nothing(void **state) {
    struct termios raw;
    int master, slave;
    (void)state;
    assert_return_code(openpty(&master, &slave, NULL, NULL, NULL), errno);
    (void)fixture_own(master);
    (void)fixture_own(slave);
    assert_return_code(tcgetattr(slave, &raw), errno);
    cfmakeraw(&raw);
    assert_return_code(tcsetattr(slave, TCSANOW, &raw), errno);
    read_over_deaths(master, slave, PORTD_SPOOL_STOP);
}

static void the_size_and_the_policy_come_back(void **state) {
    struct fixture fixture;
    int p[2];
    char text[16];
    portd_spool spool;
    portd_list *list;
    (void)state;
    make_pipe(p);
    fixture_start(&fixture, keeper);
    portd_client *c = fixture_client_at(fixture.address, NULL);
    put(c, "s", p[0], SIZE, PORTD_SPOOL_STOP);
    write_all(p[1], "before");
    assert_int_equal(read_at(c, "s", 0, text, sizeof text, &spool), 1);
    fixture_disconnect(c);
    kill_broker(&fixture);
    write_all(p[1], " after");
    c = fixture_client_at(fixture.address, NULL);
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_held(list, 0)->spool_bytes, SIZE);
    assert_int_equal(portd_list_held(list, 0)->spool_when_full, PORTD_SPOOL_STOP);
    portd_list_free(list);
    assert_int_equal(read_at(c, "s", 6, text, sizeof text, &spool), 1);
    assert_string_equal(text, " after");
    assert_int_equal(read_at(c, "s", 0, text, sizeof text, &spool), 1);
    assert_string_equal(text, "before after");
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

TEST_MAIN(FIXTURE_CASE(readers_take_nothing_from_one_another), FIXTURE_CASE(who_waits_is_told),
          FIXTURE_CASE(the_oldest_bytes_are_dropped), FIXTURE_CASE(a_full_one_stops_until_it_is_acknowledged),
          FIXTURE_CASE(what_is_wrong_is_refused), FIXTURE_CASE(a_packet_mode_terminal_has_none),
          FIXTURE_CASE(a_drop_tells_who_waits), FIXTURE_CASE_BARE(a_pipe_loses_nothing),
          FIXTURE_CASE_BARE(a_socket_loses_nothing), FIXTURE_CASE_BARE(a_unix_socket_loses_nothing),
          FIXTURE_CASE_BARE(a_terminal_loses_nothing), FIXTURE_CASE_BARE(the_size_and_the_policy_come_back))
