/* heir.c: the words of the other broker, in their order. */
#include "heir.h"

#include "daemon/access/fd_table.h"
#include "daemon/access/refusal.h"
#include "daemon/base/log.h"
#include "daemon/object/env.h"
#include "daemon/session/connection_again.h"
#include "daemon/session/s6.h"
#include "daemon/session/session.h"
#include "daemon/session/visitor.h"
#include "daemon/store/order.h"
#include "portd_version.h"
#include "utlist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DOORS_US = 30000000, REST_US = 10000000, SETS_STEP = 4 };

/* A connection as it is told, piece by piece. */
struct heir_connection {
    struct heir_connection *prev, *next;
    struct connection_again again;
    uint8_t *bytes[2]; /* received, and to be sent */
    size_t n[2];
    struct channel_fds *sets;
    size_t n_sets;
    struct channel_fds out;
    bool has_out, taken;
};

static void close_fds(const os_fd *fds, size_t n) {
    for (size_t i = 0; i < n; i++)
        os_close(fds[i]);
}

/* ---- the beginning ------------------------------------------------------------------------------------------------ */

static int say_begin(struct heir *heir) {
    static char version[] = PORTD_VERSION;
    Word word = PORTD__UPGRADE__V1__WORD__INIT;
    Portd__Upgrade__V1__Begin begin = PORTD__UPGRADE__V1__BEGIN__INIT;
    begin.pid = (uint32_t)getpid();
    begin.version = version;
    word.begin = &begin;
    int error = link_send(&heir->link, &word, NULL, 0);
    return error ? error : link_flush(&heir->link);
}

static int take_door(struct heir *heir, const Portd__Upgrade__V1__Door *told,
                     const struct channel_frame *frame) {
    struct heir_door *door = &heir->doors[heir->n_doors];
    if (heir->n_doors == HEIR_DOORS || frame->n_fds != 1 || strlen(told->address) >= sizeof door->address) {
        close_fds(frame->fds, frame->n_fds);
        return -EPROTO;
    }
    (void)snprintf(door->address, sizeof door->address, "%s", told->address);
    door->fd = frame->fds[0];
    door->file = (struct transport_file){.device = told->device, .inode = told->inode, .lock = OS_FD_NONE};
    heir->n_doors++;
    return 0;
}

int heir_begin(struct heir *heir, os_fd link) {
    struct channel_frame frame;
    Word *word;
    bool begun = false;
    memset(heir, 0, sizeof *heir);
    if (link == OS_FD_NONE)
        return 0;
    int error = link_init(&heir->link, link);
    if (error)
        return error;
    heir->is_one = true;
    heir->link.deadline = os_now_us() + DOORS_US;
    error = say_begin(heir);
    while (!error && !begun) {
        error = link_receive(&heir->link, &word, &frame);
        if (error)
            break;
        if (word->door) {
            error = take_door(heir, word->door, &frame);
        } else {
            close_fds(frame.fds, frame.n_fds);
            begun = word->begin != NULL;
            error = begun ? 0 : -EPROTO;
        }
        link_free_word(word);
    }
    return error;
}

os_fd heir_take_door(struct heir *heir, const char *address, struct transport_file *file) {
    for (size_t i = 0; i < heir->n_doors; i++) {
        struct heir_door *door = &heir->doors[i];
        os_fd fd = door->fd;
        if (fd == OS_FD_NONE || strcmp(door->address, address) != 0)
            continue;
        *file = door->file;
        door->fd = OS_FD_NONE;
        return fd;
    }
    return OS_FD_NONE;
}

/* ---- all the rest ------------------------------------------------------------------------------------------------- */

struct taking {
    void (*fn)(void *context, struct store_entry *entry);
    void *context;
};

static void on_entry(void *context, struct store_entry *entry) {
    const struct taking *taking = context;
    entry->moved = true;
    taking->fn(taking->context, entry);
}

static int take_order(const Word *word, const struct channel_frame *frame, struct taking *taking) {
    size_t taken;
    int error =
        order_read(word->order.data, word->order.len, frame->fds, frame->n_fds, &taken, on_entry, taking);
    close_fds(frame->fds + taken, frame->n_fds - taken);
    return error;
}

