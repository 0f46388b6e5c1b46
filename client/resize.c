/* resize.c: sets the size of a held terminal. */
#include "call.h"
#include "client.h"
#include "hold_name.h"
#include "submit.h"

#include <stdint.h>

int portd_resize_start(portd_client *client, const char *owner, const char *name, unsigned rows,
                       unsigned columns, portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__ResizeHold resize = PORTD__V1__RESIZE_HOLD__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    int r = hold_name_check(client, "name", name);

    if (r < 0)
        return r;
    if (rows < 1 || rows > UINT16_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, "rows", "expected 1 to 65535 rows");
    if (columns < 1 || columns > UINT16_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, "columns", "expected 1 to 65535 columns");
    resize.owner = hold_name_text(owner);
    resize.name = hold_name_text(name);
    resize.rows = rows;
    resize.columns = columns;
    message.method_case = PORTD__V1__REQUEST__METHOD_RESIZE_HOLD;
    message.resize_hold = &resize;
    return submit_request(client, &message, OS_FD_NONE, NULL, callback, data, request);
}

int portd_resize(portd_client *client, const char *owner, const char *name, unsigned rows, unsigned columns,
                 int64_t deadline) {
    struct call call;
    portd_client *asked = call_begin(&call, client);

    return call_end(&call,
                    portd_resize_start(asked, owner, name, rows, columns, call_done, &call, &call.request),
                    deadline);
}
