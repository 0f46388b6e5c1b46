/* test_neighbours.c: what one uid costs another, in counts and in proportions of the broker's own CPU time, never in time that goes by.
 *
 * The one is a guest of the uid 2001, the other of 2002. What is compared is the same work beside little and beside much: the bounds lie far
 * above what is in proportion, and far below its square. */
#define _GNU_SOURCE

#include "guest.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OFFENDER = 2001, NEIGHBOUR = 2002, NAMES = 256, ROUND = 56, TRIES = 3, BATCH = 1 << 16 };

static struct fixture broker;

static void begin(void) {
    static const char *const options[] = {"--mode", "0666", NULL};

    if (geteuid() != 0)
        test_skip("only root can be several uids");
    fixture_start(&broker, options);
}

/* The kernel tells the broker who connects. With a session of its own, or in that of the other. */
static void open_as(struct raw *raw, uid_t uid, const struct raw *other) {
    Portd__V1__Hello hello = PORTD__V1__HELLO__INIT;
    char token[sizeof(raw->token)] = "";

    if (other)
        memcpy(token, other->token, sizeof(token));
    hello.version_min = hello.version_max = 1;
    hello.token = token;
    assert_int_equal(setegid(uid) + seteuid(uid), 0);
    int error = raw_connect(raw, broker.address);
    assert_int_equal(seteuid(0) + setegid(0), 0);
    assert_int_equal(error, 0);
    (void)fixture_own(raw->fd);
    assert_int_equal(raw_hello_with(raw, &hello, NULL, 0), 0);
}

/* ---- many requests at once -------------------------------------------------------------------------------------------- */

struct batch {
    const struct raw *raw;
    size_t size, requests;
    uint8_t bytes[BATCH];
};

static void batch_send(struct batch *batch) {
    assert_int_equal(raw_send(batch->raw, batch->bytes, batch->size, NULL, 0), 0);
    batch->size = 0;
}

static void batch_add(struct batch *batch, raw_request *request) {
    uint8_t frame[RAW_HEADER + RAW_BODY_MAX];

    request->id = (1u << 24) + batch->requests++;
    size_t size = raw_pack(frame, request, 0);
    if (batch->size + size > sizeof(batch->bytes))
        batch_send(batch);
    memcpy(batch->bytes + batch->size, frame, size);
    batch->size += size;
}

static void batch_add_wait(struct batch *batch, uint64_t *ids, size_t n, bool all, int64_t limit_us) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;

    wait.ids = ids;
    wait.n_ids = n;
    wait.all = all;
    if (limit_us >= 0) {
        wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
        wait.limit_us = (uint64_t)limit_us;
    }
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = &wait;
    batch_add(batch, &request);
}

static void batch_add_read(struct batch *batch, uint64_t port) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Read read = PORTD__V1__READ__INIT;

    read.id = port;
    read.most = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_READ;
    request.read = &read;
    batch_add(batch, &request);
}

static void take_replies(struct raw *raw, size_t n) {
    for (size_t i = 0; i < n; i++) {
        raw_reply *reply = raw_next(raw, NULL);
        assert_non_null(reply);
        raw_free(reply);
    }
}

static uint64_t wrap(struct raw *raw, int fd, int64_t number, bool is_socket) {
    static char name[] = "";
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapFileDescriptor file = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;
    Portd__V1__WrapSocket socket = PORTD__V1__WRAP_SOCKET__INIT;

    file.number = socket.number = number;
    file.name = socket.name = name;
    file.read = true;
    request.method_case = is_socket ? PORTD__V1__REQUEST__METHOD_SOCKET_TO_PORT
                                    : PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT;
    if (is_socket)
        request.socket_to_port = &socket;
    else
        request.file_descriptor_to_port = &file;
    raw_reply *reply = raw_ask_fds(raw, &request, &fd, 1);
    assert_true(reply && !reply->error);
    uint64_t id = is_socket ? reply->socket_to_port->input : reply->file_descriptor_to_port->input;
    raw_free(reply);
    return id;
}

/* ---- what the broker has spent ---------------------------------------------------------------------------------------- */

static uint64_t spent(void) { return guest_spent(broker.pid); }

/* The least of some tries: whatever else happens on the machine only adds. */
static uint64_t cost_of(void (*work)(void *data), void *data) {
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < TRIES; i++) {
        uint64_t before = spent();
        work(data);
        uint64_t cost = spent() - before;
        least = cost < least ? cost : least;
    }
    return least > 0 ? least : 1;
}

