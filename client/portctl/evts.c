/* evts.c: the events of a wait for descriptors.
 *
 * To wait for a descriptor portctl makes an event for it, under a number that belongs to no process, so that no other
 * object is affected, and removes it afterwards. The event of a held descriptor is one of the session, for all that ask: in
 * a session that is not portctl's own it is not removed, which would end other waits, but released, and goes when what is
 * held does.
 */
#include "evts.h"

#include "failure.h"
#include "hold.h"
#include "native.h"

enum { GRACE_US = 1000000 };

int64_t evts_deadline(const struct invocation *in) {
    int64_t grace = portd_now() + GRACE_US;

    return in->deadline > grace ? in->deadline : grace;
}

int evts_check(const struct invocation *in, const struct targets *targets) {
    for (size_t i = 0; i < targets->n; i++) {
        const struct target *target = &targets->items[i];

        if ((target->kind == TARGET_FD || target->kind == TARGET_SOCKET) &&
            !native_is_open(native_number(target->number)))
            return failure_usage(&in->output, "pass it to portctl, see 'portctl help fds'",
                                 "descriptor %llu is not open in portctl",
                                 (unsigned long long)target->number);
    }
    return 0;
}

/* Prints the answer "none": this descriptor cannot have an event. */
static int tell_unsupported(const struct invocation *in, const struct target *target, const char *reason) {
    struct node *list, *object;

    output_note(&in->output, "%s: none: %s", target->text, reason);
    if (output_is_text(&in->output))
        return PORTCTL_NO;
    list = node_list();
    object = target_describe(target);
    node_flag(object, "unsupported", true);
    node_text(object, "reason", reason);
    node_append(list, object);
    output_rows(&in->output, target_columns, list);
    return PORTCTL_NO;
}

static int make_evt(const struct invocation *in, portd_client *client, struct target *target) {
    int kind = target->kind == TARGET_FD ? PORTD_FD : PORTD_SOCKET;
    int rc = portd_fd_to_evt(client, native_number(target->number), target->mode, kind, evts_deadline(in),
                             &target->id);

    target->made = rc > 0 && (portd_last_flags(client) & PORTD_RESULT_CREATED) != 0;
    if (rc > 0)
        return 0;
    if (rc == 0)
        return tell_unsupported(in, target, portd_last_error(client));
    return failure_call(&in->output, client, rc);
}

static int make_hold_evt(const struct invocation *in, portd_client *client, const struct targets *targets,
                         struct target *target) {
    int rc = hold_check(in, client);

    if (rc != 0)
        return rc;
    rc = portd_hold_to_evt(client, hold_owner(&targets->holds), target->name, target->mode, evts_deadline(in),
                           &target->id);
    if (rc > 0)
        return 0;
    if (rc == 0)
        return tell_unsupported(in, target, portd_last_error(client));
    target->missing = rc == PORTD_E_NOT_FOUND && command_option(in, "allow-missing") != NULL;
    return target->missing ? 0 : hold_fail(in, client, rc, NULL);
}

int evts_make(const struct invocation *in, portd_client *client, struct targets *targets) {
    int rc = 0;

    for (size_t i = 0; i < targets->n && rc == 0; i++)
        if (targets->items[i].kind == TARGET_ID)
            targets->items[i].id = targets->items[i].number;
        else if (targets->items[i].kind == TARGET_HOLD)
            rc = make_hold_evt(in, client, targets, &targets->items[i]);
        else
            rc = make_evt(in, client, &targets->items[i]);
    return rc;
}

/* Another wait may have released it, or what is held has ended and taken a released one along. */
static int release_evt(const struct invocation *in, portd_client *client, const struct target *target) {
    int rc = portd_release(client, &target->id, 1, evts_deadline(in));

    return rc == PORTD_E_NOT_FOUND ? 1 : rc;
}

int evts_remove(const struct invocation *in, portd_client *client, struct targets *targets) {
    int first = 1;

    for (size_t i = 0; i < targets->n; i++) {
        struct target *target = &targets->items[i];
        int rc = 1;

        if (target->kind == TARGET_HOLD && target->id != 0 && targets->n_ids > 0)
            rc = release_evt(in, client, target);
        else if (target->made)
            rc = portd_remove(client, target->id, evts_deadline(in));
        if (rc > 0 && target->made)
            rc = portd_release(client, &target->id, 1, evts_deadline(in));
        if (rc < 0 && first > 0)
            first = rc;
    }
    return first;
}
