/* test_libsystemd.c: programs that store descriptors by libsystemd (sd_notify(3)) do so in the broker, unchanged. */
#define _GNU_SOURCE

#include "guest.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { BARRIER_US = 30000000, MANY = 40 };

static struct fixture broker;
static char folder[64], config[128], path[108];

static int before(void **state) {
    (void)snprintf(folder, sizeof folder, "/tmp/portd-libsystemd-XXXXXX");
    if (fixture_before_bare(state) || !mkdtemp(folder))
        return -1;
    (void)snprintf(config, sizeof config, "%s/portd.conf", folder);
    (void)snprintf(path, sizeof path, "%s/notify.sock", folder);
    return setenv("NOTIFY_SOCKET", path, 1);
}

static int after(void **state) {
    int result = fixture_after(state);
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unlink(config);
    return rmdir(folder) || result ? -1 : 0;
}

static void start(void) {
    const char *options[] = {"--config", config, NULL};
    FILE *file = fopen(config, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "door { notify = \"unix:%s\" }\n", path) > 0);
    assert_int_equal(fclose(file), 0);
    (void)unsetenv("NOTIFY_SOCKET"); /* the broker would tell it that it is ready */
    fixture_start(&broker, options);
    assert_return_code(setenv("NOTIFY_SOCKET", path, 1), errno);
}

static void barrier(void) { assert_int_equal(sd_notify_barrier(0, BARRIER_US), 1); }

static void names(char *text, size_t size) {
    portd_client *client = fixture_client_at(broker.address, NULL);
    portd_list *list;
    assert_int_equal(portd_list_holds(client, NULL, fixture_soon(), &list), 1);
    *text = '\0';
    for (size_t i = 0; i < portd_list_count(list); i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, size - used, "%s ", portd_list_held(list, i)->name);
    }
    portd_list_free(list);
    fixture_disconnect(client);
}

static void assert_same(int a, int b) {
    struct stat left, right;
    assert_return_code(fstat(a, &left), errno);
    assert_return_code(fstat(b, &right), errno);
    assert_true(left.st_dev == right.st_dev && left.st_ino == right.st_ino);
}

static void its_senders_store_and_remove(void **state) {
    portd_native taken = -1;
    portd_id id;
    const char *name = "pty";
    char text[1024];
    int ends[2], more[2];
    (void)state;
    start();
    guest_pipe(ends);
    guest_pipe(more);
    assert_int_equal(sd_notify(0, "READY=1\nSTATUS=Waiting"), 1);
    assert_int_equal(sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=pty\nFDPOLL=0", ends, 2), 1);
    assert_int_equal(sd_pid_notify_with_fds(getpid(), 0, "FDSTORE=1", (const int *)more, 1), 1);
    barrier();
    names(text, sizeof text);
    assert_string_equal(text, "pty pty:2 stored ");
    portd_client *client = fixture_client_at(broker.address, NULL);
    assert_int_equal(portd_get(client, NULL, &name, 1, NULL, fixture_soon(), &taken, &id), 1);
    assert_same(fixture_own((int)taken), ends[0]);
    fixture_disconnect(client);
    assert_int_equal(sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=pty"), 1);
    barrier();
    names(text, sizeof text);
    assert_string_equal(text, "stored ");
}

/* More letters than the socket's queue has room for. */
static void all_of_many_are_held(void **state) {
    char text[1024];
    int ends[2];
    size_t n = 0;
    (void)state;
    start();
    for (int i = 0; i < MANY; i++) {
        assert_return_code(pipe(ends), errno);
        assert_int_equal(sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=n\nFDPOLL=0", ends, 2), 1);
        assert_int_equal(close(ends[0]) | close(ends[1]), 0);
    }
    barrier();
    names(text, sizeof text);
    for (const char *p = text; (p = strchr(p, ' ')) != NULL; p++)
        n++;
    assert_int_equal(n, 2 * MANY);
}

int main(void) {
    struct CMUnitTest cases[] = {cmocka_unit_test_setup_teardown(its_senders_store_and_remove, before, after),
                                 cmocka_unit_test_setup_teardown(all_of_many_are_held, before, after)};
    return TEST_RUN(cases);
}
