/* replay.c: runs scenarios.txt through libportd, on the running broker, and compares the results with the right answers
 * (answers.h).
 *
 * Each scenario is a case. Its steps are words (see scenarios.txt); what a step observes must be the next words of the answer. A
 * state that must come is waited for; one that must not have changed is read at once. */
#include "answers.h"
#include "opens.h"

#include "tests/procedures/descriptors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcntl.h>

enum { NAMES = 128, WORDS = 8, TEXT = 1024 };

static struct scenario scenarios[SCENARIOS_MAX];

/* Of the running scenario, by the first letter of their names: names are single letters. */
static struct {
    portd_client *client;
    int fds[NAMES], ports[NAMES]; /* a port of a listener */
    bool counter[NAMES];
    portd_id objects[NAMES];
    const char *expected; /* what is left of the answer */
} run;

static int *fd_of(const char *name) { return &run.fds[(unsigned char)name[0] % NAMES]; }
static portd_id *object_of(const char *name) { return &run.objects[(unsigned char)name[0] % NAMES]; }

static int mode_of(const char *word) {
    static const char *const modes[] = {"read", "write", "check-read", "check-write", "remove"};
    for (int i = 0; i < 5; i++)
        if (strcmp(modes[i], word) == 0)
            return i + 1;
    fail_msg("no mode %s", word);
    return 0;
}

/* The next word of the answer must be this. */
static void observe(const char *seen) {
    size_t length = strlen(seen);
    if (strncmp(run.expected, seen, length) != 0 || (run.expected[length] && run.expected[length] != ' '))
        fail_msg("answered %s, right is: %s", seen, run.expected);
    run.expected += length + (run.expected[length] == ' ');
}

static const char *state_of(portd_id id) {
    portd_ready ready;
    int kind = portd_id_kind(id), n;
    if (!id)
        return "none";
    n = portd_wait(run.client, &id, 1, 0, 0, &ready);
    if (n == PORTD_E_UNSUPPORTED)
        return "unsupported";
    if (n < 0)
        fail_msg("wait: %s", portd_last_error(run.client));
    return n == 0 ? "idle" : kind == PORTD_KIND_SEMAPHORE ? "fired" : "ready";
}

struct look {
    char **names;
    size_t n;
    char seen[256];
};

static bool looks_as_expected(void *data) {
    struct look *look = data;
    size_t length = 0;
    for (size_t i = 0; i < look->n; i++)
        length += (size_t)snprintf(look->seen + length, sizeof(look->seen) - length, "%s%s", i ? "," : "(",
                                   state_of(*object_of(look->names[i])));
    snprintf(look->seen + length, sizeof(look->seen) - length, ")");
    length = strlen(look->seen);
    return strncmp(run.expected, look->seen, length) == 0;
}

static void see(char **names, size_t n) {
    struct look look = {.names = names, .n = n};
    (void)fixture_until(looks_as_expected, &look);
    observe(look.seen);
}

/* Racket refuses nothing; where the broker does, there is no object. */
static void see_refused(const char *what) {
    if (strncmp(run.expected, "refused", 7) != 0)
        fail_msg("%s: %s", what, portd_last_error(run.client));
    observe("refused");
}

static void make_object(char **words) {
    int mode = mode_of(words[3]), fd = *fd_of(words[2]), r;
    portd_id *id = object_of(words[1]);
    *id = 0;
    if (strcmp(words[0], "sem") == 0)
        r = portd_fd_to_semaphore(run.client, fd, mode, fixture_soon(), id);
    else if (strcmp(words[0], "ssem") == 0)
        r = portd_socket_to_semaphore(run.client, fd, mode, fixture_soon(), id);
    else
        r = portd_fd_to_evt(run.client, fd, mode, open_table(fd), fixture_soon(), id);
    if (r < 0)
        see_refused(words[0]);
}

static void remove_number(char **words) {
    portd_id id = 0;
    int fd = *fd_of(words[1]), r;
    if (strcmp(words[0], "unsem") == 0)
        r = portd_fd_to_semaphore(run.client, fd, PORTD_MODE_REMOVE, fixture_soon(), &id);
    else
        r = portd_fd_to_evt(run.client, fd, PORTD_MODE_REMOVE, open_table(fd), fixture_soon(), &id);
    assert_true(r >= 0);
    observe(r ? "object" : "none");
}

