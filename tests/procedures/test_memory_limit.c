/* test_memory_limit.c: a broker in a control group with a memory limit: what it writes for others and nobody reads does not fill the group, and neither
 * do the pages of files that it reads for them, nor the handles that they keep, nor what it splices for them. Needs root, to make a group and to be somebody else. */
#define _GNU_SOURCE

#include "ports.h"
#include "stranger.h"

#include "tests/support/client_raw.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

enum {
    CLIENT = 2001,
    PIPES = 400,
    PIPE_SIZE = 1 << 20,
    PART = 1 << 16,
    ROOM = 32 << 20,
    NO_PAGES = 77,
    KEPT = 8000
};

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

/* What the request for a handle of a new object answers; the object is gone afterwards. kept: gets the handle, or NULL: it is closed. 0: something else
 * failed. */
static int handle_of_new(portd_client *client, int fd, bool semaphore, int *kept) {
    portd_native handle = -1;
    portd_id id;
    int made = semaphore ? portd_fd_to_semaphore(client, fd, PORTD_MODE_READ, fixture_soon(), &id)
                         : portd_fd_to_evt(client, fd, PORTD_MODE_READ, PORTD_FD, fixture_soon(), &id);
    int code = made == 1 ? portd_handle_dup(client, id, fixture_soon(), &handle) : 0;
    if (kept)
        *kept = (int)handle;
    else if (code == 1 && close((int)handle) < 0)
        return 0;
    return made == 1 && portd_remove(client, id, fixture_soon()) == 1 &&
                   portd_release(client, &id, 1, fixture_soon()) == 1
               ? code
               : 0;
}

/* In a full group: the entries in an epoll descriptor are the broker's memory, an eventfd is the client's. Unread bytes fill the group again if
 * the kernel has taken something back. */
static int ask_in_full(portd_client *client, portd_id out, int fd) {
    int code = 1;
    for (int i = 0; code == 1 && i < FIXTURE_PATIENCE_MS; i++) {
        if (write_part(client, out) == PORTD_E_LIMIT)
            code = handle_of_new(client, fd, false, NULL);
        if (code == 1 && handle_of_new(client, fd, true, NULL) != 1)
            return 0;
    }
    return code;
}

/* What a hello answers that names this process by its pid, or by its pidfd. */
static int name_self(bool by_pid) {
    Portd__V1__Hello hello = raw_hello_make();
    uint32_t pid = (uint32_t)getpid();
    struct raw raw;
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0), code = raw_connect(&raw, broker.address);
    hello.new_ = true;
    if (by_pid) {
        hello.owner_pids = &pid;
        hello.n_owner_pids = 1;
    } else {
        hello.owner_attached = 1;
    }
    if (code == 0)
        code = raw_hello_with(&raw, &hello, &self, by_pid ? 0 : 1);
    raw_close(&raw);
    return close(self) < 0 ? -errno : code;
}

/* In a full group: the broker opens no pidfd, and takes one. */
static int name_in_full(portd_client *client, portd_id out) {
    int code = 0;
    for (int i = 0; code == 0 && i < FIXTURE_PATIENCE_MS; i++)
        if (write_part(client, out) == PORTD_E_LIMIT)
            code = name_self(true);
    return code == PORTD__V1__CODE__CODE_LIMIT ? name_self(false) : -1;
}

/* What the handle of a semaphore answers to a client that attaches no eventfd. */
static int ask_unattached(int fd) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;
    struct raw raw;
    int code = raw_open(&raw, broker.address);
    if (code == 0)
        code = raw_semaphore(&raw, fd, 1, PORTD__V1__MODE__MODE_READ, &handle.id);
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    if (code == 0)
        code = raw_code(raw_ask(&raw, &request));
    raw_close_fds(&raw);
    raw_close(&raw);
    return code;
}

/* In a full group the broker makes none. */
static int ask_unattached_in_full(portd_client *client, portd_id out, int fd) {
    int code = 0;
    for (int i = 0; code == 0 && i < FIXTURE_PATIENCE_MS; i++)
        if (write_part(client, out) == PORTD_E_LIMIT)
            code = ask_unattached(fd);
    return code;
}

/* Fills pipes until a write is refused, empties them, and writes again. */
static int fill_and_empty(void *data) {
    portd_client *client = stranger_connect(&broker, CLIENT, NULL, NULL);
    portd_id out = 0;
    int code = 1, n = 0, empty[2];
    (void)data;
    if (!client || pipe2(empty, O_CLOEXEC) < 0)
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
    if (ask_in_full(client, out, empty[0]) != PORTD_E_LIMIT)
        return 8;
    if (name_in_full(client, out) != 0)
        return 9;
    if (ask_unattached_in_full(client, out, empty[0]) != PORTD__V1__CODE__CODE_LIMIT)
        return 10;
    for (int i = 0; i < n; i++)
        if (empty_pipe(pipes[i][0]) < 0)
            return 5;
    for (int i = 0; code == PORTD_E_LIMIT && i < FIXTURE_PATIENCE_MS; i++) {
        (void)poll(NULL, 0, 1);
        code = write_part(client, out);
    }
    for (int i = 0; code == 1 && handle_of_new(client, empty[0], false, NULL) == PORTD_E_LIMIT; i++)
        if (i == FIXTURE_PATIENCE_MS || poll(NULL, 0, 1) < 0)
            code = 0;
    for (int i = 0; code == 1 && name_self(true) != 0; i++)
        if (i == FIXTURE_PATIENCE_MS || poll(NULL, 0, 1) < 0)
            code = 0;
    for (int i = 0; code == 1 && ask_unattached(empty[0]) != 0; i++)
        if (i == FIXTURE_PATIENCE_MS || poll(NULL, 0, 1) < 0)
            code = 0;
    portd_disconnect(client);
    return code == 1 ? 0 : 6;
}

