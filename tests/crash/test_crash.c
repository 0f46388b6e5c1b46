/* test_crash.c: kills brokers that have a keeper, one after another, while clients work: at random instants, at each step of an operation, and at each step
 * of the giving back. Nothing that was acknowledged is lost (crash.h has what that is), no wait stays silent, and nothing leaks.
 *
 * PORTD_CRASH_KILLS: how many kills; PORTD_CRASH_SEED: another run. The last line counts. */
#define _GNU_SOURCE
#include "crash.h"
#include "tests/support/fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    KILLS = 50,
    LONG_FORM = 300,   /* kills, from which on steps are tried one after another */
    LIFE_US = 1000000, /* after which the keeper starts the next broker without a pause */
    FIRST_STEPS = 14,  /* a guess of how many an operation has */
    EACH_STEP = 2      /* before the call, after it */
};

struct world *world;
struct kill_page *kill_page;

struct plan {
    uint64_t next, most; /* in units of half a step; most: that an operation has had */
};

struct killing {
    unsigned number;
    pid_t pid;
    uint64_t answered;
    char what[160];
};

static struct {
    struct fixture fixture;
    portd_client *portd;
    pid_t broker;
    unsigned round, n_kills, wanted, n_steps, n_give_back, n_random;
    unsigned n_in_flight, n_waits, n_done, n_undone;
    size_t keeper_base, broker_base;
    uint64_t random;
    struct plan plans[OPS][2], give_back;
    struct killing last; /* whose uncertain operations are not known yet */
    bool has_last;
    char page[64];
} own;

