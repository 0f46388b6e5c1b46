/* traffic_linux.c: what goes between the terminal that portctl is run on, and a program.
 *
 * One thread polls all. A read or a write waits for 20 ms at most (screen_read, screen_write), so neither direction stops the other, and the key that detaches is seen while the
 * program reads nothing, until 4 KiB more than the kernel keeps were typed. Into a terminal go 256 bytes at a time, for which there is room when poll says so.
 *
 * A terminal that nobody has open any more is at its end as long as nobody opens it again: that is looked for while the process is there. */
#define _GNU_SOURCE
#include "traffic.h"

#include "native.h"
#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    INPUT_MAX = 4096,
    OUTPUT_MAX = 65536,
    WRITE_MAX = 256,
    LOOK_MS = 100,
    SETTLE_MS = 1000,
    SHRUNK_US = 50 * 1000
};

enum place { OWN_INPUT, OWN_OUTPUT, READS, WRITES, PROCESS, BELL, BROKER, PLACES };

struct lane {
    size_t from, to; /* what is in it */
    char *bytes;
};

struct state {
    struct traffic *traffic;
    struct bundle *bundle;
    struct lane input, output;
    bool keyed;        /* standard input is a terminal */
    bool input_ended;  /* nothing is read from it any more */
    bool discards;     /* the program does not read any more */
    bool output_ended; /* of pipes */
    bool hung;         /* the terminal is open nowhere, when it was last looked at */
    bool ended;
    int64_t grown; /* when the terminal gets its size back; 0: it has it */
    int64_t ended_at;
    int64_t looks; /* when a spool is asked again that has hung up */
};

static bool is_empty(const struct lane *lane) { return lane->from == lane->to; }

static bool is_pty(const struct state *state) { return state->traffic->wish->pty; }

static int writes_to(const struct state *state) {
    return (int)state->bundle->fds[is_pty(state) ? PART_OUTPUT : PART_INPUT];
}

static int reads_from(const struct state *state) { return (int)state->bundle->fds[PART_OUTPUT]; }

static bool is_ready(int number, short events, int milliseconds) {
    struct pollfd look = {number, events, 0};

    return poll(&look, 1, milliseconds) > 0 && (look.revents & events) != 0;
}

/* ---- size ------------------------------------------------------------------------------------------------ */

static void set_size(const struct state *state, int less) {
    struct winsize size;

    if (!is_pty(state) || state->traffic->wish->looks || !screen_size(&size))
        return;
    size.ws_row = (unsigned short)(size.ws_row > less ? size.ws_row - less : size.ws_row);
    (void)ioctl(reads_from(state), TIOCSWINSZ, &size);
}

/* A program that draws the whole screen does so again when the size has changed. */
static void redraw(struct state *state) {
    struct winsize own, its;

    if (!is_pty(state) || state->traffic->wish->looks || !screen_size(&own))
        return;
    if (state->traffic->wish->redraws && ioctl(reads_from(state), TIOCGWINSZ, &its) == 0 &&
        own.ws_row == its.ws_row && own.ws_col == its.ws_col && own.ws_row > 1) {
        set_size(state, 1);
        state->grown = portd_now() + SHRUNK_US;
        return;
    }
    set_size(state, 0);
}

static void grow(struct state *state) {
    if (state->grown == 0 || portd_now() < state->grown)
        return;
    state->grown = 0;
    set_size(state, 0);
}

/* ---- bytes ----------------------------------------------------------------------------------------------- */

/* How much was written, 0 for now none; -1 and errno. */
static ssize_t pour(struct lane *lane, int to, size_t most) {
    size_t size = lane->to - lane->from;
    ssize_t n = screen_write(to, lane->bytes + lane->from, size < most ? size : most);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -1;
    lane->from += (size_t)n;
    if (is_empty(lane))
        lane->from = lane->to = 0;
    return n;
}

static ssize_t take(struct lane *lane, int from, size_t most) {
    ssize_t n = screen_read(from, lane->bytes + lane->to, most - lane->to);

    if (n > 0)
        lane->to += (size_t)n;
    return n;
}

static void give_input(struct state *state) {
    if (pour(&state->input, writes_to(state), WRITE_MAX) >= 0)
        return;
    state->input.from = state->input.to = 0; /* a terminal that is open nowhere can be opened again */
    state->discards = !is_pty(state);
}

static enum traffic_end end_input(struct state *state, bool failed) {
    if (state->keyed)
        return TRAFFIC_HANG_UP;
    state->input_ended = true;
    state->traffic->error = failed ? errno : 0;
    return failed ? TRAFFIC_FAILED : 0;
}

