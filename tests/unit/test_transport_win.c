/* test_transport_win.c: listeners at pipe names, and bytes with handles. What wine does not judge is said where it is left out. */
#include "tests/support/ends_win.h"
/* after winsock2.h */
#include "tests/support/test.h"

#include "proto/frame.h"
#include "proto/pipe_win.h"
#include "proto/socket.h"
#include "tests/support/line.h"
#include "tests/support/receive.h"

enum { BIG = 1 << 20 };

static os_fd fds[FRAME_FDS_ROOM];
static size_t n_fds;
static bool truncated;
static char buffer[BIG];

static ptrdiff_t receive(struct transport transport, size_t size) {
    return receive_from(transport, buffer, size, fds, &n_fds, &truncated);
}

/* Waits for something to receive. */
static ptrdiff_t receive_some(struct transport transport, size_t size) {
    ptrdiff_t n;

    do {
        line_await(transport_pollable(transport));
        n = receive(transport, size);
    } while (n == -EAGAIN);
    return n;
}

/* Sends all, as an owner does that polls: again with what is left, when it is told. */
static void send_all(struct transport transport, const char *bytes, size_t size) {
    while (size > 0) {
        ptrdiff_t n = transport_send(transport, bytes, size, NULL, 0);
        if (n == -EAGAIN) {
            line_await(transport_pollable(transport));
            continue;
        }
        assert_true(n > 0);
        bytes += n;
        size -= (size_t)n;
    }
}

static void clients_connect_and_are_accepted(void **state) {
    struct line_place place;
    struct transport client, server;
    os_fd listener;
    DWORD flags;

    (void)state;
    listener = line_listen(&place);
    assert_true(transport_listens(listener));
    assert_false(transport_waits(listener));
    assert_false(line_is_ready(listener));
    assert_int_equal(transport_accept(listener, &server), -EAGAIN);
    assert_int_equal(transport_connect(place.address, &client), 0);
    line_await(listener);
    assert_true(transport_waits(listener));
    assert_int_equal(transport_accept(listener, &server), 0);
    assert_false(line_is_ready(listener));
    assert_true(GetHandleInformation(transport_peer(client), &flags) && !(flags & HANDLE_FLAG_INHERIT));
    assert_true(GetHandleInformation(transport_peer(server), &flags) && !(flags & HANDLE_FLAG_INHERIT));
    assert_false(line_is_ready(transport_pollable(client)));
    assert_false(line_is_ready(transport_pollable(server)));
    assert_int_equal(receive(server, 1), -EAGAIN);
    assert_int_equal(transport_send(client, "x", 1, NULL, 0), 1);
    assert_int_equal(receive_some(server, 9), 1);
    assert_int_equal(buffer[0], 'x');
    assert_int_equal(receive(server, 1), -EAGAIN);
    assert_false(line_is_ready(transport_pollable(server)));
    transport_close(client);
    assert_int_equal(receive_some(server, 1), 0);
    assert_int_equal(receive_some(server, 1), 0); /* it stays so */
    transport_close(server);
    line_unlisten(&place, listener);
    assert_int_equal(transport_connect(place.address, &client), -ENOENT);
}

static void many_may_wait_to_be_accepted(void **state) {
    enum { MANY = 40 };
    struct line_place place;
    struct transport clients[MANY], servers[MANY];
    os_fd listener;
    size_t connected = 0, accepted = 0;

    (void)state;
    listener = line_listen(&place);
    while (connected < MANY) {
        int r = transport_connect(place.address, &clients[connected]);
        if (r == 0) {
            connected++;
            continue;
        }
        assert_int_equal(r, -EAGAIN);
        assert_true(connected > accepted + 1); /* several may wait */
        while ((r = transport_accept(listener, &servers[accepted])) == 0)
            accepted++;
        assert_int_equal(r, -EAGAIN);
    }
    while (accepted < MANY)
        servers[accepted++] = line_accept(listener);
    assert_int_equal(transport_accept(listener, &servers[0]), -EAGAIN);
    for (size_t i = 0; i < MANY; i++) {
        transport_close(clients[i]);
        transport_close(servers[i]);
    }
    line_unlisten(&place, listener);
}

