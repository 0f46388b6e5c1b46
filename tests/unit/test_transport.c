/* test_transport.c: sockets at addresses, and bytes with descriptors. Frames are in test_channel.c. */
#include "tests/support/test.h"

#include "proto/frame.h"
#include "proto/socket.h"
#include "proto/transport.h"
#include "tests/support/on_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char folder[64];
static char path[128];             /* of a socket in that folder */
static char address[160];          /* the same as an address */
static struct transport_file file; /* of the listener that was made last */

static void folder_make(void) {
    (void)snprintf(folder, sizeof(folder), "/tmp/portd-transport-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/portd.sock", folder);
    (void)snprintf(address, sizeof(address), "unix:%s", path);
}

/* Fails when something but the socket was left behind. */
static void folder_remove(void) {
    (void)unlink(path);
    assert_return_code(rmdir(folder), errno);
}

static int file_flags(os_fd fd) { return fcntl(fd, F_GETFL) & O_NONBLOCK; }

static os_fd listen_at(unsigned mode) {
    os_fd listener = OS_FD_NONE;

    assert_int_equal(transport_listen(address, mode, &listener, &file), 0);
    assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
    return listener;
}

static void clients_connect_and_are_accepted(void **state) {
    os_fd listener, client, server;
    char byte;

    (void)state;
    folder_make();
    listener = listen_at(0600);
    assert_int_equal(on_socket_accept(listener, &server), -EAGAIN);
    assert_int_equal(on_socket_connect(address, &client), 0);
    assert_int_equal(on_socket_accept(listener, &server), 0);
    assert_int_equal(fcntl(client, F_GETFD) & fcntl(server, F_GETFD), FD_CLOEXEC);
    assert_int_equal(file_flags(client) & file_flags(server), O_NONBLOCK);
    assert_int_equal(on_socket_send(client, "x", 1, NULL, 0), 1);
    assert_int_equal(read(server, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    os_close(client);
    os_close(server);
    os_close(listener);
    folder_remove();
}

static void the_socket_has_the_mode_asked_for(void **state) {
    static const mode_t modes[] = {0600, 0660, 0666, 0000};
    struct stat status;

    (void)state;
    folder_make();
    mode_t before = umask(0137);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        os_fd listener = listen_at(modes[i]);
        assert_return_code(stat(path, &status), errno);
        assert_int_equal(status.st_mode, S_IFSOCK | modes[i]);
        os_close(listener);
        transport_unlink(address, &file);
    }
    assert_int_equal(umask(before), 0137);
    folder_remove();
}

static void a_stale_socket_is_replaced(void **state) {
    struct stat old, new;
    os_fd client;

    (void)state;
    folder_make();
    os_close(listen_at(0600));
    assert_return_code(stat(path, &old), errno);
    assert_int_equal(on_socket_connect(address, &client), -ECONNREFUSED);
    os_fd keep = open(path, O_PATH | O_CLOEXEC); /* so that its number is not used again */
    assert_return_code(keep, errno);
    os_fd listener = listen_at(0600);
    assert_return_code(stat(path, &new), errno);
    assert_int_not_equal(old.st_ino, new.st_ino);
    assert_int_equal(on_socket_connect(address, &client), 0);
    os_close(client);
    os_close(keep);
    os_close(listener);
    folder_remove();
}

static void a_live_socket_is_left_alone(void **state) {
    os_fd listener, second = OS_FD_NONE, client;

    (void)state;
    folder_make();
    listener = listen_at(0600);
    assert_int_equal(transport_listen(address, 0600, &second, NULL), -EADDRINUSE);
    assert_int_equal(second, OS_FD_NONE);
    assert_int_equal(on_socket_connect(address, &client), 0);
    os_close(client);
    os_close(listener);
    folder_remove();
}

static void a_live_socket_with_a_full_queue_is_left_alone(void **state) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    os_fd second = OS_FD_NONE, clients[8];
    int n = 0;

    (void)state;
    folder_make();
    memcpy(name.sun_path, path, strlen(path) + 1);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_return_code(bind(listener, (struct sockaddr *)&name, sizeof(name)), errno);
    assert_return_code(listen(listener, 0), errno);
    while (n < 8 && on_socket_connect(address, &clients[n]) == 0)
        n++;
    assert_in_range(n, 1, 7);
    assert_int_equal(on_socket_connect(address, &clients[n]), -EAGAIN);
    assert_int_equal(transport_listen(address, 0600, &second, NULL), -EADDRINUSE);
    while (n > 0)
        os_close(clients[--n]);
    os_close(listener);
    folder_remove();
}

