/* listing.c: tables of the objects of sessions, or of the sessions. */
#include "listing.h"

#include "broker.h"
#include "failure.h"
#include "item.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* A later broker may have further kinds. */
static bool is_listed(unsigned kinds, int kind) {
    return kinds == 0 || (kind >= 0 && kind <= PORTD_KIND_SESSION && (kinds & 1u << kind) != 0);
}

void listing_append(struct node *nodes, const portd_list *list, unsigned kinds, portd_id current) {
    for (size_t i = 0; i < portd_list_count(list); i++)
        if (is_listed(kinds, portd_list_item(list, i)->kind))
            node_append(nodes, item_describe(portd_list_item(list, i), current));
}

/* The kind to request from the broker: one kind, or any. */
static int kind_of(unsigned kinds) {
    for (int kind = PORTD_KIND_DESCRIPTOR; kind <= PORTD_KIND_SESSION; kind++)
        if (kinds == 1u << kind)
            return kind;
    return PORTD_KIND_ANY;
}

/* Adds the list to the listing, which owns it then. */
static void take(struct listing *listing, portd_list *list) {
    size_t n = portd_list_count(list);
    const portd_item **items = text_room(listing->n + n + 1, sizeof(*items));
    portd_list **lists = text_room(listing->n_lists + 1, sizeof(*lists));

    for (size_t i = 0; i < listing->n; i++)
        items[i] = listing->items[i];
    for (size_t i = 0; i < n; i++)
        items[listing->n + i] = portd_list_item(list, i);
    for (size_t i = 0; i < listing->n_lists; i++)
        lists[i] = listing->lists[i];
    lists[listing->n_lists] = list;
    free(listing->items);
    free(listing->lists);
    *listing = (struct listing){items, listing->n + n, lists, listing->n_lists + 1};
}

/* Adds the objects of one session; one that has ended meanwhile or is private has none. */
static int take_session(portd_client *client, portd_id session, int kind, int64_t deadline,
                        struct listing *listing) {
    portd_list *list;
    int rc = portd_list_session(client, session, kind, deadline, &list);

    if (rc > 0)
        take(listing, list);
    return rc == PORTD_E_NOT_FOUND && session != 0 ? 1 : rc;
}

static uint32_t uid_of(const portd_list *sessions, portd_id session) {
    for (size_t i = 0; i < portd_list_count(sessions); i++)
        if (portd_list_item(sessions, i)->id == session)
            return portd_list_item(sessions, i)->uid;
    return UINT32_MAX;
}

int listing_fetch(portd_client *client, bool mine, int kind, int64_t deadline, struct listing *listing) {
    portd_id own = portd_session_id(client);
    portd_list *sessions = NULL;
    int rc;

    memset(listing, 0, sizeof(*listing));
    rc = take_session(client, 0, kind, deadline, listing);
    if (rc > 0 && !mine && kind != PORTD_KIND_SESSION)
        rc = portd_list_objects(client, PORTD_KIND_SESSION, deadline, &sessions);
    for (size_t i = 0; rc > 0 && sessions != NULL && i < portd_list_count(sessions); i++) {
        const portd_item *session = portd_list_item(sessions, i);

        if (session->id != own && session->uid == uid_of(sessions, own) &&
            session->objects + session->descriptors > 0)
            rc = take_session(client, session->id, kind, deadline, listing);
    }
    portd_list_free(sessions);
    return rc;
}

void listing_deinit(struct listing *listing) {
    for (size_t i = 0; i < listing->n_lists; i++)
        portd_list_free(listing->lists[i]);
    free(listing->lists);
    free(listing->items);
    memset(listing, 0, sizeof(*listing));
}

int listing_run(const struct invocation *in, unsigned kinds, bool mine) {
    const struct column *columns = kinds == 1u << PORTD_KIND_SESSION ? item_session_columns : item_columns;
    struct listing listing;
    struct broker broker;
    struct node *nodes;
    int rc = failure_columns(&in->output, columns);

    if (rc == 0)
        rc = broker_join(in, &broker);
    if (rc != 0)
        return rc;
    rc = listing_fetch(broker.client, mine, kind_of(kinds), in->deadline, &listing);
    if (rc > 0) {
        nodes = node_list();
        for (size_t i = 0; i < listing.n; i++)
            if (is_listed(kinds, listing.items[i]->kind))
                node_append(nodes, item_describe(listing.items[i], portd_session_id(broker.client)));
        output_table(&in->output, columns, nodes);
        rc = 0;
    } else {
        rc = failure_call(&in->output, broker.client, rc);
    }
    listing_deinit(&listing);
    broker_disconnect(&broker);
    return rc;
}