static uint64_t number_of(const char *variable, uint64_t otherwise) {
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t random_below(uint64_t below) {
    own.random = own.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (own.random >> 33) % below;
}

/* ---- processes ---------------------------------------------------------------------------------------------------- */

/* The keeper's children; one of them into *pid. */
static unsigned brokers(pid_t *pid) {
    unsigned n;
    *pid = fixture_child(own.fixture.pid, &n);
    return n;
}

static bool has_failed(void) {
    for (int i = 0; i < CLIENTS; i++)
        if (atomic_load(&world->clients[i].failed))
            return true;
    return false;
}

static void show_last(void) {
    if (!own.has_last)
        return;
    int done = 0, undone = 0, flying = 0, waits = 0;
    for (int i = 0; i < CLIENTS; i++) {
        struct client *client = &world->clients[i];
        done += atomic_exchange(&client->n_done, 0);
        undone += atomic_exchange(&client->n_undone, 0);
        flying += atomic_exchange(&client->in_flight, 0);
        waits += atomic_exchange(&client->n_waits, 0);
    }
    print_message("kill %u: %s; pid %d; answered before: %llu; in flight: %d, and %d waits, all answered; "
                  "uncertain: %d done, %d not done\n",
                  own.last.number, own.last.what, (int)own.last.pid, (unsigned long long)own.last.answered,
                  flying, waits, done, undone);
    own.n_in_flight += (unsigned)flying;
    own.n_waits += (unsigned)waits;
    own.n_done += (unsigned)done;
    own.n_undone += (unsigned)undone;
    own.has_last = false;
}

static void give_up(const char *what) {
    char text[600] = "";
    for (int i = 0; i < CLIENTS; i++)
        if (atomic_load(&world->clients[i].failed))
            (void)snprintf(text, sizeof text, "%s", world->clients[i].why);
    print_error("after kill %u (%s): %s: %s\n", own.n_kills, own.last.what, what, text);
    fail_msg("%u kills, and then: %s: %s", own.n_kills, what, text);
}

/* ---- rounds ------------------------------------------------------------------------------------------------------- */

static bool all_have(size_t offset) {
    for (int i = 0; i < CLIENTS; i++)
        if (atomic_load((atomic_uint *)(void *)((char *)&world->clients[i] + offset)) != own.round)
            return false;
    return true;
}

static bool is_checked(void *data) {
    (void)data;
    return has_failed() || all_have(offsetof(struct client, checked));
}

static bool is_running(void *data) {
    (void)data;
    return has_failed() || all_have(offsetof(struct client, running)) ||
           (kill_page && atomic_load(&kill_page->killed));
}

static bool is_down(void *data) {
    (void)data;
    return has_failed() || all_have(offsetof(struct client, down));
}

static void until(bool (*condition)(void *data), const char *what) {
    if (!fixture_until(condition, NULL) || has_failed())
        give_up(what);
}

static bool has_another(void *data) {
    pid_t pid;
    (void)data;
    bool is_one = brokers(&pid) == 1 && pid != own.broker;
    if (is_one)
        own.broker = pid;
    return is_one;
}

struct counted {
    size_t keeper, broker, held, shorts;
};

/* Workers close, and leases end, so it may take a moment. */
static bool is_counted(void *data) {
    struct counted *counted = data;
    counted->held = counted->shorts = 0;
    for (int i = 0; i < CLIENTS; i++) {
        counted->held += (size_t)atomic_load(&world->clients[i].n_held);
        counted->shorts += (size_t)atomic_load(&world->clients[i].n_short);
    }
    size_t keeper = own.keeper_base + counted->held, broker = own.broker_base + counted->held + CLIENTS;
    counted->keeper = fixture_fds(own.fixture.pid);
    counted->broker = fixture_fds(own.broker);
    return counted->keeper >= keeper && counted->keeper <= keeper + counted->shorts &&
           counted->broker >= broker && counted->broker <= broker + counted->shorts;
}

static void count(void) {
    struct counted counted;
    if (!fixture_until(is_counted, &counted)) {
        print_error(
            "held: %zu, and %zu that expire; keeper: %zu, base %zu; broker: %zu, base %zu, %d connections\n",
            counted.held, counted.shorts, counted.keeper, own.keeper_base, counted.broker, own.broker_base,
            CLIENTS);
        give_up("LEAK");
    }
}

/* All clients reach the broker and find what is theirs. */
static void check_all(void) {
    own.round++;
    atomic_store(&world->round, own.round);
    until(is_checked, "what is held cannot be checked");
    pid_t pid;
    if (brokers(&pid) != 1 || pid != own.broker)
        give_up("not one broker");
    count();
    show_last();
}

static void run_load(void) {
    atomic_store(&world->answered, 0);
    atomic_store(&world->run, own.round);
    until(is_running, "the load does not begin");
}

/* ---- kills -------------------------------------------------------------------------------------------------------- */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...) {
    va_list list;
    va_start(list, format);
    (void)vsnprintf(own.last.what, sizeof own.last.what, format, list);
    va_end(list);
    own.last.number = ++own.n_kills;
    own.last.pid = own.broker;
    own.last.answered = atomic_load(&world->answered);
    own.has_last = true;
    if (own.last.answered == 0)
        give_up("the kill did not hit a working broker");
}

static bool is_dead(void *data) {
    (void)data;
    return fixture_process_state(own.broker) == 0 || fixture_process_state(own.broker) == 'Z';
}

static void after_kill(void) {
    until(is_dead, "the broker is not dead");
    until(is_down, "SILENT: a client does not see the end");
    until(has_another, "there is no next broker");
}

static bool is_enough(void *data) {
    return has_failed() || atomic_load(&world->answered) >= *(uint64_t *)data;
}

static bool is_time(void *data) { return has_failed() || portd_now() >= *(int64_t *)data; }

static void kill_at_random(int64_t at) {
    uint64_t least = 1 + random_below(100);
    if (!fixture_until(is_enough, &least) || !fixture_until(is_time, &at) || has_failed())
        give_up("the load does not go on");
    int64_t spin = portd_now() + (int64_t)random_below(3000); /* not when this process happens to wake up */
    while (portd_now() < spin)
        ;
    assert_return_code(kill(own.broker, SIGKILL), errno);
    note("at random");
    own.n_random++;
    after_kill();
}

static bool is_held_back(void *data) {
    const int *chosen = data;
    for (int i = 0; i < WAITER; i++)
        if (i != *chosen && !atomic_load(&world->clients[i].held_back))
            return has_failed();
    return true;
}

static bool is_obeyed(void *data) {
    return has_failed() || atomic_load(&kill_page->killed) || !atomic_load(&((struct client *)data)->command);
}

