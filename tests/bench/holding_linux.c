/* holding_linux.c: holding.h with libportd. */
#define _GNU_SOURCE

#include "holding.h"

#include "broker.h"
#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const char *const stored[] = {"stored"}, *const held[] = {"held"};

struct holding {
    pid_t pid;
    portd_client *client;
    portd_native fd;
};

static void must(const struct holding *holding, int code, const char *what) {
    if (code == 1)
        return;
    errno = 0;
    fprintf(stderr, "bench: %s: %s: %s\n", what, portd_code_name(code), portd_last_error(holding->client));
    bench_fail(what);
}

static void put(struct holding *holding, const char *const *name) {
    must(holding, portd_put(holding->client, NULL, name, &holding->fd, 1, NULL, NULL, PORTD_FOREVER, NULL),
         "put");
}

struct holding *holding_start(const char *program) {
    struct holding *holding = calloc(1, sizeof(*holding));
    char address[128];

    if (!holding)
        bench_fail("calloc");
    (void)snprintf(address, sizeof(address), "unix:%s", process_path("portd-keeper.sock"));
    holding->pid = broker_daemon(program, address, "0600", true);
    holding->client = broker_connect_to(address);
    holding->fd = eventfd(0, EFD_CLOEXEC);
    if (holding->fd < 0)
        bench_fail("eventfd");
    put(holding, held);
    return holding;
}

void holding_end(struct holding *holding) {
    portd_disconnect(holding->client);
    process_end(holding->pid);
    (void)close((int)holding->fd);
    free(holding);
}

void holding_put(void *subject, double *us, size_t n) {
    struct holding *holding = subject;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        put(holding, stored);
        us[i] = bench_now() - start;
        must(holding, portd_drop(holding->client, NULL, stored, 1, NULL, PORTD_FOREVER), "drop");
    }
}

void holding_get(void *subject, double *us, size_t n) {
    struct holding *holding = subject;
    portd_native copy;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        must(holding, portd_get(holding->client, NULL, held, 1, NULL, PORTD_FOREVER, &copy, NULL), "get");
        (void)close((int)copy);
        us[i] = bench_now() - start;
    }
}
