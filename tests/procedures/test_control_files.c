/* test_control_files.c: files and sockets whose reads and writes the kernel answers, or charges, as those of the process that makes them:
 * a port leaves them to the client. Needs root, to mount file systems and to be somebody else. */
#define _GNU_SOURCE

#include "ports.h"
#include "stranger.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { CLIENT = 2001, CANNOT = 100 };

static struct fixture broker;

/* ---- files ------------------------------------------------------------------------------------------------------------ */

static const struct control {
    const char *system, *options, *file;
    int flags;
} controls[] = {
    {"cgroup2", NULL, "cgroup.procs", O_RDWR},
    {"cgroup", "memory", "cgroup.event_control", O_WRONLY},
    {"cgroup", "none,name=portd-test", "cgroup.procs", O_RDWR},
    {"binfmt_misc", NULL, "register", O_WRONLY},
    {"sysfs", NULL, "kernel/uevent_seqnum", O_RDONLY},
    {"debugfs", NULL, "clear_warn_once", O_WRONLY},
    {"tracefs", NULL, "trace_marker", O_WRONLY},
    {"securityfs", NULL, "lsm", O_RDONLY},
    {"mqueue", NULL, "portd-test", O_RDONLY | O_CREAT},
    {"bpf", NULL, "maps.debug", O_RDONLY},
    {"fusectl", NULL, "1/waiting", O_RDONLY},
};

/* Mounted where only this process sees it. -1: not here. */
static int open_control(const struct control *control, const char *folder) {
    char path[FIXTURE_PATH + 64];
    if (mount("none", folder, control->system, 0, control->options) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/%s", folder, control->file);
    int fd = open(path, control->flags | O_CLOEXEC, 0600);
    if (control->flags & O_CREAT)
        (void)unlink(path);
    (void)umount2(folder, MNT_DETACH);
    return fd;
}

static bool is_left(portd_client *client, int fd, int flags) {
    portd_id in, out;
    char bytes[16];
    size_t n;
    bool reads = (flags & O_ACCMODE) != O_WRONLY, writes = (flags & O_ACCMODE) != O_RDONLY;
    if (portd_fd_to_port(client, fd, "", (reads ? PORTD_READ : 0U) | (writes ? PORTD_WRITE : 0U),
                         fixture_soon(), &in, &out) < 1)
        return false;
    if (reads &&
        portd_port_read(client, in, bytes, sizeof bytes, 0, fixture_soon(), &n, NULL) != PORTD_E_UNSUPPORTED)
        return false;
    return !writes || portd_port_write(client, out, "no", 2, fixture_soon(), &n) == PORTD_E_UNSUPPORTED;
}

/* The number of the first control file that is not left to the client, from 1. */
static int try_controls(void *data) {
    portd_client *client;
    int tried = 0;
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return CANNOT;
    if (portd_connect(broker.address, NULL, fixture_soon(), &client) != 1)
        return CANNOT - 1;
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        int fd = open_control(&controls[i], data);
        if (fd < 0)
            continue;
        tried++;
        if (!is_left(client, fd, controls[i].flags))
            return (int)i + 1;
        (void)close(fd);
    }
    portd_disconnect(client);
    return tried ? 0 : CANNOT;
}

