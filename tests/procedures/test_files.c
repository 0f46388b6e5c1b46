/* test_files.c: the broker learns what a file is from the kernel alone, not from its type, the name of its file system or an
 * address. */
#include "ask.h"
#include "descriptors.h"
#include "ports.h"
#include "tests/support/fuse_silent.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { CANNOT = 100 }; /* how a child ends on a machine where the case has no place */

/* ---- what can be watched ----------------------------------------------------------------------------------------- */

static int make_queue(void) {
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
    char name[64];

    (void)snprintf(name, sizeof(name), "/portd-test-%d", (int)getpid());
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0600, &attributes);
    if (queue >= 0)
        (void)mq_unlink(name);
    return (int)queue;
}

static void a_message_queue(void **state) {
    portd_client *c = fixture_client(NULL);
    int queue = make_queue();
    char bytes[8];

    (void)state;
    if (queue < 0)
        test_skip("there are no message queues here");
    fixture_own(queue);
    portd_id in = ask_evt(c, queue, READ), out = ask_evt(c, queue, WRITE),
             fires = ask_semaphore(c, queue, READ);
    assert_cause(c, in, IDLE);
    assert_cause(c, fires, IDLE);
    assert_cause(c, out, READY);
    assert_false(ask_handle_ready(ask_handle(c, in)));
    assert_int_equal(mq_send(queue, "message", 8, 0), 0);
    assert_until(c, in, READY);
    assert_until(c, fires, READY);
    assert_cause(c, out, IDLE); /* it holds one */
    assert_int_equal(mq_receive(queue, bytes, sizeof(bytes), NULL), 8);
    assert_cause(c, in, IDLE);
    assert_cause(c, out, READY);
}

/* In namespaces of its own, whose file systems the broker has never seen: 0, or where it went wrong. */
static int use_files_of_a_container(void) {
    char folder[] = "/tmp/portd-files.XXXXXX", path[64];
    portd_id id = 0, evt = 0;
    portd_client *client;
    portd_ready ready;

    if (!mkdtemp(folder) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", folder, "proc", 0, NULL) < 0)
        return CANNOT;
    (void)snprintf(path, sizeof(path), "%s/self/mounts", folder);
    int file = open(path, O_RDONLY | O_CLOEXEC), queue = make_queue(), code = 1;
    if (portd_connect(fixture_address(), NULL, fixture_soon(), &client) != 1)
        code = 2;
    else if (portd_fd_to_semaphore(client, file, READ, fixture_soon(), &id) != 1 ||
             portd_wait(client, &id, 1, 0, fixture_soon(), &ready) != 1)
        code = 3;
    else if (queue >= 0 && (portd_fd_to_evt(client, queue, READ, PORTD_FD, fixture_soon(), &evt) != 1 ||
                            portd_wait(client, &evt, 1, 0, portd_now(), &ready) != 0))
        code = 4;
    else
        code = 0;
    (void)umount2(folder, MNT_DETACH);
    (void)rmdir(folder);
    return code;
}

static int enter_container(void *data) {
    int status;

    (void)data;
    if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC) < 0)
        return CANNOT;
    pid_t child = fork();
    if (child == 0)
        _exit(use_files_of_a_container());
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 5;
}

static void files_of_a_container(void **state) {
    (void)state;
    int code = fixture_reap(fixture_fork(enter_container, NULL));
    if (code == CANNOT)
        test_skip("needs root, to make namespaces");
    assert_int_equal(code, 0);
}

/* Its owner waits for its server, and nobody else does. */
static void a_file_whose_server_is_silent(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    struct fuse_silent fuse;
    portd_id id = 0;
    int ends[2];

    (void)state;
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    int code = portd_fd_to_semaphore(c, fuse.fd, READ, portd_now() + 100000, &id);
    make_pipe(ends);
    int pong = portd_ping(c, fixture_soon()), other_pong = portd_ping(other, fixture_soon());
    portd_id plain = 0;
    int made = portd_fd_to_evt(c, ends[0], READ, PORTD_FD, fixture_soon(), &plain);
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    assert_int_equal(code, PORTD_E_TIMEOUT);
    assert_int_equal(pong, 1);
    assert_int_equal(other_pong, 1);
    assert_int_equal(made, 1);
    assert_cause(c, plain, IDLE);
}

/* The broker knows what it is, although neither root nor another user may look at it. */
static void a_file_of_a_server_of_another_user(void **state) {
    portd_client *c = fixture_client(NULL);
    struct fuse_silent fuse;
    portd_id in = 0;
    uint64_t offset = 1;

    (void)state;
    if (!fuse_silent_open_of(&fuse, 2001))
        test_skip("there is no FUSE here");
    int made = portd_fd_to_port(c, fuse.fd, "", PORTD_READ | PORTD_REGULAR_FILE, fixture_soon(), &in, NULL);
    int told = portd_port_position(c, in, NULL, fixture_soon(), &offset);
    int folder = portd_fd_to_port(c, fuse.root, "", PORTD_READ, fixture_soon(), &in, NULL);
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    (void)close(fuse.root);
    assert_int_equal(made, 1);
    assert_int_equal(told, 1);
    assert_int_equal(offset, 0);
    assert_int_equal(folder, PORTD_E_INVALID);
}

