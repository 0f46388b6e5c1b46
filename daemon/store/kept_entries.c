/* kept_entries.c: entries by key, in the order in which they came. */
#include "kept_entries.h"

#include "daemon/base/log.h"
#include "daemon/loop/closer.h"
#include "fdstore.h"
#include "keeper.pb-c.h"
#include "kept_entry.h"
#include "utlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int kept_entries_init(struct kept_entries *entries, struct closer *closer) {
    uint64_t seed;
    int error = os_random(&seed, sizeof seed);
    *entries = (struct kept_entries){.closer = closer, .most = SIZE_MAX, .link = OS_FD_NONE};
    table_init(&entries->by_key, offsetof(struct kept_entry, key), seed);
    return error;
}

static void entry_free(struct kept_entry *entry) { free(entry); }

static void list_free(struct kept_entry *list) {
    struct kept_entry *entry, *next;
    DL_FOREACH_SAFE (list, entry, next)
        entry_free(entry);
}

void kept_entries_deinit(struct kept_entries *entries) {
    if (entries->part) {
        list_free(entries->part->keep);
        free(entries->part->forget);
        free(entries->part);
    }
    list_free(entries->list);
    table_deinit(&entries->by_key);
}

size_t kept_entries_count(const struct kept_entries *entries) {
    return entries->by_key.used - (table_find(&entries->by_key, 0) ? 1 : 0);
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

/* 0; -EBUSY: later; or another negative errno. */
static int answer(struct kept_entries *entries, const Portd__Keeper__V1__Answer *message, const os_fd *fds,
                  size_t n_fds) {
    size_t length = portd__keeper__v1__answer__get_packed_size(message);
    uint8_t *body;
    int error = -ENOMEM;
    if (n_fds) {
        body = malloc(length);
        if (body) {
            (void)portd__keeper__v1__answer__pack(message, body);
            error = channel_put_fds(entries->channel, body, length, fds, n_fds);
        }
        free(body);
        return error;
    }
    body = channel_put(entries->channel, length);
    if (!body)
        return -ENOMEM;
    (void)portd__keeper__v1__answer__pack(message, body);
    return channel_flush(entries->channel);
}

static int answer_done(struct kept_entries *entries, uint64_t serial, int error) {
    Portd__Keeper__V1__Answer message = PORTD__KEEPER__V1__ANSWER__INIT;
    message.serial = serial;
    message.error = -error;
    return answer(entries, &message, NULL, 0);
}

int kept_entries_ask(struct kept_entries *entries) {
    Portd__Keeper__V1__Answer message = PORTD__KEEPER__V1__ANSWER__INIT;
    message.ask = true;
    return answer(entries, &message, NULL, 0);
}

int kept_entries_give(struct kept_entries *entries) {
    int error = 0;
    while (!error && entries->giving) {
        const struct kept_entry *entry = entries->giving;
        Portd__Keeper__V1__Answer message = PORTD__KEEPER__V1__ANSWER__INIT;
        Portd__Keeper__V1__Entry packed = PORTD__KEEPER__V1__ENTRY__INIT;
        packed.key = entry->key;
        packed.fds = (uint32_t)entry->n_fds;
        packed.record = (ProtobufCBinaryData){entry->length, (uint8_t *)(uintptr_t)entry->record};
        message.entry = &packed;
        error = answer(entries, &message, entry->fds, entry->n_fds);
        if (!error)
            entries->giving = entry->next;
    }
    if (!error && entries->asked) {
        error = answer_done(entries, entries->asked, 0);
        entries->asked = 0;
    }
    return error == -EBUSY                                                  ? 0
           : error == -ETOOMANYREFS || error == -EMFILE || error == -ENFILE ? -EAGAIN
                                                                            : error;
}

/* ---- orders ------------------------------------------------------------------------------------------------------- */

static void order_free(struct kept_order *order) {
    struct kept_entry *entry, *next;
    DL_FOREACH_SAFE (order->keep, entry, next) {
        order->entries->n_fds -= entry->n_fds;
        for (size_t i = 0; i < entry->n_fds; i++)
            closer_close(order->entries->closer, entry->fds[i], entry->user, NULL, NULL);
        entry_free(entry);
    }
    free(order->forget);
    free(order);
}

/* A broker that is not told cannot go on. */
static void tell(struct kept_entries *entries, uint64_t serial, int error) {
    int failed = answer_done(entries, serial, error);
    if (failed)
        entries->broken = failed;
}

/* The broker that gave it is told, when all is closed. */
static void order_finish(struct kept_order *order) {
    struct kept_entries *entries = order->entries;
    if (order->serial && entries->channel && entries->broker == order->broker)
        tell(entries, order->serial, 0);
    order_free(order);
}

/* Nothing of that order is done, and its broker is told with the last part: it expects nothing before. */
static int refuse(struct kept_entries *entries, const Portd__Keeper__V1__Order *message, int error) {
    entries->failed = message->serial;
    entries->failure = error;
    if (!message->more)
        tell(entries, message->serial, error);
    return entries->broken;
}

void kept_order_closed(void *context) {
    struct kept_order *order = context;
    if (--order->closing == 0)
        order_finish(order);
}

static int entry_pack(const struct kept_entry *entry, uint8_t bytes[KEPT_PACKED_MAX], size_t *length) {
    Portd__Keeper__V1__Entry packed = PORTD__KEEPER__V1__ENTRY__INIT;
    packed.key = entry->key;
    packed.user = entry->user;
    packed.fds = (uint32_t)entry->n_fds;
    packed.record = (ProtobufCBinaryData){entry->length, (uint8_t *)(uintptr_t)entry->record};
    *length = portd__keeper__v1__entry__get_packed_size(&packed);
    if (*length > KEPT_PACKED_MAX)
        return -EMSGSIZE;
    (void)portd__keeper__v1__entry__pack(&packed, bytes);
    return 0;
}

static void complain(struct fdstore *fdstore, int error) {
    if (error != -EDQUOT)
        log_write(LOG_LEVEL_ERROR,
                  "cannot give to the service manager what is held: %s; it would not outlive the keeper",
                  os_error_text(-error));
    else if (!fdstore->full)
        log_write(
            LOG_LEVEL_WARNING,
            "the service manager is given no more of what is held: further holds outlive the broker, but not "
            "the keeper; descriptors=%zu most=%d items=%zu most=%d",
            fdstore->n_fds, (int)FDSTORE_MOST, fdstore->n_items, (int)FDSTORE_ITEMS);
    fdstore->full = fdstore->full || error == -EDQUOT;
}

/* The order waits until the service manager was sent it. What that cannot have is kept all the same. */
static void entry_store(struct kept_order *order, struct kept_entry *entry) {
    struct kept_entries *entries = order->entries;
    uint8_t bytes[KEPT_PACKED_MAX];
    size_t length;
    int error = entry_pack(entry, bytes, &length);
    order->closing++;
    entries->n_fds++;
    if (!error) /* without the numbers of key 0 no broker can begin */
        error = fdstore_keep(entries->fdstore, &entry->item, bytes, length, entry->fds, entry->n_fds,
                             entry->key == 0, kept_order_closed, order);
    if (!error)
        return;
    order->closing--;
    entries->n_fds--;
    complain(entries->fdstore, error);
}

/* What is there is closed as well. */
static void entry_unstore(struct kept_order *order, struct kept_entry *entry) {
    struct kept_entries *entries = order->entries;
    os_fd fds[FDSTORE_FDS_MAX];
    if (!entry->item.serial)
        return;
    size_t n_fds = fdstore_forget(entries->fdstore, &entry->item, fds);
    entries->n_fds--;
    order->closing += n_fds;
    for (size_t i = 0; i < n_fds; i++)
        closer_close(entries->closer, fds[i], entry->user, kept_order_closed, order);
}

void kept_entry_drop(struct kept_order *order, struct kept_entry *entry) {
    struct kept_entries *entries = order->entries;
    entry_unstore(order, entry);
    if (entries->giving == entry)
        entries->giving = entry->next;
    table_remove(&entries->by_key, entry);
    DL_DELETE(entries->list, entry);
    order->closing += entry->n_fds;
    entries->n_fds -= entry->n_fds;
    for (size_t i = 0; i < entry->n_fds; i++)
        closer_close(entries->closer, entry->fds[i], entry->user, kept_order_closed, order);
    entry_free(entry);
}

/* Enters all keys that are new, so that nothing can fail later. 0 or -ENOMEM: nothing has changed. */
static int enter(struct kept_order *order) {
    struct table *by_key = &order->entries->by_key;
    struct kept_entry *entry, *last;
    DL_FOREACH (order->keep, entry)
        if (!table_find(by_key, entry->key) && table_add(by_key, entry))
            break;
    last = entry;
    for (entry = order->keep; last && entry != last; entry = entry->next)
        if (table_find(by_key, entry->key) == entry)
            table_remove(by_key, entry);
    return last ? -ENOMEM : 0;
}

static void leave_fdstore(const struct kept_order *order, uint64_t key) {
    struct kept_entry *old = table_find(&order->entries->by_key, key);
    if (old)
        fdstore_leave(order->entries->fdstore, &old->item);
}

/* What is new has the room of what goes, which goes after it. */
static void leave_all(const struct kept_order *order) {
    const struct kept_entry *entry;
    DL_FOREACH (order->keep, entry)
        leave_fdstore(order, entry->key);
    for (size_t i = 0; i < order->n_forget; i++)
        leave_fdstore(order, order->forget[i]);
}

static void carry_out(struct kept_order *order) {
    struct kept_entries *entries = order->entries;
    struct kept_entry *entry, *next, *old;
    order->closing = 1;
    if (entries->fdstore)
        leave_all(order);
    DL_FOREACH_SAFE (order->keep, entry, next) {
        DL_DELETE(order->keep, entry);
        if (entries->fdstore)
            entry_store(order, entry);
        old = table_find(&entries->by_key, entry->key);
        if (old != entry) {
            kept_entry_drop(order, old);
            (void)table_add(&entries->by_key, entry); /* in the place that is free now */
        }
        DL_APPEND(entries->list, entry);
    }
    for (size_t i = 0; i < order->n_forget; i++)
        if ((old = table_find(&entries->by_key, order->forget[i])) != NULL)
            kept_entry_drop(order, old);
    kept_order_closed(order);
}

/* Copies an entry of the frame, and takes its descriptors, from *at on. */
static int take_entry(struct kept_order *order, const Portd__Keeper__V1__Entry *from,
                      struct channel_frame *frame, size_t *at) {
    size_t n_fds = from->fds;
    struct kept_entry *entry = calloc(1, sizeof *entry + from->record.len);
    if (!entry)
        return -ENOMEM;
    if (n_fds > STORE_FDS_MAX || n_fds > frame->n_fds - *at) {
        free(entry);
        return -EPROTO;
    }
    entry->key = from->key;
    entry->user = from->user;
    entry->length = from->record.len;
    if (entry->length)
        memcpy(entry->record, from->record.data, entry->length);
    entry->n_fds = n_fds;
    order->entries->n_fds += n_fds;
    for (size_t i = 0; i < n_fds; i++) {
        entry->fds[i] = frame->fds[*at];
        frame->fds[(*at)++] = OS_FD_NONE;
    }
    DL_APPEND(order->keep, entry);
    return 0;
}

static int take_part(struct kept_order *order, const Portd__Keeper__V1__Order *message,
                     struct channel_frame *frame) {
    size_t at = 0, n = order->n_forget + message->n_forget;
    if (message->n_forget) {
        uint64_t *forget = realloc(order->forget, n * sizeof *forget);
        if (!forget)
            return -ENOMEM;
        memcpy(forget + order->n_forget, message->forget, message->n_forget * sizeof *forget);
        order->forget = forget;
        order->n_forget = n;
    }
    for (size_t i = 0; i < message->n_keep; i++) {
        int error = take_entry(order, message->keep[i], frame, &at);
        if (error)
            return error;
    }
    return at == frame->n_fds ? 0 : -EPROTO;
}

static struct kept_order *order_of(struct kept_entries *entries, uint64_t serial) {
    struct kept_order *order = entries->part;
    entries->part = NULL;
    if (order && order->serial == serial)
        return order;
    if (order) /* its broker could not send the rest */
        order_free(order);
    order = calloc(1, sizeof *order);
    if (order) {
        order->entries = entries;
        order->serial = serial;
        order->broker = entries->broker;
    }
    return order;
}

static int take_link(struct kept_entries *entries, const Portd__Keeper__V1__Order *message,
                     struct channel_frame *frame) {
    if (frame->n_fds != 1 || entries->link != OS_FD_NONE)
        return -EPROTO;
    entries->link = frame->fds[0];
    entries->linked = message->serial;
    frame->fds[0] = OS_FD_NONE;
    return 0;
}

void kept_entries_answer(struct kept_entries *entries, int error) { tell(entries, entries->linked, error); }

static int take_order(struct kept_entries *entries, const Portd__Keeper__V1__Order *message,
                      struct channel_frame *frame) {
    struct kept_order *order;
    int error, failed;
    if (message->next)
        return take_link(entries, message, frame);
    entries->ready = entries->ready || message->ready;
    entries->alive = entries->alive || message->alive;
    entries->reloading = entries->reloading || message->reloading;
    entries->reloaded = entries->reloaded || message->reloaded;
    if (message->ask) {
        entries->giving = entries->list;
        entries->asked = message->serial;
        return 0; /* kept_entries_give */
    }
    if (!message->n_keep && !message->n_forget && !message->serial)
        return 0;
    if (message->serial == entries->failed)
        return message->serial ? refuse(entries, message, entries->failure) : 0; /* a further part */
    order = order_of(entries, message->serial);
    error = order ? take_part(order, message, frame) : -ENOMEM;
    if (!error)
        error = kept_order_check(order, message->more);
    if (!error && message->more) {
        entries->part = order;
        return 0;
    }
    if (!error)
        error = enter(order);
    if (!error) {
        carry_out(order);
        return entries->broken;
    }
    if (order)
        order_free(order);
    failed = refuse(entries, message, error);
    return error == -EPROTO ? error : failed;
}

/* The kernel had no place for its descriptors, as more was loaded than there may be. */
static int refuse_mismatch(struct kept_entries *entries, const Portd__Keeper__V1__Order *message) {
    if (entries->n_fds <= entries->most || !message->serial)
        return -EPROTO;
    return refuse(entries, message, message->serial == entries->failed ? entries->failure : -EMFILE);
}

int kept_entries_take(struct kept_entries *entries, struct channel_frame *frame) {
    Portd__Keeper__V1__Order *message = portd__keeper__v1__order__unpack(NULL, frame->length, frame->body);
    int error = !message          ? -EPROTO
                : frame->mismatch ? refuse_mismatch(entries, message)
                                  : take_order(entries, message, frame);
    for (size_t i = 0; i < frame->n_fds; i++)
        if (frame->fds[i] != OS_FD_NONE)
            closer_close(entries->closer, frame->fds[i], 0, NULL, NULL);
    frame->n_fds = 0;
    portd__keeper__v1__order__free_unpacked(message, NULL);
    return error;
}

void kept_entries_attach(struct kept_entries *entries, struct channel *channel) {
    if (entries->part)
        order_free(entries->part);
    entries->part = NULL;
    os_close(entries->link);
    entries->link = OS_FD_NONE;
    entries->channel = channel;
    entries->broker++;
    entries->giving = NULL;
    entries->asked = 0;
    entries->ready = entries->alive = entries->reloading = entries->reloaded = false;
    entries->failed = 0;
    entries->broken = 0;
}
