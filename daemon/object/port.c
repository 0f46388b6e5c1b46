/* port.c: opening and closing ports. */
#include "port.h"

#include "cause.h"
#include "daemon/access/refusal.h"
#include "direction.h"
#include "extras.h"
#include "notice_object.h"
#include "registry.h"
#include "session_objects.h"
#include "stream.h"
#include "subscribers.h"
#include "transfer.h"
#include "utlist.h"

#include <stdlib.h>
#include <string.h>

int port_check(os_fd fd, enum inspect_type type, const struct port_options *options,
               struct refusal *refusal) {
    if (inspect_is_refused(type) || (options->socket && !inspect_is_socket(type)))
        return 0; /* binding_claim refuses it and says why */
    if (!options->ends[DIRECTION_READ] && !options->ends[DIRECTION_WRITE])
        return refusal_set(refusal, REFUSAL_INVALID, "read", "request read, write or both",
                           "no direction given");
    if (type == INSPECT_DIRECTORY)
        return refusal_set(refusal, REFUSAL_INVALID, "number", NULL,
                           "a directory cannot be read as a stream of bytes");
    if (options->regular && type != INSPECT_REGULAR)
        return refusal_set(refusal, REFUSAL_INVALID, "regular_file", "omit regular-file",
                           "not a regular file but of type %s", inspect_name(type));
    for (int direction = 0; direction < 2; direction++)
        if (options->ends[direction] && !stream_is_open_for(fd, direction == DIRECTION_WRITE))
            return refusal_set(refusal, REFUSAL_INVALID, direction == DIRECTION_READ ? "read" : "write",
                               "request a direction it is open for", "the descriptor is not open for %s",
                               direction == DIRECTION_READ ? "reading" : "writing");
    return 0;
}

/* With an id, for that owner. */
static struct port *make(struct session_objects *owner, const struct port_options *options,
                         struct refusal *refusal) {
    size_t length = strlen(options->name) + 1;
    struct port *port;
    if (registry_reserve(owner, OBJECT_PORT, refusal))
        return NULL;
    port = calloc(1, sizeof *port + length);
    if (!port) {
        registry_cancel(owner, OBJECT_PORT);
        refusal_memory(refusal);
        return NULL;
    }
    registry_add(owner->registry, &port->waitable.object, OBJECT_PORT, owner);
    memcpy(port->name, options->name, length);
    port->socket = options->socket;
    port->text = options->text;
    return port;
}

static struct port *port_new(struct binding *binding, struct wrap *wrap, int direction,
                             const struct port_options *options, struct refusal *refusal) {
    struct port *port = make(binding->object.owner, options, refusal);
    if (!port)
        return NULL;
    port->wrap = wrap;
    wrap->ports[direction] = port;
    waitable_register(&port->waitable, binding, direction);
    notice_object_made(&port->waitable.object);
    return port;
}

static struct wrap *wrap_new(struct descriptor *descriptor, const struct port_options *options) {
    struct wrap *wrap = extras_get(descriptor) ? calloc(1, sizeof *wrap) : NULL;
    if (!wrap)
        return NULL;
    wrap->socket = options->socket;
    wrap->regular = options->regular;
    DL_APPEND(descriptor->extras->wraps, wrap);
    return wrap;
}

int port_open(struct binding *binding, const struct port_options *options, struct port *ports[2],
              struct refusal *refusal) {
    struct descriptor *descriptor = bound_descriptor(binding);
    struct wrap *wrap = wrap_new(descriptor, options);
    ports[0] = ports[1] = NULL;
    if (!wrap)
        return refusal_memory(refusal);
    for (int direction = 0; direction < 2; direction++) {
        if (!options->ends[direction])
            continue;
        ports[direction] = port_new(binding, wrap, direction, options, refusal);
        if (!ports[direction])
            goto fail;
    }
    return 0;
fail:
    if (ports[DIRECTION_READ]) { /* ending it frees the wrap */
        waitable_end(&ports[DIRECTION_READ]->waitable, CAUSE_PORT_CLOSED);
        waitable_free(&ports[DIRECTION_READ]->waitable);
    } else {
        DL_DELETE(descriptor->extras->wraps, wrap);
        free(wrap);
    }
    return -1;
}

struct port *port_restore(struct binding *binding, const struct port_options *options, int direction,
                          const struct port *with, struct refusal *refusal) {
    struct descriptor *descriptor = bound_descriptor(binding);
    bool joins =
        with && with->wrap && !with->wrap->ports[direction] && waitable_source(&with->waitable) == descriptor;
    struct wrap *wrap = joins ? with->wrap : wrap_new(descriptor, options);
    struct port *port = wrap ? port_new(binding, wrap, direction, options, refusal) : NULL;
    if (!wrap)
        (void)refusal_memory(refusal);
    if (wrap && !port && !joins) {
        DL_DELETE(descriptor->extras->wraps, wrap);
        free(wrap);
    }
    return port;
}

struct port *port_restore_ended(struct session_objects *owner, const struct port_options *options,
                                int direction, int cause, struct refusal *refusal) {
    uint64_t key;
    if (waitable_get_no_key(owner, &key)) {
        (void)refusal_memory(refusal);
        return NULL;
    }
    struct port *port = make(owner, options, refusal);
    if (!port)
        return NULL;
    port->waitable.direction = (uint8_t)direction;
    port->waitable.of.key = key;
    port->waitable.ended_at = owner->registry->issued;
    port->waitable.cause = (uint8_t)cause;
    port->waitable.ended = true;
    return port;
}

void port_close(struct port *port) {
    struct descriptor *descriptor = waitable_source(&port->waitable);
    const struct wrap *wrap = port->wrap;
    struct binding *binding;
    bool last;
    if (!descriptor)
        return;
    binding = port->waitable.of.binding;
    last = !wrap->ports[!port->waitable.direction];
    waitable_end(&port->waitable, CAUSE_PORT_CLOSED);
    if (last && binding_find(binding->object.owner, binding->key) == binding)
        subscribers_end(binding, OBJECT_SEMAPHORE, OBJECT_SEMAPHORE, CAUSE_PORT_CLOSED);
    else
        descriptor_update(descriptor);
}

void port_ended(struct port *port, struct descriptor *descriptor) {
    struct wrap *wrap = port->wrap;
    port->wrap = NULL;
    transfer_on_port_ended(port, descriptor);
    if (wrap->ports[0] || wrap->ports[1])
        return;
    DL_DELETE(descriptor->extras->wraps, wrap);
    free(wrap);
}