static DWORD WINAPI accept_later(void *context) {
    struct transport *server = ((void **)context)[1];

    Sleep(50);
    for (int n = 0; n < 9;) {
        if (transport_accept(((os_fd *)context)[0], &server[n]) == 0)
            n++;
        else
            Sleep(1);
    }
    return 0;
}

static void who_waits_for_an_instance_gets_one(void **state) {
    struct line_place place;
    struct transport clients[9], servers[9];
    size_t n = 0;
    os_fd listener;

    (void)state;
    listener = line_listen(&place);
    while (transport_connect(place.address, &clients[n]) == 0)
        n++;
    assert_int_equal(n, 8);
    assert_int_equal(transport_connect_by(place.address, os_now_us() + 20000, &clients[n]), -EAGAIN);
    void *context[2] = {listener, servers};
    HANDLE thread = CreateThread(NULL, 0, accept_later, context, 0, NULL);
    assert_int_equal(transport_connect_by(place.address, INT64_MAX, &clients[8]), 0);
    assert_int_equal(WaitForSingleObject(thread, LINE_MS), WAIT_OBJECT_0);
    (void)CloseHandle(thread);
    for (size_t i = 0; i < 9; i++) {
        transport_close(clients[i]);
        transport_close(servers[i]);
    }
    line_unlisten(&place, listener);
}

static void a_client_that_has_left_is_seen(void **state) {
    struct line_place place;
    struct transport client, server;
    os_fd listener;

    (void)state;
    listener = line_listen(&place);
    assert_int_equal(transport_connect(place.address, &client), 0);
    transport_close(client);
    server = line_accept(listener);
    assert_true(socket_is_shut(transport_peer(server)) && transport_is_empty(server));
    transport_close(server);
    assert_int_equal(transport_connect(place.address, &client), 0); /* one that has said something */
    assert_int_equal(transport_send(client, "x", 1, NULL, 0), 1);
    server = line_accept(listener);
    assert_false(transport_is_empty(server));
    line_await(transport_pollable(server));
    assert_false(transport_is_empty(server));
    transport_close(client);
    assert_false(transport_is_empty(server));
    assert_int_equal(receive_some(server, 1), 1);
    assert_true(transport_is_empty(server));
    transport_close(server);
    line_unlisten(&place, listener);
}

static void a_name_is_nobody_elses_while_it_lasts(void **state) {
    struct line_place place;
    os_fd listener = line_listen(&place), second;

    (void)state;
    assert_int_equal(transport_listen(place.address, 0600, &second, NULL), -EADDRINUSE);
    char *name = strchr(place.address, ':') + 1; /* the same name, in other letters */
    name[0] ^= 'a' ^ 'A';
    assert_int_equal(transport_listen(place.address, 0600, &second, NULL), -EADDRINUSE);
    name[0] ^= 'a' ^ 'A';
    line_unlisten(&place, listener);
    assert_int_equal(transport_listen(place.address, 0600, &listener, NULL), 0);
    line_unlisten(&place, listener);
}

static DWORD WINAPI listen_too(void *address) {
    os_fd listener;

    return (DWORD)transport_listen(address, 0600, &listener, NULL);
}

static void nobody_takes_the_place_of_what_is_hidden(void **state) {
    struct line_place place;
    struct transport client, server;
    os_fd listener;
    DWORD second;

    (void)state;
    listener = line_listen(&place);
    assert_int_equal(transport_connect(place.address, &client), 0);
    line_await(listener);
    assert_int_equal(transport_hide(place.address, NULL), 0);
    assert_true(transport_waits(listener)); /* who came before is still there */
    assert_int_equal(transport_accept(listener, &server), 0);
    assert_int_equal(transport_send(client, "x", 1, NULL, 0), 1);
    assert_int_equal(receive_some(server, 1), 1);
    transport_close(server);
    transport_close(client);
    assert_int_equal(transport_connect(place.address, &client), -ENOENT);
    assert_false(transport_waits(listener));
    HANDLE thread = CreateThread(NULL, 0, listen_too, place.address, 0, NULL);
    assert_int_equal(WaitForSingleObject(thread, 50),
                     WAIT_TIMEOUT); /* it waits: the broker may end, or stay */
    transport_show(place.address, NULL);
    assert_int_equal(WaitForSingleObject(thread, LINE_MS), WAIT_OBJECT_0);
    assert_true(GetExitCodeThread(thread, &second));
    assert_int_equal((int)second, -EADDRINUSE);
    (void)CloseHandle(thread);
    assert_int_equal(transport_connect(place.address, &client), 0);
    server = line_accept(listener);
    transport_close(server);
    transport_close(client);
    transport_refuse(listener);
    assert_true(transport_is_shut(listener));
    assert_int_equal(transport_connect(place.address, &client), -ENOENT);
    line_unlisten(&place, listener);
}