static void make_ports(char **words) {
    bool in = words[1][0] != '-', out = words[2][0] != '-';
    unsigned flags = (in ? PORTD_READ : 0u) | (out ? PORTD_WRITE : 0u);
    portd_id input = 0, output = 0;
    if (strcmp(words[0], "wrapfile") == 0)
        flags |= PORTD_REGULAR_FILE;
    if (portd_fd_to_port(run.client, *fd_of(words[3]), words[3], flags, fixture_soon(), &input, &output) < 0)
        see_refused(words[0]);
    if (in)
        *object_of(words[1]) = input;
    if (out)
        *object_of(words[2]) = output;
}

/* As Racket's read-bytes: so many, or what there is before the end. */
static void read_port(char **words) {
    size_t wanted = (size_t)atoi(words[2]), got = 0, n;
    char bytes[TEXT], seen[TEXT + 4];
    int r = 1;
    while (got < wanted && r > 0) {
        r = portd_port_read(run.client, *object_of(words[1]), bytes + got, wanted - got, 0, fixture_soon(),
                            &n, NULL);
        if (r < 0)
            fail_msg("read: %s", portd_last_error(run.client));
        got += r ? n : 0;
    }
    snprintf(seen, sizeof(seen), "\"%.*s\"", (int)got, bytes);
    observe(got ? seen : "eof");
}

static void write_port(char **words) {
    size_t n;
    assert_int_equal(portd_port_write_all(run.client, *object_of(words[1]), words[2], strlen(words[2]),
                                          fixture_soon(), &n),
                     1);
}

static void see_number(char **words) {
    portd_native number = -1;
    int r;
    if (!*object_of(words[1])) {
        observe("none");
        return;
    }
    r = portd_port_to_fd(run.client, *object_of(words[1]), fixture_soon(), &number);
    observe(r == 1 && number == *fd_of(words[2]) ? "yes" : "no");
}

static int open_udp(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    return fd;
}

/* Opens what a step names; -1: the step opens two, or nothing. */
static int open_one(char **words, size_t n) {
    const char *what = words[0];
    if (strcmp(what, "listen") == 0)
        return make_tcp_listener(&run.ports[(unsigned char)words[1][0] % NAMES]);
    if (strcmp(what, "udp") == 0)
        return open_udp();
    if (strcmp(what, "epoll") == 0)
        return open_epoll(*fd_of(words[2]));
    if (strcmp(what, "pty") == 0)
        return open_terminal(fd_of(words[2]));
    return open_kind(what, n > 2 ? words[2] : "");
}

static bool is_counter(const char *what) {
    return strcmp(what, "event") == 0 || strcmp(what, "timer") == 0 || strcmp(what, "stopped") == 0;
}

static bool step_open(char **words, size_t n) {
    int ends[2], type = SOCK_STREAM, fd;
    if (strcmp(words[0], "pipe") == 0)
        make_pipe(ends);
    else if (strcmp(words[0], "tcp") == 0)
        make_tcp(ends);
    else if (strcmp(words[0], "pair") == 0) {
        if (n > 3)
            type = words[3][0] == 'd' ? SOCK_DGRAM : words[3][1] == 'e' ? SOCK_SEQPACKET : SOCK_STREAM;
        make_pair(type, ends);
    } else {
        fd = open_one(words, n);
        if (fd < 0)
            return false;
        *fd_of(words[1]) = strcmp(words[0], "listen") == 0 ? fd : fixture_own(fd);
        run.counter[(unsigned char)words[1][0] % NAMES] = is_counter(words[0]);
        return true;
    }
    *fd_of(words[1]) = ends[0];
    *fd_of(words[2]) = ends[1];
    return true;
}

static void put_some(char **words, size_t n) {
    size_t count = n > 2 ? (size_t)atoi(words[2]) : 1;
    uint64_t one = 1;
    char bytes[TEXT];
    int fd = *fd_of(words[1]);
    memset(bytes, 'x', sizeof(bytes));
    if (run.counter[(unsigned char)words[1][0] % NAMES])
        assert_int_equal(write(fd, &one, 8), 8);
    else
        assert_int_equal(write(fd, bytes, count), (ssize_t)count);
}

