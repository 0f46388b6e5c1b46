/* test_peer_win.c: who the client of a pipe is, and what the broker takes out of its process and puts into it. The clients are other processes,
 * which this program starts: `test_peer CLIENT ADDRESS`.
 *
 * wine has one user, lets everybody open every pipe, and tells the token of a pipe before anything was read from it. So other users are tried by
 * tokens that this user makes; that a pipe's access list and the order of reading are observed, only Windows can show. */
#include <winsock2.h>
/* winsock2.h must come first */
#include "tests/support/test.h"

#include "proto/caller_win.h"
#include "proto/frame.h"
#include "proto/peer.h"
#include "proto/sid_win.h"
#include "proto/winsock_win.h"
#include "tests/support/line.h"
#include "tests/support/receive.h"

#include <windows.h>

static char buffer[100];
static os_fd fds[FRAME_FDS_ROOM];
static size_t n_fds;

static ptrdiff_t receive(struct transport transport) {
    bool truncated;
    ptrdiff_t n;

    do {
        if (WaitForSingleObject(transport_pollable(transport), LINE_MS) != WAIT_OBJECT_0)
            return -ETIMEDOUT;
        n = receive_from(transport, buffer, sizeof(buffer), fds, &n_fds, &truncated);
    } while (n == -EAGAIN);
    return truncated ? -EPROTO : n;
}

/* ---- the clients: 0 is right ---- */

static int client_silent(struct transport connection) {
    return receive(connection) == 0 ? 0 : 1; /* until the end */
}

static int client_ends(struct transport connection) {
    transport_close(connection);
    ExitProcess(0);
}

/* Sends an event, which the broker sets, and both ends of a TCP connection; gets one of them back in return. */
static int client_gives(struct transport connection) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int size = sizeof(name);
    WSADATA data;
    char byte = 0;
    os_fd sent[2];

    (void)WSAStartup(MAKEWORD(2, 2), &data);
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&name, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&name, &size) != 0 ||
        connect(client, (struct sockaddr *)&name, size) != 0)
        return 1;
    SOCKET server = accept(listener, NULL, NULL);
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    sent[0] = event;
    sent[1] = (os_fd)server;
    if (transport_send(connection, "give", 4, sent, 2) != 4)
        return 2;
    (void)closesocket(server);
    if (recv(client, &byte, 1, 0) != 1 || byte != 'b') /* the broker has it */
        return 3;
    if (WaitForSingleObject(event, LINE_MS) != WAIT_OBJECT_0)
        return 4;
    if (receive(connection) != 4 || n_fds != 2)
        return 5;
    if (send((SOCKET)fds[0], "c", 1, 0) != 1 || recv(client, &byte, 1, 0) != 1 || byte != 'c')
        return 6;
    os_close(fds[0]);
    if (!SetEvent(fds[1]))
        return 7;
    return receive(connection) == 0 ? 0 : 8;
}

/* ---- */

static HANDLE start(const char *client, const char *address) {
    char self[MAX_PATH], command[2 * MAX_PATH];
    STARTUPINFOA how = {.cb = sizeof(how)};
    PROCESS_INFORMATION made;

    assert_true(GetModuleFileNameA(NULL, self, MAX_PATH) > 0);
    (void)snprintf(command, sizeof(command), "\"%s\" %s %s", self, client, address);
    assert_true(CreateProcessA(self, command, NULL, NULL, FALSE, 0, NULL, NULL, &how, &made));
    (void)CloseHandle(made.hThread);
    return made.hProcess;
}

static struct transport accept_from(const char *client, HANDLE *process) {
    struct line_place place;
    os_fd listener;

    listener = line_listen(&place);
    *process = start(client, place.address);
    struct transport server = line_accept(listener);
    line_unlisten(&place, listener);
    return server;
}

static void finish(HANDLE process) {
    DWORD status;

    line_await(process);
    assert_true(GetExitCodeProcess(process, &status));
    assert_int_equal(status, 0);
    (void)CloseHandle(process);
}

static void it_is_this_process(void **state) {
    struct transport server, client;
    struct peer peer;

    (void)state;
    line_open(&server, &client);
    memset(&peer, 0xFF, sizeof(peer));
    assert_int_equal(peer_of(transport_peer(server), &peer), 0);
    assert_int_equal(peer.pid, GetCurrentProcessId());
    assert_int_equal(peer.uid, peer_self());
    assert_int_equal(peer.n_groups, 0);
    assert_false(peer.more_groups);
    assert_string_equal(peer.label, "");
    transport_close(client);
    transport_close(server);
}