static enum traffic_end take_input(struct state *state) {
    struct lane *lane = &state->input;
    int key = state->traffic->wish->key;
    size_t at = lane->to;
    ssize_t n = take(lane, 0, INPUT_MAX);
    const char *found;

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0)
        return end_input(state, n < 0);
    found = state->keyed && key >= 0 ? memchr(lane->bytes + at, key, (size_t)n) : NULL;
    if (found != NULL)
        lane->to = (size_t)(found - lane->bytes);
    if (state->discards || state->traffic->wish->looks)
        lane->from = lane->to = 0;
    return found != NULL ? TRAFFIC_DETACHED : 0;
}

static enum traffic_end take_output(struct state *state) {
    ssize_t n = take(&state->output, reads_from(state), OUTPUT_MAX);

    state->hung = n < 0 && errno == EIO;
    if (n == 0)
        state->output_ended = true;
    if (n >= 0 || state->hung || errno == EINTR || errno == EAGAIN)
        return 0;
    state->traffic->error = errno;
    return TRAFFIC_FAILED;
}

/* The broker takes the output and keeps it: what came of it is in the tail. */
static void follow(struct state *state) {
    struct tail *tail = state->traffic->tail;
    portd_client *client = state->traffic->claim->broker.client;
    struct lane *lane = &state->output;

    if (!is_empty(lane))
        return;
    memcpy(lane->bytes, tail->bytes, tail->count);
    lane->from = 0;
    lane->to = tail->count;
    tail->count = 0;
    if (is_empty(lane) && client != NULL && (!tail->hung || portd_now() >= state->looks)) {
        state->looks = portd_now() + LOOK_MS * 1000;
        tail_ask(tail, client);
    }
}

static enum traffic_end give_output(struct state *state) {
    if (pour(&state->output, 1, OUTPUT_MAX) >= 0)
        return 0;
    state->traffic->error = errno;
    return state->keyed && errno == EIO ? TRAFFIC_HANG_UP : TRAFFIC_FAILED;
}

/* ---- signals --------------------------------------------------------------------------------------------- */

static enum traffic_end heed_signals(struct state *state) {
    int number;

    while ((number = screen_signal()) != 0) {
        if (number == SIGWINCH) {
            state->grown = 0;
            set_size(state, 0);
        } else if (number == SIGCONT) {
            screen_renew();
            redraw(state);
        } else if (number == SIGTSTP) {
            screen_stop();
        } else {
            state->traffic->signal = number;
            return TRAFFIC_SIGNAL;
        }
    }
    return 0;
}

/* ---- the loop -------------------------------------------------------------------------------------------- */

static void add(struct pollfd *one, int number, short events, bool wanted) {
    *one = (struct pollfd){wanted ? number : -1, events, 0};
}

static void prepare(const struct state *state, struct pollfd *polls) {
    const portd_client *client = state->traffic->claim->broker.client;
    unsigned events = client != NULL ? portd_get_events(client) : 0;
    bool room = is_empty(&state->output);

    add(&polls[OWN_INPUT], 0, POLLIN, !state->input_ended && state->input.to < INPUT_MAX);
    add(&polls[OWN_OUTPUT], 1, POLLOUT, !room);
    add(&polls[READS], reads_from(state), POLLIN,
        room && !state->output_ended && !state->hung && !state->traffic->tail->is_there);
    add(&polls[WRITES], writes_to(state), POLLOUT, !is_empty(&state->input));
    add(&polls[PROCESS], (int)state->bundle->fds[PART_PROCESS], POLLIN, !state->ended);
    add(&polls[BELL], state->traffic->bell, POLLIN, true);
    add(&polls[BROKER], client != NULL ? (int)portd_get_fd(client) : -1,
        (short)((events & PORTD_EVENT_READ ? POLLIN : 0) | (events & PORTD_EVENT_WRITE ? POLLOUT : 0)),
        client != NULL);
}

static int shorter(int timeout, int other) {
    return timeout < 0 || (other >= 0 && other < timeout) ? other : timeout;
}

static int time_to_sleep(const struct state *state) {
    const struct claim *claim = state->traffic->claim;
    int timeout = native_time_left(claim->broker.client != NULL ? portd_get_timeout(claim->broker.client)
                                                                : claim->again);

    if (state->grown != 0)
        timeout = shorter(timeout, native_time_left(state->grown));
    if (state->traffic->tail->is_there && (state->traffic->tail->hung || state->ended))
        timeout = shorter(timeout, LOOK_MS);
    return state->hung ? shorter(timeout, LOOK_MS) : timeout;
}

