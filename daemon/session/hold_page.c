/* hold_page.c: writes rows, and counts their bytes. */
#include "hold_page.h"

#include "call.h"
#include "connection.h"
#include "daemon/object/bound.h"
#include "daemon/object/inspect.h"
#include "daemon/object/spool.h"
#include "holding.h"
#include "proto/frame.h"

#include <inttypes.h>
#include <stdio.h>

enum { ITEM_HEAD = 4, PAGE_TAIL = 16 };

void hold_page_begin(struct hold_page *page, struct connection *connection, os_uid owner) {
    size_t room = connection_room(connection);
    portd__v1__holds_of__init(&page->of);
    page->of.holds = page->places;
    page->bytes = page->lacks = 0;
    page->most = room < FRAME_DATA_MAX ? room : FRAME_DATA_MAX;
    (void)snprintf(page->owner, sizeof page->owner, "%" PRIu64, owner);
}

static Portd__V1__SpoolItem *write_spool(Portd__V1__SpoolItem *item, const struct spool *spool) {
    portd__v1__spool_item__init(item);
    item->bytes = spool->file.size;
    item->when_full =
        spool->stops ? PORTD__V1__WHEN_FULL__WHEN_FULL_STOP : PORTD__V1__WHEN_FULL__WHEN_FULL_DROP;
    item->oldest = spool_oldest(spool);
    item->next = spool->next;
    item->end = spool->ended;
    return item;
}

Portd__V1__HoldItem *hold_page_write(struct hold_page *page, const struct held *held) {
    Portd__V1__HoldItem *row = &page->rows[page->of.n_holds];
    const struct descriptor *descriptor = bound_descriptor(held->hold.binding);
    int64_t now = os_now_us();
    portd__v1__hold_item__init(row);
    (void)snprintf(page->put_by[page->of.n_holds], sizeof *page->put_by, "%" PRIu64, held->by);
    row->owner = page->owner;
    row->name = call_text(held->hold.name);
    row->descriptor = held->hold.id;
    row->type = call_text(inspect_name((enum inspect_type)descriptor->type));
    row->put_by = page->put_by[page->of.n_holds];
    row->put_pid = held->by_pid;
    row->age_us = (uint64_t)(now - held->made);
    row->ttl_us = (uint64_t)lease_left(&held->lease);
    row->hang_up = held->hang_up;
    row->process_pid = lease_owner_pid(&held->lease);
    row->copies = held->hold.n_copies - 1;
    if (held->spool)
        row->spool = write_spool(&page->spools[page->of.n_holds], held->spool);
    row->gets = held->given.times;
    if (held->given.n)
        row->got_us = (uint64_t)(now - held->given.to[0].last);
    return row;
}

bool hold_page_take(struct hold_page *page) {
    Portd__V1__HoldItem *row = &page->rows[page->of.n_holds];
    size_t bytes = ITEM_HEAD + portd__v1__hold_item__get_packed_size(row);
    if (page->of.n_holds == HOLD_PAGE_ROWS || page->bytes + bytes + PAGE_TAIL > page->most) {
        page->lacks = page->of.n_holds ? 0 : bytes + PAGE_TAIL;
        page->of.more = true;
        return false;
    }
    page->places[page->of.n_holds++] = row;
    page->bytes += bytes;
    return true;
}

int hold_page_check(const struct hold_page *page, struct connection *connection, struct refusal *refusal) {
    return page->lacks ? connection_check_room(connection, page->lacks, refusal) : 0;
}
