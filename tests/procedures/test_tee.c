/* test_tee.c: the examples with event loops (client/examples/tee_*.c): the bytes they copy arrive, also when the broker does not
 * read for a while, they exit when they should, and say why. TEE is the program. */
#include "descriptors.h"
#include "ports.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

enum { OUTPUTS = 16, FIRST = 200, BLOCK = 65536, ROUNDS = 10 };

struct tee {
    pid_t pid;
    int input;
    int outputs[OUTPUTS], ways_in[OUTPUTS]; /* where they come out, and where they go in */
    int log;                                /* its standard error */
};

struct ends {
    int input, log, outputs[OUTPUTS];
};

static int run(void *data) {
    const struct ends *ends = data;
    static char numbers[OUTPUTS][12];
    char *arguments[OUTPUTS + 2] = {(char *)(uintptr_t)TEE};

    if (setenv("PORTD_ADDRESS", fixture_address(), 1) < 0 || dup2(ends->input, 0) < 0 ||
        dup2(ends->log, 2) < 0)
        return 101;
    for (int i = 0; i < OUTPUTS; i++) {
        if (dup2(ends->outputs[i], FIRST + i) < 0)
            return 102;
        snprintf(numbers[i], sizeof(numbers[i]), "%d", FIRST + i);
        arguments[i + 1] = numbers[i];
    }
    (void)execv(TEE, arguments);
    return 103;
}

/* A pipe whose end for the test is returned, and whose other end is for the program. */
static int make_end(int reads, int *other) {
    int p[2];

    make_blocking_pipe(p);
    *other = p[!reads];
    return p[reads];
}

/* input: its standard input, which is closed here. */
static void tee_start_with(struct tee *tee, int input) {
    struct ends ends = {.input = input};

    tee->log = make_end(0, &ends.log);
    for (int i = 0; i < OUTPUTS; i++)
        tee->outputs[i] = make_end(0, &ends.outputs[i]);
    tee->pid = fixture_fork(run, &ends);
    fixture_close(ends.input);
    fixture_close(ends.log);
    memcpy(tee->ways_in, ends.outputs, sizeof(ends.outputs));
}

static void tee_start(struct tee *tee) {
    int input;

    tee->input = make_end(1, &input);
    tee_start_with(tee, input);
}

/* All that it has written to standard error, once it has exited with that code. */
static void expect_failure(struct tee *tee, char *log, size_t size) {
    size_t n = 0;
    ssize_t got;

    assert_int_equal(fixture_reap(tee->pid), 1);
    while (n < size - 1 && (got = read(tee->log, log + n, size - 1 - n)) > 0)
        n += (size_t)got;
    log[n] = '\0';
}

static void expect_at(int output, const unsigned char *bytes, size_t n) {
    static unsigned char got[BLOCK];

    for (size_t done = 0; done < n;) {
        assert_int_not_equal(fixture_poll(output, POLLIN), 0);
        ssize_t some = read(output, got, n - done);
        assert_true(some > 0);
        assert_memory_equal(got, bytes + done, (size_t)some);
        done += (size_t)some;
    }
}

/* The last ones first. */
static void expect_everywhere(const struct tee *tee, const unsigned char *bytes, size_t n) {
    for (int i = OUTPUTS; i-- > 0;)
        expect_at(tee->outputs[i], bytes, n);
}

static void give(const struct tee *tee, const unsigned char *bytes, size_t n) {
    assert_int_equal(write(tee->input, bytes, n), (ssize_t)n);
}

static void expect_end(struct tee *tee) {
    fixture_close(tee->input);
    assert_int_equal(fixture_reap(tee->pid), 0);
    for (int i = 0; i < OUTPUTS; i++) {
        fixture_close(tee->ways_in[i]);
        until_end(tee->outputs[i]); /* the broker's copies went with the session */
    }
}

static void fill_bytes(unsigned char *bytes, unsigned seed) {
    for (size_t i = 0; i < BLOCK; i++)
        bytes[i] = (unsigned char)((seed = seed * 1103515245u + 12345u) >> 16);
}

static void everything_arrives(void **state) {
    static unsigned char bytes[BLOCK];
    struct tee tee;

    (void)state;
    tee_start(&tee);
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t n = round % 2 ? BLOCK : 1 + round;
        fill_bytes(bytes, round);
        give(&tee, bytes, n);
        expect_everywhere(&tee, bytes, n);
    }
    expect_end(&tee);
}

static void nothing_to_copy(void **state) {
    struct tee tee;

    (void)state;
    tee_start(&tee);
    expect_end(&tee);
}

/* Returns when that child does nothing more. */
static void pause_child(pid_t pid) {
    siginfo_t info;

    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
}

