/* test_identity.c: port operations are done with the identity of the requesting client. Needs root, to act as another user in a
 * child process. */
#define _GNU_SOURCE

#include "ports.h"
#include "stranger.h"

#include "tests/support/fuse_silent.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>

enum { CLIENT = 2001 };

static struct fixture broker;

static void need_strangers(void) {
    if (!stranger_broker(&broker))
        test_skip("only root can be somebody else");
}

/* Each child answers 0, or the number of what was not as it must be. */

static int write_one(void *data) {
    portd_client *client = stranger_connect(&broker, CLIENT, NULL, NULL);
    int fd = open(data, O_WRONLY | O_CLOEXEC);
    portd_id out;
    size_t n;

    if (!client || fd < 0)
        return 1;
    if (portd_fd_to_port(client, fd, "", PORTD_WRITE, fixture_soon(), NULL, &out) != 1)
        return 2;
    if (portd_port_write(client, out, "#", 1, fixture_soon(), &n) != 1 || n != 1)
        return 3;
    portd_disconnect(client);
    return 0;
}

static bool is_in_memory(int fd) {
    struct statfs system;
    return fstatfs(fd, &system) == 0 &&
           ((uint32_t)system.f_type == TMPFS_MAGIC || (uint32_t)system.f_type == RAMFS_MAGIC);
}

static void a_setuid_bit_goes_with_a_write(void **state) {
    char path[FIXTURE_PATH + 32];
    struct stat status;

    (void)state;
    need_strangers();
    snprintf(path, sizeof path, "%s/tool", broker.folder);
    int fd = fixture_own(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (is_in_memory(fd)) {
        assert_int_equal(unlink(path), 0);
        test_skip("the folder is in memory, where ports write nothing for others");
    }
    assert_int_equal(fchown(fd, 0, CLIENT), 0);
    assert_int_equal(fchmod(fd, 04775), 0);
    assert_int_equal(fixture_reap(fixture_fork(write_one, path)), 0);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(status.st_size, 1);
    assert_int_equal(status.st_mode & 07777, 0775);
}

/* ---- what receivers are told ----------------------------------------------------------------------------------------- */

static int listen_for(char path[FIXTURE_PATH + 32], int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = fixture_own(socket(AF_UNIX, type | SOCK_CLOEXEC, 0)), yes = 1;

    snprintf(path, FIXTURE_PATH + 32, "%s/receiver", broker.folder);
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes), 0);
    return fd;
}

static struct ucred hear_who(int fd) {
    char byte;
    union {
        struct cmsghdr header;
        unsigned char room[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec piece = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct ucred who = {0};

    if (fixture_poll(fd, POLLIN) && recvmsg(fd, &message, 0) == 1 && message.msg_controllen)
        memcpy(&who, CMSG_DATA(&control.header), sizeof who);
    return who;
}

static int connect_to(const char *path, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path));
    return fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : fd;
}

static int send_one(void *data) {
    portd_client *client = stranger_connect(&broker, CLIENT, NULL, NULL);
    int fd = connect_to(data, SOCK_DGRAM);
    portd_id out;
    size_t n;

    if (!client || fd < 0)
        return 1;
    if (portd_socket_to_port(client, fd, "", 0, fixture_soon(), NULL, &out) != 2)
        return 2;
    if (portd_port_write(client, out, "#", 1, fixture_soon(), &n) != 1 || n != 1)
        return 3;
    portd_disconnect(client);
    return 0;
}

