/* listing.c: tables of what is in a session, or of the sessions. */
#include "listing.h"

#include "broker.h"
#include "failure.h"
#include "item.h"

/* A later broker may have further kinds. */
static bool is_listed(unsigned kinds, int kind) {
    return kinds == 0 || (kind >= 0 && kind <= PORTD_KIND_SESSION && (kinds & 1u << kind) != 0);
}

void listing_append(struct node *nodes, const portd_list *list, unsigned kinds, portd_id current) {
    for (size_t i = 0; i < portd_list_count(list); i++)
        if (is_listed(kinds, portd_list_item(list, i)->kind))
            node_append(nodes, item_describe(portd_list_item(list, i), current));
}

/* What the broker is to be asked for: one kind, or any. */
static int kind_of(unsigned kinds) {
    for (int kind = PORTD_KIND_DESCRIPTOR; kind <= PORTD_KIND_SESSION; kind++)
        if (kinds == 1u << kind)
            return kind;
    return PORTD_KIND_ANY;
}

int listing_run(const struct invocation *in, unsigned kinds) {
    const struct column *columns = kinds == 1u << PORTD_KIND_SESSION ? item_session_columns : item_columns;
    struct broker broker;
    portd_list *list;
    struct node *nodes;
    int rc = column_check(&in->output, columns);

    if (rc == 0)
        rc = broker_join(in, &broker);
    if (rc != 0)
        return rc;
    rc = portd_list_objects(broker.client, kind_of(kinds), in->deadline, &list);
    if (rc > 0) {
        nodes = node_list();
        listing_append(nodes, list, kinds, portd_session_id(broker.client));
        portd_list_free(list);
        output_table(&in->output, columns, nodes);
        rc = 0;
    } else {
        rc = failure_call(&in->output, broker.client, rc);
    }
    broker_disconnect(&broker);
    return rc;
}
