/* offender_linux.c: changes the uid, and the parts that offences share. */
#define _GNU_SOURCE

#include "offender.h"

#include "bench.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FEED_STEP = 16 * 1024, PIPELINE = 64, SCRAP = 256 * 1024, PATIENCE_US = 500000 };

const struct offence offences[] = {
    {"wraps", "ports of one number, in waits of 256", offence_wraps, false, false},
    {"wait_all", "waits for all of the same 256 events", offence_wait_all, false, false},
    {"waiters", "waits for one object, woken together", offence_waiters, false, false},
    {"timers", "waits whose time is over at once", offence_timers, false, false},
    {"parked_reads", "reads of one pipe, a byte at a time", offence_parked_reads, false, false},
    {"error_queue", "reads of sockets with an error queue", offence_error_queue, false, false},
    {"lists", "objects that are listed and shown", offence_lists, false, false},
    {"refusals", "sessions of a uid that is refused", offence_refusals, false, false},
    {"session_end", "ports of sessions that end", offence_session_end, false, false},
    {"monitors", "monitors of a busy journal", offence_monitors, false, false},
    {"unread", "connections that read no reply", offence_unread, false, false},
    {"turns_1000", "connections that use their turn", offence_turns, false, false},
    {"turns_4700", "connections that use their turn", offence_pings, false, false},
    {"fields", "connections with requests of many fields", offence_fields, false, false},
    {"discards", "lingering sockets in refused frames", offence_discards, false, false},
    {"log", "bad connections", offence_log, false, false},
    {"connects", "connections that are closed at once", offence_connects, false, false},
    {"arrivals", "the same; each ping has a new connection", offence_connects, false, true},
    {"epoll_entries", "entries on the own end of a socket", offence_entries, true, false},
};
const size_t n_offences = sizeof(offences) / sizeof(*offences);

_Noreturn void offender_run(struct offender *offender, const struct offence *offence, unsigned uid) {
    /* A change of uid forgets the signal at the parent's death. */
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        bench_fail("becoming another uid");
    (void)signal(SIGPIPE, SIG_IGN);
    offence->commit(offender);
    _exit(0);
}

size_t offender_size(const struct offender *offender, size_t n) {
    return n / offender->share > 0 ? n / offender->share : 1;
}

void offender_begin(struct offender *offender, size_t n) {
    if (write(offender->told, &n, sizeof(n)) != sizeof(n))
        _exit(1);
    offender->until = bench_now() + offender->seconds * 1e6;
}

bool offender_goes_on(const struct offender *offender) { return bench_now() < offender->until; }

static bool connect_with(const struct offender *offender, struct raw *raw, Portd__V1__Hello *hello) {
    if (raw_connect(raw, offender->address) == 0 && raw_hello_with(raw, hello, NULL, 0) == 0)
        return true;
    raw_close(raw);
    return false;
}

bool offender_open(const struct offender *offender, struct raw *raw) {
    Portd__V1__Hello hello = raw_hello_make();

    return connect_with(offender, raw, &hello);
}

bool offender_join(const struct offender *offender, struct raw *raw, const struct raw *other) {
    Portd__V1__Hello hello = raw_hello_make();
    char token[sizeof(other->token)];

    memcpy(token, other->token, sizeof(token));
    hello.token = token;
    return connect_with(offender, raw, &hello);
}

void offender_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        bench_fail("offender: pipe");
}

uint64_t offender_evt(struct raw *raw, int fd, int64_t number) {
    uint64_t id = 0;

    return raw_evt(raw, fd, number, PORTD__V1__MODE__MODE_READ, &id) == 0 ? id : 0;
}

/* One reply of those that are under way. False: refused. */
static bool wrapped(struct raw *raw, uint64_t *id) {
    raw_reply *reply = raw_next(raw, NULL);
    bool made = reply && reply->result_case == PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_PORT;

    if (made && id)
        *id = reply->file_descriptor_to_port->input;
    if (!reply)
        bench_fail("offender: the connection has ended while ports were made");
    raw_free(reply);
    return made;
}

