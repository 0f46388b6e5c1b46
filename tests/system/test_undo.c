/* test_undo.c: create calls whose result nobody wants, undone (Release.undo), in every order with the other calls about the object.
 *
 * The cases walk through all sequences of a few steps, on the running broker. A model of sets says what must be there: which calls stand
 * for an object, whether a release waits for its end, and whether it is registered. */
#include "guest.h"

#include "tests/procedures/descriptors.h"

#include <unistd.h>

enum { STEPS = 6, CALLS = STEPS, NONE = -1 };

/* What one step does. Two connections of one session make the calls in turn. */
enum step {
    KEEP,    /* a create call, whose result is wanted */
    ABANDON, /* one whose result is not; it is undone later */
    UNDO,    /* the oldest one that has not been undone */
    RELEASE, /* the newest object that is there */
    END,     /* a semaphore fires; an event is removed */
    KINDS_OF_STEPS
};

/* One object of the model. */
struct object {
    uint64_t id;
    bool stands[CALLS]; /* by that call */
    bool registered, there;
    bool pending;  /* a release, until it ends */
    bool released; /* once, perhaps lifted */
};

struct model {
    bool semaphores;
    int ends[2];
    struct raw *connections[2];
    struct object objects[CALLS];
    int n; /* of the objects */
    struct {
        int object; /* that it returned */
        uint32_t undo;
        bool abandoned; /* and not undone yet */
    } calls[CALLS];
    int n_calls;
};

static struct raw *connection_of(const struct model *model, int call) { return model->connections[call % 2]; }

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static raw_reply *create(struct model *model, int call) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt evt = PORTD__V1__DESCRIPTOR_EVT__INIT;
    Portd__V1__Descriptor semaphore = PORTD__V1__DESCRIPTOR__INIT;

    evt.number = semaphore.number = model->ends[0];
    evt.mode = semaphore.mode = PORTD__V1__MODE__MODE_READ;
    request.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    request.fd_to_evt = &evt;
    if (model->semaphores) {
        request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
        request.file_descriptor_to_semaphore = &semaphore;
    }
    raw_reply *reply = raw_ask_fds(connection_of(model, call), &request, model->ends, 1);
    assert_non_null(reply);
    assert_null(reply->error);
    return reply;
}

static int release(struct raw *raw, uint64_t id, uint32_t undo) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Release message = PORTD__V1__RELEASE__INIT;

    message.ids = &id;
    message.n_ids = 1;
    message.undo = undo;
    request.method_case = PORTD__V1__REQUEST__METHOD_RELEASE;
    request.release = &message;
    return raw_code(raw_ask(raw, &request));
}

/* 1: ready, 0: not, below 0: there is no such object. */
static int look(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;

    wait.ids = &id;
    wait.n_ids = 1;
    wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = &wait;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    int ready = reply->error ? -(int)reply->error->code : reply->wait->n_ready > 0;
    raw_free(reply);
    return ready;
}