static char used_folder[FIXTURE_PATH];
static const char *used_file;

/* Keeps what it polls of semaphores that are gone: the broker is charged for none of it. Some come first, for what the broker itself keeps. */
static int keep_handles(void *data) {
    enum { FIRST = 500, CHARGED = 180 /* bytes; the kernel takes more for an eventfd */ };
    struct rlimit limit = {2 * KEPT, 2 * KEPT};
    unsigned long long before = 0;
    int ends[2], kept;
    (void)data;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return NO_PAGES;
    portd_client *client = stranger_connect(&broker, CLIENT, NULL, NULL);
    if (!client || !portd_broker_has_feature(client, "handle-attach-eventfd") || pipe2(ends, O_CLOEXEC) < 0)
        return 1;
    for (int i = 0; i < KEPT; i++) {
        if (i == FIRST)
            before = number_in(used_folder, used_file);
        if (handle_of_new(client, ends[0], true, &kept) != 1 || kept < 0)
            return 2;
    }
    unsigned long long after = number_in(used_folder, used_file);
    portd_disconnect(client);
    return before && after < before + (unsigned long long)KEPT * CHARGED ? 0 : 3;
}

static int read_part(portd_client *client, portd_id in, size_t *n) {
    return portd_port_read(client, in, bytes, sizeof bytes, 0, fixture_soon(), n, NULL);
}

/* Maps a file at an odd place, so that pages of the cache that are larger are cut by it: the kernel counts some of these as if they were not
 * locked. NULL: that cannot be. */
static char *map_locked(int fd, size_t size) {
    const size_t large = 2 << 20;
    char *room = mmap(NULL, size + 2 * large, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return NULL;
    char *place = room + large - (uintptr_t)room % large + 4096;
    if (mmap(place, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) != place)
        return NULL;
    return mlock2(place, size, MLOCK_ONFAULT) < 0 ? NULL : place;
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
    char *pages = map_locked(fd, FILE_SIZE);
    if (!pages)
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

/* Splices ROUND bytes a round into a pipe of its own and keeps one of them, in a pipe for each HELD rounds. 0, or what stopped it: PORTD_E_*, or 1. */
static int splice_and_keep(portd_client *client, int from, int to) {
    enum { ROUND = 33000, PART_OF_ROUND = 3000, HELD = 14, ROUNDS = 60 * HELD };
    int own[2], held[2] = {-1, -1}, code = 1;
    portd_id in, out;
    size_t n;
    if (pipe2(own, O_CLOEXEC) < 0 ||
        portd_fd_to_port(client, from, "", PORTD_READ, fixture_soon(), &in, &out) < 1)
        return 1;
    for (int round = 0; round < ROUNDS; round++) {
        if (round % HELD == 0 && pipe2(held, O_CLOEXEC) < 0)
            return 1;
        for (int at = 0; at < ROUND; at += PART_OF_ROUND)
            if (write(to, bytes, PART_OF_ROUND) != PART_OF_ROUND)
                return 1;
        code = portd_port_splice(client, in, own[1], ROUND, ROUND, fixture_soon(), &n);
        if (code != 1)
            return code;
        if (n != ROUND || splice(own[0], NULL, held[1], NULL, 1, 0) != 1 ||
            read(own[0], bytes, sizeof bytes) != ROUND - 1)
            return 1;
    }
    return 0;
}

static int tcp[2];

static int splice_all_kinds(void *data) {
    portd_client *client = stranger_connect(&broker, CLIENT, NULL, NULL);
    int ends[2];
    (void)data;
    if (!client)
        return 1;
    if (pipe2(ends, O_CLOEXEC) < 0 || splice_and_keep(client, ends[0], ends[1]) != 0)
        return 2;
    if (splice_and_keep(client, tcp[0], tcp[1]) != 0)
        return 3;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ||
        splice_and_keep(client, ends[0], ends[1]) != PORTD_E_UNSUPPORTED ||
        !strstr(portd_last_hint(client), "copy"))
        return 4;
    portd_disconnect(client);
    return 0;
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
    memcpy(used_folder, folder, sizeof used_folder);
    used_file = place->used;
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

static void handles_that_others_keep_do_not_fill_it(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    test_skip("a sanitizer keeps what the broker has freed");
#endif
    int answer = be_limited(keep_handles);
    if (answer == NO_PAGES)
        test_skip("root may not open so many files");
    assert_int_equal(answer, 0);
}

static void pages_that_others_splice_do_not_fill_it(void **state) {
    (void)state;
    make_tcp(tcp);
    assert_int_equal(be_limited(splice_all_kinds), 0);
}

static void pages_that_others_lock_do_not_fill_it(void **state) {
    (void)state;
    int answer = be_limited(lock_and_release);
    if (answer == NO_PAGES)
        test_skip("the tests' folder is in memory, or only root may lock so much of it");
    assert_int_equal(answer, 0);
}

TEST_MAIN(FIXTURE_CASE_BARE(unread_bytes_of_others_do_not_fill_it),
          FIXTURE_CASE_BARE(handles_that_others_keep_do_not_fill_it),
          FIXTURE_CASE_BARE(pages_that_others_splice_do_not_fill_it),
          FIXTURE_CASE_BARE(pages_that_others_lock_do_not_fill_it))
