/* terminal_linux.c: portctl run and attach.
 *
 * The child is held before it has run anything: if that fails, there has been no program. */
#define _GNU_SOURCE
#include "terminal.h"

#include "claim.h"
#include "ending.h"
#include "failure.h"
#include "lease.h"
#include "native.h"
#include "program.h"
#include "screen.h"
#include "spawn.h"
#include "text.h"
#include "traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { BY_SIGNAL = 128, ROWS = 24, COLUMNS = 80, UNDO_US = 2 * 1000 * 1000 };

static int tell_system(const struct terminal_wish *wish, const char *what, int error) {
    return failure_code(&wish->in->output, PORTD_E_SYSTEM, NULL, "cannot %s: %s", what,
                        native_error_text(error));
}

/* ---- the end --------------------------------------------------------------------------------------------- */

static int tell_ending(const struct terminal_wish *wish, struct ending ending) {
    const struct output *output = &wish->in->output;

    if (!ending.known)
        return failure_own(output, "unknown", PORTCTL_FAILED,
                           "Linux tells it since 6.15, when the parent has waited for the program",
                           "'%s' has ended, and its exit status is unknown", wish->name);
    if (ending.signal == 0)
        return ending.status;
    output_note(output, "'%s' was ended by signal %d (%s)", wish->name, ending.signal,
                strsignal(ending.signal));
    return BY_SIGNAL + ending.signal;
}

static void tell_rest(const struct terminal_wish *wish, const struct traffic *traffic) {
    if (traffic->unsent > 0)
        output_note(&wish->in->output, "%zu bytes that were typed have not been read by it", traffic->unsent);
    if (traffic->tail->lost > 0)
        output_note(&wish->in->output, "%llu bytes of its output are not kept any more",
                    (unsigned long long)traffic->tail->lost);
    if (traffic->unshown > 0)
        output_note(&wish->in->output, "%zu bytes of its output are lost", traffic->unshown);
}

static int tell_detached(const struct terminal_wish *wish, bool held) {
    char *word = hold_word(wish->name);

    if (held)
        output_note(&wish->in->output, "detached: 'portctl attach %s' comes back", word);
    else
        output_note(&wish->in->output, "detached: '%s' is not held any more", word);
    free(word);
    return PORTCTL_NO;
}

/* ---- attached -------------------------------------------------------------------------------------------- */

/* The key does not detach while no broker can hold the program: it would end. */
static enum traffic_end carry(struct traffic *traffic, bool *held) {
    enum traffic_end end;
    int safe = 1;

    do {
        end = traffic_run(traffic);
        if (end == TRAFFIC_DETACHED && (safe = claim_is_safe(traffic->claim)) < 0)
            (void)screen_write(1, "\a", 1);
    } while (end == TRAFFIC_DETACHED && safe < 0);
    *held = safe > 0;
    return end;
}

static int tell_left(const struct terminal_wish *wish, const struct traffic *traffic, enum traffic_end end,
                     bool held) {
    tell_rest(wish, traffic);
    switch (end) {
    case TRAFFIC_TAKEN:
        return failure_own(&wish->in->output, "taken", PORTCTL_ENDED, NULL,
                           "'%s' has been taken over by another attach", wish->name);
    case TRAFFIC_SIGNAL:
        screen_raise(traffic->signal);
        return BY_SIGNAL + traffic->signal;
    case TRAFFIC_FAILED:
        return tell_system(wish, "go on copying", traffic->error);
    default:
        return tell_detached(wish, held);
    }
}

/* Who looks on has nothing else to read. */
static int find_tail(const struct terminal_wish *wish, const struct claim *claim, struct tail *tail) {
    int code;

    tail->owner = hold_owner(&wish->holds);
    tail->name = wish->name;
    tail->acknowledges = !wish->looks;
    code = tail_open(tail, claim->broker.client);
    if (code < 0)
        return hold_fail(wish->in, claim->broker.client, code, NULL);
    if (wish->looks && !tail->is_there)
        return failure_code(&wish->in->output, PORTD_E_UNSUPPORTED,
                            "'portctl run --spool SIZE' has the broker keep the output for everybody",
                            "'%s' has no spool: only who is attached sees its output", wish->name);
    return 0;
}

