/* redis_linux.c: Redis as a peer. Its PING is the request that does the least. */
#define _GNU_SOURCE

#include "peer.h"

#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char request[] = "*1\r\n$4\r\nPING\r\n";
enum { ANSWER = sizeof("+PONG\r\n") - 1 };

struct redis {
    pid_t pid;
    char *path;
    int socket;
};

struct redis *redis_start(void) {
    static char program[] = "redis-server", port[] = "--port", zero[] = "0", at[] = "--unixsocket",
                save[] = "--save", none[] = "", aof[] = "--appendonly", no[] = "no", in[] = "--dir";
    char *folder = strdup(process_folder()), *path = strdup(process_path("redis.sock"));
    char *argv[] = {program, port, zero, at, path, save, none, aof, no, in, folder, NULL};
    struct redis *redis = malloc(sizeof(*redis));

    if (!redis || !path || !folder)
        bench_fail("redis");
    if (!process_installed(program)) {
        free(redis);
        free(path);
        redis = NULL;
    } else {
        *redis = (struct redis){.pid = process_start(argv, -1, -1), .path = path};
        redis->socket = process_connect(path);
    }
    free(folder);
    return redis;
}

void redis_end(struct redis *redis) {
    if (!redis)
        return;
    (void)close(redis->socket);
    process_end(redis->pid);
    free(redis->path);
    free(redis);
}

void redis_ping(void *subject, double *us, size_t n) {
    const struct redis *redis = subject;
    char got[ANSWER + 1];

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        if (write(redis->socket, request, sizeof(request) - 1) != sizeof(request) - 1 ||
            read(redis->socket, got, sizeof(got)) != ANSWER)
            bench_fail("redis");
        us[i] = bench_now() - start;
    }
}

/* The second field of the last line: "PING_MBULK","1500000.00",... */
double redis_pipelined(struct redis *redis) {
    static char program[] = "redis-benchmark", at[] = "-s", clients[] = "-c", one[] = "1", depth[] = "-P",
                sixty_four[] = "64", number[] = "-n", million[] = "1000000", test[] = "-t",
                ping[] = "ping_mbulk", csv[] = "--csv";
    char line[512];
    double rate = 0;
    int ends[2];

    if (!redis || !process_installed(program))
        return 0;
    char *argv[] = {program, at,      redis->path, clients, one, depth, sixty_four,
                    number,  million, test,        ping,    csv, NULL};
    if (pipe(ends) < 0)
        bench_fail("pipe");
    pid_t pid = process_start(argv, -1, ends[1]);
    (void)close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    while (said && fgets(line, sizeof(line), said))
        (void)sscanf(line, "\"PING_MBULK\",\"%lf\"", &rate);
    if (said)
        (void)fclose(said);
    (void)process_wait(pid);
    return rate;
}