static uint64_t next_place(struct plan *plan) {
    uint64_t most = plan->most ? plan->most : EACH_STEP * FIRST_STEPS;
    return own.wanted >= LONG_FORM ? plan->next++ % most : random_below(most);
}

/* False: the operation had fewer steps. */
static bool kill_at_step(void) {
    enum op op = (enum op)(OP_PUT + random_below(OP_SHORT - OP_PUT));
    bool quiet = random_below(2);
    struct plan *plan = &own.plans[op][quiet];
    int chosen = (int)random_below(WAITER);
    struct client *client = &world->clients[chosen];
    uint64_t place = next_place(plan), least = 1 + random_below(20);
    if (!fixture_until(is_enough, &least))
        give_up("the load does not go on");
    if (quiet) {
        atomic_store(&world->hold, true);
        if (!fixture_until(is_held_back, &chosen) || has_failed())
            give_up("a client does not pause");
    }
    atomic_store(&client->target, place / EACH_STEP + 1);
    atomic_store(&client->after, place % EACH_STEP);
    atomic_store(&client->command, op);
    if (!fixture_until(is_obeyed, client) || has_failed())
        give_up("SILENT: an operation does not end");
    bool killed = atomic_load(&kill_page->killed) != 0;
    if (!killed) {
        kill_disarm(kill_page);
        atomic_store(&world->hold, false);
        plan->most = plan->most ? plan->most : place;
        plan->next = 0;
        return false;
    }
    note("step %llu of %s, %s %s, %s", (unsigned long long)(place / EACH_STEP + 1), op_names[op],
         place % EACH_STEP ? "after" : "before", kill_page->step,
         quiet ? "the others pause" : "the others go on");
    own.n_steps++;
    after_kill();
    atomic_store(&world->hold, false); /* who pauses sends nothing to the dead */
    return true;
}

static bool has_begun(void *data) {
    (void)data;
    return has_failed() || atomic_load(&kill_page->killed) || atomic_load(&kill_page->served) == own.broker;
}

/* The next broker ends while it gets back what is held. */
static void arm_give_back(void) {
    struct plan *plan = &own.give_back;
    uint64_t steps = atomic_load(&kill_page->steps_of_start);
    plan->most = EACH_STEP * (steps ? steps : FIRST_STEPS);
    uint64_t place = next_place(plan);
    atomic_store(&kill_page->after, place % EACH_STEP);
    atomic_store(&kill_page->at_start, place / EACH_STEP + 1);
}

/* Whether the broker that has begun is killed in its give-back; the one after it is killed likewise, sometimes. */
static bool await_give_back(void) {
    until(has_begun, "the next broker does not begin");
    kill_disarm(kill_page);
    pid_t killed = atomic_load(&kill_page->killed);
    if (!killed)
        return false;
    if (killed == own.broker)
        until(is_dead, "the broker is not dead");
    bool again = random_below(4) == 0;
    print_message("kill %u: step %llu of %llu of giving back, %s %s; pid %d\n", ++own.n_kills,
                  (unsigned long long)atomic_load(&kill_page->target),
                  (unsigned long long)atomic_load(&kill_page->steps_of_start),
                  atomic_load(&kill_page->after) ? "after" : "before", kill_page->step, (int)killed);
    own.n_give_back++;
    atomic_store(&kill_page->killed, 0);
    if (killed != own.broker) /* there is another one already */
        return false;
    if (again) /* the keeper pauses now */
        arm_give_back();
    until(has_another, "there is no next broker");
    return again;
}

/* Four kills: of a broker that lives longer than a second, so that the keeper does not pause; of the next one, in its give-back; of two that work. */
static void one_turn(void) {
    int64_t began = portd_now();
    check_all();
    run_load();
    if (kill_page)
        arm_give_back();
    kill_at_random(began + LIFE_US + (int64_t)random_below(200000));
    while (kill_page && await_give_back())
        ;
    for (int i = 0; kill_page && i < 2 && own.n_kills < own.wanted; i++) {
        bool killed = false;
        check_all();
        run_load();
        atomic_store(&kill_page->killed, 0);
        for (int tries = 0; tries < 10 && !killed && random_below(8); tries++)
            killed = kill_at_step();
        if (!killed)
            kill_at_random(portd_now() + (int64_t)random_below(100000));
        atomic_store(&kill_page->killed, 0);
    }
}