static int attach(const struct terminal_wish *wish, struct bundle *bundle, struct broker *broker,
                  bool steals) {
    static struct tail tail;
    struct claim claim;
    struct traffic traffic = {.wish = wish, .claim = &claim, .tail = &tail};
    struct ending ending = {.known = false};
    enum traffic_end end;
    bool held = true;
    int rc = 0;

    if (wish->looks)
        claim_watch(&claim, wish, bundle, broker);
    else
        rc = claim_make(&claim, wish, bundle, broker, steals);
    if (rc == 0)
        rc = find_tail(wish, &claim, &tail);
    if (rc != 0) {
        claim_end(&claim, false);
        return rc;
    }
    traffic.bell = screen_open();
    if (traffic.bell < 0) {
        rc = tell_system(wish, "make a pipe", errno);
        claim_end(&claim, false);
        return rc;
    }
    end = carry(&traffic, &held);
    screen_close(end != TRAFFIC_ENDED);
    if (end == TRAFFIC_ENDED)
        ending = ending_of((int)bundle->fds[PART_PROCESS]);
    claim_end(&claim, end == TRAFFIC_ENDED && !wish->looks);
    return end == TRAFFIC_ENDED ? tell_ending(wish, ending) : tell_left(wish, &traffic, end, held);
}

/* ---- run ------------------------------------------------------------------------------------------------- */

static int open_pty(struct bundle *bundle, struct spawn *spawn) {
    struct winsize size = {.ws_row = ROWS, .ws_col = COLUMNS};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

    if (master < 0)
        return errno;
    bundle->fds[PART_OUTPUT] = master;
    if (grantpt(master) != 0 || unlockpt(master) != 0)
        return errno;
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return errno;
    spawn->on_terminal = true;
    spawn->streams[0] = spawn->streams[1] = spawn->streams[2] = slave;
    (void)screen_size(&size);
    return ioctl(master, TIOCSWINSZ, &size) == 0 ? 0 : errno;
}

static int open_pipes(struct bundle *bundle, struct spawn *spawn) {
    int input[2], output[2];

    if (pipe2(input, O_CLOEXEC) != 0)
        return errno;
    bundle->fds[PART_INPUT] = input[1];
    spawn->streams[0] = input[0];
    if (pipe2(output, O_CLOEXEC) != 0)
        return errno;
    bundle->fds[PART_OUTPUT] = output[0];
    spawn->streams[1] = spawn->streams[2] = output[1];
    return 0;
}

static void close_streams(struct spawn *spawn) {
    for (int i = 0; i < 3; i++)
        if (spawn->streams[i] >= 0 && (i == 0 || spawn->streams[i] != spawn->streams[i - 1]))
            close(spawn->streams[i]);
}

/* The program finds the same broker. A session of portctl's own would end with it. */
static int set_environment(const struct terminal_wish *wish, const struct broker *broker) {
    const char *kind = getenv("TERM");
    bool inherited = broker_inherited(wish->in) != NULL;
    int error = program_set("PORTD_SESSION", NULL);

    if (error == 0)
        error = program_set("PORTD_ADDRESS", inherited ? NULL : portd_address(broker->client));
    if (error == 0 && wish->pty && (kind == NULL || kind[0] == '\0'))
        error = program_set("TERM", "xterm");
    return error == 0 ? 0 : tell_system(wish, "set the program's environment", error);
}

static int begin(const struct terminal_wish *wish, struct bundle *bundle, struct spawned *spawned) {
    struct spawn spawn = {.words = wish->in->program, .streams = {-1, -1, -1}};
    int error = wish->pty ? open_pty(bundle, &spawn) : open_pipes(bundle, &spawn);

    if (error != 0) {
        close_streams(&spawn);
        return tell_system(wish, wish->pty ? "make a terminal" : "make pipes", error);
    }
    error = spawn_begin(&spawn, spawned);
    close_streams(&spawn);
    if (error == ENOSYS)
        return failure_code(&wish->in->output, PORTD_E_UNSUPPORTED, NULL,
                            "this system has no descriptor of a process that the broker could hold");
    if (error != 0)
        return tell_system(wish, "make a process", error);
    bundle->fds[PART_PROCESS] = spawned->process;
    spawned->process = -1;
    bundle->n = wish->pty ? PART_INPUT : PARTS;
    return 0;
}

static bool is_of_bundle(const struct bundle *bundle, const char *name) {
    for (size_t i = 0; i < bundle->n; i++)
        if (strcmp(bundle->names[i], name) == 0)
            return true;
    return false;
}

