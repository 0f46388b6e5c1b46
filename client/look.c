/* look.c: reads and copies what the broker's system tells of what is held.
 *
 * A look is one piece of memory: the struct, both ends, receivers and watchers; in a copy then the strings. */
#include "look.h"

#include "endpoint.h"

#include <string.h>

enum { ALIGNMENT = 8 };

struct whole {
    portd_look look;
    portd_endpoint local, peer;
};

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static size_t up(size_t size) { return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static size_t bytes_of(size_t n_receivers, size_t n_watchers) {
    return up(sizeof(struct whole)) + up(n_receivers * sizeof(portd_receiver)) +
           up(n_watchers * sizeof(portd_watcher));
}

static portd_receiver *receivers_of(struct whole *whole) {
    return (portd_receiver *)(void *)((char *)whole + up(sizeof(*whole)));
}

static portd_watcher *watchers_of(struct whole *whole, size_t n_receivers) {
    return (portd_watcher *)(void *)((char *)receivers_of(whole) + up(n_receivers * sizeof(portd_receiver)));
}

size_t look_room(const Portd__V1__HoldItem *item) {
    return item->look ? bytes_of(item->look->n_receivers, item->look->n_watchers) : 0;
}

static unsigned flags_of(const Portd__V1__Flags *flags) {
    return (flags->read ? PORTD_FLAG_READ : 0u) | (flags->write ? PORTD_FLAG_WRITE : 0u) |
           (flags->nonblock ? PORTD_FLAG_NONBLOCK : 0u) | (flags->append ? PORTD_FLAG_APPEND : 0u) |
           (flags->direct ? PORTD_FLAG_DIRECT : 0u);
}

static void read_now(portd_look *to, const Portd__V1__Now *from) {
    if (!from)
        return;
    to->path = from->path;
    if (from->flags) {
        to->known |= PORTD_LOOK_FLAGS;
        to->flags = flags_of(from->flags);
    }
    if (from->accepting != PORTD__V1__ANSWER__ANSWER_UNKNOWN)
        to->known |= PORTD_LOOK_ACCEPTING;
    to->accepting = from->accepting == PORTD__V1__ANSWER__ANSWER_YES;
    to->reading = (int)from->reading;
    to->writing = (int)from->writing;
    if (from->position_case == PORTD__V1__NOW__POSITION_OFFSET) {
        to->known |= PORTD_LOOK_OFFSET;
        to->offset = from->offset;
    }
    if (from->input_case == PORTD__V1__NOW__INPUT_INPUT_BYTES) {
        to->known |= PORTD_LOOK_INPUT;
        to->input = from->input_bytes;
    }
    if (from->output_case == PORTD__V1__NOW__OUTPUT_OUTPUT_BYTES) {
        to->known |= PORTD_LOOK_OUTPUT;
        to->output = from->output_bytes;
    }
    if (from->queue_case == PORTD__V1__NOW__QUEUE_ACCEPT_QUEUE) {
        to->known |= PORTD_LOOK_QUEUE;
        to->accept_queue = from->accept_queue;
        to->accept_limit = from->accept_limit;
    }
}

static void read_at_put(portd_look *to, const Portd__V1__AtPut *from) {
    if (!from)
        return;
    if (from->flags) {
        to->known |= PORTD_LOOK_FLAGS_AT_PUT;
        to->flags_at_put = flags_of(from->flags);
    }
    if (from->accepting != PORTD__V1__ANSWER__ANSWER_UNKNOWN)
        to->known |= PORTD_LOOK_ACCEPTING_AT_PUT;
    to->accepting_at_put = from->accepting == PORTD__V1__ANSWER__ANSWER_YES;
    if (from->position_case == PORTD__V1__AT_PUT__POSITION_OFFSET) {
        to->known |= PORTD_LOOK_OFFSET_AT_PUT;
        to->offset_at_put = from->offset;
    }
}

unsigned look_poisons(const Portd__V1__Poison *poisons, size_t n) {
    unsigned bits = 0;

    for (size_t i = 0; i < n; i++)
        if ((int)poisons[i] > 0 && (int)poisons[i] < 32)
            bits |= PORTD_POISON_BIT((unsigned)poisons[i]);
    return bits;
}

static void read_processes(struct whole *whole, const Portd__V1__Look *item) {
    portd_receiver *receivers = receivers_of(whole);
    portd_watcher *watchers = watchers_of(whole, item->n_receivers);

    for (size_t i = 0; i < item->n_receivers; i++) {
        const Portd__V1__Receiver *from = item->receivers[i];
        receivers[i] = (portd_receiver){from->uid, from->pid, from->times, from->age_us};
    }
    for (size_t i = 0; i < item->n_watchers; i++) {
        const Portd__V1__Watcher *from = item->watchers[i];
        watchers[i] = (portd_watcher){from->session, from->uid, from->owner_pid};
    }
    whole->look.receivers = receivers;
    whole->look.n_receivers = item->n_receivers;
    whole->look.watchers = watchers;
    whole->look.n_watchers = item->n_watchers;
}

const portd_look *look_read(void *room, const Portd__V1__HoldItem *item) {
    const Portd__V1__Look *from = item->look;
    const Portd__V1__Now *now = from ? from->now : NULL;
    struct whole *whole = room;

    if (!from)
        return NULL;
    memset(whole, 0, sizeof(*whole));
    whole->look.size = sizeof(whole->look);
    whole->look.path = "";
    read_now(&whole->look, now);
    read_at_put(&whole->look, from->at_put);
    whole->look.poisons = look_poisons(from->poisons, from->n_poisons);
    endpoint_read(&whole->local, now ? now->local : NULL);
    endpoint_read(&whole->peer, now ? now->peer : NULL);
    whole->look.local = now && now->local ? &whole->local : NULL;
    whole->look.peer = now && now->peer ? &whole->peer : NULL;
    read_processes(whole, from);
    return &whole->look;
}

/* ---- copying ------------------------------------------------------------------------------------------------------ */

size_t look_size(const portd_look *look) {
    size_t size;

    if (!look)
        return 0;
    size = ALIGNMENT + bytes_of(look->n_receivers, look->n_watchers) + strlen(look->path) + 1;
    for (size_t i = 0; i < look->n_receivers; i++)
        size += strlen(look->receivers[i].uid) + 1;
    for (size_t i = 0; i < look->n_watchers; i++)
        size += strlen(look->watchers[i].uid) + 1;
    return size;
}

static const char *copy_text(char **at, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

static const portd_endpoint *copy_end(portd_endpoint *to, const portd_endpoint *from) {
    if (from)
        memcpy(to, from, sizeof(*to));
    return from ? to : NULL;
}

const portd_look *look_copy(char **at, const portd_look *look) {
    size_t past;
    struct whole *whole;

    if (!look)
        return NULL;
    past = (uintptr_t)*at % ALIGNMENT;
    whole = (struct whole *)(void *)(*at + (past ? ALIGNMENT - past : 0));
    portd_receiver *receivers = receivers_of(whole);
    portd_watcher *watchers = watchers_of(whole, look->n_receivers);
    *at = (char *)whole + bytes_of(look->n_receivers, look->n_watchers);
    whole->look = *look;
    whole->look.path = copy_text(at, look->path);
    whole->look.local = copy_end(&whole->local, look->local);
    whole->look.peer = copy_end(&whole->peer, look->peer);
    for (size_t i = 0; i < look->n_receivers; i++) {
        receivers[i] = look->receivers[i];
        receivers[i].uid = copy_text(at, receivers[i].uid);
    }
    for (size_t i = 0; i < look->n_watchers; i++) {
        watchers[i] = look->watchers[i];
        watchers[i].uid = copy_text(at, watchers[i].uid);
    }
    whole->look.receivers = receivers;
    whole->look.watchers = watchers;
    return &whole->look;
}