/* epoll takes no regular file. */
static void a_file_is_copied_or_refused(void **state) {
    bool copies = strstr(TEE, "tee_poll") != NULL;
    char log[4096], path[] = "/tmp/portd-tee-XXXXXX";
    struct tee tee;
    int file = fixture_own(mkstemp(path));

    (void)state;
    assert_true(file >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(file, "file", 4), 4);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    tee_start_with(&tee, file);
    if (copies) {
        expect_everywhere(&tee, (const unsigned char *)"file", 4);
        assert_int_equal(fixture_reap(tee.pid), 0);
        return;
    }
    expect_failure(&tee, log, sizeof(log));
    assert_non_null(strstr(log, "standard input: "));
    assert_non_null(strstr(log, "pass it through a pipe"));
}

static void a_failed_output_is_named(void **state) {
    char log[4096], expected[64];
    struct tee tee;

    (void)state;
    tee_start(&tee);
    fixture_close(tee.outputs[3]);
    give(&tee, (const unsigned char *)"x", 1);
    expect_failure(&tee, log, sizeof(log));
    snprintf(expected, sizeof(expected), ": %d: write: Broken pipe\n", FIRST + 3);
    assert_non_null(strstr(log, expected));
}

/* It has read its input and sleeps in its loop. */
static bool has_read_all(void *data) {
    const struct tee *tee = data;
    int left;

    assert_int_equal(ioctl(tee->input, FIONREAD, &left), 0);
    return left == 0 && fixture_process_state(tee->pid) == 'S';
}

/* What a socket takes whose owner has asked for nothing. */
static long socket_room(void) {
    FILE *file = fopen("/proc/sys/net/core/wmem_default", "re");
    long room = 0;

    if (!file || fscanf(file, "%ld", &room) != 1)
        fail_msg("wmem_default cannot be read");
    fclose(file);
    return room;
}

/* No read, write or wait of anybody is in flight. */
static bool all_is_answered(void *data) {
    portd_list *list;

    assert_int_equal(portd_get_status(data, fixture_soon(), &list), 1);
    const portd_status *status = portd_list_status(list);
    uint64_t used = 0;
    for (size_t i = 0; i < status->n_quotas; i++)
        if (strcmp(status->quotas[i].name, "waits") == 0 || strcmp(status->quotas[i].name, "bytes") == 0)
            used += status->quotas[i].used;
    portd_list_free(list);
    return used == 0;
}

/* Sixteen blocks are more than the way to the broker takes. The outputs are full, too, so that no answer wakes the program: the
 * last blocks come only if it sends when there is room. */
static void a_broker_that_does_not_read(void **state) {
    static unsigned char bytes[BLOCK], before[BLOCK];
    struct tee tee;

    (void)state;
    if (socket_room() > OUTPUTS * BLOCK / 2)
        test_skip("sockets here take more than the example sends");
    tee_start(&tee);
    fill_bytes(bytes, 77);
    give(&tee, bytes, 1);
    expect_everywhere(&tee, bytes, 1); /* now it is in its loop */
    portd_client *c = fixture_client(NULL);
    assert_true(fixture_until(all_is_answered, c));
    assert_int_equal(portd_ping(c, fixture_soon()), 1); /* and the broker's turn in which it was is over */
    for (int i = 0; i < OUTPUTS; i++) {
        assert_int_equal(fcntl(tee.ways_in[i], F_GETPIPE_SZ), BLOCK);
        assert_int_equal(write(tee.ways_in[i], before, BLOCK), BLOCK);
    }
    pause_child(tee.pid);
    give(&tee, bytes, BLOCK); /* so that it reads all of them at once */
    pause_child(fixture_broker()->pid);
    assert_int_equal(kill(tee.pid, SIGCONT), 0);
    assert_true(fixture_until(has_read_all, &tee));
    fixture_continue_broker();
    for (int i = OUTPUTS; i-- > 0;) {
        expect_at(tee.outputs[i], before, BLOCK);
        expect_at(tee.outputs[i], bytes, BLOCK);
    }
    expect_end(&tee);
}

static void a_broker_that_dies(void **state) {
    static unsigned char bytes[BLOCK];
    char log[1024] = "";
    struct tee tee;

    (void)state;
    tee_start(&tee);
    fill_bytes(bytes, 78);
    give(&tee, bytes, BLOCK);
    expect_everywhere(&tee, bytes, BLOCK);
    fixture_kill(fixture_broker());
    assert_int_equal(fixture_reap(tee.pid), 1);
    assert_true(read(tee.log, log, sizeof(log) - 1) > 0);
    assert_non_null(strstr(log, ": the broker closed the connection"));
}

TEST_MAIN(FIXTURE_CASE(everything_arrives), FIXTURE_CASE(nothing_to_copy),
          FIXTURE_CASE(a_file_is_copied_or_refused), FIXTURE_CASE(a_failed_output_is_named),
          FIXTURE_CASE(a_broker_that_does_not_read), FIXTURE_CASE(a_broker_that_dies))
