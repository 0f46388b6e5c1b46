/* test_faults.c: every allocation and every system call of the broker that can fail does so, once, while one client works and
 * another one observes.
 *
 * Required: each call of the working client returns what it asked for or an error that says so, or its connection ends; what it
 * made goes with it; the observer notices nothing; and the broker is as before, to the last descriptor and the last charge.
 *
 * The calls are counted while the client works without a fault; then the first of them fails, then the second, and so on.
 * PORTD_TEST_FAULTS_EVERY=N: every Nth only; PORTD_TEST_FAULTS_ONLY=N: that one only. */
#define _GNU_SOURCE
#include "faults.h"

#include "tests/system/guest.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVERY = 1, QUIET_MS = 5000 };

static struct faults *faults;
static struct fixture broker;
static char page[64], config[64], door[80], box[80];

/* The configuration of a broker: one of everything. */
static void make_config(void) {
    static const char text[] =
        "# one\nidle-exit = \"1h\"\nquota { waits = 60000 }\nuser \"2001\" { rate = 5 }\n";
    (void)snprintf(config, sizeof(config), "/tmp/portd-faults-XXXXXX");
    int fd = mkstemp(config);

    assert_true(fd >= 0);
    (void)snprintf(door, sizeof(door), "unix:%s.s6", config);
    (void)snprintf(box, sizeof(box), "%s.notify", config);
    assert_true(dprintf(fd, "%sdoor { s6 = \"%s\" notify = \"unix:%s\" }\n", text, door, box) > 0);
    (void)close(fd);
}

/* ---- the client that works ---------------------------------------------------------------------------------------------- */

struct work {
    portd_client *client;
    bool lacks;       /* a call has failed, so later ones may name nothing */
    int bad;          /* calls that were answered as they must not be */
    const char *step; /* the last one of those */
    int code;
    char text[128]; /* what the broker, or the library, says of it */
};

static int64_t soon(void) { return portd_now() + QUIET_MS * INT64_C(1000); }

/* What a call may answer when the broker lacks something. */
static bool is_answer(int code, bool lacks) {
    switch (code) {
    case PORTD_E_LIMIT:
    case PORTD_E_UNSUPPORTED:
    case PORTD_E_SYSTEM:
    case PORTD_E_MISMATCH:
    case PORTD_E_UNCERTAIN:
    case PORTD_E_DISCONNECTED:
    case PORTD_E_UNREACHABLE:
        return true;
    case PORTD_E_INVALID:
    case PORTD_E_NOT_FOUND:
    case PORTD_E_CLOSED:
        return lacks; /* what it names was not made */
    default:
        return code >= 0;
    }
}

static int judge(struct work *work, const char *step, int code) {
    bool good = is_answer(code, work->lacks);

    work->lacks = work->lacks || code < 0;
    if (good)
        return code;
    work->bad++;
    work->step = step;
    work->code = code;
    (void)snprintf(work->text, sizeof(work->text), "%s", portd_last_error(work->client));
    return code;
}

static void ignore(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    (void)result;
    (void)data;
}

#define DO(call) judge(work, #call, call)

static bool work_arm(struct work *work, portd_id id, portd_native *handle) {
    return judge(work, "arming a handle", portd_handle_arm(work->client, id, soon(), handle)) == 1;
}

/* Its object is ready, so an armed handle becomes readable, unless the connection, and the session with it, has ended. */
static void work_sees(struct work *work, portd_native handle) {
    struct pollfd one = {.fd = (int)handle, .events = POLLIN};

    if (poll(&one, 1, QUIET_MS) == 1)
        return;
    work->bad++;
    work->step = "a handle that is not readable";
}