static void bad_addresses_are_refused(void **state) {
    struct transport client;
    os_fd listener;

    (void)state;
    assert_int_equal(transport_listen("npipe:", 0600, &listener, NULL), -EINVAL);
    assert_int_equal(transport_listen("unix:/run/portd.sock", 0600, &listener, NULL), -EAFNOSUPPORT);
    assert_int_equal(transport_connect("fd:3", &client), -EAFNOSUPPORT);
    assert_int_equal(transport_connect("npipe:portd-nobody", &client), -ENOENT);
    assert_int_equal(transport_connect_by("npipe:portd-nobody", INT64_MAX, &client), -ENOENT);
}

static void bytes_keep_their_order_whatever_is_read_at_once(void **state) {
    struct transport server, client;
    size_t sizes[] = {1, 7, 4096, 70000};

    (void)state;
    line_open(&server, &client);
    for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
        static char sent[60000];
        size_t got = 0;
        for (size_t i = 0; i < sizeof(sent); i++)
            sent[i] = (char)(i * 31 + i / 251 + k);
        size_t first = sizeof(sent) / 3;
        send_all(client, sent, first);
        send_all(client, sent + first, 1);
        send_all(client, sent + first + 1, 20000);
        while (got < first + 20001) {
            ptrdiff_t n = receive_some(server, sizes[k]);
            assert_true(n > 0 && (size_t)n <= sizes[k]);
            assert_memory_equal(buffer, sent + got, (size_t)n);
            got += (size_t)n;
        }
        assert_int_equal(receive(server, 1), -EAGAIN);
    }
    transport_close(client);
    transport_close(server);
}

/* More than the pipe takes: a write stays in flight, is not told as sent, and its end wakes the sender. */
static void what_does_not_fit_is_sent_when_there_is_room(void **state) {
    struct transport ends[2];
    static char sent[BIG];

    (void)state;
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i * 7 + i / 1000);
    for (int way = 0; way < 2; way++) {
        line_open(&ends[0], &ends[1]);
        struct transport from = ends[way], to = ends[!way];
        size_t out = 0, in = 0;
        bool waited = false;
        while (in < sizeof(sent)) {
            ptrdiff_t n =
                out < sizeof(sent) ? transport_send(from, sent + out, sizeof(sent) - out, NULL, 0) : -EAGAIN;
            if (n > 0) {
                out += (size_t)n;
                continue;
            }
            assert_int_equal(n, -EAGAIN);
            if (out < sizeof(sent)) {
                assert_false(line_is_ready(transport_pollable(from)));
                waited = true;
            }
            n = receive_some(to, 100000);
            assert_true(n > 0);
            assert_memory_equal(buffer, sent + in, (size_t)n);
            in += (size_t)n;
            assert_true(in <= out + FRAME_HEADER + FRAME_LONG_MAX);
        }
        assert_true(waited);
        transport_close(from);
        transport_close(to);
    }
}

