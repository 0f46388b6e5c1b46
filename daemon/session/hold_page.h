/* hold_page.h: a page of held descriptors, for a reply: as many rows as its connection can keep unread. */
#ifndef HOLD_PAGE_H
#define HOLD_PAGE_H

#include "portd.pb-c.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct held;
struct refusal;

enum { HOLD_PAGE_ROWS = 256 };

struct hold_page {
    Portd__V1__HoldsOf of;
    Portd__V1__HoldItem *places[HOLD_PAGE_ROWS];
    Portd__V1__HoldItem rows[HOLD_PAGE_ROWS + 1];
    Portd__V1__SpoolItem spools[HOLD_PAGE_ROWS + 1];
    char owner[24], put_by[HOLD_PAGE_ROWS + 1][24];
    size_t bytes, most;
    size_t lacks; /* size of a row that did not fit the empty page; 0: none */
};

/* An empty page for that connection, of what that owner has held. */
void hold_page_begin(struct hold_page *page, struct connection *connection, os_uid owner);

/* The next row, with what the broker knows without asking. The caller may fill in more of it before hold_page_take. */
Portd__V1__HoldItem *hold_page_write(struct hold_page *page, const struct held *held);

/* The row belongs to the page. False: the page is full, and `more` is set. */
bool hold_page_take(struct hold_page *page);

/* 0, or -1 and the refusal: the connection cannot keep even one row. */
int hold_page_check(const struct hold_page *page, struct connection *connection, struct refusal *refusal);

#endif
