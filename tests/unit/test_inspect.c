/* test_inspect.c: the types of descriptors, which are the same open file, and that finding out waits for no other process. */
#include "tests/support/test.h"

#include "daemon/object/inspect.h"
#include "daemon/readiness/engine.h"
#include "tests/support/fuse_silent.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

static int opened(uint32_t pid) {
    uint64_t key;

    return inspect_open_pid(pid, &key);
}

static bool is_own(int fd) {
    int process;
    bool own = inspect_is_own(fd, 0, &process);

    if (process >= 0)
        close(process);
    return own;
}

static void assert_type(int fd, enum inspect_type type) {
    assert_true(fd >= 0);
    int flags = fcntl(fd, F_GETFL);
    assert_string_equal(inspect_name(inspect_type_of(fd, 0)), inspect_name(type));
    assert_int_equal(fcntl(fd, F_GETFL), flags);
    close(fd);
}

static int socket_of(int family, int type, int protocol) {
    return socket(family, type | SOCK_CLOEXEC, protocol);
}

static int listening(int family, int type) {
    int fd = socket_of(family, type, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX}; /* any name */

    if (family == AF_UNIX)
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void sockets(void **state) {
    (void)state;
    inspect_init(OS_FD_NONE);
    assert_type(socket_of(AF_INET, SOCK_STREAM, 0), INSPECT_TCP);
    assert_type(socket_of(AF_INET6, SOCK_STREAM, 0), INSPECT_TCP);
    assert_type(listening(AF_INET, SOCK_STREAM), INSPECT_TCP_LISTENER);
    assert_type(socket_of(AF_INET, SOCK_DGRAM, 0), INSPECT_UDP);
    assert_type(socket_of(AF_UNIX, SOCK_STREAM, 0), INSPECT_UNIX);
    assert_type(listening(AF_UNIX, SOCK_STREAM), INSPECT_UNIX_LISTENER);
    assert_type(socket_of(AF_UNIX, SOCK_DGRAM, 0), INSPECT_UNIX_DGRAM);
    assert_type(socket_of(AF_UNIX, SOCK_SEQPACKET, 0), INSPECT_UNIX_SEQPACKET);
    assert_type(socket_of(AF_NETLINK, SOCK_RAW, 0), INSPECT_SOCKET);
    for (int type = 0; type < INSPECT_TYPES; type++)
        assert_int_equal(inspect_is_socket((enum inspect_type)type),
                         type >= INSPECT_TCP && type <= INSPECT_SOCKET);
}

static void files(void **state) {
    char path[] = "/tmp/test_inspect.XXXXXX";
    int ends[2], master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_type(ends[0], INSPECT_PIPE);
    assert_type(ends[1], INSPECT_PIPE);
    assert_type(mkstemp(path), INSPECT_REGULAR);
    assert_int_equal(unlink(path), 0);
    assert_type(memfd_create("test", MFD_CLOEXEC), INSPECT_REGULAR);
    assert_type(open("/proc/self/mounts", O_RDONLY | O_CLOEXEC), INSPECT_REGULAR);
    assert_type(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), INSPECT_DIRECTORY);
    assert_type(open("/dev/null", O_RDONLY | O_CLOEXEC), INSPECT_CHARACTER);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    assert_type(open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC), INSPECT_TTY);
    assert_type(master, INSPECT_TTY);
    assert_type(open("/tmp", O_PATH | O_CLOEXEC), INSPECT_PATH);
    assert_int_equal(inspect_type_of(1000, 0), INSPECT_UNKNOWN); /* not open */
}

static void anonymous_inodes(void **state) {
    unsigned char parameters[120] = {0}; /* of io_uring_setup */
    sigset_t none;

    (void)state;
    (void)sigemptyset(&none);
    assert_type(eventfd(0, EFD_CLOEXEC), INSPECT_EVENTFD);
    assert_type(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), INSPECT_TIMERFD);
    assert_type(inotify_init1(IN_CLOEXEC), INSPECT_INOTIFY);
    assert_type(epoll_create1(EPOLL_CLOEXEC), INSPECT_EPOLL);
    assert_type((int)syscall(SYS_pidfd_open, getpid(), 0), INSPECT_PIDFD);
    assert_type(signalfd(-1, &none, SFD_CLOEXEC), INSPECT_SIGNALFD);
    int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY);
    if (group >= 0) /* it takes root, or a kernel of 5.13 */
        assert_type(group, INSPECT_FANOTIFY);
    int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (faults >= 0)
        assert_type(faults, INSPECT_USERFAULTFD);
    int ring = (int)syscall(SYS_io_uring_setup, 1, parameters);
    if (ring >= 0)
        assert_type(ring, INSPECT_IO_URING);
}