/* A server that has something to send first is not woken by what it cannot read then; and nothing is forgotten. */
static void a_full_server_is_not_woken_by_requests(void **state) {
    struct transport server, client;
    static char sent[BIG];
    size_t out = 0, in = 0;
    ptrdiff_t n;

    (void)state;
    line_open(&server, &client);
    assert_int_equal(transport_send(client, "hello", 5, NULL, 0), 5);
    assert_int_equal(receive_some(server, 100), 5);
    while ((n = transport_send(server, sent + out, sizeof(sent) - out, NULL, 0)) > 0)
        out += (size_t)n;
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(transport_send(client, "more", 4, NULL, 0), 4);
    line_await(transport_pollable(server));
    assert_int_equal(transport_send(server, sent + out, sizeof(sent) - out, NULL, 0), -EAGAIN);
    assert_false(line_is_ready(transport_pollable(server)));
    assert_true(line_is_ready(transport_pollable(client)));
    assert_int_equal(transport_send(client, "x", 1, NULL, 0), 1);
    assert_true(line_is_ready(transport_pollable(client))); /* a client is: it reads always */
    while (in <= out)
        in += (size_t)receive_some(client, 50000);
    line_await(transport_pollable(server));
    n = transport_send(server, sent + out, sizeof(sent) - out, NULL, 0);
    assert_true(n > 0);
    assert_int_equal(receive(server, 100), 5);
    assert_memory_equal(buffer, "morex", 5);
    transport_close(server);
    transport_close(client);
}

static void what_was_sent_can_be_read_after_the_close(void **state) {
    struct transport server, client;

    (void)state;
    for (int way = 0; way < 2; way++) {
        line_open(&server, &client);
        struct transport from = way ? server : client, to = way ? client : server;
        assert_int_equal(transport_send(from, "last", 4, NULL, 0), 4);
        assert_int_equal(transport_send(from, "words", 5, NULL, 0), 5);
        transport_shutdown(from);
        assert_int_equal(transport_send(from, "x", 1, NULL, 0), -EPIPE);
        assert_int_equal(receive(from, 1), 0);
        if (way)
            (void)CloseHandle(transport_take(from));
        else
            transport_close(from);
        assert_int_equal(receive_some(to, 100), 9);
        assert_memory_equal(buffer, "lastwords", 9);
        assert_int_equal(receive_some(to, 100), 0);
        ptrdiff_t n = transport_send(to, "x", 1, NULL, 0);
        assert_int_equal(n, -EPIPE);
        transport_close(to);
    }
}

static void handles_travel_beside_the_bytes(void **state) {
    struct transport server, client;
    char byte;
    DWORD n;

    (void)state;
    line_open(&server, &client);
    for (int way = 0; way < 2; way++) {
        struct transport from = way ? server : client, to = way ? client : server;
        HANDLE pipes[2];
        assert_true(CreatePipe(&pipes[0], &pipes[1], NULL, 0));
        assert_int_equal(transport_send(from, "bytes", 5, (os_fd *)pipes, 2), 5);
        os_close(pipes[0]); /* at once, as the caller of a Unix socket may */
        os_close(pipes[1]);
        assert_int_equal(receive_some(to, 3), 3);
        assert_int_equal(n_fds, 2);
        assert_false(truncated);
        os_fd got[2] = {fds[0], fds[1]};
        assert_true(WriteFile(got[1], "p", 1, &n, NULL)); /* they are the ends of that pipe, in that order */
        assert_true(ReadFile(got[0], &byte, 1, &n, NULL) && byte == 'p');
        os_close(got[1]);
        if (!way) /* the client's copies are open until it hears that the broker has its own */
            assert_int_equal(transport_send(server, "taken", 5, NULL, 0), 5);
        if (!way)
            assert_int_equal(receive_some(client, 100), 5);
        assert_false(ReadFile(got[0], &byte, 1, &n, NULL));
        assert_int_equal(GetLastError(), ERROR_BROKEN_PIPE);
        os_close(got[0]);
        assert_int_equal(receive_some(to, 100), 2);
        assert_int_equal(n_fds, 0);
    }
    transport_close(server);
    transport_close(client);
}

/* As a stream: up to what brings handles. */
static void messages_are_read_together(void **state) {
    struct transport server, client;
    HANDLE file = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);

    (void)state;
    line_open(&server, &client);
    assert_int_equal(transport_send(client, "a", 1, NULL, 0), 1);
    assert_int_equal(transport_send(client, "bc", 2, NULL, 0), 2);
    assert_int_equal(transport_send(client, "de", 2, &file, 1), 2);
    assert_int_equal(transport_send(client, "fgh", 3, NULL, 0), 3);
    assert_int_equal(transport_send(client, "i", 1, NULL, 0), 1);
    assert_int_equal(receive_some(server, 100), 3);
    assert_int_equal(n_fds, 0);
    assert_int_equal(receive_some(server, 100), 2);
    assert_int_equal(n_fds, 1);
    os_close(fds[0]);
    assert_int_equal(receive_some(server, 2), 2);
    assert_int_equal(receive_some(server, 100), 2);
    assert_memory_equal(buffer, "hi", 2);
    os_close(file);
    transport_close(client);
    transport_close(server);
}

