/* hold_name.c: see hold_name.h. What is UTF-8 the broker checks. */
#include "hold_name.h"

#include "client.h"

#include <stdint.h>
#include <string.h>

enum { NAME_MAX_BYTES = 255 };

char *hold_name_text(const char *text) { return (char *)(uintptr_t)(text ? text : ""); }

int hold_name_check(portd_client *client, const char *field, const char *name) {
    if (!name)
        return client_fail(client, PORTD_E_INVALID, 0, field, "a name must not be NULL");
    if (!*name || strlen(name) > NAME_MAX_BYTES)
        return client_fail(client, PORTD_E_INVALID, 0, field,
                           "the name of a held descriptor has 1 to 255 bytes");
    return 0;
}

int hold_name_check_place(portd_client *client, const char *name) {
    int r = hold_name_check(client, "name", name);

    if (r < 0)
        return r;
    if (client && client->greeted && !client->holds)
        return client_fail(client, PORTD_E_UNSUPPORTED, 0, NULL,
                           "this broker does not have the feature \"hold\"");
    return 0;
}