/* Before a case of those that wait for room. */
static void a_full_queue_has_to_wait(void) {
    if (socket_full_refuses())
        test_skip("a full queue refuses here");
}

/* Connects until there is no room. */
static int queue_fill(os_fd *clients, int most) {
    int n = 0;

    while (n < most && on_socket_connect(address, &clients[n]) == 0)
        n++;
    assert_in_range(n, 1, most - 1);
    return n;
}

/* Whoever connects waits for all before it, also for those of others. */
static void the_queue_of_a_listener_is_short(void **state) {
    os_fd clients[256];

    (void)state;
    a_full_queue_has_to_wait();
    folder_make();
    os_fd listener = listen_at(0600);
    int n = queue_fill(clients, 256);
    while (n > 0)
        os_close(clients[--n]);
    os_close(listener);
    folder_remove();
}

/* Whether the process sleeps in a call of a Unix socket, where the kernel wakes in order those that wait for room. */
static bool sleeps_in_connect(pid_t pid) {
    char name[64], where[64] = "";

    (void)snprintf(name, sizeof(name), "/proc/%d/wchan", (int)pid);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, where, sizeof(where) - 1);
    os_close(fd < 0 ? OS_FD_NONE : fd);
    return got > 0 && strncmp(where, "unix_", strlen("unix_")) == 0;
}

static int wait_for_room(void) {
    struct transport connection = transport_none();
    struct timeval limit = {.tv_sec = 1};
    socklen_t size = sizeof(limit);

    if (transport_connect_by(address, INT64_MAX, &connection) < 0)
        return 1;
    if (getsockopt(connection.end, SOL_SOCKET, SO_SNDTIMEO, &limit, &size) < 0 || limit.tv_sec ||
        limit.tv_usec)
        return 2;
    return file_flags(connection.end) && fcntl(connection.end, F_GETFD) == FD_CLOEXEC ? 0 : 3;
}

static void who_waits_for_room_sleeps_in_connect(void **state) {
    os_fd clients[256], server;
    int status = -1;

    (void)state;
    a_full_queue_has_to_wait();
    folder_make();
    os_fd listener = listen_at(0600);
    int n = queue_fill(clients, 256);
    struct transport connection = transport_none();
    assert_int_equal(transport_connect_by(address, os_now_us() + 20000, &connection), -EAGAIN);
    pid_t child = fork();
    if (child == 0)
        _exit(wait_for_room());
    for (int i = 0; i < 3000 && !sleeps_in_connect(child); i++)
        (void)poll(NULL, 0, 10);
    assert_true(sleeps_in_connect(child));
    assert_int_equal(on_socket_accept(listener, &server), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    os_close(server);
    while (n > 0)
        os_close(clients[--n]);
    os_close(listener);
    folder_remove();
}

static void a_socket_of_another_type_is_left_alone(void **state) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    os_fd listener = OS_FD_NONE;

    (void)state;
    folder_make();
    memcpy(name.sun_path, path, strlen(path) + 1);
    int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_return_code(bind(datagrams, (struct sockaddr *)&name, sizeof(name)), errno);
    assert_int_equal(transport_listen(address, 0600, &listener, NULL), -EADDRINUSE);
    os_close(datagrams);
    folder_remove();
}

static void what_is_no_socket_is_left_alone(void **state) {
    os_fd listener = OS_FD_NONE;
    struct stat status;

    (void)state;
    folder_make();
    os_close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(transport_listen(address, 0600, &listener, &file), -EEXIST);
    transport_unlink(address, &file);
    assert_return_code(lstat(path, &status), errno);
    assert_true(S_ISREG(status.st_mode));
    assert_return_code(unlink(path), errno);
    assert_return_code(symlink("/dev/null", path), errno);
    assert_int_equal(transport_listen(address, 0600, &listener, NULL), -EEXIST);
    assert_return_code(unlink(path), errno);
    assert_return_code(mkdir(path, 0700), errno);
    assert_int_equal(transport_listen(address, 0600, &listener, NULL), -EEXIST);
    assert_return_code(rmdir(path), errno);
    folder_remove();
}