static bool has_fired(void *data) {
    const struct model *model = data;
    uint64_t id = 1;

    return raw_semaphore(model->connections[0], -1, model->ends[0], PORTD__V1__MODE__MODE_CHECK_READ, &id) ==
               0 &&
           id == 0;
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static int newest(const struct model *model, bool registered) {
    for (int i = model->n - 1; i >= 0; i--)
        if (registered ? model->objects[i].registered : model->objects[i].there)
            return i;
    return NONE;
}

static bool is_wanted(const struct object *object) {
    for (int i = 0; i < CALLS; i++)
        if (object->stands[i])
            return true;
    return false;
}

static void step_create(struct model *model, bool abandoned) {
    int call = model->n_calls++, at = newest(model, true);
    raw_reply *reply = create(model, call);
    const Portd__V1__Object *result = reply->fd_to_evt;
    struct object *object = &model->objects[at == NONE ? model->n : at];

    assert_true(result->id != 0 && result->undo != 0);
    assert_int_equal(result->created, at == NONE);
    if (at == NONE) {
        at = model->n++;
        *object = (struct object){.id = result->id, .registered = true, .there = true};
    }
    assert_true(result->id == object->id);
    object->stands[call] = true;
    object->pending = false;
    model->calls[call].object = at;
    model->calls[call].undo = result->undo;
    model->calls[call].abandoned = abandoned;
    raw_free(reply);
}

static int oldest_abandoned(const struct model *model) {
    for (int i = 0; i < model->n_calls; i++)
        if (model->calls[i].abandoned)
            return i;
    return NONE;
}

static void step_undo(struct model *model) {
    int call = oldest_abandoned(model);
    struct object *object = &model->objects[model->calls[call].object];

    model->calls[call].abandoned = false;
    assert_int_equal(release(connection_of(model, call), object->id, model->calls[call].undo),
                     object->there ? 0 : PORTD__V1__CODE__CODE_NOT_FOUND);
    if (!object->there || !object->stands[call])
        return;
    object->stands[call] = false;
    if (is_wanted(object))
        return;
    object->pending = object->registered && object->released;
    object->there = object->registered = object->pending;
}

static void step_release(struct model *model) {
    struct object *object = &model->objects[newest(model, false)];

    assert_int_equal(release(model->connections[0], object->id, 0), 0);
    memset(object->stands, 0, sizeof object->stands);
    object->released = true;
    object->pending = object->there = object->registered;
}

static void step_end(struct model *model) {
    struct object *object = &model->objects[newest(model, true)];
    char byte;

    if (model->semaphores) {
        put(model->ends[1]);
        assert_true(fixture_until(has_fired, model));
        assert_int_equal(read(model->ends[0], &byte, 1), 1);
    } else {
        assert_int_equal(
            raw_evt(model->connections[0], -1, model->ends[0], PORTD__V1__MODE__MODE_REMOVE, NULL), 0);
    }
    object->registered = false;
    object->there = !object->pending;
    object->pending = false;
}

/* False: there is nothing that it could be about. */
static bool do_step(struct model *model, enum step step) {
    if ((step == UNDO && oldest_abandoned(model) == NONE) ||
        (step == RELEASE && newest(model, false) == NONE) || (step == END && newest(model, true) == NONE))
        return false;
    if (step == KEEP || step == ABANDON)
        step_create(model, step == ABANDON);
    else if (step == UNDO)
        step_undo(model);
    else if (step == RELEASE)
        step_release(model);
    else
        step_end(model);
    return true;
}

static void check(const struct model *model) {
    for (int i = 0; i < model->n; i++) {
        const struct object *object = &model->objects[i];
        int expected = !object->there ? -(int)PORTD__V1__CODE__CODE_NOT_FOUND : !object->registered;
        for (int k = 0; k < 2; k++)
            assert_int_equal(look(model->connections[k], object->id), expected);
    }
}

/* What a sequence is about is gone with it: the number is free for the next. */
static void clear(struct model *model) {
    for (int i = 0; i < model->n; i++)
        if (model->objects[i].there)
            assert_int_equal(release(model->connections[0], model->objects[i].id, 0), 0);
    if (newest(model, true) != NONE)
        assert_int_equal((model->semaphores ? raw_semaphore : raw_evt)(
                             model->connections[0], -1, model->ends[0], PORTD__V1__MODE__MODE_REMOVE, NULL),
                         0);
}

/* All sequences of that length; what they begin with has been checked with shorter ones. A sequence is a number whose first digit is the first
 * step. Returns how many there were. */
static int walk(const struct model *start, int length) {
    int first = 1, walked = 0;

    for (int i = 1; i < length; i++)
        first *= KINDS_OF_STEPS;
    for (int sequence = 0; sequence < first * KINDS_OF_STEPS; sequence++) {
        struct model model = *start;
        int place = first;
        while (place > 0 && do_step(&model, (enum step)(sequence / place % KINDS_OF_STEPS)))
            place /= KINDS_OF_STEPS;
        if (place > 0) { /* so it is with all that begin like this */
            sequence = (sequence / place + 1) * place - 1;
        } else {
            check(&model);
            walked++;
        }
        clear(&model);
    }
    return walked;
}

static void check_all_orders(bool semaphores, int steps) {
    struct model model = {.semaphores = semaphores};
    struct raw connections[2];
    int walked = 0;

    guest_open(&connections[0]);
    guest_join(&connections[1], &connections[0]);
    model.connections[0] = &connections[0];
    model.connections[1] = &connections[1];
    guest_pipe(model.ends);
    for (int length = 1; length <= steps; length++)
        walked += walk(&model, length);
    assert_true(walked > 500);
    assert_int_equal(guest_quota(&connections[0], "objects", NULL), 0);
    fixture_until_fds(fixture_broker(), 2);
}

static void semaphores_in_all_orders(void **state) {
    (void)state;
    check_all_orders(true, STEPS);
}

static void events_in_all_orders(void **state) {
    (void)state;
    check_all_orders(false, STEPS - 1);
}

TEST_MAIN(FIXTURE_CASE(semaphores_in_all_orders), FIXTURE_CASE(events_in_all_orders))