static int take_connection(struct heir *heir, const Portd__Upgrade__V1__Connection *told,
                           const struct channel_frame *frame) {
    struct heir_connection *made = frame->n_fds == 1 ? calloc(1, sizeof *made) : NULL;
    if (!made) {
        close_fds(frame->fds, frame->n_fds);
        return frame->n_fds == 1 ? -ENOMEM : -EPROTO;
    }
    made->again = (struct connection_again){.transport = {frame->fds[0]},
                                            .session = told->session,
                                            .place = told->place,
                                            .last_one = told->last_one,
                                            .serial = told->serial,
                                            .reach = told->reach,
                                            .answered_one = told->answered_one,
                                            .keeps = told->keeps};
    if (strcmp(told->dialect, s6_dialect.client) == 0)
        made->again.dialect = &s6_dialect;
    DL_APPEND(heir->connections, made);
    return *told->dialect && !made->again.dialect ? -EPROTO : 0;
}

static int add_bytes(struct heir_connection *to, int which, const ProtobufCBinaryData *data) {
    uint8_t *bytes = realloc(to->bytes[which], to->n[which] + data->len + 1);
    if (!bytes)
        return -ENOMEM;
    if (data->len)
        memcpy(bytes + to->n[which], data->data, data->len);
    to->bytes[which] = bytes;
    to->n[which] += data->len;
    return 0;
}

static void set_fill(struct channel_fds *set, const Portd__Upgrade__V1__Piece *piece,
                     const struct channel_frame *frame) {
    set->offset = piece->at;
    set->n = frame->n_fds;
    set->truncated = piece->truncated;
    set->refused = (uint8_t)piece->refused;
    memcpy(set->fds, frame->fds, frame->n_fds * sizeof *set->fds);
}

static int add_set(struct heir_connection *to, const Portd__Upgrade__V1__Piece *piece,
                   const struct channel_frame *frame) {
    if (to->n_sets % SETS_STEP == 0) {
        struct channel_fds *sets = realloc(to->sets, (to->n_sets + SETS_STEP) * sizeof *sets);
        if (!sets)
            return -ENOMEM;
        to->sets = sets;
    }
    set_fill(&to->sets[to->n_sets++], piece, frame);
    return 0;
}

static int take_piece(const struct heir *heir, const Portd__Upgrade__V1__Piece *piece,
                      const struct channel_frame *frame) {
    struct heir_connection *to = heir->connections ? heir->connections->prev : NULL;
    int error = -EPROTO;
    if (!to)
        error = -EPROTO;
    else if (piece->kind == PORTD__UPGRADE__V1__PIECE__KIND__KIND_RECEIVED && !frame->n_fds)
        error = add_bytes(to, 0, &piece->data);
    else if (piece->kind == PORTD__UPGRADE__V1__PIECE__KIND__KIND_SENDING && !frame->n_fds)
        error = add_bytes(to, 1, &piece->data);
    else if (piece->kind == PORTD__UPGRADE__V1__PIECE__KIND__KIND_RECEIVED_DESCRIPTORS)
        error = add_set(to, piece, frame);
    if (to && piece->kind == PORTD__UPGRADE__V1__PIECE__KIND__KIND_SENDING_DESCRIPTORS && !to->has_out) {
        set_fill(&to->out, piece, frame);
        to->has_out = true;
        error = 0;
    }
    if (error)
        close_fds(frame->fds, frame->n_fds);
    return error;
}

int heir_read(struct heir *heir, void (*fn)(void *context, struct store_entry *entry), void *context) {
    struct channel_frame frame;
    struct taking taking = {fn, context};
    Word *word;
    bool end = false;
    int error = 0;
    heir->link.deadline = os_now_us() + REST_US;
    while (!error && !end) {
        error = link_receive(&heir->link, &word, &frame);
        if (error)
            break;
        if (word->order.len) {
            error = take_order(word, &frame, &taking);
        } else if (word->connection) {
            error = take_connection(heir, word->connection, &frame);
        } else if (word->piece) {
            error = take_piece(heir, word->piece, &frame);
        } else {
            close_fds(frame.fds, frame.n_fds);
            end = word->end;
            error = end ? 0 : -EPROTO;
        }
        link_free_word(word);
    }
    return error;
}