/* The name is the kernel's while somebody listens: nothing is left of it, and nothing in the file system is meant. */
static void a_name_is_nobody_elses_while_it_lasts(void **state) {
    os_fd listener, second = OS_FD_NONE, client, server;
    char name[64], here[256];
    struct stat status;
    char byte;

    (void)state;
    folder_make();
    assert_non_null(getcwd(here, sizeof(here)));
    assert_return_code(chdir(folder), errno);
    (void)snprintf(name, sizeof(name), "unix:@portd-test-%d", (int)getpid());
    assert_int_equal(on_socket_connect(name, &client), -ECONNREFUSED);
    assert_int_equal(transport_listen(name, 0600, &listener, &file), 0);
    assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
    assert_int_equal(transport_listen(name, 0600, &second, NULL), -EADDRINUSE);
    assert_int_equal(second, OS_FD_NONE);
    name[strlen(name) - 1] ^= 1; /* another name, as long */
    assert_int_equal(on_socket_connect(name, &client), -ECONNREFUSED);
    name[strlen(name) - 1] ^= 1;
    assert_int_equal(on_socket_connect(name, &client), 0);
    assert_int_equal(on_socket_accept(listener, &server), 0);
    assert_int_equal(on_socket_send(client, "x", 1, NULL, 0), 1);
    assert_int_equal(read(server, &byte, 1), 1);
    os_close(client);
    os_close(server);
    /* A socket in the folder that we are in, whose name is the address as it is written. */
    struct sockaddr_un as_path = {.sun_family = AF_UNIX};
    (void)snprintf(as_path.sun_path, sizeof(as_path.sun_path), "%s", name + 5);
    int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(bind(other, (struct sockaddr *)&as_path, sizeof(as_path)), errno);
    transport_unlink(name, &file);
    assert_return_code(lstat(as_path.sun_path, &status), errno);
    assert_return_code(unlink(as_path.sun_path), errno);
    os_close(other);
    os_close(listener);
    assert_int_equal(on_socket_connect(name, &client), -ECONNREFUSED);
    assert_int_equal(transport_listen(name, 0600, &listener, NULL), 0);
    os_close(listener);
    assert_return_code(chdir(here), errno);
    folder_remove();
}

static void a_listener_is_open_that_has_no_file(void **state) {
    os_fd listener;
    char name[64];
    int pair[2];

    (void)state;
    folder_make();
    listener = listen_at(0666);
    assert_false(transport_is_open(listener));
    os_close(listener);
    (void)snprintf(name, sizeof(name), "unix:@portd-test-%d", (int)getpid());
    assert_int_equal(transport_listen(name, 0600, &listener, NULL), 0);
    assert_true(transport_is_open(listener));
    os_close(listener);
    assert_false(transport_is_open(listener)); /* of what is no socket nothing is said */
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    assert_false(transport_is_open(pair[0]));
    os_close(pair[0]);
    os_close(pair[1]);
    folder_remove();
}

/* Anybody who may enter a folder can lock it. */
static void a_lock_on_the_folder_says_nothing(void **state) {
    (void)state;
    folder_make();
    os_close(listen_at(0600)); /* stale */
    int other = open(folder, O_RDONLY | O_CLOEXEC);
    assert_return_code(flock(other, LOCK_EX), errno);
    os_close(listen_at(0600));
    os_close(other);
    folder_remove();
}

static const char *beside(const char *what) {
    static char name[160];

    (void)snprintf(name, sizeof(name), "%s.%s", path, what);
    return name;
}