static void receivers_are_told_the_client(void **state) {
    char path[FIXTURE_PATH + 32];

    (void)state;
    need_strangers();
    int fd = listen_for(path, SOCK_DGRAM);
    pid_t child = fixture_fork(send_one, path);
    int answer = fixture_reap(child);
    struct ucred who = hear_who(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(answer, 0);
    assert_int_equal(who.uid, CLIENT);
    assert_int_equal(who.gid, CLIENT);
    assert_int_equal(who.pid, child);
}

/* The connection outlives the process that made it: neither a number that may be anybody's by now is told, nor the broker's. */
static int orphan[2];

static char send_by(int wire, int fd) {
    portd_client *client;
    char address[16];
    portd_id out;
    size_t n;

    snprintf(address, sizeof address, "fd:%d", wire);
    if (portd_connect(address, NULL, fixture_soon(), &client) != 1 ||
        portd_socket_to_port(client, fd, "", 0, fixture_soon(), NULL, &out) != 2)
        return 'f';
    return portd_port_write(client, out, "#", 1, fixture_soon(), &n) == PORTD_E_DENIED ? 'd' : 'w';
}

static int send_after_the_end(void *data) {
    int wire, fd = connect_to(data, SOCK_DGRAM);
    pid_t parent = getpid();
    char how;

    portd_disconnect(stranger_connect(&broker, CLIENT, NULL, NULL)); /* somebody else from now on */
    wire = connect_to(broker.address + strlen("unix:"), SOCK_STREAM);
    if (fork() > 0)
        return 0;
    while (getppid() == parent)
        (void)poll(NULL, 0, 1);
    how = send_by(wire, fd);
    return write(orphan[1], &how, 1) != 1;
}

static void one_that_has_ended_sends_nothing(void **state) {
    char path[FIXTURE_PATH + 32], how = 0, byte;

    (void)state;
    need_strangers();
    int fd = listen_for(path, SOCK_DGRAM);
    assert_int_equal(pipe(orphan), 0);
    fixture_own(orphan[0]);
    fixture_own(orphan[1]);
    pid_t child = fixture_fork(send_after_the_end, path);
    int answer = fixture_reap(child);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(answer, 0);
    assert_true(fixture_poll(orphan[0], POLLIN));
    assert_int_equal(read(orphan[0], &how, 1), 1);
    assert_int_equal(how, 'd');
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
}

/* ---- files that answer by who asks ------------------------------------------------------------------------------------ */

static void files_of_processes_are_left_to_the_client(void **state) {
    (void)state;
    fixture_start(&broker, NULL);
    portd_client *c = fixture_client_at(broker.address, NULL);
    int fd = fixture_own(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
    portd_id in = port_in(c, fd);
    char bytes[16];
    uint64_t at;
    size_t n;

    assert_int_equal(portd_port_read(c, in, bytes, sizeof bytes, 0, fixture_soon(), &n, NULL),
                     PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_port_read(c, in, bytes, sizeof bytes, PORTD_PEEK, fixture_soon(), &n, NULL),
                     PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_port_position(c, in, NULL, fixture_soon(), &at), PORTD_E_UNSUPPORTED);
    fd = fixture_own(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    assert_int_equal(portd_port_write(c, port_out(c, fd), "0", 1, fixture_soon(), &n), PORTD_E_UNSUPPORTED);
}

/* ---- more groups than the broker acts with ---------------------------------------------------------------------------- */

enum { GROUPS_MOST = 1024 };

static bool have_groups(size_t n) {
    gid_t *groups = calloc(n, sizeof *groups);
    bool have = groups != NULL;

    for (size_t i = 0; have && i < n; i++)
        groups[i] = (gid_t)(100000 + i);
    have = have && setgroups(n, groups) == 0 && setresgid(CLIENT, CLIENT, CLIENT) == 0 &&
           setresuid(CLIENT, CLIENT, CLIENT) == 0;
    free(groups);
    return have;
}

static bool says_to_copy(portd_client *client, int code) {
    const char *hint = portd_last_hint(client);
    return code == PORTD_E_UNSUPPORTED && strstr(portd_last_error(client), "supplementary groups") && hint &&
           strstr(hint, "copy");
}

static int move_bytes(portd_client *client, bool moves) {
    int ends[2], others[2], code, splices;
    portd_id in, out;
    char byte;
    size_t n;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(others, O_CLOEXEC | O_NONBLOCK) < 0)
        return 11;
    if (portd_fd_to_port(client, ends[0], "", PORTD_READ, fixture_soon(), &in, NULL) != 1 ||
        portd_fd_to_port(client, ends[1], "", PORTD_WRITE, fixture_soon(), NULL, &out) != 1)
        return 12;
    /* A read of what is empty is answered, too. */
    code = moves ? 1 : portd_port_read(client, in, &byte, 1, 0, fixture_soon(), &n, NULL);
    if (moves ? code != 1 : !says_to_copy(client, code))
        return 13;
    code = portd_port_write(client, out, "#", 1, fixture_soon(), &n);
    if (moves ? code != 1 : !says_to_copy(client, code))
        return 14;
    if (!moves && write(ends[1], "#", 1) != 1)
        return 15;
    code = portd_port_read(client, in, &byte, 1, PORTD_PEEK, fixture_soon(), &n, NULL);
    if (moves ? code != 1 || byte != '#' : !says_to_copy(client, code))
        return 16;
    splices = portd_port_splice(client, in, others[1], 1, 1, fixture_soon(), &n);
    if (moves ? splices != 1 : !says_to_copy(client, splices))
        return 17;
    return read(moves ? others[0] : ends[0], &byte, 1) == 1 && byte == '#' ? 0 : 18;
}

/* What no permission decides. */
static int use_the_rest(portd_client *client) {
    portd_native handle = -1, copy = -1;
    int ends[2], sockets[2];
    portd_id evt, in, out;
    char byte;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        return 21;
    if (portd_fd_to_evt(client, ends[0], PORTD_MODE_READ, PORTD_FD, fixture_soon(), &evt) != 1 ||
        portd_handle_dup(client, evt, fixture_soon(), &handle) != 1)
        return 22;
    if (write(ends[1], "#", 1) != 1 || !fixture_poll((int)handle, POLLIN))
        return 23;
    if (portd_socket_to_port(client, sockets[0], "", 0, fixture_soon(), &in, &out) != 2 ||
        portd_port_shutdown(client, out, PORTD_WRITE, fixture_soon()) != 1 || read(sockets[1], &byte, 1) != 0)
        return 24;
    if (portd_port_dup_fd(client, in, fixture_soon(), &copy) != 1 || write(sockets[1], "!", 1) != 1)
        return 25;
    return read((int)copy, &byte, 1) == 1 && byte == '!' ? 0 : 26;
}

static int use_with_groups(void *data) {
    size_t n = *(const size_t *)data;
    portd_client *client;
    int wrong;

    if (!have_groups(n))
        return 1;
    client = stranger_connect(&broker, CLIENT, NULL, NULL);
    if (!client)
        return 2;
    wrong = move_bytes(client, n <= GROUPS_MOST);
    if (!wrong)
        wrong = use_the_rest(client);
    portd_disconnect(client);
    return wrong;
}

static void who_has_too_many_groups_moves_no_bytes(void **state) {
    static const size_t counts[] = {GROUPS_MOST, GROUPS_MOST + 1, 2000, 65536};

    (void)state;
    need_strangers();
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_int_equal(fixture_reap(fixture_fork(use_with_groups, (void *)(uintptr_t)&counts[i])), 0);
}

/* The limit is the broker's, as for whatever it does: the signal that comes with it must not end it. */
static void a_file_grows_up_to_the_limit(void **state) {
    const struct rlimit limit = {4096, 4096};
    char path[FIXTURE_PATH + 32];

    (void)state;
    fixture_start(&broker, NULL);
    assert_int_equal(prlimit(broker.pid, RLIMIT_FSIZE, &limit, NULL), 0);
    snprintf(path, sizeof path, "%s/long", broker.folder);
    int fd = fixture_own(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(lseek(fd, 4096, SEEK_SET), 4096);
    portd_client *c = fixture_client_at(broker.address, NULL);
    struct io *io = io_write(c, port_out(c, fd), "x", 1);
    assert_int_equal(io_answer(io), PORTD_E_SYSTEM);
    assert_int_equal(io->os_errno, EFBIG);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
}

/* ---- a worker that has the client's identity on -------------------------------------------------------------------- */

/* The line of /proc/PID/task/TID/status that begins so. */
static bool status_says(pid_t tid, const char *wanted) {
    char path[64], line[256];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)broker.pid, (int)tid);
    FILE *file = fopen(path, "re");

    while (file && !found && fgets(line, sizeof line, file))
        found = !strncmp(line, wanted, strlen(wanted));
    if (file)
        (void)fclose(file);
    return found;
}

static bool refused(long result) { return result == -1 && errno == EPERM; }

static int try_thread(pid_t tid) {
    struct sched_param param = {0};
    struct rlimit limit = {0, 0};
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    if (!refused(syscall(SYS_tgkill, broker.pid, tid, SIGKILL)) || !refused(syscall(SYS_tkill, tid, SIGKILL)))
        return 11;
    if (!refused(ptrace(PTRACE_SEIZE, tid, NULL, NULL)))
        return 12;
    if (!refused(sched_setaffinity(tid, sizeof cpus, &cpus)) ||
        !refused(syscall(SYS_sched_setscheduler, tid, SCHED_IDLE, &param))) /* musl has no such function */
        return 13;
    if (!refused(setpriority(PRIO_PROCESS, (id_t)tid, 19)))
        return 14;
    if (!refused(syscall(SYS_prlimit64, tid, RLIMIT_NOFILE, &limit, NULL)))
        return 15;
    return 0;
}

static bool is_worn(pid_t tid) {
    return status_says(tid, "Uid:\t0\t0\t0\t2001\n") && status_says(tid, "Gid:\t0\t0\t0\t2001\n") &&
           status_says(tid, "CapEff:\t0000000000000000\n");
}

/* Threads of the broker, with what `see` makes of each. */
static int each_thread(int (*see)(pid_t tid), bool sum) {
    char path[64];
    int result = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)broker.pid);
    DIR *threads = opendir(path);

    for (const struct dirent *entry; threads && (sum || !result) && (entry = readdir(threads));)
        if (atoi(entry->d_name) > 0)
            result += see(atoi(entry->d_name));
    if (threads)
        (void)closedir(threads);
    return result;
}

