/* ids.c: parsing the ids of a command line. */
#include "ids.h"

#include "failure.h"
#include "text.h"

#include <stdlib.h>

int ids_read(const struct invocation *in, const char *word, const char *hint, portd_id *id) {
    if (text_number(word, (UINT64_C(1) << 53) - 1, id) && *id != 0)
        return 0;
    return failure_usage(&in->output, hint, "'%s' is not an id", word);
}

int ids_parse(const struct invocation *in, portd_id **ids, size_t *n) {
    portd_id *list;

    *n = command_words(in);
    if (*n == 0)
        return failure_usage(&in->output, NULL, "an id is missing");
    list = text_room(*n, sizeof(*list));
    for (size_t i = 0; i < *n; i++) {
        int rc = ids_read(in, command_word(in, i), "ids are numbers; 'portctl list' shows them", &list[i]);

        if (rc != 0) {
            free(list);
            return rc;
        }
    }
    *ids = list;
    return 0;
}

int ids_exists(portd_client *client, portd_id id, int64_t deadline) {
    portd_list *list;
    int rc = portd_show(client, &id, 1, deadline, &list);

    if (rc > 0)
        portd_list_free(list);
    return rc == PORTD_E_NOT_FOUND ? 0 : rc;
}