size_t offender_wrap(struct raw *raw, int fd, int64_t number, const char *name, uint64_t *ids, size_t n) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapFileDescriptor wrap = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;
    char text[256];
    size_t made = 0, sent = 0, answered = 0;
    bool refused = false;

    (void)strncpy(text, name ? name : "", sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    wrap.number = number;
    wrap.name = text;
    wrap.read = true;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT;
    request.file_descriptor_to_port = &wrap;
    while (answered < sent || (sent < n && !refused)) {
        for (; sent < n && sent - answered < PIPELINE && !refused; sent++) {
            request.id = ++raw->id;
            if (raw_send_request(raw, &request, &fd, 1))
                bench_fail("offender: sending");
        }
        for (; answered < sent; answered++) {
            if (wrapped(raw, ids ? &ids[made] : NULL))
                made++;
            else
                refused = true;
        }
    }
    return made;
}

/* ---- requests again and again ----------------------------------------------------------------------------------------- */

void feed_init(struct feed *feed, const struct raw *raw) { *feed = (struct feed){.fd = raw->fd}; }

void feed_free(struct feed *feed) { free(feed->bytes); }

/* Their ids are above those of the requests before. */
static uint64_t next_id(struct feed *feed) { return (1u << 24) + feed->requests++; }

static void add_frame(struct feed *feed, const uint8_t *frame, size_t size) {
    if (feed->room - feed->size < size) {
        feed->room += FEED_STEP;
        feed->bytes = realloc(feed->bytes, feed->room);
        if (!feed->bytes)
            bench_fail("realloc");
    }
    memcpy(feed->bytes + feed->size, frame, size);
    feed->size += size;
    feed->at = feed->size;
}

void feed_add(struct feed *feed, raw_request *request) {
    uint8_t frame[RAW_HEADER + RAW_BODY_MAX];

    request->id = next_id(feed);
    add_frame(feed, frame, raw_pack(frame, request, 0));
}

/* Cuts what came at the ends of replies. */
static void count_replies(struct feed *feed, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size;) {
        size_t left = size - i;
        if (feed->got < RAW_HEADER) {
            feed->header[feed->got++] = bytes[i++];
            if (feed->got < RAW_HEADER)
                continue;
            feed->body = 0;
            for (int k = 3; k >= 0; k--)
                feed->body = feed->body << 8 | feed->header[k];
            continue;
        }
        size_t taken = left < feed->body ? left : feed->body;
        feed->body -= taken;
        i += taken;
        if (feed->body == 0) {
            feed->got = 0;
            feed->unanswered -= feed->unanswered > 0;
        }
    }
}

bool feed_turn(struct feed *feed) {
    static uint8_t scrap[SCRAP];
    ssize_t n;

    if (feed->ended)
        return true;
    if (feed->at == feed->size && feed->unanswered == 0) {
        feed->at = 0;
        feed->unanswered = feed->requests;
    }
    if (feed->at < feed->size) {
        n = send(feed->fd, feed->bytes + feed->at, feed->size - feed->at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            feed->at += (size_t)n;
        feed->ended = n < 0 && errno != EAGAIN && errno != EINTR;
    }
    while ((n = recv(feed->fd, scrap, sizeof(scrap), MSG_DONTWAIT)) > 0)
        count_replies(feed, scrap, (size_t)n);
    feed->ended = feed->ended || n == 0 || (errno != EAGAIN && errno != EINTR);
    return feed->ended || (feed->at == feed->size && feed->unanswered == 0);
}

void feed_park(struct feed *feed) {
    double moved = bench_now();
    size_t at;

    (void)feed_turn(feed);
    while (feed->at < feed->size && !feed->ended && bench_now() - moved < PATIENCE_US) {
        struct pollfd look = {.fd = feed->fd, .events = POLLIN | POLLOUT};
        (void)poll(&look, 1, 10);
        at = feed->at;
        (void)feed_turn(feed);
        if (feed->at != at)
            moved = bench_now();
    }
}

void feed_round(const struct offender *offender, struct feed *feed) {
    struct pollfd look = {.fd = feed->fd};

    while (!feed_turn(feed) && offender_goes_on(offender)) {
        look.events = (short)(feed->at < feed->size ? POLLIN | POLLOUT : POLLIN);
        (void)poll(&look, 1, 10);
    }
}

void feed_add_wait(struct feed *feed, uint64_t *ids, size_t n, bool all, int64_t limit_us) {
    uint8_t frame[RAW_HEADER + RAW_BODY_MAX];

    add_frame(feed, frame, raw_pack_wait(frame, next_id(feed), ids, n, all, limit_us));
}

void feed_add_ping(struct feed *feed) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;

    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    feed_add(feed, &request);
}