static void every_type_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int a = 0; a < INSPECT_TYPES; a++) {
        assert_non_null(inspect_name((enum inspect_type)a));
        for (int b = 0; b < a; b++)
            assert_string_not_equal(inspect_name((enum inspect_type)a), inspect_name((enum inspect_type)b));
    }
    assert_string_equal(inspect_name(INSPECT_TCP_LISTENER), "tcp-listener");
    assert_string_equal(inspect_name(INSPECT_TYPES), "unknown");
}

static void what_is_refused(void **state) {
    (void)state;
    for (int i = 0; i < INSPECT_TYPES; i++) {
        enum inspect_type type = (enum inspect_type)i;
        bool refused = type == INSPECT_SIGNALFD || type == INSPECT_FANOTIFY || type == INSPECT_USERFAULTFD ||
                       type == INSPECT_IO_URING || type == INSPECT_PATH || type == INSPECT_CONNECTION ||
                       type == INSPECT_UNKNOWN;
        assert_int_equal(inspect_is_refused(type), refused);
    }
}

static bool threaded(int fd) {
    bool answer = inspect_needs_thread(fd, inspect_type_of(fd, 0));

    assert_true(fd >= 0);
    close(fd);
    return answer;
}

/* Whatever file system it is on: which ones ask a server cannot be known without asking. */
static void files_are_asked_by_pollers_alone(void **state) {
    char path[] = "/tmp/test_inspect.XXXXXX";

    (void)state;
    inspect_init(OS_FD_NONE);
    assert_true(threaded(open("/proc/self/mounts", O_RDONLY | O_CLOEXEC)));
    assert_true(threaded(mkstemp(path)));
    assert_int_equal(unlink(path), 0);
    assert_true(threaded(epoll_create1(EPOLL_CLOEXEC)));
    assert_false(threaded(eventfd(0, EFD_CLOEXEC)));
    assert_true(threaded(socket_of(AF_INET, SOCK_DGRAM, 0)));
    assert_true(threaded(socket_of(AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE)));
    assert_false(threaded(socket_of(AF_INET, SOCK_STREAM, 0)));
    assert_false(threaded(open("/dev/null", O_RDONLY | O_CLOEXEC)));
}

static void a_silent_file_server_is_not_asked(void **state) {
    struct fuse_silent fuse;
    uint64_t key;
    uint32_t pid;

    (void)state;
    if (!fuse_silent_open(&fuse))
        test_skip("needs root and FUSE");
    inspect_init(OS_FD_NONE);
    assert_int_equal(inspect_type_of(fuse.fd, 0), INSPECT_REGULAR);
    struct engine *engine = engine_new();
    assert_true(
        engine_can_watch(engine, fuse.fd)); /* the kernel says so, and the file server was not asked */
    engine_free(engine);
    assert_true(inspect_needs_thread(fuse.fd, INSPECT_REGULAR));
    assert_false(is_own(fuse.fd));
    assert_true(inspect_same(fuse.fd, fuse.fd));
    assert_int_equal(inspect_pidfd(fuse.fd, &key, &pid), -EINVAL);
    assert_int_equal(kill(fuse.server, 0), 0); /* nothing of this has waited for its end */
    assert_int_equal(waitpid(fuse.server, NULL, WNOHANG), 0);
    fuse_silent_end(&fuse);
    close(fuse.fd);
}