static int is_worker(pid_t tid) { return is_worn(tid); }

static bool await_worker(void) {
    for (int i = 0; i < FIXTURE_PATIENCE_MS; i++) {
        if (each_thread(is_worker, true) == 1)
            return true;
        (void)poll(NULL, 0, 1);
    }
    return false;
}

static int read_and_attack(struct fuse_silent *fuse) {
    portd_client *client = stranger_connect(&broker, CLIENT, NULL, NULL);
    portd_id in;

    if (!client || portd_fd_to_port(client, fuse->fd, "", PORTD_READ, fixture_soon(), &in, NULL) != 1)
        return 1;
    (void)io_read_fast(client, in, 1, 0);
    if (portd_ping(client, fixture_soon()) != 1)
        return 2;
    return await_worker() ? each_thread(try_thread, false) : 3;
}

/* Also where /proc shows a user his own processes alone. */
static void show_all_processes(void) {
    if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        (void)mount("proc", "/proc", "proc", 0, NULL);
}

struct attack {
    struct fuse_silent fuse;
    int answer[2]; /* its end has to wait for the server, since it has the file */
};

static int attack_and_tell(void *data) {
    struct attack *attack = data;

    show_all_processes();
    unsigned char answer = (unsigned char)read_and_attack(&attack->fuse);

    return write(attack->answer[1], &answer, 1) != 1;
}