/* ---- the campaign ------------------------------------------------------------------------------------------------- */

static void make_page(void) {
    (void)snprintf(own.page, sizeof own.page, "/tmp/portd-kill-XXXXXX");
    int fd = mkstemp(own.page);
    assert_true(fd >= 0);
    assert_return_code(ftruncate(fd, sizeof *kill_page), errno);
    kill_page = mmap(NULL, sizeof *kill_page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(kill_page != MAP_FAILED);
    (void)close(fd);
    assert_return_code(setenv(KILL_ENVIRONMENT, own.page, 1), errno);
    assert_return_code(setenv("LD_PRELOAD", getenv("PORTD_CRASH_LIBRARY"), 1), errno);
}

static int sleep_on(void *data) {
    (void)data;
    for (;;)
        (void)pause();
    return 0;
}

static void begin(void) {
    static const char *const options[] = {"--keeper", "yes", "--mode", "0666", NULL};
    world =
        mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(world != MAP_FAILED);
    if (getenv("PORTD_CRASH_LIBRARY"))
        make_page();
    else
        print_message("without the library of steps: kills are at random only\n");
    fixture_start(&own.fixture, options);
    (void)unsetenv("LD_PRELOAD");
    (void)snprintf(world->address, sizeof world->address, "%s", own.fixture.address);
    assert_int_equal(brokers(&own.broker), 1);
    own.keeper_base = fixture_fds(own.fixture.pid);
    portd_client *portd = fixture_client_at(world->address, NULL);
    fixture_until_closed(portd);
    own.broker_base = fixture_fds(own.broker) - 1;
    fixture_disconnect(portd);
    world->process = fixture_fork(sleep_on, NULL);
    for (unsigned i = 0; i < CLIENTS; i++) {
        world->clients[i].number = i;
        world->clients[i].random = own.random + i;
        (void)fixture_fork(load_run, &world->clients[i]);
    }
}

static bool is_empty(void *data) {
    pid_t pid;
    (void)data;
    return brokers(&pid) == 1 && fixture_fds(own.fixture.pid) == own.keeper_base;
}

static bool has_none(void *data) {
    char state = fixture_process_state(*(pid_t *)data);
    return state == 0 || state == 'Z';
}

/* All is dropped, and then nothing is left. */
static void end(void) {
    check_all();
    atomic_store(&world->finish, true);
    until(is_down, "the clients do not end");
    if (!fixture_until(is_empty, NULL))
        give_up("LEAK: the keeper has descriptors of nothing");
    fixture_stop(&own.fixture);
    if (!fixture_until(has_none, &own.broker))
        give_up("a broker is left over");
    if (kill_page) {
        (void)munmap(kill_page, sizeof *kill_page);
        (void)unlink(own.page);
    }
}

static void nothing_is_lost(void **state) {
    (void)state;
    own.wanted = (unsigned)number_of("PORTD_CRASH_KILLS", KILLS);
    own.random = number_of("PORTD_CRASH_SEED", (uint64_t)portd_now());
    print_message("PORTD_CRASH_KILLS=%u PORTD_CRASH_SEED=%llu\n", own.wanted, (unsigned long long)own.random);
    begin();
    while (own.n_kills < own.wanted)
        one_turn();
    end();
    print_message("%u kills: %u at steps of operations, %u at steps of giving back, %u at random; in flight: "
                  "%u; uncertain: "
                  "%u done, %u not done; waits: %u, none silent; ids: %llu, none twice; 0 lost\n",
                  own.n_kills, own.n_steps, own.n_give_back, own.n_random, own.n_in_flight, own.n_done,
                  own.n_undone, own.n_waits, (unsigned long long)atomic_load(&world->n_ids));
    (void)munmap(world, sizeof *world);
}

int main(void) {
    const struct CMUnitTest tests[] = {FIXTURE_CASE_BARE(nothing_is_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
