/* listing.c: tables of what is in a session, or of the sessions. */
#include "listing.h"

#include "broker.h"
#include "failure.h"
#include "item.h"

void listing_append(struct node *nodes, const portd_list *list, portd_id current) {
    for (size_t i = 0; i < portd_list_count(list); i++)
        node_append(nodes, item_describe(portd_list_item(list, i), current));
}

int listing_run(const struct invocation *in, int kind) {
    const struct column *columns = kind == PORTD_KIND_SESSION ? item_session_columns : item_columns;
    struct broker broker;
    portd_list *list;
    struct node *nodes;
    int rc = column_check(&in->output, columns);

    if (rc == 0)
        rc = broker_join(in, &broker);
    if (rc != 0)
        return rc;
    rc = portd_list_objects(broker.client, kind, in->deadline, &list);
    if (rc > 0) {
        nodes = node_list();
        listing_append(nodes, list, portd_session_id(broker.client));
        portd_list_free(list);
        output_table(&in->output, columns, nodes);
        rc = 0;
    } else {
        rc = failure_call(&in->output, broker.client, rc);
    }
    broker_disconnect(&broker);
    return rc;
}