static void a_client_may_do_nothing_to_its_worker(void **state) {
    struct attack attack;
    unsigned char answer = 255;

    (void)state;
    need_strangers();
    make_blocking_pipe(attack.answer);
    if (!fuse_silent_open(&attack.fuse))
        test_skip("there is no FUSE here");
    pid_t child = fixture_fork(attack_and_tell, &attack);
    bool told = fixture_poll(attack.answer[0], POLLIN) && read(attack.answer[0], &answer, 1) == 1;
    fuse_silent_end(&attack.fuse);
    (void)close(attack.fuse.fd);
    assert_true(told);
    assert_int_equal(answer, 0);
    assert_int_equal(fixture_reap(child), 0);
}

TEST_MAIN(FIXTURE_CASE_BARE(a_setuid_bit_goes_with_a_write), FIXTURE_CASE_BARE(receivers_are_told_the_client),
          FIXTURE_CASE_BARE(one_that_has_ended_sends_nothing),
          FIXTURE_CASE_BARE(files_of_processes_are_left_to_the_client),
          FIXTURE_CASE_BARE(who_has_too_many_groups_moves_no_bytes),
          FIXTURE_CASE_BARE(a_file_grows_up_to_the_limit),
          FIXTURE_CASE_BARE(a_client_may_do_nothing_to_its_worker))