static void a_lock_file_of_somebody_else_is_told(void **state) {
    os_fd listener = OS_FD_NONE;

    (void)state;
    folder_make();
    if (geteuid() == 0) {
        os_close(open(beside("lock"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        assert_return_code(chown(beside("lock"), 12345, 12345), errno);
        assert_int_equal(transport_listen(address, 0600, &listener, NULL), -EPERM);
        assert_return_code(unlink(beside("lock")), errno);
    } else {
        print_message("not root: no file can be given away\n");
    }
    assert_return_code(symlink("/dev/null", beside("lock")), errno);
    assert_int_equal(transport_listen(address, 0600, &listener, NULL), -ENOTEMPTY);
    assert_return_code(unlink(beside("lock")), errno);
    assert_return_code(mkfifo(beside("lock"), 0600), errno);
    assert_int_equal(transport_listen(address, 0600, &listener, NULL), -ENOTEMPTY);
    assert_return_code(unlink(beside("lock")), errno);
    os_close(open(beside("lock"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); /* left by one that was killed */
    os_close(listen_at(0600));
    assert_int_equal(listener, OS_FD_NONE);
    folder_remove();
}

enum { STARTERS = 12 };

/* Each of them holds what it has got until all have said how it went. Returns how many listen. */
static int start_at_once(bool at_one_name) {
    int said[2], go[2], listening = 0;
    char byte;

    assert_return_code(pipe(said), errno);
    assert_return_code(pipe(go), errno);
    for (int i = 0; i < STARTERS; i++) {
        pid_t child = fork();
        assert_return_code(child, errno);
        if (child > 0)
            continue;
        char own[200];
        os_fd listener;
        close(go[1]);
        (void)snprintf(own, sizeof(own), "%s%d", address, i);
        int r = transport_listen(at_one_name ? address : own, 0600, &listener, &file);
        byte = r == 0 ? 'l' : r == -EADDRINUSE ? 'u' : '?';
        (void)!write(said[1], &byte, 1);
        (void)!read(go[0], &byte, 1);
        if (r == 0)
            transport_unlink(at_one_name ? address : own, &file);
        _exit(0);
    }
    for (int i = 0; i < STARTERS; i++) {
        assert_int_equal(read(said[0], &byte, 1), 1);
        assert_int_not_equal(byte, '?');
        listening += byte == 'l';
    }
    close(go[0]);
    close(go[1]);
    close(said[0]);
    close(said[1]);
    for (int i = 0; i < STARTERS; i++)
        assert_return_code(wait(NULL), errno);
    return listening;
}

static void of_many_starters_at_one_name_one_listens(void **state) {
    (void)state;
    folder_make();
    for (int i = 0; i < 10; i++) {
        os_close(listen_at(0600)); /* stale */
        assert_int_equal(start_at_once(true), 1);
    }
    folder_remove();
}

static void starters_at_many_names_of_a_folder_all_listen(void **state) {
    (void)state;
    folder_make();
    assert_int_equal(start_at_once(false), STARTERS);
    folder_remove();
}

/* Somebody has tidied up, and another broker listens there now. */
static void the_socket_of_another_is_not_removed(void **state) {
    struct transport_file first;
    struct stat before, now;
    os_fd client;

    (void)state;
    folder_make();
    os_fd listener = listen_at(0600);
    first = file;
    assert_return_code(unlink(path), errno);
    os_fd second = listen_at(0600);
    assert_return_code(lstat(path, &before), errno);
    assert_int_equal(transport_hide(address, &first), 0);
    transport_show(address, &first);
    transport_unlink(address, &first);
    assert_return_code(lstat(path, &now), errno);
    assert_int_equal(now.st_ino, before.st_ino);
    assert_int_equal(on_socket_connect(address, &client), 0);
    assert_true(transport_waits(second));
    assert_false(transport_waits(listener));
    transport_unlink(address, &file);
    assert_int_equal(lstat(path, &now), -1);
    os_close(client);
    os_close(listener);
    os_close(second);
    folder_remove();
}

static void nobody_takes_the_place_of_what_is_hidden(void **state) {
    os_fd client, second = OS_FD_NONE, server;
    int status;

    (void)state;
    folder_make();
    os_fd listener = listen_at(0600);
    assert_int_equal(transport_hide(address, &file), 0);
    assert_int_equal(on_socket_connect(address, &client), -ENOENT);
    pid_t other = fork();
    if (other == 0) /* it waits for what becomes of the one that hides, or comes too late */
        _exit(transport_listen(address, 0600, &second, NULL) == -EADDRINUSE ? 0 : 1);
    transport_show(address, &file);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    assert_int_equal(on_socket_connect(address, &client), 0);
    assert_int_equal(on_socket_accept(listener, &server), 0);
    assert_int_equal(transport_hide(address, &file), 0);
    transport_unlink(address, &file);
    transport_refuse(listener);
    os_close(client);
    os_close(server);
    os_close(listen_at(0600));
    os_close(listener);
    folder_remove();
}

static void bad_addresses_are_refused(void **state) {
    char text[512] = "unix:/";
    os_fd fd = OS_FD_NONE;

    (void)state;
    folder_make();
    memset(text + 6, 'x', 107);
    assert_int_equal(transport_listen(text, 0600, &fd, NULL), -EINVAL);
    assert_int_equal(on_socket_connect(text, &fd), -EINVAL);
    assert_int_equal(transport_listen("npipe:portd", 0600, &fd, NULL), -EAFNOSUPPORT);
    assert_int_equal(on_socket_connect("npipe:portd", &fd), -EAFNOSUPPORT);
    assert_int_equal(on_socket_connect(address, &fd), -ENOENT);
    strcat(address, "/below");
    assert_int_equal(transport_listen(address, 0600, &fd, NULL), -ENOENT);
    assert_int_equal(fd, OS_FD_NONE);
    folder_remove();
}

static void a_path_of_full_length_works(void **state) {
    os_fd listener, client;

    (void)state;
    folder_make();
    size_t length = strlen(path);
    memset(path + length, 'l', 107 - length);
    path[107] = '\0';
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    listener = listen_at(0600);
    assert_int_equal(on_socket_connect(address, &client), 0);
    os_close(client);
    os_close(listener);
    folder_remove();
}

static void an_inherited_listener_is_adopted(void **state) {
    os_fd listener, adopted, client, server;
    char text[16];

    (void)state;
    folder_make();
    listener = listen_at(0600);
    assert_return_code(fcntl(listener, F_SETFD, 0), errno);
    assert_return_code(fcntl(listener, F_SETFL, 0), errno);
    (void)snprintf(text, sizeof(text), "fd:%d", listener);
    assert_int_equal(on_socket_connect(text, &adopted), -EINVAL); /* it is no connection */
    assert_int_equal(transport_listen(text, 0600, &adopted, NULL), 0);
    assert_int_equal(adopted, listener);
    assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
    assert_int_equal(on_socket_accept(listener, &server), -EAGAIN);
    assert_int_equal(on_socket_connect(address, &client), 0);
    assert_int_equal(on_socket_accept(listener, &server), 0);
    os_close(server);
    os_close(client);
    os_close(listener);
    folder_remove();
}

/* Where a send can be told not to block. */
static void an_inherited_connection_keeps_its_flags(void **state) {
    os_fd adopted, fds[FRAME_FDS_ROOM];
    int pair[2];
    char text[16], byte;
    size_t n_fds;
    bool truncated;

    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), errno);
    (void)snprintf(text, sizeof(text), "fd:%d", pair[0]);
    assert_int_equal(transport_listen(text, 0600, &adopted, NULL), -EINVAL);
    assert_int_equal(on_socket_connect(text, &adopted), 0);
    assert_int_equal(adopted, pair[0]);
    assert_int_equal(fcntl(adopted, F_GETFD), FD_CLOEXEC);
    assert_int_equal(file_flags(adopted), socket_send_may_be_told() ? 0 : O_NONBLOCK);
    assert_int_equal(on_socket_recv(adopted, &byte, 1, fds, &n_fds, &truncated),
                     -EAGAIN); /* and does not block */
    os_close(pair[0]);
    os_close(pair[1]);
}

static void what_is_no_stream_socket_is_not_adopted(void **state) {
    int pipes[2], pair[2];

    (void)state;
    assert_return_code(pipe(pipes), errno);
    assert_int_equal(transport_adopt(pipes[0]), -ENOTSOCK);
    os_close(pipes[0]);
    assert_int_equal(transport_adopt(pipes[0]), -EBADF);
    os_close(pipes[1]);
    assert_return_code(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), errno);
    assert_int_equal(transport_adopt(pair[0]), -EAFNOSUPPORT);
    os_close(pair[0]);
    os_close(pair[1]);
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(transport_adopt(tcp), -EAFNOSUPPORT);
    assert_int_equal(fcntl(tcp, F_GETFD), 0);
    os_close(tcp);
}

static void descriptors_travel_beside_the_bytes(void **state) {
    os_fd sent[2], got[FRAME_FDS_ROOM];
    int pair[2], pipes[2];
    char bytes[16];
    size_t n_fds;
    bool truncated = true;

    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    assert_return_code(pipe(pipes), errno);
    sent[0] = pipes[0];
    sent[1] = pipes[1];
    assert_int_equal(on_socket_send(pair[0], "bytes", 5, sent, 2), 5);
    os_close(pipes[0]);
    os_close(pipes[1]);
    assert_int_equal(on_socket_recv(pair[1], bytes, sizeof(bytes), got, &n_fds, &truncated), 5);
    assert_memory_equal(bytes, "bytes", 5);
    assert_int_equal(n_fds, 2);
    assert_false(truncated);
    assert_int_equal(fcntl(got[0], F_GETFD), FD_CLOEXEC);
    assert_int_equal(file_flags(got[0]), 0);
    assert_int_equal(write(got[1], "p", 1), 1); /* they are the ends of that pipe, in that order */
    assert_int_equal(read(got[0], bytes, 1), 1);
    os_close(got[0]);
    os_close(got[1]);
    os_close(pair[0]);
    assert_int_equal(on_socket_recv(pair[1], bytes, sizeof(bytes), got, &n_fds, &truncated), 0);
    assert_int_equal(n_fds, 0);
    assert_int_equal(on_socket_send(pair[1], "x", 1, NULL, 0), -EPIPE);
    os_close(pair[1]);
}

static void discard(void *context, os_fd fd) {
    size_t *n = context;

    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    os_close(fd);
    ++*n;
}

/* As from a kernel that passes more than is known here. */
static void descriptors_without_room_are_discarded(void **state) {
    os_fd sent[5], got[2];
    size_t discarded = 0;
    struct transport_fds fds = {.fds = got, .room = 2, .discard = discard, .context = &discarded};
    char byte;
    int pair[2];

    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    for (size_t i = 0; i < 5; i++)
        sent[i] = pair[0];
    assert_int_equal(on_socket_send(pair[0], "x", 1, sent, 5), 1);
    assert_int_equal(transport_recv(on_socket(pair[1]), &byte, 1, &fds, false), 1);
    assert_int_equal(fds.n, 2);
    assert_true(fds.truncated);
    assert_int_equal(discarded, 3);
    for (size_t i = 0; i < 2; i++)
        os_close(got[i]);
    assert_int_equal(on_socket_send(pair[0], "x", 1, sent, 2), 1);
    assert_int_equal(transport_recv(on_socket(pair[1]), &byte, 1, &fds, false), 1);
    assert_int_equal(fds.n, 2);
    assert_false(fds.truncated);
    assert_int_equal(discarded, 3);
    for (size_t i = 0; i < 2; i++)
        os_close(got[i]);
    os_close(pair[0]);
    os_close(pair[1]);
}

static void too_many_descriptors_are_refused(void **state) {
    os_fd fds[FRAME_FDS_ROOM + 1];
    int pair[2];

    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    for (size_t i = 0; i < FRAME_FDS_ROOM + 1; i++)
        fds[i] = pair[0];
    assert_int_equal(on_socket_send(pair[0], "x", 1, fds, FRAME_FDS_ROOM + 1), -EINVAL);
    assert_int_equal(on_socket_send(pair[0], "x", 1, fds, FRAME_FDS_ROOM), 1);
    os_close(pair[0]);
    os_close(pair[1]); /* unread: the kernel closes them */
}

/* 2^32 seconds are 0 where a time has 32 bits, which is no limit. */
static void the_longest_sleep_has_a_limit(void **state) {
    static const int64_t limits[] = {(INT64_C(1) << 32) * 1000000, INT64_MAX};
    int pair[2];

    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        struct timeval limit = {0};
        socklen_t size = sizeof(limit);
        assert_int_equal(transport_sleep_limit(on_socket(pair[0]), limits[i]), 0);
        assert_int_equal(getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, &size), 0);
        assert_true(limit.tv_sec > 1000000000);
    }
    os_close(pair[0]);
    os_close(pair[1]);
}

