/* model.c: what is held, compared with what was acknowledged. */
#define _GNU_SOURCE
#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTENT = 256, PIPE_MOST = 4096 };

uint64_t client_random(struct client *client, uint64_t below) {
    client->random = client->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (client->random >> 33) % below;
}

void client_fail(struct client *client, const char *format, ...) {
    va_list list;
    if (atomic_load(&client->failed))
        return;
    va_start(list, format);
    int n = snprintf(client->why, sizeof client->why, "client %u, round %u, after %s: ", client->number,
                     client->round, op_names[client->op]);
    (void)vsnprintf(client->why + n, sizeof client->why - (size_t)n, format, list);
    va_end(list);
    atomic_store(&client->failed, true);
}

int64_t client_soon(void) { return portd_now() + PATIENCE_US; }

void client_name(const struct client *client, size_t slot, char name[32]) {
    (void)snprintf(name, 32, "c%u/%zu", client->number, slot);
}

void model_issued(struct client *client, portd_id id) {
    size_t at = (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 42);
    if (atomic_load(&world->n_ids) > IDS / 2)
        return;
    for (;; at = (at + 1) % IDS) {
        portd_id none = 0;
        if (atomic_compare_exchange_strong(&world->ids[at], &none, id))
            break;
        if (none == id) {
            client_fail(client, "the id %llu is issued twice", (unsigned long long)id);
            return;
        }
    }
    atomic_fetch_add(&world->n_ids, 1);
}

/* ---- descriptors -------------------------------------------------------------------------------------------------- */

static uint8_t content(const struct slot *slot, size_t at) { return (uint8_t)(slot->tag * 31 + at); }

static int make_memfd(const struct slot *slot) {
    uint8_t bytes[CONTENT];
    int fd = memfd_create("crash", MFD_CLOEXEC);
    for (size_t i = 0; i < CONTENT; i++)
        bytes[i] = content(slot, i);
    if (fd >= 0 && pwrite(fd, bytes, CONTENT, 0) != CONTENT) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Both ends in one. */
static int make_pipe(void) {
    char path[64];
    int ends[2], fd;
    if (pipe2(ends, O_CLOEXEC))
        return -1;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    fd = open(path, O_RDWR | O_CLOEXEC);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return fd;
}

static int make_listener(void) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&any, sizeof any) || listen(fd, 4))) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

int model_make(struct client *client, struct slot *slot) {
    struct stat status;
    int fd = -1;
    slot->tag = ++client->n_tags;
    switch (slot->kind) {
    case KIND_MEMFD:
        fd = make_memfd(slot);
        break;
    case KIND_PIPE:
        fd = make_pipe();
        break;
    case KIND_EVENTFD:
        fd = eventfd(slot->tag, EFD_CLOEXEC);
        break;
    default:
        fd = make_listener();
    }
    if (fd >= 0 && fstat(fd, &status) == 0) {
        slot->device = status.st_dev;
        slot->inode = status.st_ino;
    }
    return fd;
}

static bool is_memfd(const struct slot *slot, int fd) {
    uint8_t bytes[CONTENT + 1];
    if (pread(fd, bytes, sizeof bytes, 0) != CONTENT)
        return false;
    for (size_t i = 0; i < CONTENT; i++)
        if (bytes[i] != content(slot, i))
            return false;
    return true;
}

static bool is_pipe(struct slot *slot, int fd) {
    uint8_t bytes[PIPE_MOST];
    int n = -1, ends[2];
    if (ioctl(fd, FIONREAD, &n) || n < (int)slot->bytes || n > (int)slot->maybe)
        return false;
    slot->bytes = slot->maybe = (uint32_t)n;
    if (n == 0)
        return true;
    if (pipe2(ends, O_CLOEXEC))
        return false;
    bool same =
        tee(fd, ends[1], (size_t)n, SPLICE_F_NONBLOCK) == n && read(ends[0], bytes, sizeof bytes) == n;
    for (int i = 0; i < n && same; i++)
        same = bytes[i] == content(slot, (size_t)i);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return same;
}

static bool is_eventfd(const struct slot *slot, int fd) {
    char path[64], line[128];
    unsigned long count = 0;
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        (void)sscanf(line, "eventfd-count: %lx", &count);
    if (file)
        (void)fclose(file);
    return count == slot->tag;
}

static bool is_listener(int fd) {
    int is = 0;
    socklen_t size = sizeof is;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &size) == 0 && is;
}

bool model_is(struct client *client, struct slot *slot, int fd) {
    struct stat status;
    (void)client;
    if (fstat(fd, &status) || status.st_dev != slot->device || status.st_ino != slot->inode)
        return false;
    switch (slot->kind) {
    case KIND_MEMFD:
        return is_memfd(slot, fd);
    case KIND_PIPE:
        return is_pipe(slot, fd);
    case KIND_EVENTFD:
        return is_eventfd(slot, fd);
    default:
        return is_listener(fd);
    }
}

/* ---- names, ids, leases -------------------------------------------------------------------------------------------- */

struct look {
    struct client *client;
    const portd_held *rows[SLOTS];
    struct slot found[SLOTS];
    const struct slot *to[SLOTS]; /* what an uncertain operation makes of it */
    int64_t before, after;        /* when the list was asked for */
    size_t n_done, n_undone;
};

/* Finds the rows of the client. Every row belongs to a client. */
static void find_rows(struct look *look, const portd_list *list) {
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_held *row = portd_list_held(list, i);
        unsigned client;
        size_t slot;
        if (sscanf(row->name, "c%u/%zu", &client, &slot) != 2 || client >= CLIENTS || slot >= SLOTS) {
            client_fail(look->client, "unknown name %s", row->name);
            return;
        }
        if (client != look->client->number)
            continue;
        if (look->rows[slot])
            client_fail(look->client, "%s is held twice", row->name);
        look->rows[slot] = row;
    }
}