static void a_file_that_may_not_be_looked_at_has_its_type(void **state) {
    struct fuse_silent fuse;

    (void)state;
    if (!fuse_silent_open_of(&fuse, 2001))
        test_skip("needs root and FUSE");
    inspect_init(OS_FD_NONE);
    enum inspect_type file = inspect_type_of(fuse.fd, 0), folder = inspect_type_of(fuse.root, 0);
    int alive = waitpid(fuse.server, NULL, WNOHANG);
    fuse_silent_end(&fuse);
    close(fuse.fd);
    close(fuse.root);
    assert_int_equal(file, INSPECT_REGULAR);
    assert_int_equal(folder, INSPECT_DIRECTORY);
    assert_int_equal(alive, 0); /* and its server was not asked */
}

static void unix_address(struct sockaddr_un *address, socklen_t *length, const char *name) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "portd-test-%d-%s", (int)getpid(),
                   name);
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address->sun_path + 1));
}

static int listener_named(const char *name) {
    struct sockaddr_un address;
    socklen_t length;
    int fd = socket_of(AF_UNIX, SOCK_STREAM, 0);

    unix_address(&address, &length, name);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static int connected_to(const char *name) {
    struct sockaddr_un address;
    socklen_t length;
    int fd = socket_of(AF_UNIX, SOCK_STREAM, 0);

    unix_address(&address, &length, name);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
    return fd;
}

static void a_connection_to_the_listener_is_our_own(void **state) {
    int ours = listener_named("a"), other = listener_named("ab"), ends[2];

    (void)state;
    inspect_init(ours);
    int connection = connected_to("a"), elsewhere = connected_to("ab");
    int copy = dup(ours), tcp = socket_of(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_true(is_own(connection));
    assert_true(is_own(ours));
    assert_true(is_own(copy));
    assert_false(is_own(elsewhere)); /* the name begins alike */
    assert_false(is_own(other));
    assert_false(is_own(ends[0]));
    assert_false(is_own(tcp));
    inspect_init(ends[1]); /* a listener without a name */
    assert_false(is_own(ends[0]));
    inspect_init(OS_FD_NONE);
    assert_false(is_own(connection));
    int all[] = {ours, other, connection, elsewhere, copy, tcp, ends[0], ends[1]};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        close(all[i]);
}

/* What listens at that path in this child's mount namespace; it says when it does and ends with its input. */
static int listen_elsewhere(const char *path, int told, int input) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char byte = 0;
    int fd = socket_of(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0)
        return 1;
    return write(told, &byte, 1) == 1 && read(input, &byte, 1) == 0 ? 0 : 2;
}

/* Two listeners whose ends cannot be told apart by any address: the one at a path that was taken away is another process's. */
static void a_connection_to_the_same_address_of_another_is_not_our_own(void **state) {
    char folder[] = "/tmp/test_inspect.XXXXXX", path[64], byte;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int told[2], input[2];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/s", folder);
    memcpy(address.sun_path, path, sizeof(path));
    assert_int_equal(pipe2(told, O_CLOEXEC) + pipe2(input, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(input[1]);
        (void)syscall(SYS_exit_group, listen_elsewhere(path, told[1], input[0]));
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    int theirs = socket_of(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(theirs, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(unlink(path), 0);
    int listener = socket_of(AF_UNIX, SOCK_STREAM, 0), ours = socket_of(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(connect(ours, (struct sockaddr *)&address, sizeof(address)), 0);
    inspect_init(listener);
    assert_true(is_own(ours)); /* nobody has accepted it yet */
    assert_false(is_own(theirs));
    close(input[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(is_own(theirs)); /* nor when they have ended */
    inspect_init(OS_FD_NONE);
    int all[] = {told[0], told[1], input[0], theirs, ours, listener};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        close(all[i]);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* Holds for every way of comparing. */
static bool sameness_is_told(void) {
    int ends[2], pair[2];

    if (pipe2(ends, O_CLOEXEC) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    int end_copy = dup(ends[0]), socket_copy = dup(pair[0]);
    bool good = inspect_same(ends[0], end_copy) && inspect_same(pair[0], socket_copy) &&
                !inspect_same(ends[0], ends[1]) && !inspect_same(pair[0], pair[1]) &&
                !inspect_same(ends[0], pair[0]);
    int file = open("/tmp", O_RDONLY | O_CLOEXEC), again = open("/tmp", O_RDONLY | O_CLOEXEC);
    int count = eventfd(0, EFD_CLOEXEC), other = eventfd(0, EFD_CLOEXEC);
    good = good && !inspect_same(file, again) && !inspect_same(count, other) && !inspect_same(count, 1000);
    int all[] = {ends[0], ends[1], pair[0], pair[1], end_copy, socket_copy, file, again, count, other};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        close(all[i]);
    return good;
}

static void copies_are_the_same_open_file(void **state) {
    (void)state;
    inspect_init(OS_FD_NONE);
    assert_true(sameness_is_told());
    assert_string_not_equal(inspect_identity(), "fstat"); /* this machine has something better */
    int a = eventfd(0, EFD_CLOEXEC), b = dup(a);
    assert_true(inspect_same(a, b));
    close(a);
    close(b);
}

/* From now on F_DUPFD_QUERY is what it is on older kernels, and without `kcmp` that call is forbidden. */
static bool forbid(bool kcmp) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kcmp, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1027, 2, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, kcmp ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void other_ways_of_comparing_are_found(void **state) {
    (void)state;
    for (int kcmp = 1; kcmp >= 0; kcmp--) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            bool good = forbid(kcmp);
            inspect_init(OS_FD_NONE);
            good = good && strcmp(inspect_identity(), kcmp ? "kcmp" : "fstat") == 0 && sameness_is_told();
            (void)syscall(SYS_exit_group, good ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

/* With what /proc tells, if the kernel does not. */
static int told_pidfd(int pidfd, uint64_t *key, uint32_t *pid) {
    *pid = inspect_tells_pids() ? 0 : inspect_read_pid(pidfd);
    return inspect_pidfd(pidfd, key, pid);
}

static void a_pidfd_tells_its_process(void **state) {
    uint64_t key, other_key;
    uint32_t pid;
    int ends[2];

    (void)state;
    inspect_init(OS_FD_NONE);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char byte;
        close(ends[1]);
        (void)syscall(SYS_exit_group, read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    int self = opened((uint32_t)getpid()), other = opened((uint32_t)child);
    int again = opened((uint32_t)child);
    assert_true(self >= 0 && other >= 0 && again >= 0);
    assert_int_equal(fcntl(self, F_GETFD), FD_CLOEXEC);
    assert_int_equal(told_pidfd(self, &key, &pid), 0);
    assert_int_equal(pid, getpid());
    assert_int_equal(told_pidfd(other, &other_key, &pid), 0);
    assert_int_equal(pid, child);
    assert_true(key != other_key);
    assert_int_equal(told_pidfd(again, &key, &pid), 0);
    assert_true(key == other_key);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    if (told_pidfd(other, &key, &pid) == 0) { /* kernels without pidfs cannot tell any more */
        assert_true(key == other_key);
        assert_int_equal(pid, 0);
    }
    close(self);
    close(other);
    close(again);
}

static bool lock(int fd) {
    struct flock first = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};

    return fcntl(fd, F_OFD_SETLK, &first) == 0;
}

/* From now on pidfds have no ioctl, as before Linux 6.11. */
static bool forbid_ioctl(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Before Linux 6.13: /proc tells the number, which identifies the process where there is no pidfs. */
static bool old_kernels_are_told_by_proc(int pidfd) {
    uint64_t untold_key, key;
    uint32_t untold = 0, pid;

    inspect_init(OS_FD_NONE);
    int without = inspect_pidfd(pidfd, &untold_key, &untold);
    if (inspect_tells_pids() || untold != 0 || !lock(pidfd))
        return false;
    pid = inspect_read_pid(pidfd);
    int with = inspect_pidfd(pidfd, &key, &pid);
    return with == 0 && pid == (uint32_t)getppid() &&
           (without == 0 ? key == untold_key : without == -EAGAIN && key == pid);
}

static void a_pidfd_with_locks_tells_its_process(void **state) {
    int self = opened((uint32_t)getpid()), status;
    uint64_t key, locked_key;
    uint32_t pid;

    (void)state;
    inspect_init(OS_FD_NONE);
    assert_int_equal(told_pidfd(self, &key, &pid), 0);
    assert_int_equal(pid, getpid());
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        (void)syscall(SYS_exit_group, forbid_ioctl() && old_kernels_are_told_by_proc(self) ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(lock(self));
    assert_int_equal(told_pidfd(self, &locked_key, &pid), 0);
    assert_int_equal(pid, getpid());
    assert_true(locked_key == key);
    close(self);
}

/* Of a connection of this process to itself. */
static enum inspect_shares shares_pids(int connection, uint32_t pid) {
    int process;
    enum inspect_shares shares = inspect_may_share_pids(connection, pid, &process);

    if (process < 0)
        return shares;
    shares = inspect_shares_pids(process);
    close(process);
    return shares;
}

static void a_process_with_locks_shares_pids(void **state) {
    int ends[2], self, process;

    (void)state;
    inspect_init(OS_FD_NONE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    uint64_t key, peer = inspect_peer(ends[0], (uint32_t)getpid(), &process);
    self = inspect_open_pid((uint32_t)getpid(), &key);
    assert_true(peer == key);
    assert_int_equal(shares_pids(ends[0], 0), INSPECT_SHARES_NOT);
    assert_int_equal(shares_pids(ends[0], (uint32_t)getpid()), INSPECT_SHARES);
    assert_true(lock(self));
    assert_int_equal(shares_pids(ends[0], (uint32_t)getpid()), INSPECT_SHARES);
    int all[] = {ends[0], ends[1], self, process};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i] >= 0)
            close(all[i]);
}

/* Nothing opens a descriptor until it is restored. */
static struct rlimit forbid_descriptors(void) {
    struct rlimit before, none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    return before;
}

static void without_descriptors_it_is_untold_who_shares_pids(void **state) {
    int ends[2], process;

    (void)state;
    inspect_init(OS_FD_NONE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    int self = opened((uint32_t)getpid());
    assert_int_equal(inspect_shares_pids(self), INSPECT_SHARES);
    struct rlimit before = forbid_descriptors();
    enum inspect_shares by_connection = inspect_may_share_pids(ends[0], (uint32_t)getpid(), &process);
    enum inspect_shares by_process = inspect_shares_pids(self);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(by_connection, INSPECT_SHARES_UNTOLD);
    assert_int_equal(process, OS_FD_NONE);
    assert_int_equal(by_process, INSPECT_SHARES_UNTOLD);
    assert_int_equal(shares_pids(ends[0], (uint32_t)getpid()), INSPECT_SHARES);
    close(ends[0]);
    close(ends[1]);
    close(self);
}

static void what_is_no_pidfd_is_none(void **state) {
    int fd = eventfd(0, EFD_CLOEXEC);
    uint64_t key;
    uint32_t pid;

    (void)state;
    assert_int_equal(inspect_pidfd(fd, &key, &pid), -EINVAL);
    assert_int_equal(inspect_pidfd(1000, &key, &pid), -EINVAL);
    assert_int_equal(opened(0), OS_FD_NONE);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(opened(UINT32_MAX), OS_FD_NONE);
    close(fd);
}

TEST_MAIN(TEST_CASE(sockets), TEST_CASE(files), TEST_CASE(anonymous_inodes),
          TEST_CASE(every_type_has_a_name_of_its_own), TEST_CASE(what_is_refused),
          TEST_CASE(a_pidfd_with_locks_tells_its_process), TEST_CASE(a_process_with_locks_shares_pids),
          TEST_CASE(without_descriptors_it_is_untold_who_shares_pids),
          TEST_CASE(files_are_asked_by_pollers_alone), TEST_CASE(a_silent_file_server_is_not_asked),
          TEST_CASE(a_file_that_may_not_be_looked_at_has_its_type),
          TEST_CASE(a_connection_to_the_listener_is_our_own),
          TEST_CASE(a_connection_to_the_same_address_of_another_is_not_our_own),
          TEST_CASE(copies_are_the_same_open_file), TEST_CASE(other_ways_of_comparing_are_found),
          TEST_CASE(a_pidfd_tells_its_process), TEST_CASE(what_is_no_pidfd_is_none))