static void work_waits(struct work *work) {
    portd_client *client = work->client;
    portd_id semaphore = 0, event = 0, made[2];
    portd_native handle = -1;
    portd_ready ready[2];
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    DO(portd_fd_to_semaphore(client, ends[0], PORTD_MODE_READ, soon(), &semaphore));
    DO(portd_fd_to_evt(client, ends[0], PORTD_MODE_READ, PORTD_FD, soon(), &event));
    bool armed = work_arm(work, event, &handle);
    made[0] = event;
    made[1] = semaphore;
    int code = DO(portd_wait(client, made, 2, 0, portd_now(), ready)); /* nothing is there */
    for (int i = 0; i < code; i++)
        if (ready[i].cause == PORTD_CAUSE_READY) {
            work->bad++;
            work->step = "ready though nothing is there";
        }
    if (write(ends[1], "x", 1) == 1) {
        DO(portd_wait(client, made, 2, PORTD_WAIT_ALL, soon(), ready));
        if (armed)
            work_sees(work, handle);
        if (work_arm(work, event, &handle))
            work_sees(work, handle);
    }
    DO(portd_remove(client, event, soon()));
    DO(portd_release(client, made, 2, soon()));
    if (handle != -1)
        (void)close((int)handle);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void work_ports(struct work *work) {
    portd_client *client = work->client;
    portd_id in = 0, out = 0;
    portd_native copy = -1;
    char bytes[64];
    size_t count, cut;
    int ends[2], pipes[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    DO(portd_fd_to_port(client, ends[0], "work", PORTD_READ | PORTD_WRITE, soon(), &in, &out));
    DO(portd_port_write(client, out, "abc", 3, soon(), &count));
    if (write(ends[1], "abc", 3) == 3)
        DO(portd_port_read(client, in, bytes, sizeof(bytes), 0, soon(), &count, &cut));
    if (pipe2(pipes, O_CLOEXEC) == 0) {
        if (write(ends[1], "abc", 3) == 3)
            DO(portd_port_splice(client, in, pipes[1], 3, 3, soon(), &count));
        (void)close(pipes[0]);
        (void)close(pipes[1]);
    }
    if (DO(portd_port_dup_fd(client, in, soon(), &copy)) == 1)
        (void)close((int)copy);
    DO(portd_port_shutdown(client, out, PORTD_WRITE, soon()));
    DO(portd_port_close(client, in, soon()));
    DO(portd_port_close(client, out, soon()));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* A wake-one wait for one direction of what a semaphore waits for in the other one, which has not come: whatever fails, the semaphore has not
 * fired. */
static void work_beside(struct work *work) {
    portd_client *client = work->client;
    portd_id semaphore = 0, event = 0, ids[2];
    portd_ready ready = {0};
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    while (send(ends[0], page, sizeof(page), MSG_DONTWAIT) > 0)
        ;
    DO(portd_fd_to_semaphore(client, ends[0], PORTD_MODE_WRITE, soon(), &semaphore));
    DO(portd_fd_to_evt(client, ends[0], PORTD_MODE_READ, PORTD_FD, soon(), &event));
    if (!work->lacks) {
        DO(portd_wait_start(client, &event, 1, PORTD_WAIT_ONE, soon(), ignore, NULL, NULL));
        DO(portd_wait(client, &semaphore, 1, 0, portd_now(), &ready));
        if (ready.cause == PORTD_CAUSE_RESYNC) {
            work->bad++;
            work->step = "fired without being ready";
        }
    }
    ids[0] = semaphore;
    ids[1] = event;
    DO(portd_remove(client, event, soon()));
    DO(portd_remove(client, semaphore, soon()));
    DO(portd_release(client, ids, 2, soon()));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* Descriptors about which only a thread may ask. */
static void work_threaded(struct work *work) {
    portd_client *client = work->client;
    portd_id event = 0, terminal = 0;
    portd_native handle = -1;
    portd_ready ready;
    int master, slave, epoll = epoll_create1(EPOLL_CLOEXEC), counter = eventfd(1, EFD_CLOEXEC);
    struct epoll_event wanted = {.events = EPOLLIN};

    if (epoll < 0 || counter < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &wanted) < 0)
        return;
    DO(portd_fd_to_evt(client, epoll, PORTD_MODE_READ, PORTD_FD, soon(), &event));
    if (work_arm(work, event, &handle))
        work_sees(work, handle);
    if (handle != -1)
        (void)close((int)handle);
    DO(portd_wait(client, &event, 1, 0, soon(), &ready));
    DO(portd_remove(client, event, soon()));
    if (openpty(&master, &slave, NULL, NULL, NULL) == 0) {
        DO(portd_fd_to_semaphore(client, master, PORTD_MODE_WRITE, soon(), &terminal));
        DO(portd_wait(client, &terminal, 1, 0, soon(), &ready));
        (void)close(master);
        (void)close(slave);
    }
    (void)close(epoll);
    (void)close(counter);
}

static void work_sockets(struct work *work) {
    portd_client *client = work->client;
    portd_id semaphore = 0, in = 0, out = 0;
    portd_endpoint local = PORTD_ENDPOINT_INIT, peer = PORTD_ENDPOINT_INIT;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(name);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (listener >= 0 && socket_fd >= 0 && listen(listener, 1) == 0 &&
        getsockname(listener, (struct sockaddr *)&name, &size) == 0 &&
        connect(socket_fd, (struct sockaddr *)&name, size) == 0) {
        DO(portd_socket_to_semaphore(client, socket_fd, PORTD_MODE_READ, soon(), &semaphore));
        DO(portd_socket_to_port(client, socket_fd, "tcp", 0, soon(), &in, &out));
        DO(portd_port_addresses(client, in, soon(), &local, &peer));
        DO(portd_port_close(client, in, soon()));
        DO(portd_port_close(client, out, soon())); /* ends the semaphore */
        DO(portd_release(client, &semaphore, 1, soon()));
    }
    (void)close(listener);
    (void)close(socket_fd);
}

static void work_files(struct work *work) {
    portd_client *client = work->client;
    portd_id in = 0, out = 0;
    uint64_t offset = 0;
    size_t count, cut;
    char bytes[16];
    FILE *file = tmpfile();

    if (!file)
        return;
    DO(portd_fd_to_port(client, fileno(file), "file", PORTD_READ | PORTD_WRITE | PORTD_REGULAR_FILE, soon(),
                        &in, &out));
    DO(portd_port_write(client, out, "abc", 3, soon(), &count));
    DO(portd_port_position(client, in, &offset, soon(), &offset));
    DO(portd_port_read(client, in, bytes, sizeof(bytes), 0, soon(), &count, &cut));
    (void)fclose(file);
}

/* One number after the other names another open file; and what is still in flight when the connection ends. */
static void work_replaces(struct work *work) {
    portd_client *client = work->client;
    portd_id first = 0, second = 0, in = 0;
    portd_ready ready;
    int pipes[2][2];

    if (pipe2(pipes[0], O_CLOEXEC) < 0 || pipe2(pipes[1], O_CLOEXEC) < 0)
        return;
    DO(portd_fd_to_semaphore(client, pipes[0][0], PORTD_MODE_READ, soon(), &first));
    DO(portd_fd_to_port(client, pipes[0][0], "parked", PORTD_READ, soon(), &in, NULL));
    if (dup3(pipes[1][0], pipes[0][0], O_CLOEXEC) < 0)
        return;
    DO(portd_fd_to_semaphore(client, pipes[0][0], PORTD_MODE_READ, soon(), &second));
    DO(portd_wait(client, &first, 1, 0, soon(), &ready));
    DO(portd_port_read_start(client, in, 16, 0, ignore, NULL, NULL));
    DO(portd_port_splice_start(client, in, pipes[1][1], 16, 16, ignore, NULL, NULL));
    DO(portd_wait_start(client, &second, 1, PORTD_WAIT_ONE, soon(), ignore, NULL, NULL));
    DO(portd_ping(client, soon()));
    for (int i = 0; i < 4; i++)
        (void)close(pipes[i / 2][i % 2]);
}

/* Of a call by another connection: the session is gone with its only connection. */
static int judge_other(struct work *work, const char *step, int code) {
    if (code == PORTD_E_NOT_FOUND && DO(portd_ping(work->client, soon())) == PORTD_E_DISCONNECTED)
        code = PORTD_E_DISCONNECTED;
    return judge(work, step, code);
}

static pid_t pausing(void) {
    pid_t process = fork();

    if (process == 0) {
        (void)pause();
        _exit(0);
    }
    return process;
}

/* Another connection to the same session, and a session with an owner process that another one ends. */
static void work_sessions(struct work *work) {
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *other = NULL;

    options.token = portd_session_token(work->client);
    if (judge_other(work, "joining", portd_connect(broker.address, &options, soon(), &other)) == 1) {
        DO(portd_ping(other, soon()));
        portd_disconnect(other);
    }
    pid_t owner = pausing();
    options.token = NULL;
    options.owner_pid = (uint32_t)owner;
    options.new_session = true;
    if (DO(portd_connect(broker.address, &options, soon(), &other)) == 1) {
        DO(portd_end_session(work->client, portd_session_id(other), soon()));
        portd_disconnect(other);
    }
    (void)kill(owner, SIGKILL);
    (void)waitpid(owner, NULL, 0);
}

/* One who joins by one of its processes and brings another one, whose numbers are nobody's. One who was refused has added no owner: that process
 * finds no session. */
static void work_owners(struct work *work) {
    uint32_t owners[2] = {(uint32_t)pausing(), (uint32_t)pausing()};
    portd_options options = PORTD_OPTIONS_INIT, finds = PORTD_OPTIONS_INIT;
    portd_client *first = NULL, *other = NULL;

    options.owner_pid = owners[0];
    if (DO(portd_connect(broker.address, &options, soon(), &first)) == 1) {
        options.owner_pid = 0;
        options.owner_pids = owners;
        options.n_owner_pids = 2;
        options.numbers_nobody = true;
        bool refused = DO(portd_connect(broker.address, &options, soon(), &other)) == PORTD_E_LIMIT;
        portd_disconnect(other);
        finds.owner_pid = owners[1];
        finds.find_session = true;
        other = NULL;
        if (portd_connect(broker.address, &finds, soon(), &other) == 1 && refused) {
            work->bad++;
            work->step = "a process that was refused as an owner is one";
        }
        portd_disconnect(other);
        portd_disconnect(first);
    }
    for (int i = 0; i < 2; i++) {
        (void)kill((pid_t)owners[i], SIGKILL);
        (void)waitpid((pid_t)owners[i], NULL, 0);
    }
}

/* A handle of another session's object, which goes with the session that has asked for it. */
static void work_reaches(struct work *work) {
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *other = NULL;
    portd_native handle = -1;
    portd_id event = 0;
    int counter = eventfd(0, EFD_CLOEXEC);

    if (counter < 0)
        return;
    options.reach = true;
    DO(portd_fd_to_evt(work->client, counter, PORTD_MODE_READ, PORTD_FD, soon(), &event));
    if (DO(portd_connect(broker.address, &options, soon(), &other)) == 1) {
        if (judge_other(work, "a handle", portd_handle_arm(other, event, soon(), &handle)) == 1)
            (void)close((int)handle);
        portd_disconnect(other);
    }
    DO(portd_remove(work->client, event, soon()));
    DO(portd_release(work->client, &event, 1, soon()));
    (void)close(counter);
}

/* One that the broker makes itself, for a client that attaches nothing. */
static void work_makes_handles(struct work *work) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;
    struct raw raw;
    int counter = eventfd(0, EFD_CLOEXEC);

    if (counter < 0)
        return;
    if (raw_open(&raw, broker.address) == 0 &&
        raw_evt(&raw, counter, counter, PORTD__V1__MODE__MODE_READ, &handle.id) == 0) {
        request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
        request.handle = &handle;
        int code = raw_code(raw_ask(&raw, &request));
        if (code == PORTD__V1__CODE__CODE_MISMATCH || code == PORTD__V1__CODE__CODE_INVALID) {
            work->bad++;
            work->step = "a handle of the broker's";
        }
        raw_close_fds(&raw);
    }
    raw_close(&raw);
    (void)close(counter);
}

static void work_looks(struct work *work) {
    portd_client *client = work->client;
    portd_list *list = NULL;
    uint64_t cursor = 0, lost;

    if (DO(portd_list_objects(client, 0, soon(), &list)) == 1)
        portd_list_free(list);
    if (DO(portd_get_status(client, soon(), &list)) == 1)
        portd_list_free(list);
    if (DO(portd_get_stats(client, soon(), &list)) == 1)
        portd_list_free(list);
    if (DO(portd_monitor(client, 0, &cursor, portd_now(), &list, &lost)) == 1)
        portd_list_free(list);
}

/* A file that cannot be read is a configuration that is not used. */
static void work_reloads(struct work *work) {
    portd_list *list = NULL;
    int code = portd_reload(work->client, soon(), &list);

    if (code != PORTD_E_INVALID)
        DO(code);
    if (code == 1)
        portd_list_free(list);
}

enum { DOOR_HEADER = 6, DOOR_TRIES = 5 };

/* What the door for s6-fdholder answers: an errno; -1: it has ended the connection. */
static int door_asks(struct work *work, const struct raw *raw, const void *bytes, size_t size, int fd) {
    char answer[64];
    size_t got = 0;
    ssize_t n;

    if (raw_send(raw, bytes, size, &fd, fd >= 0))
        return -1;
    do {
        struct pollfd one = {.fd = raw->fd, .events = POLLIN};
        if (poll(&one, 1, QUIET_MS) != 1) {
            work->bad++;
            work->step = "a door that does not answer";
            return -1;
        }
        n = recv(raw->fd, answer + got, sizeof(answer) - got, MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
    } while (n > 0 && (got < DOOR_HEADER || got < DOOR_HEADER + (size_t)answer[3]));
    return n > 0 ? answer[DOOR_HEADER] : -1;
}

/* By the other door; nothing is left there. */
static void work_door(struct work *work) {
    static const char stores[] = "\0\0\0\20\0\1S\x40\0\0\1\0\0\0\0\0\0\0\0\1f", lists[] = "\0\0\0\1\0\0L",
                      gets[] = "\0\0\0\5\0\0R\0\1f", drops[] = "\0\0\0\4\0\0D\1f";
    struct raw raw;
    int dropped = -1;

    for (int i = 0; i < DOOR_TRIES && dropped != 0 && dropped != ENOENT; i++) {
        if (raw_connect(&raw, door))
            continue;
        if (i == 0) {
            int fd = eventfd(0, EFD_CLOEXEC);
            (void)door_asks(work, &raw, stores, sizeof(stores),
                            raw.fd); /* its own: refused, if that can be told */
            (void)door_asks(work, &raw, stores, sizeof(stores), fd);
            (void)door_asks(work, &raw, lists, sizeof(lists) - 1, -1);
            (void)door_asks(work, &raw, gets, sizeof(gets), -1);
            (void)close(fd);
        }
        dropped = door_asks(work, &raw, drops, sizeof(drops), -1);
        raw_close(&raw);
    }
    if (dropped != 0 && dropped != ENOENT) {
        work->bad++;
        work->step = "a name that is not dropped";
    }
}

/* A notification, with a descriptor. It may wait for others in the queue. */
static void letter_send(struct work *work, const char *text, int fd) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct raw raw = {.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};

    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", box);
    if (raw.fd < 0 || connect(raw.fd, (struct sockaddr *)&name, sizeof(name)) ||
        raw_send(&raw, text, strlen(text), &fd, fd >= 0)) {
        work->bad++;
        work->step = "a notification that is not taken";
    }
    (void)close(raw.fd);
}

/* Nobody is answered, so it is removed twice: one of these may be refused. A barrier ends in any case. */
static void work_notifies(struct work *work) {
    int fd = eventfd(0, EFD_CLOEXEC), ends[2];

    letter_send(work, "FDSTORE=1\nFDNAME=letter", fd);
    letter_send(work, "FDSTOREREMOVE=1\nFDNAME=letter", -1);
    letter_send(work, "FDSTOREREMOVE=1\nFDNAME=letter", -1);
    (void)close(fd);
    if (pipe2(ends, O_CLOEXEC))
        return;
    letter_send(work, "BARRIER=1", ends[1]);
    (void)close(ends[1]);
    struct pollfd end = {.fd = ends[0]};
    if (poll(&end, 1, QUIET_MS) != 1) {
        work->bad++;
        work->step = "a barrier that stays";
    }
    (void)close(ends[0]);
}

/* All of it. What is in flight at the end goes with the connection. */
static void work_all(struct work *work) {
    portd_options options = PORTD_OPTIONS_INIT;
    int code = portd_connect(broker.address, &options, soon(), &work->client);

    if (DO(code) != 1)
        return;
    work_waits(work);
    work_ports(work);
    work_beside(work);
    work_threaded(work);
    work_sockets(work);
    work_files(work);
    work_sessions(work);
    work_owners(work);
    work_reaches(work);
    work_replaces(work);
    work_makes_handles(work);
    work_door(work);
    work_notifies(work);
    work_looks(work);
    work_reloads(work);
    DO(portd_ping(work->client, soon()));
    portd_disconnect(work->client);
}

/* ---- the one that looks on ------------------------------------------------------------------------------------------------ */

static struct {
    struct raw raw;
    int ends[2];
    uint64_t event, wait;
    size_t fds;
    uint64_t descriptors, objects, bytes;
} watcher;

static void watcher_open(void) {
    guest_open_at(&watcher.raw, broker.address);
    guest_pipe(watcher.ends);
    watcher.event = guest_evt(&watcher.raw, watcher.ends[0], watcher.ends[0]);
    watcher.wait = UINT64_C(1) << 40;
    assert_int_equal(raw_start_wait(&watcher.raw, watcher.wait, watcher.event), 0);
    guest_is_served(&watcher.raw);
}

static uint64_t charged(const char *name) { return guest_quota(&watcher.raw, name, NULL); }

/* Of the broker as it is while only the watcher is connected and has its wait. */
static void watcher_count(void) {
    watcher.fds = SIZE_MAX;
    watcher.descriptors = charged("descriptors");
    watcher.objects = charged("objects");
    watcher.bytes = charged("bytes");
}

static bool is_as_before(void *data) {
    (void)data;
    return fixture_fds(broker.pid) <= watcher.fds && charged("descriptors") == watcher.descriptors &&
           charged("objects") == watcher.objects && charged("bytes") == watcher.bytes;
}

/* ---- one fault after the other ---------------------------------------------------------------------------------------------- */

static void arm(uint64_t fail) {
    memset(faults->name, 0, sizeof(faults->name));
    atomic_store(&faults->count, 0);
    atomic_store(&faults->fail, fail);
    atomic_store(&faults->armed, true);
}

static uint64_t disarm(void) {
    atomic_store(&faults->armed, false);
    return atomic_load(&faults->count);
}

/* Whether everything was as it must be; says what was not. */
static bool fault_is_survived(uint64_t number) {
    struct work work = {0};

    arm(number);
    work_all(&work);
    (void)disarm();
    siginfo_t ended = {0};
    assert_int_equal(waitid(P_PID, (id_t)broker.pid, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
    if (ended.si_pid) {
        print_message("fault %llu, %s: the broker has ended with %d\n", (unsigned long long)number,
                      faults->name, ended.si_status);
        fail();
    }
    if (work.bad)
        print_message("fault %llu, %s: %s: %s: %s\n", (unsigned long long)number, faults->name, work.step,
                      portd_code_name(work.code), work.text);
    bool left = !fixture_until(is_as_before, NULL);
    if (left)
        print_message(
            "fault %llu, %s: %zu descriptors (%zu before), %llu charged (%llu), %llu objects (%llu), "
            "%llu bytes (%llu)\n",
            (unsigned long long)number, faults->name, fixture_fds(broker.pid), watcher.fds,
            (unsigned long long)charged("descriptors"), (unsigned long long)watcher.descriptors,
            (unsigned long long)charged("objects"), (unsigned long long)watcher.objects,
            (unsigned long long)charged("bytes"), (unsigned long long)watcher.bytes);
    assert_false(raw_has_reply(&watcher.raw)); /* its wait is still there */
    guest_is_served(&watcher.raw);
    return !work.bad && !left;
}

static uint64_t number_of(const char *variable, uint64_t usual) {
    const char *text = getenv(variable);

    return text && *text ? strtoull(text, NULL, 10) : usual;
}

/* The page, and what the broker's environment says about it. */
static void make_page(void) {
    char path[] = "/tmp/portd-faults-XXXXXX";
    const char *library = getenv("PORTD_FAULTS_LIBRARY");
    int fd = library ? mkstemp(path) : -1;

    if (!library)
        test_skip("PORTD_FAULTS_LIBRARY does not name the library");
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, sizeof(*faults)), 0);
    faults = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(faults != MAP_FAILED);
    (void)close(fd);
    (void)snprintf(page, sizeof(page), "%s", path);
    assert_int_equal(setenv(FAULTS_ENVIRONMENT, page, 1), 0);
}

static void preload(bool on) {
    assert_int_equal(on ? setenv("LD_PRELOAD", getenv("PORTD_FAULTS_LIBRARY"), 1) : unsetenv("LD_PRELOAD"),
                     0);
}

static void each_call_may_fail(void **state) {
    uint64_t every = number_of("PORTD_TEST_FAULTS_EVERY", EVERY),
             only = number_of("PORTD_TEST_FAULTS_ONLY", 0);
    uint64_t survived = 0, tried = 0;

    (void)state;
    make_page();
    make_config();
    preload(true);
    const char *const options[] = {"--config", config, NULL};
    fixture_start(&broker, options);
    preload(false);
    watcher_open();
    watcher_count();
    for (int i = 0; i < 2; i++) { /* what stays for good is there after these */
        struct work first = {0};
        arm(0);
        work_all(&first);
        assert_int_equal(first.bad, 0);
    }
    uint64_t n = disarm();
    assert_true(fixture_until(is_as_before, NULL));
    watcher.fds = fixture_fds(broker.pid);
    assert_in_range(n, 100, UINT64_MAX);
    for (uint64_t number = only ? only : 1; number <= (only ? only : n); number += every) {
        survived += fault_is_survived(number);
        tried++;
    }
    print_message("%llu calls, %llu made to fail, %llu survived\n", (unsigned long long)n,
                  (unsigned long long)tried, (unsigned long long)survived);
    assert_int_equal(survived, tried);
    assert_int_equal(write(watcher.ends[1], "x", 1), 1);
    guest_is_woken(&watcher.raw, watcher.wait, watcher.event, PORTD__V1__CAUSE__CAUSE_READY);
    guest_close(&watcher.raw);
    (void)unlink(config);
    (void)unlink(page);
}

/* ---- the start ---------------------------------------------------------------------------------------------------------------- */

struct start {
    char address[64];
    int ready, says; /* what it tells when it is ready; its standard error */
    pid_t pid;
};

static void start_begin(struct start *start) {
    int ready[2], says[2];

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(says, O_CLOEXEC), 0);
    preload(true);
    start->pid = fork();
    if (start->pid == 0) {
        if (dup2(ready[1], 3) == 3 && dup2(says[1], STDERR_FILENO) == STDERR_FILENO)
            (void)execl(getenv("PORTD_DAEMON"), "portd", "--listen", start->address, "--notify-fd", "3",
                        "--config", config, (char *)NULL);
        _exit(127);
    }
    preload(false);
    assert_true(start->pid > 0);
    (void)close(ready[1]);
    (void)close(says[1]);
    start->ready = fixture_own(ready[0]);
    start->says = fixture_own(says[0]);
}

/* Its exit status; whether it said anything. */
static int start_end(struct start *start, bool *said) {
    int status;
    char byte;

    assert_int_equal(waitpid(start->pid, &status, 0), start->pid);
    *said = read(start->says, &byte, 1) == 1;
    fixture_close(start->ready);
    fixture_close(start->says);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/* It starts and serves, or it ends and says why. */
static bool start_is_survived(struct start *start, uint64_t number, uint64_t *calls) {
    char byte = 0;
    bool said;

    arm(number);
    start_begin(start);
    bool is_ready = fixture_poll(start->ready, POLLIN) && read(start->ready, &byte, 1) == 1;
    *calls = disarm();
    if (is_ready) {
        struct raw raw;
        assert_int_equal(raw_open(&raw, start->address), 0);
        assert_int_equal(raw_ping(&raw), 0);
        raw_close(&raw);
        assert_int_equal(kill(start->pid, SIGTERM), 0);
    }
    int status = start_end(start, &said);
    bool survived = is_ready ? status == 0 : status > 0 && status < 126 && said;
    if (!survived)
        print_message("fault %llu of the start, %s: status %d%s\n", (unsigned long long)number, faults->name,
                      status, said ? "" : ", and nothing is said");
    return survived;
}

static void each_call_of_the_start_may_fail(void **state) {
    char folder[] = "/tmp/portd-faults-XXXXXX";
    struct start start;
    uint64_t n, survived = 0, calls, every = number_of("PORTD_TEST_FAULTS_EVERY", EVERY), tried = 0;

    (void)state;
    make_page();
    make_config();
    assert_non_null(mkdtemp(folder));
    (void)snprintf(start.address, sizeof(start.address), "unix:%s/s", folder);
    assert_true(start_is_survived(&start, 0, &n));
    assert_in_range(n, 20, UINT64_MAX);
    for (uint64_t number = 1; number <= n; number += every) {
        survived += start_is_survived(&start, number, &calls);
        tried++;
    }
    print_message("%llu calls of the start, %llu survived\n", (unsigned long long)tried,
                  (unsigned long long)survived);
    assert_int_equal(survived, tried);
    (void)unlink(config);
    (void)unlink(page);
    assert_int_equal(rmdir(folder), 0);
}

TEST_MAIN(FIXTURE_CASE_BARE(each_call_may_fail), FIXTURE_CASE_BARE(each_call_of_the_start_may_fail))