static bool has_lease(const struct look *look, const struct slot *slot, const portd_held *row) {
    if ((row->process_pid != 0) != slot->process)
        return false;
    if (!slot->most)
        return row->ttl_us == 0;
    if (look->after >= slot->least)
        return true; /* it ends now */
    return (int64_t)row->ttl_us >= slot->least - look->after &&
           (int64_t)row->ttl_us <= slot->most - look->before;
}

static bool is_put(enum op op) {
    return op == OP_PUT || op == OP_BUNDLE || op == OP_REPLACE || op == OP_SHORT;
}

static bool is_over(const struct look *look, const struct slot *slot) {
    return slot->most && look->after >= slot->least;
}

static void judge_absent(struct look *look, size_t i) {
    const struct client *client = look->client;
    const struct slot *old = &client->slots[i], *to = look->to[i];
    look->found[i] = (struct slot){0};
    if (to && !is_put(client->op) && client->op != OP_RENEW)
        look->n_done++;
    else if (!old->id && to && !is_over(look, to))
        look->n_undone++;
    else if (old->id && !is_over(look, old))
        client_fail(look->client, "LOST: c%u/%zu, which was %llu", client->number, i,
                    (unsigned long long)old->id);
}

static void judge_held(struct look *look, size_t i) {
    struct client *client = look->client;
    const struct slot *old = &client->slots[i], *to = look->to[i];
    const portd_held *row = look->rows[i];
    struct slot *found = &look->found[i];
    *found = *old;
    if (row->descriptor != old->id) {
        if (!to || !is_put(client->op)) {
            client_fail(client, "%s has the id %llu, not %llu", row->name,
                        (unsigned long long)row->descriptor, (unsigned long long)old->id);
            return;
        }
        *found = *to;
        found->id = row->descriptor;
        model_issued(client, found->id);
        look->n_done++;
    } else if (to && client->op != OP_RENEW) {
        look->n_undone++;
    }
    if (has_lease(look, found, row)) {
        if (to && client->op == OP_RENEW)
            look->n_undone++;
        return;
    }
    if (to && client->op == OP_RENEW && has_lease(look, to, row)) {
        *found = *to;
        found->id = old->id;
        look->n_done++;
        return;
    }
    client_fail(client, "%s has another lease: %llu us, process %u; expected %lld to %lld us, process %d",
                row->name, (unsigned long long)row->ttl_us, row->process_pid,
                (long long)(found->most ? found->least - look->after : 0),
                (long long)(found->most ? found->most - look->before : 0), found->process);
}

/* Gets all that is held, with the ids that were found. */
static bool check_descriptors(struct look *look) {
    char names[SLOTS][32];
    const char *list[SLOTS];
    portd_id ids[SLOTS];
    portd_native fds[SLOTS];
    size_t at[SLOTS], n = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        if (!look->found[i].id || i == SHORT)
            continue;
        client_name(look->client, i, names[n]);
        list[n] = names[n];
        ids[n] = look->found[i].id;
        at[n++] = i;
    }
    int code = n ? portd_get(look->client->portd, NULL, list, n, ids, client_soon(), fds, NULL) : 1;
    if (code == PORTD_E_DISCONNECTED || code == PORTD_E_UNCERTAIN)
        return false;
    if (code != 1)
        client_fail(look->client, "cannot get what is listed: %s: %s", portd_code_name(code),
                    portd_last_error(look->client->portd));
    for (size_t i = 0; code == 1 && i < n; i++) {
        if (!model_is(look->client, &look->found[at[i]], (int)fds[i]))
            client_fail(look->client, "%s is another file, or has other bytes; kind %d, bytes %u to %u",
                        list[i], look->found[at[i]].kind, look->found[at[i]].bytes, look->found[at[i]].maybe);
        (void)close((int)fds[i]);
    }
    return code == 1;
}

/* All of a put or nothing; a drop, a take and a renewal name by name. */
static void adopt(struct look *look) {
    struct client *client = look->client;
    int held = 0;
    if (is_put(client->op) && look->n_done && look->n_undone)
        client_fail(client, "half a put: %zu of %zu names", look->n_done, client->n);
    if (client->op && client->op != OP_SHORT) {
        atomic_fetch_add(&client->n_done, look->n_done > 0);
        atomic_fetch_add(&client->n_undone, look->n_done == 0);
    }
    memcpy(client->slots, look->found, sizeof client->slots);
    client->op = OP_NONE;
    client->n = 0;
    for (size_t i = 0; i < SLOTS; i++)
        if (client->slots[i].id && i != SHORT)
            held += 1 + client->slots[i].process;
    atomic_store(&client->n_short, client->slots[SHORT].id != 0);
    atomic_store(&client->n_held, held);
}

bool model_check(struct client *client) {
    struct look look = {.client = client};
    portd_list *list = NULL;
    for (size_t i = 0; i < client->n; i++)
        look.to[client->at[i]] = &client->to[i];
    look.before = portd_now();
    int code = portd_list_holds(client->portd, NULL, client_soon(), &list);
    look.after = portd_now();
    if (code != 1 && code != PORTD_E_DISCONNECTED)
        client_fail(client, "cannot list: %s: %s", portd_code_name(code), portd_last_error(client->portd));
    if (code != 1)
        return false;
    find_rows(&look, list);
    for (size_t i = 0; i < SLOTS && !atomic_load(&client->failed); i++) {
        if (look.rows[i])
            judge_held(&look, i);
        else
            judge_absent(&look, i);
    }
    portd_list_free(list);
    if (atomic_load(&client->failed) || !check_descriptors(&look))
        return false;
    adopt(&look);
    return !atomic_load(&client->failed);
}