TEST_MAIN(TEST_CASE(clients_connect_and_are_accepted), TEST_CASE(the_socket_has_the_mode_asked_for),
          TEST_CASE(a_stale_socket_is_replaced), TEST_CASE(a_live_socket_is_left_alone),
          TEST_CASE(a_live_socket_with_a_full_queue_is_left_alone),
          TEST_CASE(the_queue_of_a_listener_is_short), TEST_CASE(who_waits_for_room_sleeps_in_connect),
          TEST_CASE(a_socket_of_another_type_is_left_alone), TEST_CASE(what_is_no_socket_is_left_alone),
          TEST_CASE(a_name_is_nobody_elses_while_it_lasts), TEST_CASE(a_listener_is_open_that_has_no_file),
          TEST_CASE(a_lock_on_the_folder_says_nothing), TEST_CASE(a_lock_file_of_somebody_else_is_told),
          TEST_CASE(of_many_starters_at_one_name_one_listens),
          TEST_CASE(starters_at_many_names_of_a_folder_all_listen),
          TEST_CASE(the_socket_of_another_is_not_removed),
          TEST_CASE(nobody_takes_the_place_of_what_is_hidden), TEST_CASE(bad_addresses_are_refused),
          TEST_CASE(a_path_of_full_length_works), TEST_CASE(an_inherited_listener_is_adopted),
          TEST_CASE(an_inherited_connection_keeps_its_flags),
          TEST_CASE(what_is_no_stream_socket_is_not_adopted), TEST_CASE(descriptors_travel_beside_the_bytes),
          TEST_CASE(descriptors_without_room_are_discarded), TEST_CASE(too_many_descriptors_are_refused),
          TEST_CASE(the_longest_sleep_has_a_limit))