/* Many short ones keep nobody else waiting: the rest is told again. */
static void few_messages_are_read_at_once(void **state) {
    enum { MESSAGES = 200, AT_ONCE = 32 };
    struct transport server, client;

    (void)state;
    line_open(&server, &client);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(transport_send(client, "x", 1, NULL, 0), 1);
    for (ptrdiff_t left = MESSAGES, n; left > 0; left -= n) {
        n = receive_some(server, BIG);
        assert_in_range(n, 1, AT_ONCE);
        assert_true(left == n || line_is_ready(transport_pollable(server)));
    }
    assert_false(line_is_ready(transport_pollable(server)));
    transport_close(client);
    transport_close(server);
}

static void copies_are_closed_with_the_connection(void **state) {
    struct transport server, client;
    HANDLE event;

    (void)state;
    line_open(&server, &client);
    event = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    assert_int_equal(transport_send(client, "x", 1, &event, 1), 1);
    assert_int_equal(transport_send(client, "y", 1, &event, 1), 1);
    assert_int_equal(receive_some(server, 1), 1);
    assert_int_equal(n_fds, 1);
    os_close(fds[0]);
    os_close(event);
    transport_close(client);
    transport_close(server);
    /* test.h compares what is open */
}

/* Whether they are adopted already or not; and then they count for nobody: the last one is taken, after more than one user may have on the way. */
static void sockets_that_are_given_up_are_closed(void **state) {
    enum { ROUNDS = 60 };
    struct transport server, client;
    os_fd ends[2];
    char byte;

    (void)state;
    ends_begin();
    for (int i = 0; i <= ROUNDS; i++) {
        line_open(&server, &client);
        ends_tcp(ends);
        assert_int_equal(transport_send(client, "x", 1, &ends[0], 1), 1);
        line_await(transport_pollable(server));
        ptrdiff_t n = i == ROUNDS ? receive_some(server, 1) : receive(server, 1);
        assert_true(n == 1 || (n == -EAGAIN && i < ROUNDS));
        if (n == 1) {
            assert_true(n_fds == 1 && !truncated);
            os_close(fds[0]);
        }
        transport_close(server);
        transport_close(client);
        os_close(ends[0]);
        assert_int_equal(recv((SOCKET)ends[1], &byte, 1, 0), 0); /* nobody has the other end */
        os_close(ends[1]);
    }
}

static void one_that_expects_no_handles_gets_none(void **state) {
    struct transport server, client;
    HANDLE file;

    (void)state;
    line_open(&server, &client);
    file = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    assert_int_equal(transport_send(client, "x", 1, &file, 1), 1);
    line_await(transport_pollable(server));
    assert_int_equal(receive_from(server, buffer, 1, NULL, &n_fds, &truncated), 1);
    assert_int_equal(n_fds, 0);
    assert_int_equal(transport_send(server, "x", 1, &file, 1), 1);
    line_await(transport_pollable(client));
    assert_int_equal(receive_from(client, buffer, 1, NULL, &n_fds, &truncated), 1);
    assert_int_equal(n_fds, 0);
    os_close(file);
    transport_close(client);
    transport_close(server);
}