static void control_files_are_left_to_the_client(void **state) {
    char folder[FIXTURE_PATH + 32];
    (void)state;
    fixture_start(&broker, NULL);
    snprintf(folder, sizeof folder, "%s/mount", broker.folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    int answer = fixture_reap(fixture_fork(try_controls, folder));
    assert_int_equal(rmdir(folder), 0);
    if (answer == CANNOT)
        test_skip("needs root, to mount file systems");
    assert_int_equal(answer, 0);
}

/* ---- sockets ---------------------------------------------------------------------------------------------------------- */

/* The client asks itself; the port has the answer. */
static void requests_of_netlink_are_left_to_the_client(void **state) {
    struct {
        struct nlmsghdr header;
        struct rtgenmsg body;
    } request = {.header = {.nlmsg_len = sizeof request,
                            .nlmsg_type = RTM_GETLINK,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                 .body = {.rtgen_family = AF_UNSPEC}};
    char answer[CHUNK];
    size_t n;
    (void)state;
    fixture_start(&broker, NULL);
    portd_client *c = fixture_client_at(broker.address, NULL);
    int fd = fixture_own(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct wrapped ports = port_wrap_socket(c, fd);
    assert_int_equal(portd_port_write(c, ports.out, &request, sizeof request, fixture_soon(), &n),
                     PORTD_E_UNSUPPORTED);
    assert_int_equal(send(fd, &request, sizeof request, 0), sizeof request);
    assert_int_equal(portd_port_read(c, ports.in, answer, sizeof answer, 0, fixture_soon(), &n, NULL), 1);
    assert_int_equal(((const struct nlmsghdr *)(const void *)answer)->nlmsg_type, RTM_NEWLINK);
}

/* ---- files in memory -------------------------------------------------------------------------------------------------- */

/* Its contents can be read through a port, and are written by the client. */
static int write_memory(void *data) {
    portd_client *client = stranger_connect(&broker, CLIENT, NULL, NULL);
    int fd = memfd_create("memory", MFD_CLOEXEC);
    portd_id in, out;
    char bytes[4];
    size_t n;
    (void)data;
    if (!client || fd < 0)
        return 1;
    if (portd_fd_to_port(client, fd, "", PORTD_READ | PORTD_WRITE, fixture_soon(), &in, &out) != 2)
        return 2;
    if (portd_port_write(client, out, "#", 1, fixture_soon(), &n) != PORTD_E_UNSUPPORTED)
        return 3;
    if (pwrite(fd, "abc", 3, 0) != 3)
        return 4;
    if (portd_port_read(client, in, bytes, sizeof bytes, 0, fixture_soon(), &n, NULL) != 1 || n != 3)
        return 5;
    if (portd_port_write(client, out, "#", 1, fixture_soon(), &n) != PORTD_E_UNSUPPORTED)
        return 6;
    portd_disconnect(client);
    return 0;
}

static void files_in_memory_are_written_by_the_client(void **state) {
    (void)state;
    if (!stranger_broker(&broker))
        test_skip("only root can be somebody else");
    assert_int_equal(fixture_reap(fixture_fork(write_memory, NULL)), 0);
}

/* A read of a hole makes a page there, and a tmpfs does not. */
static int read_hole(void *data) {
    static const struct control file = {"ramfs", NULL, "hole", O_RDWR | O_CREAT};
    portd_id in;
    char byte;
    size_t n;
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return CANNOT;
    int fd = open_control(&file, data);
    if (fd < 0 || ftruncate(fd, 1) < 0)
        return CANNOT;
    portd_client *client = stranger_connect(&broker, CLIENT, NULL, NULL);
    if (!client || portd_fd_to_port(client, fd, "", PORTD_READ, fixture_soon(), &in, NULL) != 1)
        return 1;
    if (portd_port_read(client, in, &byte, 1, 0, fixture_soon(), &n, NULL) != PORTD_E_UNSUPPORTED)
        return 2;
    portd_disconnect(client);
    return 0;
}

static void files_in_a_ramfs_are_read_by_the_client(void **state) {
    char folder[FIXTURE_PATH + 32];
    (void)state;
    if (!stranger_broker(&broker))
        test_skip("only root can be somebody else");
    snprintf(folder, sizeof folder, "%s/mount", broker.folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    int answer = fixture_reap(fixture_fork(read_hole, folder));
    assert_int_equal(rmdir(folder), 0);
    if (answer == CANNOT)
        test_skip("needs root, to mount file systems");
    assert_int_equal(answer, 0);
}

TEST_MAIN(FIXTURE_CASE_BARE(control_files_are_left_to_the_client),
          FIXTURE_CASE_BARE(requests_of_netlink_are_left_to_the_client),
          FIXTURE_CASE_BARE(files_in_memory_are_written_by_the_client),
          FIXTURE_CASE_BARE(files_in_a_ramfs_are_read_by_the_client))
