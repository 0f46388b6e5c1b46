/* binding.c: which descriptors may be bound; numbers from claim to release. */
#include "bound.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/slab.h"
#include "discard.h"
#include "hooks.h"
#include "notice_object.h"
#include "proto/container.h"
#include "registry.h"
#include "session_objects.h"
#include "utlist.h"

struct binding *binding_find(const struct session_objects *session_objects, uint64_t key) {
    return table_find(&session_objects->numbers, key);
}

static void put_number(struct session_objects *session_objects, struct binding *binding) {
    table_add(&session_objects->numbers, binding);
    numbering_ref(&session_objects->numberings, number_place(binding->key));
}

static void take_number(struct session_objects *session_objects, struct binding *binding) {
    table_remove(&session_objects->numbers, binding);
    numbering_unref(&session_objects->numberings, number_place(binding->key));
}

/* Why a type is refused, by type. */
static const struct {
    const char *hint, *text;
} reasons[INSPECT_TYPES] = {
    [INSPECT_PATH] = {"open the file without O_PATH",
                      "a descriptor opened with O_PATH can be neither read nor watched"},
    [INSPECT_SIGNALFD] = {"wait for signals in the process they are sent to",
                          "a signalfd reports the signals of the process that polls it, here the broker"},
    [INSPECT_FANOTIFY] = {"read from it in the process that made it",
                          "reading from a fanotify group opens descriptors in the reading process"},
    [INSPECT_USERFAULTFD] = {"read from it in the process that made it",
                             "reading from a userfaultfd opens descriptors in the reading process"},
    [INSPECT_IO_URING] = {"pass the descriptors it works on instead",
                          "an io_uring keeps everything registered with it open"},
    [INSPECT_CONNECTION] = {NULL, "the descriptor is a connection to this broker"},
};

static bool is_own(const struct session_objects *session_objects, os_fd fd) {
    struct user *user = session_objects->account.user;
    os_fd opened;
    bool own = inspect_is_own(fd, user->uid, &opened);
    discard_opened(session_objects->registry->env.closer, user, opened);
    return own;
}

static int check(const struct session_objects *session_objects, enum inspect_type type, os_fd fd, bool socket,
                 struct refusal *refusal) {
    if (type == INSPECT_UNKNOWN)
        return refusal_set(refusal, REFUSAL_UNSUPPORTED, "number",
                           "try again; the broker needs a mounted /proc",
                           "cannot determine the descriptor's type");
    if (inspect_is_refused(type))
        return refusal_set(refusal, REFUSAL_INVALID, "number", reasons[type].hint, "%s", reasons[type].text);
    if (socket && !inspect_is_socket(type))
        return refusal_set(refusal, REFUSAL_INVALID, "number", "use the call for file descriptors",
                           "not a socket but of type %s", inspect_name(type));
    if (inspect_is_socket(type) && is_own(session_objects, fd))
        return refusal_set(refusal, REFUSAL_INVALID, "number", NULL,
                           "the descriptor is a connection to this broker");
    return 0;
}

static void free_bound(struct registry *registry, struct binding *binding) {
    slab_give(&registry->bounds, CONTAINER_OF(binding, struct bound, binding));
}

/* Makes a binding and its descriptor. */
static struct binding *binding_new(struct session_objects *session_objects, uint64_t key, os_fd fd,
                                   enum inspect_type type, struct refusal *refusal) {
    struct registry *registry = session_objects->registry;
    struct bound *bound;
    if (registry_reserve(session_objects, OBJECT_DESCRIPTOR, refusal))
        return NULL;
    bound = table_reserve(&session_objects->numbers) ? NULL : slab_take(&registry->bounds);
    if (!bound) {
        registry_cancel(session_objects, OBJECT_DESCRIPTOR);
        refusal_memory(refusal);
        return NULL;
    }
    struct object *object = &bound->binding.object;
    registry_add(registry, object, OBJECT_DESCRIPTOR, session_objects);
    bound->binding.key = key;
    if (!descriptor_init(&bound->descriptor, object->id, session_objects->account.user, fd, type, refusal)) {
        notice_object_made(object);
        return &bound->binding;
    }
    registry_forget(registry, object);
    session_objects_remove(object);
    free_bound(registry, &bound->binding);
    return NULL;
}

/* Frees the number for another open file. Returns false if the old one was being closed already. */
static bool replace(struct session_objects *session_objects, struct binding *old) {
    take_number(session_objects, old);
    if (descriptor_is_closing(bound_descriptor(old)))
        return false;
    session_objects->registry->hooks->on_replaced(old);
    return true;
}

int binding_claim(struct session_objects *session_objects, uint64_t key, os_fd fd, bool socket,
                  unsigned objects, struct binding_claim *claim, struct refusal *refusal) {
    struct binding *old = binding_find(session_objects, key);
    const struct descriptor *copy = old ? bound_descriptor(old) : NULL;
    bool same = copy && !descriptor_is_closing(copy) && inspect_same(copy->fd, fd);
    enum inspect_type type =
        same ? (enum inspect_type)copy->type : inspect_type_of(fd, session_objects->account.user->uid);
    *claim = (struct binding_claim){.binding = old};
    if (check(session_objects, type, fd, socket, refusal))
        return -1;
    if (same)
        return 0;
    if (account_check(&session_objects->account, USER_OBJECTS, objects, refusal))
        return -1;
    claim->binding = binding_new(session_objects, key, fd, type, refusal);
    if (!claim->binding)
        return -1;
    claim->kept = true;
    claim->replaced = old && replace(session_objects, old);
    put_number(session_objects, claim->binding);
    return 0;
}

/* Does nothing if the number already names another binding. */
static void forget_number(struct binding *binding) {
    struct session_objects *owner = binding->object.owner;
    if (binding_find(owner, binding->key) == binding)
        take_number(owner, binding);
}

static void forget_record(struct descriptor *descriptor) {
    struct object *object = &bound_binding(descriptor)->object;
    if (descriptor->recorded)
        object->owner->registry->changed(object, true);
    descriptor->recorded = false;
}

void binding_closed(struct descriptor *descriptor) {
    struct binding *binding = bound_binding(descriptor);
    struct registry *registry = descriptor->user->registry;
    struct object *object = &binding->object;
    notice_object_closed(descriptor);
    if (descriptor->state == DESCRIPTOR_LEAVING) {
        charge_give_object(descriptor->user, NULL, USER_DESCRIPTORS);
        DL_DELETE(registry->leaving, object);
        user_unref(descriptor->user);
    } else {
        forget_record(descriptor);
        forget_number(binding);
        session_objects_remove(object);
    }
    free_bound(registry, binding);
}

void binding_leave(struct binding *binding) {
    struct descriptor *descriptor = bound_descriptor(binding);
    struct registry *registry = descriptor->user->registry;
    struct object *object = &binding->object;
    if (!descriptor_is_closing(descriptor))
        descriptor_drop(descriptor);
    forget_record(descriptor);
    forget_number(binding); /* later on_closed hooks of the session look the number up */
    session_objects_leave(object);
    descriptor->state = DESCRIPTOR_LEAVING;
    (void)user_hold(descriptor->user);
    DL_APPEND(registry->leaving, object);
}
