/* test_neighbours.c: what one uid costs another, in counts of operations and of sleeps, never in time.
 *
 * One is a guest of uid 2001, the other of 2002. What a large state costs a request is in tests/cost. */
#define _GNU_SOURCE

#include "batch.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OFFENDER = 2001, NEIGHBOUR = 2002, NAMES = 256, ROUND = 56 };

static struct fixture broker;

static void begin(void) {
    static const char *const options[] = {"--mode", "0666", NULL};

    if (geteuid() != 0)
        test_skip("only root can be several uids");
    fixture_start(&broker, options);
}

/* The kernel tells the broker who connects. With a session of its own, or in that of the other. */
static void open_as(struct raw *raw, uid_t uid, const struct raw *other) {
    Portd__V1__Hello hello = raw_hello_make();
    char token[sizeof(raw->token)] = "";

    if (other)
        memcpy(token, other->token, sizeof(token));
    hello.token = token;
    guest_connect_as(raw, uid, broker.address);
    assert_int_equal(raw_hello_with(raw, &hello, NULL, 0), 0);
}

/* Of what the broker counts: the sum under a name, of one value of its label or of all. */
static uint64_t counted(struct raw *raw, const char *name, const char *label) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__StatsOf stats = PORTD__V1__STATS_OF__INIT;
    uint64_t sum = 0;

    request.method_case = PORTD__V1__REQUEST__METHOD_STATS;
    request.stats = &stats;
    raw_reply *reply = raw_ask(raw, &request);
    assert_true(reply && reply->result_case == PORTD__V1__REPLY__RESULT_STATS);
    for (size_t i = 0; i < reply->stats->n_metrics; i++) {
        const Portd__V1__Metric *metric = reply->stats->metrics[i];
        if (strcmp(metric->name, name) == 0 &&
            (!label || (metric->n_labels > 0 && strcmp(metric->labels[0]->value, label) == 0)))
            sum += metric->value;
    }
    raw_free(reply);
    return sum;
}

/* ---- whose turn it is ------------------------------------------------------------------------------------------------- */

/* However many connections one uid has, and whatever lies in them: the other is served after a turn of that uid, and not of each of them. */
static void turns_go_round_uids(void **state) {
    enum { CONNECTIONS = 40, MOST = 600 };
    static struct raw raw[CONNECTIONS];
    static struct batch batch;
    struct raw neighbour;
    uint64_t ids[NAMES];
    int ends[2];

    (void)state;
    begin();
    open_as(&neighbour, 0, NULL); /* who may see sums */
    open_as(&raw[0], OFFENDER, NULL);
    guest_pipe(ends);
    for (int i = 0; i < NAMES; i++)
        ids[i] = guest_evt(&raw[0], ends[0], i);
    for (int i = 1; i < CONNECTIONS; i++)
        open_as(&raw[i], OFFENDER, &raw[0]);
    uint64_t before = counted(&neighbour, "requests", "done");
    fixture_hold(&broker);
    for (int i = 0; i < CONNECTIONS; i++) {
        batch_begin(&batch, &raw[i]);
        for (int k = 0; k < ROUND; k++)
            batch_add_wait(&batch, ids, NAMES, false, 0);
        /* What the socket does not take would not be there at once. */
        ssize_t sent = raw_send_some(&raw[i], batch.bytes, batch.size, NULL, 0);
        assert_true(sent > 0);
    }
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__StatsOf stats = PORTD__V1__STATS_OF__INIT;
    request.id = ++neighbour.id;
    request.method_case = PORTD__V1__REQUEST__METHOD_STATS;
    request.stats = &stats;
    assert_int_equal(raw_send_request(&neighbour, &request, NULL, 0), 0);
    fixture_continue(&broker);
    raw_reply *reply = raw_next(&neighbour, NULL);
    assert_true(reply && reply->result_case == PORTD__V1__REPLY__RESULT_STATS);
    uint64_t done = 0;
    for (size_t i = 0; i < reply->stats->n_metrics; i++)
        if (strcmp(reply->stats->metrics[i]->name, "requests") == 0 &&
            strcmp(reply->stats->metrics[i]->labels[0]->value, "done") == 0)
            done = reply->stats->metrics[i]->value;
    raw_free(reply);
    assert_true(done >= before);
    if (done - before > MOST)
        fail_msg("%llu requests came first", (unsigned long long)(done - before));
    for (int i = 0; i < CONNECTIONS; i++)
        guest_close(&raw[i]);
    guest_close(&neighbour);
}

/* ---- what is never ready ---------------------------------------------------------------------------------------------- */

/* poll tells of its error again and again, and reading does not take it. */
static int error_queue_open(void) {
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = fixture_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), on = 1;
    char byte;

    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    assert_true(fixture_poll(fd, POLLERR) & POLLERR);
    (void)recv(fd, &byte, 1, MSG_DONTWAIT);
    return fd;
}

static uint64_t wrap_socket(struct raw *raw, int fd, int64_t number) {
    static char name[] = "";
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapSocket socket = PORTD__V1__WRAP_SOCKET__INIT;

    socket.number = number;
    socket.name = name;
    request.method_case = PORTD__V1__REQUEST__METHOD_SOCKET_TO_PORT;
    request.socket_to_port = &socket;
    raw_reply *reply = raw_ask_fds(raw, &request, &fd, 1);
    assert_true(reply && !reply->error);
    uint64_t id = reply->socket_to_port->input;
    raw_free(reply);
    return id;
}

static uint64_t switches(void) {
    char path[300], line[128];
    uint64_t sum = 0;
    const struct dirent *entry;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)broker.pid);
    DIR *threads = opendir(path);
    assert_non_null(threads);
    while ((entry = readdir(threads))) {
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)broker.pid, entry->d_name);
        FILE *file = *entry->d_name == '.' ? NULL : fopen(path, "re");
        while (file && fgets(line, sizeof(line), file))
            if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
                sum += strtoull(line + 24, NULL, 10);
        if (file)
            (void)fclose(file);
    }
    (void)closedir(threads);
    return sum;
}

struct quiet {
    struct raw *raw;
    uint64_t id; /* never ready */
};

/* Between two answers of the broker that lie a wait apart it has slept and not looked. */
static bool is_quiet(void *data) {
    static struct batch batch;
    const struct quiet *quiet = data;
    uint64_t before = switches(), id = quiet->id;

    batch_begin(&batch, quiet->raw);
    batch_add_wait(&batch, &id, 1, false, 200000);
    batch_send(&batch);
    batch_take_replies(quiet->raw, 1);
    return switches() - before <= 8;
}

static void reads_that_are_never_ready_cost_nothing_in_the_end(void **state) {
    enum { READS = 200 };
    static struct batch batch;
    struct raw raw, neighbour;
    uint64_t id;
    int ends[2];

    (void)state;
    begin();
    int fd = error_queue_open();
    open_as(&raw, OFFENDER, NULL);
    open_as(&neighbour, NEIGHBOUR, NULL);
    guest_pipe(ends);
    id = guest_evt(&neighbour, ends[0], 1);
    batch_begin(&batch, &raw);
    for (int i = 0; i < READS; i++)
        batch_add_read(&batch, wrap_socket(&raw, fd, 5 + i));
    batch_send(&batch);
    guest_is_served(&raw);
    struct quiet quiet = {&neighbour, id};
    assert_true(fixture_until(is_quiet, &quiet));
    guest_close(&raw);
    guest_close(&neighbour);
}

TEST_MAIN(FIXTURE_CASE_BARE(turns_go_round_uids),
          FIXTURE_CASE_BARE(reads_that_are_never_ready_cost_nothing_in_the_end))