/* Whether a put without an answer was done is not known. What is there by this process is dropped, as the program does not run. */
static void undo(const struct terminal_wish *wish, const struct bundle *bundle) {
    const char *owner = hold_owner(&wish->holds);
    int64_t deadline = portd_now() + UNDO_US;
    struct broker_wish where = {.session = BROKER_ALONE, .deadline = deadline};
    struct broker broker;
    portd_list *list = NULL;
    char message[512];

    if (broker_try(wish->in, &where, &broker, message, sizeof(message)) != 1)
        return;
    int rc = portd_list_holds(broker.client, owner, deadline, &list);
    for (size_t i = 0; rc > 0 && i < portd_list_count(list); i++) {
        const portd_held *held = portd_list_held(list, i);

        if (held->put_pid == (uint32_t)getpid() && is_of_bundle(bundle, held->name))
            (void)portd_drop(broker.client, owner, &held->name, 1, &held->descriptor, deadline);
    }
    portd_list_free(list);
    broker_disconnect(&broker);
}

static int hold(const struct terminal_wish *wish, struct bundle *bundle, portd_client *client) {
    portd_lease lease;
    int rc = lease_parse(wish->in, &lease);

    if (rc == 0) {
        const uint64_t spools[PARTS] = {wish->spool};
        rc = portd_put_spooled(client, hold_owner(&wish->holds), (const char *const *)bundle->names,
                               bundle->fds, bundle->n, NULL, &lease, wish->spool != 0 ? spools : NULL,
                               wish->when_full, wish->in->deadline, bundle->ids);
        if (rc == PORTD_E_TIMEOUT || rc == PORTD_E_DISCONNECTED || rc == PORTD_E_UNCERTAIN)
            undo(wish, bundle);
        rc = rc > 0 ? 0
                    : hold_fail(wish->in, client, rc,
                                "'portctl attach' goes to what is there, 'portctl drop' ends it, another "
                                "name keeps both");
    }
    lease_close(&lease);
    return rc;
}

static int release(const struct terminal_wish *wish, struct bundle *bundle, portd_client *client,
                   struct spawned *spawned) {
    int error = spawn_release(spawned);

    if (error == 0)
        return 0;
    (void)portd_drop(client, hold_owner(&wish->holds), (const char *const *)bundle->names, bundle->n,
                     bundle->ids, PORTD_FOREVER);
    return program_not_run(&wish->in->output, wish->in->program[0], error);
}

static int answer(const struct terminal_wish *wish, pid_t pid) {
    struct node *object = node_object();

    node_text(object, "name", wish->name);
    node_number(object, "pid", (uint64_t)pid);
    output_value(&wish->in->output, "pid", object);
    return PORTCTL_DONE;
}

static int run_held(const struct terminal_wish *wish, struct bundle *bundle, struct broker *broker) {
    struct spawned spawned = {.pid = -1, .process = -1, .gate = -1, .report = -1};
    int rc = set_environment(wish, broker);

    if (rc == 0)
        rc = begin(wish, bundle, &spawned);
    if (rc == 0)
        rc = hold(wish, bundle, broker->client);
    if (rc == 0)
        rc = release(wish, bundle, broker->client, &spawned);
    spawn_end(&spawned);
    if (rc != 0)
        return rc;
    return wish->detached ? answer(wish, spawned.pid) : attach(wish, bundle, broker, true);
}

/* ---- attach ---------------------------------------------------------------------------------------------- */