static void assert_below(uint64_t much, uint64_t little, unsigned times) {
    print_message("%.1f times as much: %.1f us, %.1f us\n", (double)much / (double)little,
                  (double)little / 1e3, (double)much / 1e3);
    if (much / little >= times)
        fail_msg("%llu ns beside %llu ns", (unsigned long long)much, (unsigned long long)little);
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
    open_as(&neighbour, NEIGHBOUR, NULL);
    open_as(&raw[0], OFFENDER, NULL);
    guest_pipe(ends);
    for (int i = 0; i < NAMES; i++)
        ids[i] = guest_evt(&raw[0], ends[0], i);
    for (int i = 1; i < CONNECTIONS; i++)
        open_as(&raw[i], OFFENDER, &raw[0]);
    uint64_t before = counted(&neighbour, "requests", "done");
    guest_hold(&broker);
    for (int i = 0; i < CONNECTIONS; i++) {
        batch = (struct batch){.raw = &raw[i]};
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
    guest_let_go(&broker);
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

/* ---- in proportion ---------------------------------------------------------------------------------------------------- */

struct toggled {
    struct raw *raw;
    int ends[2];
};

/* One of the objects becomes ready and is drained; the pings come behind whatever that is followed by. */
static void toggle(void *data) {
    struct toggled *toggled = data;
    char byte;

    for (int i = 0; i < 4; i++) {
        assert_int_equal(write(toggled->ends[1], "x", 1), 1);
        guest_is_served(toggled->raw);
        assert_int_equal(read(toggled->ends[0], &byte, 1), 1);
        guest_is_served(toggled->raw);
    }
}

/* Waits for all of some objects, which are never all ready: what else they name costs nothing when one of them changes. */
static uint64_t cost_of_a_wake(uid_t uid, int names) {
    enum { WAITS = 300 };
    static struct batch batch;
    struct toggled toggled;
    struct raw raw;
    uint64_t ids[NAMES];
    int ends[2];

    open_as(&raw, uid, NULL);
    toggled.raw = &raw;
    guest_pipe(toggled.ends);
    ids[0] = guest_evt(&raw, toggled.ends[0], 0);
    guest_pipe(ends);
    for (int i = 1; i < names; i++)
        ids[i] = guest_evt(&raw, ends[0], i);
    batch = (struct batch){.raw = &raw};
    for (int i = 0; i < WAITS; i++)
        batch_add_wait(&batch, ids, (size_t)names, true, -1);
    batch_send(&batch);
    assert_int_equal(counted(&raw, "waits_parked", NULL), WAITS);
    uint64_t before = spent(); /* once: the first time may be the dearest */
    toggle(&toggled);
    uint64_t cost = spent() - before;
    guest_close(&raw);
    return cost;
}

static void a_wake_costs_no_more_when_waits_name_more(void **state) {
    (void)state;
    begin();
    uint64_t few = cost_of_a_wake(OFFENDER, 4);
    assert_below(cost_of_a_wake(NEIGHBOUR, NAMES), few, 12);
}

struct waits {
    struct raw *raw;
    uint64_t *ids;
    size_t n;
};

static void wait_for_names(void *data) {
    static struct batch batch;
    const struct waits *waits = data;

    batch = (struct batch){.raw = waits->raw};
    for (int i = 0; i < ROUND; i++)
        batch_add_wait(&batch, waits->ids, waits->n, false, 1000);
    batch_send(&batch);
    take_replies(waits->raw, ROUND);
}

struct wraps {
    struct raw *raw;
    int fd;
    uint64_t *ids;
    size_t n;
};

static void wrap_some(void *data) {
    enum { STEP = 512 };
    struct wraps *wraps = data;

    for (int i = 0; i < STEP; i++)
        wraps->ids[wraps->n++] = wrap(wraps->raw, wraps->fd, 7, false);
}

/* A number that is wrapped again and again: neither another wrap nor a wait that names some of them costs more. */
static void the_wraps_of_a_number_cost_nothing_more(void **state) {
    enum { MANY = 16384 };
    static uint64_t ids[MANY];
    struct raw raw;
    int ends[2];

    (void)state;
    begin();
    open_as(&raw, OFFENDER, NULL);
    guest_pipe(ends);
    struct wraps wraps = {&raw, ends[0], ids, 0};
    struct waits waits = {&raw, ids, NAMES};
    uint64_t first = cost_of(wrap_some, &wraps), few = cost_of(wait_for_names, &waits);
    while (wraps.n < MANY / 8 * 7)
        wrap_some(&wraps);
    assert_below(cost_of(wrap_some, &wraps), first, 3);
    assert_below(cost_of(wait_for_names, &waits), few, 4);
    guest_close(&raw);
}

struct bytes {
    struct raw *raw;
    int end;
};

/* Each is for one of those who read. */
static void give_bytes(void *data) {
    const struct bytes *bytes = data;

    for (int i = 0; i < 8; i++) {
        assert_int_equal(write(bytes->end, "x", 1), 1);
        take_replies(bytes->raw, 1);
    }
}

static void a_byte_costs_by_who_reads(void **state) {
    enum { FEW = 256, MANY = 4096 };
    static struct batch batch;
    struct raw raw;
    int ends[2];
    size_t n = 0;

    (void)state;
    begin();
    open_as(&raw, OFFENDER, NULL);
    guest_pipe(ends);
    struct bytes bytes = {&raw, ends[1]};
    batch = (struct batch){.raw = &raw};
    for (; n < FEW; n++)
        batch_add_read(&batch, wrap(&raw, ends[0], 7, false));
    batch_send(&batch);
    guest_is_served(&raw);
    uint64_t few = cost_of(give_bytes, &bytes);
    for (; n < MANY; n++)
        batch_add_read(&batch, wrap(&raw, ends[0], 7, false));
    batch_send(&batch);
    guest_is_served(&raw);
    assert_below(cost_of(give_bytes, &bytes), few, 64);
    guest_close(&raw);
}

/* A session with a time to live stays when its connection goes. */
static void leave_session(void) {
    Portd__V1__Hello hello = PORTD__V1__HELLO__INIT;
    struct raw raw;

    hello.version_min = hello.version_max = 1;
    hello.ttl_us = 3600 * UINT64_C(1000000);
    assert_int_equal(setegid(OFFENDER) + seteuid(OFFENDER), 0);
    int error = raw_connect(&raw, broker.address);
    assert_int_equal(seteuid(0) + setegid(0), 0);
    assert_int_equal(error, 0);
    assert_int_equal(raw_hello_with(&raw, &hello, NULL, 0), 0);
    raw_close(&raw);
}

/* A refusal that names who has most looks at no more of them when there are more. */
static void a_refusal_costs_no_more_with_many_sessions(void **state) {
    enum { FEW = 20, MANY = 3000 };
    static struct batch batch;
    struct raw raw[3];
    uint64_t waits = 0, limit = 0, id;
    int ends[2];

    (void)state;
    begin();
    guest_pipe(ends);
    for (int i = 0; i < FEW; i++)
        leave_session();
    for (int i = 0; i < 2; i++) { /* no session may take all that its uid may */
        open_as(&raw[i], OFFENDER, NULL);
        id = guest_evt(&raw[i], ends[0], 1);
        (void)guest_quota(&raw[i], "waits", &limit);
        batch = (struct batch){.raw = &raw[i]};
        for (uint64_t n = 0; n < (i == 0 ? limit - limit / 32 : limit / 32 + 64); n++)
            batch_add_wait(&batch, &id, 1, false, -1);
        batch_send(&batch);
    }
    open_as(&raw[2], OFFENDER, NULL);
    do
        waits = guest_quota(&raw[2], "waits", &limit);
    while (waits < limit);
    id = guest_evt(&raw[2], ends[0], 1);
    struct waits refused = {&raw[2], &id, 1};
    uint64_t few = cost_of(wait_for_names, &refused);
    for (int i = FEW; i < MANY; i++)
        leave_session();
    assert_below(cost_of(wait_for_names, &refused), few, 5);
    for (int i = 0; i < 3; i++)
        guest_close(&raw[i]);
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

/* Between two answers of the broker that lie a wait apart it has slept and not looked. */
static bool is_quiet(void *data) {
    static struct batch batch;
    const struct waits *waits = data;
    uint64_t before = switches();

    batch = (struct batch){.raw = waits->raw};
    batch_add_wait(&batch, waits->ids, 1, false, 200000);
    batch_send(&batch);
    take_replies(waits->raw, 1);
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
    batch = (struct batch){.raw = &raw};
    for (int i = 0; i < READS; i++)
        batch_add_read(&batch, wrap(&raw, fd, 5 + i, true));
    batch_send(&batch);
    guest_is_served(&raw);
    struct waits waits = {&neighbour, &id, 1};
    assert_true(fixture_until(is_quiet, &waits));
    guest_close(&raw);
    guest_close(&neighbour);
}

TEST_MAIN(FIXTURE_CASE_BARE(turns_go_round_uids),
          FIXTURE_CASE_BARE(a_wake_costs_no_more_when_waits_name_more),
          FIXTURE_CASE_BARE(the_wraps_of_a_number_cost_nothing_more),
          FIXTURE_CASE_BARE(a_byte_costs_by_who_reads),
          FIXTURE_CASE_BARE(a_refusal_costs_no_more_with_many_sessions),
          FIXTURE_CASE_BARE(reads_that_are_never_ready_cost_nothing_in_the_end))
