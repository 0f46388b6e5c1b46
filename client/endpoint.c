/* endpoint.c: reads addresses. */
#include "endpoint.h"

#include <string.h>

void endpoint_read(portd_endpoint *to, const Portd__V1__Address *from) {
    static const char *const families[] = {"inet", "inet6", "unix"};
    size_t length;

    memset(to, 0, sizeof(*to)); /* gcc would copy a struct of this size from writable data */
    to->size = sizeof(*to);
    to->family = "";
    if (!from || !*from->family)
        return;
    to->family = "other";
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (strcmp(from->family, families[i]) == 0)
            to->family = families[i];
    length = strlen(from->host);
    if (length < sizeof(to->host))
        memcpy(to->host, from->host, length + 1);
    to->port = from->port;
}