/* ---- connections -------------------------------------------------------------------------------------------------- */

static size_t count_fds(const struct heir_connection *connection) {
    size_t n = 1 + connection->out.n;
    for (size_t i = 0; i < connection->n_sets; i++)
        n += connection->sets[i].n;
    return n;
}

static bool is_sound(const struct heir_connection *connection) {
    for (size_t i = 0; i < connection->n_sets; i++)
        if (connection->sets[i].offset >= connection->n[0] ||
            (i > 0 && connection->sets[i].offset <= connection->sets[i - 1].offset))
            return false;
    return !connection->has_out || (connection->out.n && connection->out.offset < connection->n[1]);
}

int heir_connect(struct heir *heir, struct sessions *sessions) {
    struct heir_connection *connection;
    struct refusal refusal;
    DL_FOREACH (heir->connections, connection) {
        struct connection_again *again = &connection->again;
        again->parts =
            (struct channel_parts){.received = connection->bytes[0],
                                   .n_received = connection->n[0],
                                   .sets = connection->sets,
                                   .n_sets = connection->n_sets,
                                   .sending = connection->bytes[1],
                                   .n_sending = connection->n[1],
                                   .fds = connection->out.fds,
                                   .n_fds = connection->out.n,
                                   .fds_at = connection->has_out ? connection->out.offset : SIZE_MAX};
        if (!is_sound(connection))
            return -EPROTO;
        fd_table_take(sessions->env->fd_table, count_fds(connection));
        connection->taken = true;
        if (connection_restore(sessions, again, &refusal)) {
            log_write(LOG_LEVEL_ERROR, "a connection cannot be taken over: %s", refusal.text);
            return -ECANCELED;
        }
    }
    return 0;
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static int say_ready(struct heir *heir) {
    Word word = PORTD__UPGRADE__V1__WORD__INIT;
    word.ready = true;
    int error = link_send(&heir->link, &word, NULL, 0);
    return error ? error : link_flush(&heir->link);
}

/* The other one has let go also if it has died since it was told: what it had is here. */
int heir_take_over(struct heir *heir) {
    struct channel_frame frame;
    Word *word;
    heir->link.deadline = os_now_us() + REST_US;
    int error = say_ready(heir);
    if (error)
        return error;
    error = link_receive(&heir->link, &word, &frame);
    if (error)
        return error == -EPIPE ? 0 : error;
    close_fds(frame.fds, frame.n_fds);
    error = word->go ? 0 : -EPROTO;
    link_free_word(word);
    return error;
}

void heir_fail(struct heir *heir, const char *why) {
    Word word = PORTD__UPGRADE__V1__WORD__INIT;
    if (!heir->is_one)
        return;
    word.failed = (char *)(uintptr_t)why; /* packing only reads it */
    if (!link_send(&heir->link, &word, NULL, 0))
        (void)link_flush(&heir->link);
}

static void drop_connection(struct heir_connection *connection) {
    if (!connection->taken) {
        os_close(connection->again.transport.end);
        close_fds(connection->out.fds, connection->out.n);
        for (size_t i = 0; i < connection->n_sets; i++)
            close_fds(connection->sets[i].fds, connection->sets[i].n);
    }
    free(connection->bytes[0]);
    free(connection->bytes[1]);
    free(connection->sets);
    free(connection);
}

void heir_deinit(struct heir *heir) {
    struct heir_connection *connection, *next;
    DL_FOREACH_SAFE (heir->connections, connection, next)
        drop_connection(connection);
    heir->connections = NULL;
    for (size_t i = 0; i < heir->n_doors; i++)
        os_close(heir->doors[i].fd);
    heir->n_doors = 0;
    link_deinit(&heir->link);
    heir->is_one = false;
}