static void as_many_handles_as_a_frame_may_have(void **state) {
    struct transport server, client;
    os_fd many[FRAME_FDS_MAX + 2];

    (void)state;
    line_open(&server, &client);
    for (size_t i = 0; i < FRAME_FDS_MAX + 2; i++)
        many[i] = CreateEventW(NULL, TRUE, FALSE, NULL);
    assert_int_equal(transport_send(client, "x", 1, many, FRAME_FDS_MAX + 2), -EINVAL);
    for (int way = 0; way < 2; way++) {
        assert_int_equal(transport_send(way ? server : client, "x", 1, many, FRAME_FDS_MAX), 1);
        assert_int_equal(receive_some(way ? client : server, 1), 1);
        assert_int_equal(n_fds, FRAME_FDS_MAX);
        for (size_t i = 0; i < n_fds; i++) {
            assert_true(SetEvent(fds[i]));
            assert_true(line_is_ready(many[i]) && ResetEvent(many[i]));
            os_close(fds[i]);
        }
    }
    for (size_t i = 0; i < FRAME_FDS_MAX + 2; i++)
        os_close(many[i]);
    transport_close(client);
    transport_close(server);
}

static void what_cannot_be_copied_is_not_sent(void **state) {
    struct transport server, client;
    os_fd two[2];

    (void)state;
    line_open(&server, &client);
    two[0] = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    two[1] = (os_fd)0x7FFFFFFC;
    assert_int_equal(transport_send(client, "x", 1, two, 2), -EBADF);
    assert_int_equal(transport_send(client, "y", 1, NULL, 0), 1);
    assert_int_equal(receive_some(server, 10), 1);
    assert_int_equal(buffer[0], 'y');
    assert_int_equal(transport_send(server, "x", 1, two, 2), -EBADF);
    assert_int_equal(receive(client, 1), -EAGAIN);
    os_close(two[0]);
    transport_close(client);
    transport_close(server);
}

/* ---- a client that does not follow the rules ---- */

static void raw_open(struct transport *server, HANDLE *pipe) {
    struct line_place place;
    wchar_t name[PIPE_NAME_UNITS];
    os_fd listener;

    listener = line_listen(&place);
    assert_int_equal(pipe_name(place.address, name), 0);
    *pipe = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    assert_true(*pipe != INVALID_HANDLE_VALUE);
    *server = line_accept(listener);
    line_unlisten(&place, listener);
}

static void raw_send(HANDLE pipe, const void *bytes, size_t size) {
    DWORD n;

    assert_true(WriteFile(pipe, bytes, (DWORD)size, &n, NULL));
}

