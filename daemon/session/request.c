/* request.c: see request.h. */
#include "request.h"

#include "proto/arena.h"
#include "proto/envelope.h"

#include <string.h>

const Portd__V1__Request *request_unpack(struct arena *arena, const uint8_t *body, size_t length,
                                         Portd__V1__Request *plain) {
    struct envelope envelope;
    arena_reset(arena);
    int result = envelope_unpack(&envelope, &portd__v1__request__descriptor, &arena->allocator, body, length);
    if (result == 0)
        return portd__v1__request__unpack(&arena->allocator, length, body);
    portd__v1__request__init(plain);
    plain->id = envelope.id;
    plain->method_case = (Portd__V1__Request__MethodCase)envelope.number;
    memcpy(&plain->ping, &envelope.message,
           sizeof plain->ping); /* every member of the union is a message pointer */
    return result > 0 ? plain : NULL;
}

/* Many small fields take about a microsecond for so many bytes; bytes of data take next to nothing. */
size_t request_units(const Portd__V1__Request *request, size_t length) {
    enum { UNIT_BYTES = 64 };
    size_t data =
        request && request->method_case == PORTD__V1__REQUEST__METHOD_WRITE ? request->write->data.len : 0;
    return (length - data) / UNIT_BYTES;
}