/* Nothing is left in the terminal or pipe, and what the broker took of it is known to be here. A spool that stops leaves some there until this side has acknowledged. */
static bool is_followed(struct state *state) {
    struct tail *tail = state->traffic->tail;
    portd_client *client = state->traffic->claim->broker.client;

    if (state->traffic->wish->looks && !tail->hung && portd_now() < state->ended_at + SETTLE_MS * 1000)
        return false; /* whether the broker has taken all is not known by a descriptor of one's own */
    if (tail->probing)
        return false;
    if (is_ready(reads_from(state), POLLIN, 0))
        tail->quiet = 0;
    else if (tail->quiet >= 2)
        return true;
    else if (client != NULL)
        tail_probe(tail, client);
    return false;
}

/* Everything that the program has written before its end is there by then. */
static bool is_done(struct state *state) {
    bool over = state->ended || (state->traffic->wish->looks && !state->traffic->tail->is_there);

    if (!over || !is_empty(&state->output))
        return false;
    if (state->traffic->tail->is_there)
        return is_followed(state);
    if (state->traffic->wish->looks)
        return true;
    return state->output_ended || !is_ready(reads_from(state), POLLIN, 0);
}

static enum traffic_end look(struct state *state, const struct pollfd *polls) {
    enum traffic_end end = polls[BELL].revents != 0 ? heed_signals(state) : 0;

    if (end == 0 && polls[BROKER].revents != 0)
        claim_process(state->traffic->claim);
    if (end == 0 && state->traffic->claim->taken)
        return TRAFFIC_TAKEN; /* what the program writes from now on is for the other one */
    if (end == 0 && polls[OWN_OUTPUT].revents != 0)
        end = give_output(state);
    if (end == 0 && polls[READS].revents != 0)
        end = take_output(state);
    if (end == 0 && polls[WRITES].revents != 0)
        give_input(state);
    if (end == 0 && polls[OWN_INPUT].revents != 0)
        end = take_input(state);
    if (!state->ended && polls[PROCESS].revents != 0) {
        state->ended = true;
        state->ended_at = portd_now();
    }
    return end;
}

/* What was typed before the key, and what was read from the program. */
static void settle(struct state *state) {
    while (!is_empty(&state->input) && writes_to(state) >= 0 && is_ready(writes_to(state), POLLOUT, 0))
        give_input(state);
    while (!is_empty(&state->output) && is_ready(1, POLLOUT, SETTLE_MS) && give_output(state) == 0)
        continue;
    state->traffic->unsent = state->input.to - state->input.from;
    state->traffic->unshown = state->output.to - state->output.from;
}

static enum traffic_end sleep_once(struct state *state) {
    struct pollfd polls[PLACES];
    int n;

    claim_process(state->traffic->claim);
    if (state->traffic->claim->taken)
        return TRAFFIC_TAKEN;
    grow(state);
    if (state->input_ended && is_empty(&state->input) && !is_pty(state) && !state->traffic->wish->looks)
        claim_end_input(state->traffic->claim);
    if (state->traffic->tail->is_there || state->traffic->tail->count > 0)
        follow(state); /* after all that waits for the broker, which may bring bytes meanwhile */
    if (is_done(state))
        return TRAFFIC_ENDED;
    prepare(state, polls);
    n = poll(polls, PLACES, time_to_sleep(state));
    state->hung = false;
    if (n > 0)
        return look(state, polls);
    state->traffic->error = errno;
    return n < 0 && errno != EINTR ? TRAFFIC_FAILED : 0;
}

enum traffic_end traffic_run(struct traffic *traffic) {
    static char input[INPUT_MAX], output[OUTPUT_MAX];
    struct state state = {.traffic = traffic,
                          .bundle = traffic->claim->bundle,
                          .input = {.bytes = input},
                          .output = {.bytes = output},
                          .keyed = screen_is_terminal()};
    enum traffic_end end;

    if (traffic->wish->fresh)
        set_size(&state, 0);
    else
        redraw(&state);
    while ((end = sleep_once(&state)) == 0)
        continue;
    if (end != TRAFFIC_ENDED)
        settle(&state);
    if (state.grown != 0 && end != TRAFFIC_ENDED && end != TRAFFIC_TAKEN)
        set_size(&state, 0);
    return end;
}