static void drain_all(int fd, bool counter) {
    uint64_t count;
    if (counter)
        assert_int_equal(read(fd, &count, 8), 8);
    else
        (void)drain(fd);
}

static bool step_act(char **words, size_t n) {
    int *fd = n > 1 ? fd_of(words[1]) : NULL;
    if (strcmp(words[0], "put") == 0)
        put_some(words, n);
    else if (strcmp(words[0], "drain") == 0)
        drain_all(*fd, run.counter[(unsigned char)words[1][0] % NAMES]);
    else if (strcmp(words[0], "take") == 0)
        take(*fd, (size_t)atoi(words[2]));
    else if (strcmp(words[0], "fill") == 0)
        (void)fill(*fd);
    else if (strcmp(words[0], "close") == 0 || strcmp(words[0], "leave") == 0 ||
             strcmp(words[0], "lose") == 0)
        fixture_close(*fd);
    else if (strcmp(words[0], "onto") == 0)
        assert_int_equal(dup2(*fd, *fd_of(words[2])), *fd_of(words[2]));
    else if (strcmp(words[0], "reset") == 0)
        reset(*fd);
    else if (strcmp(words[0], "half") == 0)
        assert_int_equal(shutdown(*fd, words[2][0] == 'r'   ? SHUT_RD
                                       : words[2][0] == 'w' ? SHUT_WR
                                                            : SHUT_RDWR),
                         0);
    else if (strcmp(words[0], "dup") == 0)
        *fd_of(words[2]) = make_dup(*fd);
    else if (strcmp(words[0], "connect") == 0)
        *fd_of(words[2]) = make_tcp_client(run.ports[(unsigned char)words[1][0] % NAMES]);
    else
        return false;
    return true;
}

static void step(char **words, size_t n) {
    const char *what = words[0];
    if (step_open(words, n) || step_act(words, n))
        return;
    if (strcmp(what, "sem") == 0 || strcmp(what, "ssem") == 0 || strcmp(what, "evt") == 0)
        make_object(words);
    else if (strcmp(what, "unsem") == 0 || strcmp(what, "unevt") == 0)
        remove_number(words);
    else if (strcmp(what, "wrap") == 0 || strcmp(what, "wrapfile") == 0)
        make_ports(words);
    else if (strcmp(what, "shut") == 0)
        assert_int_equal(portd_port_close(run.client, *object_of(words[1]), fixture_soon()), 1);
    else if (strcmp(what, "see") == 0)
        see(words + 1, n - 1);
    else if (strcmp(what, "same") == 0)
        observe(!*object_of(words[2])                          ? "none"
                : *object_of(words[1]) == *object_of(words[2]) ? "same"
                                                               : "new");
    else if (strcmp(what, "read") == 0)
        read_port(words);
    else if (strcmp(what, "write") == 0)
        write_port(words);
    else if (strcmp(what, "number") == 0)
        see_number(words);
    else
        fail_msg("no step %s", what);
}

static int before(void **state) {
    void *scenario = *state;
    int r = fixture_before(state);
    *state = scenario;
    return r;
}

static void scenario_runs(void **state) {
    const struct scenario *scenario = *state;
    char steps[SCENARIO_TEXT], *rest = strcpy(steps, scenario->steps), *text;
    memset(&run, 0, sizeof(run));
    run.client = fixture_client(NULL);
    run.expected = scenario->answer;
    while ((text = strsep(&rest, ";"))) {
        char *words[WORDS], *word;
        size_t n = 0;
        while (n < WORDS && (word = strsep(&text, " ")))
            if (*word)
                words[n++] = word;
        if (n)
            step(words, n);
    }
    assert_string_equal(run.expected, "");
}

int main(int argc, char **argv) {
    static struct CMUnitTest cases[SCENARIOS_MAX];
    size_t n = argc == 2 ? answers_load(argv[1], opens_system, scenarios) : 0;
    for (size_t i = 0; i < n; i++)
        cases[i] = (struct CMUnitTest){scenarios[i].id, scenario_runs, before, fixture_after, &scenarios[i]};
    test_leave_out(cases, n, "replay");
    return n && _cmocka_run_group_tests("conformance", cases, n, NULL, NULL) == 0 ? EXIT_SUCCESS
                                                                                  : EXIT_FAILURE;
}
