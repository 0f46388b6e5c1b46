/* test_signals.c: signals that the broker's own user sends without end. */
#include "tests/support/fixture.h"

#include <signal.h>

static int flood(void *data) {
    const int *number = data;

    while (kill(fixture_broker()->pid, *number) == 0)
        ;
    return 1;
}

static void check_flood(int number) {
    enum { PINGS = 200 };
    pid_t child = fixture_fork(flood, &number);
    portd_client *c = fixture_client(NULL);

    for (int i = 0; i < PINGS; i++)
        assert_int_equal(portd_ping(c, fixture_soon()), 1);
    fixture_end(child);
}

static void others_are_served_while_one_is_handled(void **state) {
    (void)state;
    check_flood(SIGHUP);
}

/* The one by which workers are interrupted. */
static void others_are_served_while_one_interrupts(void **state) {
    (void)state;
    check_flood(SIGUSR2);
}

TEST_MAIN(FIXTURE_CASE(others_are_served_while_one_is_handled),
          FIXTURE_CASE(others_are_served_while_one_interrupts))