/* ---- what acts in the process that reads ---------------------------------------------------------------------------------- */

static void assert_refused(portd_client *c, int fd) {
    portd_id id = 0;

    assert_int_equal(portd_fd_to_semaphore(c, fd, READ, fixture_soon(), &id), PORTD_E_INVALID);
    assert_int_equal(portd_fd_to_evt(c, fd, READ, PORTD_FD, fixture_soon(), &id), PORTD_E_INVALID);
    assert_int_equal(portd_fd_to_port(c, fd, "p", PORTD_READ, fixture_soon(), &id, NULL), PORTD_E_INVALID);
    assert_none(id);
    assert_string_equal(portd_last_field(c), "number");
    assert_string_not_equal(portd_last_error(c), "cannot determine the descriptor's type");
}

static void what_opens_descriptors_in_its_reader(void **state) {
    portd_client *c = fixture_client(NULL);
    int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY);
    int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

    (void)state;
    if (group < 0 && faults < 0)
        test_skip("this machine gives out neither");
    if (group >= 0)
        assert_refused(c, fixture_own(group));
    if (faults >= 0)
        assert_refused(c, fixture_own(faults));
    fixture_until_fds(fixture_broker(), 1);
}

/* ---- whose connection ---------------------------------------------------------------------------------------------- */

struct elsewhere {
    int told[2]; /* a pair of sockets */
};

static void pass(int through, int fd) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {"x", 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    (void)sendmsg(through, &message, 0);
}

static int received(int through) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    int fd = -1;

    if (recvmsg(through, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message))
        memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    return fd;
}

/* A broker at the very same path, in a mount namespace of its own. It hands out a connection and stays until it is told to go. */
static int broker_elsewhere(void *data) {
    const struct elsewhere *elsewhere = data;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct fixture broker = {0};
    char folder[sizeof(name.sun_path)], byte;

    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", fixture_address() + strlen("unix:"));
    (void)snprintf(folder, sizeof(folder), "%s", name.sun_path);
    *strrchr(folder, '/') = '\0';
    (void)close(elsewhere->told[0]);
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", folder, "tmpfs", 0, NULL) < 0)
        return CANNOT;
    const char *const options[] = {"--listen", fixture_address(), NULL};
    fixture_start(&broker, options);
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection, (struct sockaddr *)&name, sizeof(name)) < 0)
        return 1;
    pass(elsewhere->told[1], connection);
    ssize_t n = read(elsewhere->told[1], &byte, 1);
    fixture_stop(&broker);
    return n == 1 ? 0 : 2;
}

static void a_broker_of_the_same_path_in_another_namespace(void **state) {
    portd_client *c = fixture_client(NULL);
    struct elsewhere elsewhere;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    portd_id id = 0;

    (void)state;
    make_pair(SOCK_STREAM, elsewhere.told);
    assert_return_code(fcntl(elsewhere.told[0], F_SETFL, 0), errno);
    assert_return_code(fcntl(elsewhere.told[1], F_SETFL, 0), errno);
    pid_t child = fixture_fork(broker_elsewhere, &elsewhere);
    fixture_close(elsewhere.told[1]);
    int theirs = received(elsewhere.told[0]);
    if (theirs < 0) {
        assert_int_equal(fixture_reap(child), CANNOT);
        test_skip("needs root, to make namespaces");
    }
    fixture_own(theirs);
    portd_id hangs_up = ask_evt(c, theirs, READ);
    assert_cause(c, hangs_up, IDLE);
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", fixture_address() + strlen("unix:"));
    int ours = fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(connect(ours, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(portd_fd_to_evt(c, ours, READ, PORTD_FD, fixture_soon(), &id), PORTD_E_INVALID);
    assert_int_equal(write(elsewhere.told[0], "x", 1), 1);
    assert_int_equal(fixture_reap(child), 0);
    assert_until(c, hangs_up, HANG_UP);
}

TEST_MAIN(FIXTURE_CASE(a_message_queue), FIXTURE_CASE(files_of_a_container),
          FIXTURE_CASE(a_file_whose_server_is_silent), FIXTURE_CASE(a_file_of_a_server_of_another_user),
          FIXTURE_CASE(what_opens_descriptors_in_its_reader),
          FIXTURE_CASE(a_broker_of_the_same_path_in_another_namespace))