static void it_is_the_process_that_connected(void **state) {
    uint32_t *groups = (uint32_t *)(void *)buffer;
    struct peer peer;
    HANDLE process;
    os_fd opened;
    size_t n = 1;
    struct transport server = accept_from("silent", &process);

    (void)state;
    assert_int_equal(peer_user(transport_peer(server), &peer), 0);
    assert_int_equal(peer.pid, GetProcessId(process));
    assert_int_equal(peer.uid, peer_self());
    assert_int_equal(peer_all_groups(transport_peer(server), &groups, &n), 0);
    assert_null(groups);
    assert_int_equal(n, 0);
    assert_int_equal(peer_process(transport_peer(server), &opened), 0);
    assert_int_equal(GetProcessId(opened), peer.pid);
    os_close(opened);
    assert_false(peer_has_ended(transport_peer(server), &peer, &opened));
    os_close(opened);
    transport_close(server);
    finish(process);
}

static void one_that_has_ended_is_known(void **state) {
    struct peer peer;
    HANDLE process;
    os_fd opened;
    struct transport server = accept_from("silent", &process);

    (void)state;
    assert_int_equal(peer_user(transport_peer(server), &peer), 0);
    assert_true(TerminateProcess(process, 0));
    finish(process);
    assert_int_equal(receive(server), 0);
    assert_true(peer_has_ended(transport_peer(server), &peer, &opened));
    os_close(opened);
    transport_close(server);
}

static void a_client_that_ends_at_once_is_no_trouble(void **state) {
    HANDLE process;

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct transport server = accept_from("ends", &process);
        finish(process);
        assert_int_equal(receive(server), 0);
        transport_close(server);
    }
}

static void what_is_no_pipe_has_no_peer(void **state) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct peer peer;

    (void)state;
    assert_true(peer_of(event, &peer) < 0);
    assert_true(peer_of((os_fd)0x7FFFFFF0, &peer) < 0);
    os_close(event);
}

/* The broker has the client's own handles, and the client the broker's, also sockets. */
static void handles_pass_between_processes(void **state) {
    HANDLE process;
    struct transport server = accept_from("gives", &process);
    os_fd event, socket;
    int type = 0, size = sizeof(type);

    (void)state;
    assert_int_equal(receive(server), 4);
    assert_int_equal(n_fds, 2);
    event = fds[0];
    socket = fds[1];
    assert_int_equal(getsockopt((SOCKET)socket, SOL_SOCKET, SO_TYPE, (char *)&type, &size), 0); /* adopted */
    assert_int_equal(type, SOCK_STREAM);
    assert_int_equal(send((SOCKET)socket, "b", 1, 0), 1);
    assert_true(SetEvent(event));
    HANDLE told = CreateEventW(NULL, TRUE, FALSE, NULL);
    os_fd back[2] = {socket, told};
    assert_int_equal(transport_send(server, "back", 4, back, 2), 4);
    line_await(told);
    os_close(told);
    os_close(socket);
    os_close(event);
    transport_close(server);
    finish(process);
}

static SOCKET socket_new(DWORD flags) {
    WSADATA data;

    assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
    SOCKET made = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, flags);
    assert_true(made != INVALID_SOCKET);
    return made;
}

/* A call on such a socket can wait for another holder's, so the broker takes none. */
static void a_synchronous_socket_is_refused(void **state) {
    struct transport server, client;
    HANDLE file = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    os_fd three[3] = {(os_fd)socket_new(WSA_FLAG_OVERLAPPED), (os_fd)socket_new(0), file};
    bool truncated;

    (void)state;
    line_open(&server, &client);
    assert_int_equal(transport_send(client, "x", 1, three, 3), 1);
    ptrdiff_t n;
    do {
        line_await(transport_pollable(server));
        n = receive_from(server, buffer, sizeof(buffer), fds, &n_fds, &truncated);
    } while (n == -EAGAIN);
    assert_int_equal(n, 1);
    assert_true(truncated);
    assert_int_equal(n_fds, 2);
    assert_true(winsock_is(fds[0]) && !winsock_is(fds[1]));
    for (size_t i = 0; i < 2; i++)
        os_close(fds[i]);
    for (size_t i = 0; i < 3; i++)
        os_close(three[i]);
    transport_close(client);
    transport_close(server);
}