static void a_message_against_the_rules_ends_the_connection(void **state) {
    static const struct {
        size_t size;
        uint32_t words[6];
    } bad[] = {
        {4, {1}},                         /* half a head */
        {16, {1}},                        /* a head alone */
        {20, {0, 0, 0, 0, 'x'}},          /* no bytes */
        {20, {8, 0, 0, 0, 'x'}},          /* fewer bytes than it says */
        {20, {3, 0, 0, 0, 'x'}},          /* more */
        {20, {4, 0x10000, 0, 0, 'x'}},    /* what is 0 */
        {20, {4, 0, 0, 1, 'x'}},          /* is not */
        {20, {0xFFFFFFFF, 0, 0, 0, 'x'}}, /* longer than any */
        {20, {4, 253, 0, 0, 'x'}},        /* more handles than any */
        {20, {4, 1, 0, 0, 'x'}},          /* no handle */
        {24, {4, 1, 0, 0, 4, 0}},         /* no bytes after it */
        {24, {5, 1, 0, 0, 4, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct transport server;
        HANDLE pipe;
        raw_open(&server, &pipe);
        raw_send(pipe, bad[i].words, bad[i].size);
        assert_int_equal(receive_some(server, 100), -EPROTO);
        assert_int_equal(n_fds, 0);
        assert_int_equal(receive_some(server, 100), 0);
        transport_close(server);
        os_close(pipe);
    }
}

/* A value that is not the client's own handle is taken from nobody: it reaches nothing of the broker's. */
static void values_that_are_no_handles_are_refused(void **state) {
    static const int64_t values[] = {0, -1, -2,         -3,          -4,        -5,        -6,        1,
                                     2, 3,  0x7FFFFFF0, 0x100000004, INT64_MIN, INT64_MAX, 0xFFFFFFFF};
    struct {
        uint32_t size, n, taken, zero;
        uint64_t handle;
        uint32_t bytes;
    } message = {4, 1, 0, 0, 0, 0};
    struct transport server;
    HANDLE pipe, event = CreateEventW(NULL, TRUE, FALSE, NULL);

    (void)state;
    raw_open(&server, &pipe);
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        message.handle = (uint64_t)values[i];
        raw_send(pipe, &message, 28);
        assert_int_equal(receive_some(server, 100), 4);
        assert_int_equal(n_fds, 0);
        assert_true(truncated);
    }
    for (unsigned low = 0; low < 4; low++) { /* the kernel ignores them, so they are one handle */
        message.handle = (uintptr_t)event | low;
        raw_send(pipe, &message, 28);
        assert_int_equal(receive_some(server, 100), 4);
        assert_int_equal(n_fds, 1);
        assert_false(truncated);
        os_close(fds[0]);
    }
    transport_close(server);
    os_close(pipe);
    os_close(event);
}

static void what_was_right_before_is_returned_first(void **state) {
    struct transport server;
    HANDLE pipe;

    (void)state;
    raw_open(&server, &pipe);
    raw_send(pipe, (const uint32_t[5]){4, 0, 0, 0, 'x'}, 20);
    raw_send(pipe, (const uint32_t[5]){8, 0, 0, 0, 'x'}, 20); /* fewer bytes than it says */
    assert_int_equal(receive_some(server, 100), 4);
    assert_int_equal(receive_some(server, 100), -EPROTO);
    assert_int_equal(receive_some(server, 100), 0);
    transport_close(server);
    os_close(pipe);
}

static void empty_messages_are_nothing(void **state) {
    struct transport server;
    HANDLE pipe;
    DWORD n;

    (void)state;
    raw_open(&server, &pipe);
    for (int i = 0; i < 3; i++)
        (void)WriteFile(pipe, "", 0, &n, NULL);
    raw_send(pipe, (const uint32_t[5]){4, 0, 0, 0, 'x'}, 20);
    ptrdiff_t r = receive_some(server, 100);
    assert_true(r == 4 || r == -EPROTO); /* wine sends none; else it is a message without a head */
    transport_close(server);
    os_close(pipe);
}

/* What it named may be something else by now. */
static void of_a_client_that_has_left_no_handle_is_taken(void **state) {
    struct transport server, client;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    (void)state;
    line_open(&server, &client);
    for (int i = 0; i < 2; i++)
        assert_int_equal(transport_send(client, "x", 1, &event, 1), 1);
    assert_int_equal(receive_some(server, 1), 1);
    assert_true(n_fds == 1 && !truncated);
    os_close(fds[0]);
    transport_close(client);
    assert_int_equal(receive_some(server, 1), 1);
    assert_true(n_fds == 0 && truncated);
    assert_int_equal(receive_some(server, 1), 0);
    transport_close(server);
    os_close(event);
}

TEST_MAIN(TEST_CASE(clients_connect_and_are_accepted), TEST_CASE(many_may_wait_to_be_accepted),
          TEST_CASE(who_waits_for_an_instance_gets_one), TEST_CASE(a_client_that_has_left_is_seen),
          TEST_CASE(a_name_is_nobody_elses_while_it_lasts),
          TEST_CASE(nobody_takes_the_place_of_what_is_hidden), TEST_CASE(bad_addresses_are_refused),
          TEST_CASE(bytes_keep_their_order_whatever_is_read_at_once),
          TEST_CASE(what_does_not_fit_is_sent_when_there_is_room),
          TEST_CASE(a_full_server_is_not_woken_by_requests),
          TEST_CASE(what_was_sent_can_be_read_after_the_close), TEST_CASE(handles_travel_beside_the_bytes),
          TEST_CASE(messages_are_read_together), TEST_CASE(few_messages_are_read_at_once),
          TEST_CASE(copies_are_closed_with_the_connection), TEST_CASE(sockets_that_are_given_up_are_closed),
          TEST_CASE(one_that_expects_no_handles_gets_none), TEST_CASE(as_many_handles_as_a_frame_may_have),
          TEST_CASE(what_cannot_be_copied_is_not_sent),
          TEST_CASE(a_message_against_the_rules_ends_the_connection),
          TEST_CASE(values_that_are_no_handles_are_refused),
          TEST_CASE(what_was_right_before_is_returned_first), TEST_CASE(empty_messages_are_nothing),
          TEST_CASE(of_a_client_that_has_left_no_handle_is_taken))
