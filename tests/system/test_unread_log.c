/* test_unread_log.c: a broker whose stderr is a pipe without a reader, and clients that make it log. */
#define _GNU_SOURCE

#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct loud {
    char folder[64], address[96];
    int said;  /* its stderr */
    int ready; /* where it writes a newline */
};

static int become(void *data) {
    const struct loud *loud = data;
    const char *program = getenv("PORTD_DAEMON");

    if (!program || dup2(loud->said, 2) < 0)
        return 100;
    if (loud->ready == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(loud->ready, 3) != 3)
        return 100;
    if (fixture_close_above(3))
        return 101;
    (void)execl(program, "portd", "--listen", loud->address, "--notify-fd", "3", "--log-level", "debug",
                (char *)NULL);
    return 102;
}

/* said: where what it says can be read. */
static pid_t start(struct loud *loud, int *said) {
    int lines[2], ready[2];
    char byte;

    if (!getenv("PORTD_DAEMON"))
        test_skip("PORTD_DAEMON does not name the broker");
    guest_pipe(lines);
    guest_pipe(ready);
    assert_true(fcntl(lines[1], F_SETPIPE_SZ, 4096) > 0);
    *loud = (struct loud){.folder = "/tmp/log.XXXXXX", .said = lines[1], .ready = ready[1]};
    assert_non_null(mkdtemp(loud->folder));
    (void)snprintf(loud->address, sizeof(loud->address), "unix:%s/s", loud->folder);
    pid_t broker = fixture_fork(become, loud);
    fixture_close(lines[1]);
    fixture_close(ready[1]);
    assert_true(fixture_poll(ready[0], POLLIN) != 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    fixture_close(ready[0]);
    *said = lines[0];
    return broker;
}

static void stop(const struct loud *loud, pid_t broker) {
    assert_int_equal(kill(broker, SIGTERM), 0);
    assert_int_equal(fixture_reap(broker), 0);
    assert_int_equal(rmdir(loud->folder), 0);
}

/* No frame: the connection is ended and that is worth a line. */
static void misbehave(const char *address, size_t times) {
    const uint8_t nonsense[64] = {0};
    struct raw raw;

    for (size_t i = 0; i < times; i++) {
        guest_connect_at(&raw, address);
        (void)raw_send(&raw, nonsense, sizeof(nonsense), NULL, 0);
        assert_int_equal(raw_until_end(&raw), 0);
        guest_close(&raw);
    }
}

/* Each session that ends is worth a line at the level debug. */
static void come_and_go(const char *address, size_t times) {
    struct raw raw;

    for (size_t i = 0; i < times; i++) {
        guest_open_at(&raw, address);
        guest_close(&raw);
    }
}

static void a_reader_that_has_stopped_stops_nobody(void **state) {
    struct loud loud;
    struct raw raw;
    int said;

    (void)state;
    pid_t broker = start(&loud, &said);
    for (int sigs = 0; sigs < 2000; sigs++) /* each worth a line too, and nobody's uid */
        assert_int_equal(kill(broker, SIGHUP), 0);
    misbehave(loud.address, 500);
    come_and_go(loud.address, 500);
    guest_open_at(&raw, loud.address);
    guest_is_served(&raw);
    guest_close(&raw);
    stop(&loud, broker);
}

/* At most five lines, and one that sums up, however often it happened. */
static void what_a_client_causes_is_bounded(void **state) {
    char text[4096];
    struct loud loud;
    size_t length = 0;
    ssize_t n;
    int said;

    (void)state;
    pid_t broker = start(&loud, &said);
    misbehave(loud.address, 1000);
    stop(&loud, broker);
    while ((n = read(said, text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)n;
    text[length] = '\0';
    size_t ended = 0;
    for (const char *at = text; (at = strstr(at, "connection ended")); at++)
        ended++;
    if (ended == 0 || !strstr(text, "more in 10 s; uid="))
        fail_msg("%s", text);
    assert_true(length < sizeof(text) - 1);
}

TEST_MAIN(FIXTURE_CASE_BARE(a_reader_that_has_stopped_stops_nobody),
          FIXTURE_CASE_BARE(what_a_client_causes_is_bounded))