/* What nobody asks for any more is closed by another thread. */
static void a_connection_may_end_while_its_sockets_are_taken(void **state) {
    os_fd socket = (os_fd)socket_new(WSA_FLAG_OVERLAPPED);
    size_t before = test_fds_count();

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct transport server, client;
        bool truncated;
        line_open(&server, &client);
        assert_int_equal(transport_send(client, "x", 1, &socket, 1), 1);
        line_await(transport_pollable(server));
        ptrdiff_t n = receive_from(server, buffer, sizeof(buffer), fds, &n_fds, &truncated);
        if (n == 1)
            os_close(fds[0]);
        else
            assert_int_equal(n, -EAGAIN);
        transport_close(i % 2 ? server : client);
        transport_close(i % 2 ? client : server);
    }
    for (int i = 0; test_fds_count() != before && i < LINE_MS; i++)
        Sleep(1);
    assert_int_equal(test_fds_count(), before);
    os_close(socket);
}

/* ---- tokens ---- */

static HANDLE own_token(DWORD access) {
    HANDLE token;

    assert_true(OpenProcessToken(GetCurrentProcess(), access, &token));
    return token;
}

static void a_pipe_and_its_process_have_one_token(void **state) {
    struct transport server, client;
    os_fd process;

    (void)state;
    line_open(&server, &client);
    assert_int_equal(transport_send(client, "x", 1, NULL, 0), 1);
    assert_int_equal(receive(server), 1);
    assert_int_equal(caller_open(transport_peer(server), CALLER_LOOK | CALLER_GIVE, &process), 0);
    assert_int_equal(caller_prove(transport_peer(server), process), 0);
    os_close(process);
    HANDLE token;
    assert_true(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)); /* this thread is itself again */
    os_close(token);
    assert_false(OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token));
    transport_close(client);
    transport_close(server);
}

static void users_have_numbers(void **state) {
    HANDLE token = own_token(TOKEN_QUERY);
    os_uid uid = PEER_UID_NOBODY, again = PEER_UID_NOBODY;

    (void)state;
    assert_int_equal(sid_of_token(token, &uid), 0);
    assert_int_equal(sid_of_token(token, &again), 0);
    assert_int_equal(uid, again);
    assert_true(uid == 0 || uid == SID_FIRST);
    os_close(token);
    assert_true(sid_of_token(token, &uid) < 0);
}

/* An administrator whose token was cut down is an ordinary user. */
static void a_token_without_its_rights_is_not_root(void **state) {
    HANDLE token = own_token(TOKEN_QUERY | TOKEN_DUPLICATE | TOKEN_ASSIGN_PRIMARY), less, asked;
    _Alignas(8) unsigned char administrators[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof(administrators);
    BOOL in_force = TRUE;
    os_uid uid = 0;

    (void)state;
    assert_true(CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, administrators, &size));
    SID_AND_ATTRIBUTES denied = {.Sid = administrators};
    assert_true(CreateRestrictedToken(token, 0, 1, &denied, 0, NULL, 0, NULL, &less));
    assert_true(
        DuplicateToken(less, SecurityIdentification, &asked)); /* CheckTokenMembership wants a thread's */
    assert_true(CheckTokenMembership(asked, administrators, &in_force));
    os_close(asked);
    assert_int_equal(sid_of_token(less, &uid), 0);
    os_close(less);
    os_close(token);
    if (in_force)
        test_skip("this system leaves a denied group in force");
    assert_true(uid >= SID_FIRST);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(struct transport);
    } clients[] = {{"silent", client_silent}, {"ends", client_ends}, {"gives", client_gives}};
    struct CMUnitTest cases[] = {TEST_CASE(it_is_this_process),
                                 TEST_CASE(it_is_the_process_that_connected),
                                 TEST_CASE(one_that_has_ended_is_known),
                                 TEST_CASE(a_client_that_ends_at_once_is_no_trouble),
                                 TEST_CASE(what_is_no_pipe_has_no_peer),
                                 TEST_CASE(handles_pass_between_processes),
                                 TEST_CASE(a_synchronous_socket_is_refused),
                                 TEST_CASE(a_connection_may_end_while_its_sockets_are_taken),
                                 TEST_CASE(a_pipe_and_its_process_have_one_token),
                                 TEST_CASE(users_have_numbers),
                                 TEST_CASE(a_token_without_its_rights_is_not_root)};

    for (size_t i = 0; argc == 3 && i < sizeof(clients) / sizeof(*clients); i++) {
        struct transport connection;
        if (strcmp(argv[1], clients[i].name) == 0)
            return transport_connect_by(argv[2], os_now_us() + 10000000, &connection) == 0
                       ? clients[i].run(connection)
                       : 100;
    }
    return TEST_RUN(cases);
}