static bool is_same(const struct stat *a, int number) {
    struct stat b;

    return fstat(number, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* Whether portctl runs on that terminal: it controls portctl, or is one of its streams. */
static bool is_inside(int master) {
    pid_t session = tcgetsid(master);
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct stat status;
    bool inside = session > 0 && session == getsid(0);

    if (slave >= 0 && fstat(slave, &status) == 0)
        inside = inside || is_same(&status, 0) || is_same(&status, 1);
    if (slave >= 0)
        close(slave);
    return inside;
}

/* What NAME is says which kind of program it is. */
static int get_bundle(struct terminal_wish *wish, struct bundle *bundle, portd_client *client) {
    const char *const *names = (const char *const *)bundle->names;
    const char *owner = hold_owner(&wish->holds);
    struct stat status;
    unsigned number;
    int rc = portd_get_raw(client, owner, names, PART_INPUT, NULL, PORTD_RAW_UNREAD, wish->in->deadline,
                           bundle->fds, bundle->ids);

    if (rc < 0)
        return hold_fail(wish->in, client, rc, NULL);
    bundle->n = PART_INPUT;
    wish->pty = ioctl((int)bundle->fds[PART_OUTPUT], TIOCGPTN, &number) == 0;
    if (wish->pty)
        return 0;
    if (fstat((int)bundle->fds[PART_OUTPUT], &status) != 0 || !S_ISFIFO(status.st_mode))
        return failure_usage(&wish->in->output, NULL, "'%s' is not of 'portctl run'", wish->name);
    rc = portd_get(client, owner, &names[PART_INPUT], 1, NULL, wish->in->deadline, &bundle->fds[PART_INPUT],
                   &bundle->ids[PART_INPUT]);
    if (rc > 0)
        bundle->n = PARTS;
    return rc > 0 || rc == PORTD_E_NOT_FOUND ? 0 : hold_fail(wish->in, client, rc, NULL);
}

static int wait_for_end(const struct terminal_wish *wish, const struct bundle *bundle) {
    portd_native process = bundle->fds[PART_PROCESS];
    int rc = native_await(process, false, wish->in->deadline);

    if (rc == 0)
        return failure_code(&wish->in->output, PORTD_E_TIMEOUT, NULL, "'%s' has not ended in time",
                            wish->name);
    if (rc < 0)
        return tell_system(wish, "wait", errno);
    return tell_ending(wish, ending_of((int)process));
}

/* Its end, which who may not have the process learns by the spool alone. */
static int get_process(const struct terminal_wish *wish, struct bundle *bundle, portd_client *client) {
    const char *name = bundle->names[PART_PROCESS];
    int rc = portd_get(client, hold_owner(&wish->holds), &name, 1, NULL, wish->in->deadline,
                       &bundle->fds[PART_PROCESS], &bundle->ids[PART_PROCESS]);

    return rc > 0 || rc == PORTD_E_DENIED || rc == PORTD_E_NOT_FOUND ? 0
                                                                     : hold_fail(wish->in, client, rc, NULL);
}

static int attach_held(struct terminal_wish *wish, struct bundle *bundle, struct broker *broker) {
    int rc =
        wish->looks ? get_process(wish, bundle, broker->client) : get_bundle(wish, bundle, broker->client);

    if (rc != 0)
        return rc;
    if (wish->looks)
        return attach(wish, bundle, broker, false);
    if (wish->waits) {
        broker_disconnect(broker);
        return wait_for_end(wish, bundle);
    }
    if (wish->pty && is_inside((int)bundle->fds[PART_OUTPUT]))
        return failure_own(&wish->in->output, "inside", PORTCTL_USAGE, "attach from another terminal",
                           "portctl runs inside '%s': it cannot be attached to itself", wish->name);
    return attach(wish, bundle, broker, wish->steals);
}

/* ---- both ------------------------------------------------------------------------------------------------ */

static int connect_and(struct terminal_wish *wish,
                       int (*go)(struct terminal_wish *, struct bundle *, struct broker *)) {
    struct broker_wish where = {.session = BROKER_ALONE, .start = true, .deadline = wish->in->deadline};
    struct bundle bundle;
    struct broker broker;
    int rc = broker_connect(wish->in, &where, &broker);

    if (rc != 0)
        return rc;
    bundle_init(&bundle, wish->name);
    rc = hold_check(wish->in, broker.client);
    if (rc == 0)
        rc = go(wish, &bundle, &broker);
    broker_disconnect(&broker);
    bundle_deinit(&bundle);
    return rc;
}

static int go_run(struct terminal_wish *wish, struct bundle *bundle, struct broker *broker) {
    return run_held(wish, bundle, broker);
}

int terminal_run(const struct terminal_wish *wish) {
    struct terminal_wish own = *wish;
    int rc = program_check(&wish->in->output, wish->in->program[0]);

    own.fresh = true;
    own.detached = own.detached || !native_is_terminal(0);
    return rc != 0 ? rc : connect_and(&own, go_run);
}

int terminal_attach(const struct terminal_wish *wish) {
    struct terminal_wish own = *wish;

    return connect_and(&own, attach_held);
}
