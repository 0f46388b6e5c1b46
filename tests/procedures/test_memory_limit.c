/* test_memory_limit.c: a broker in a control group with a memory limit: what it writes for others and nobody reads does not fill the group, and neither
 * do the pages of files that it reads for them. Needs root, to make a group and to be somebody else. */
#define _GNU_SOURCE

#include "ports.h"
#include "stranger.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { CLIENT = 2001, PIPES = 400, PIPE_SIZE = 1 << 20, PART = 1 << 16, ROOM = 32 << 20, NO_PAGES = 77 };

static struct fixture broker;

/* ---- a control group ---------------------------------------------------------------------------------------------------- */

static const struct place {
    const char *folder, *limit, *used;
} places[] = {{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"},
              {"/sys/fs/cgroup", "memory.max", "memory.current"}};

static bool set_number(const char *folder, const char *file, unsigned long long number) {
    char path[2 * FIXTURE_PATH], text[32];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC), length = snprintf(text, sizeof text, "%llu", number);
    bool done = fd >= 0 && write(fd, text, (size_t)length) == length;
    if (fd >= 0)
        (void)close(fd);
    return done;
}

static unsigned long long number_in(const char *folder, const char *file) {
    char path[2 * FIXTURE_PATH], text[32] = "";
    snprintf(path, sizeof path, "%s/%s", folder, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        (void)close(fd);
    return n > 0 ? strtoull(text, NULL, 10) : 0;
}

/* Makes a group whose memory is counted. NULL: there are none here. */
static const struct place *make_group(char folder[FIXTURE_PATH]) {
    for (size_t i = 0; i < 2; i++) {
        char file[2 * FIXTURE_PATH];
        snprintf(folder, FIXTURE_PATH, "%s/portd-test-%d", places[i].folder, (int)getpid());
        if (mkdir(folder, 0755) < 0)
            continue;
        snprintf(file, sizeof file, "%s/%s", folder, places[i].used);
        if (access(file, R_OK) == 0)
            return &places[i];
        (void)rmdir(folder);
    }
    return NULL;
}

static bool removed(void *folder) { return rmdir(folder) == 0 || errno != EBUSY; }

/* A broker that is in the group when it starts, as under a service manager. */
static bool start_in(const char *folder) {
    bool moved = set_number(folder, "cgroup.procs", (unsigned)getpid());
    bool started = moved && stranger_broker(&broker);
    char parent[FIXTURE_PATH];
    snprintf(parent, sizeof parent, "%s", folder);
    *strrchr(parent, '/') = '\0';
    return set_number(parent, "cgroup.procs", (unsigned)getpid()) && started;
}

/* ---- a client ------------------------------------------------------------------------------------------------------------ */

static int pipes[PIPES][2];
static char bytes[PART];

static int write_part(portd_client *client, portd_id out) {
    size_t n;
    return portd_port_write(client, out, bytes, sizeof bytes, fixture_soon(), &n);
}

static int empty_pipe(int fd) {
    while (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0)
        if (read(fd, bytes, sizeof bytes) <= 0)
            return -1;
    return 0;
}

/* Fills pipes until a write is refused, empties them, and writes again. */
static int fill_and_empty(void *data) {
    portd_client *client = stranger_connect(&broker, CLIENT, NULL, NULL);
    portd_id out = 0;
    int code = 1, n = 0;
    (void)data;
    if (!client)
        return 1;
    for (; code == 1 && n < PIPES; n++) {
        if (pipe2(pipes[n], O_CLOEXEC) < 0)
            return 2;
        (void)fcntl(pipes[n][1], F_SETPIPE_SZ, PIPE_SIZE);
        if (portd_fd_to_port(client, pipes[n][1], "", PORTD_WRITE, fixture_soon(), NULL, &out) != 1)
            return 3;
        for (int left = fcntl(pipes[n][1], F_GETPIPE_SZ); code == 1 && left >= PART; left -= PART)
            code = write_part(client, out);
    }
    if (code != PORTD_E_LIMIT)
        return 4;
    for (int i = 0; i < n; i++)
        if (empty_pipe(pipes[i][0]) < 0)
            return 5;
    for (int i = 0; code == PORTD_E_LIMIT && i < FIXTURE_PATIENCE_MS; i++) {
        (void)poll(NULL, 0, 1);
        code = write_part(client, out);
    }
    portd_disconnect(client);
    return code == 1 ? 0 : 6;
}

static int read_part(portd_client *client, portd_id in, size_t *n) {
    return portd_port_read(client, in, bytes, sizeof bytes, 0, fixture_soon(), n, NULL);
}

/* Reads a file on a disk and keeps its pages in memory, until a read is refused; lets them go, and reads again. */
static int lock_and_release(void *data) {
    enum { FILE_SIZE = 4 * ROOM };
    struct statfs system;
    portd_id in = 0;
    size_t n = 0, read = 0;
    int code = 1, sum = 0;
    (void)data;
    int fd = open(broker.folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd < 0 || fstatfs(fd, &system) < 0 || system.f_type == TMPFS_MAGIC || ftruncate(fd, FILE_SIZE) < 0)
        return NO_PAGES;
    /* Root may lock so much at once; a user needs a process for each 8 MiB. */
    char *pages = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    if (pages == MAP_FAILED || mlock2(pages, FILE_SIZE, MLOCK_ONFAULT) < 0)
        return NO_PAGES;
    portd_client *client = stranger_connect(&broker, CLIENT, NULL, NULL);
    if (!client)
        return 1;
    if (portd_fd_to_port(client, fd, "", PORTD_READ, fixture_soon(), &in, NULL) != 1)
        return 3;
    while (code == 1 && read < FILE_SIZE) {
        code = read_part(client, in, &n);
        for (size_t at = 0; code == 1 && at < n; at += 4096)
            sum += *(volatile char *)(pages + read + at);
        read += code == 1 ? n : 0;
    }
    if (code != PORTD_E_LIMIT)
        return 5;
    if (munmap(pages, FILE_SIZE) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return 6;
    for (int i = 0; code == PORTD_E_LIMIT && i < FIXTURE_PATIENCE_MS; i++) {
        (void)poll(NULL, 0, 1);
        code = read_part(client, in, &n);
    }
    portd_disconnect(client);
    return code == 1 && sum == 0 ? 0 : 7;
}

/* What the client returns, beside a broker with a limit. */
static int be_limited(int (*client)(void *)) {
    char folder[FIXTURE_PATH];
    int answer = -1;
    const struct place *place = make_group(folder);
    if (!place)
        test_skip("there are no control groups with memory here, or only root can make one");
    bool started = start_in(folder);
    unsigned long long used = number_in(folder, place->used);
    bool limited = started && set_number(folder, place->limit, 2 * used + ROOM);
    if (limited)
        answer = fixture_reap(fixture_fork(client, NULL));
    bool alive =
        limited && fixture_process_state(broker.pid) != 0 && fixture_process_state(broker.pid) != 'Z';
    if (started && alive)
        fixture_stop(&broker);
    assert_true(fixture_until(removed, folder));
    if (!started)
        test_skip("only root can be somebody else");
    assert_true(limited);
    assert_true(alive);
    return answer;
}

static void unread_bytes_of_others_do_not_fill_it(void **state) {
    (void)state;
    assert_int_equal(be_limited(fill_and_empty), 0);
}

static void pages_that_others_lock_do_not_fill_it(void **state) {
    (void)state;
    int answer = be_limited(lock_and_release);
    if (answer == NO_PAGES)
        test_skip("the tests' folder is in memory, or only root may lock so much of it");
    assert_int_equal(answer, 0);
}

TEST_MAIN(FIXTURE_CASE_BARE(unread_bytes_of_others_do_not_fill_it),
          FIXTURE_CASE_BARE(pages_that_others_lock_do_not_fill_it))
