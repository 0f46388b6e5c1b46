/* test_socket_to_port.c: unsafe-socket->port: two ports of one socket, no-close, addresses and shutdown. */
#include "ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

static int wrap(portd_client *c, int fd, unsigned flags, struct wrapped *ports) {
    *ports = (struct wrapped){77, 77};
    return portd_socket_to_port(c, fd, "socket", flags, fixture_soon(), &ports->in, &ports->out);
}

static int make_udp(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = fixture_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void an_input_and_an_output_port(void **state) {
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    portd_client *c = fixture_client(NULL);
    int p[2], port;

    (void)state;
    for (int i = 0; i < 4; i++) {
        if (i < 3)
            make_pair(types[i], p);
        else
            make_tcp(p);
        struct wrapped ports = port_wrap_socket(c, p[0]);
        portd_item in = ask_item(c, ports.in), out = ask_item(c, ports.out);
        assert_int_equal(in.direction, PORTD_DIRECTION_READ);
        assert_int_equal(out.direction, PORTD_DIRECTION_WRITE);
        assert_true(in.socket && out.socket && in.number == p[0] && out.number == p[0]);
        assert_same(in.descriptor, out.descriptor);
        port_say(c, ports.out, "to");
        fd_hear(p[1], "to");
        fd_say(p[1], "fro");
        port_hear(c, ports.in, "fro");
    }
    (void)port_wrap_socket(c, make_udp());
    (void)port_wrap_socket(c, make_tcp_listener(&port));
}

static void check_refused(portd_client *c, int fd, unsigned flags) {
    struct wrapped ports;

    assert_int_equal(wrap(c, fd, flags, &ports), PORTD_E_INVALID);
    assert_true(ports.in == 0 && ports.out == 0);
    assert_string_not_equal(portd_last_error(c), "");
}

static void what_is_no_socket_is_refused(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    for (size_t i = 0; i < n_streams; i++) {
        if (strstr(streams[i].name, "socket"))
            continue;
        streams[i].make(ends);
        check_refused(c, ends[0], 0);
        check_refused(c, ends[1], PORTD_NO_CLOSE);
        assert_non_null(strstr(portd_last_error(c), "not a socket")); /* whatever it is open for */
    }
    check_refused(c, make_file("x"), 0);
    check_refused(c, fixture_own(open("/dev/null", O_RDWR | O_CLOEXEC)), 0);
    check_refused(c, fixture_own(open("/", O_PATH | O_CLOEXEC)), 0);
    assert_non_null(strstr(portd_last_error(c), "O_PATH"));
    check_refused(c, (int)portd_get_fd(c), 0);
    check_refused(c, 900, 0);
    check_refused(c, -1, 0);
    fixture_until_fds(fixture_broker(), 1);
}

static void no_close_is_the_only_flag(void **state) {
    portd_client *c = fixture_client(NULL);
    struct wrapped ports;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    for (unsigned bit = 1; bit; bit <<= 1)
        if (bit != PORTD_NO_CLOSE)
            check_refused(c, p[0], bit);
    check_refused(c, p[0], PORTD_NO_CLOSE | PORTD_READ);
    assert_int_equal(wrap(c, p[0], PORTD_NO_CLOSE, &ports), 2);
    assert_int_equal(portd_socket_to_port_take(c, p[0], "", PORTD_NO_CLOSE, fixture_soon(), NULL, NULL),
                     PORTD_E_INVALID);
    assert_true(fcntl(p[0], F_GETFD) >= 0);
}

/* The client's number stays open and connected; the semaphores end as with any other wrap, and the broker's copy goes. */
static void no_close_speaks_of_the_clients_number(void **state) {
    portd_client *c = fixture_client(NULL);
    struct wrapped ports;
    int p[2];

    (void)state;
    for (unsigned flags = 0; flags <= PORTD_NO_CLOSE; flags += PORTD_NO_CLOSE) {
        make_tcp(p);
        portd_id s = ask_socket_semaphore(c, p[0], READ);
        assert_int_equal(wrap(c, p[0], flags, &ports), 2);
        port_close(c, ports.in);
        assert_cause(c, s, IDLE);
        port_close(c, ports.out);
        assert_cause(c, s, CLOSED);
        assert_none(ask_socket_semaphore(c, p[0], CHECK_READ));
        fixture_until_fds(fixture_broker(), 1);
        assert_false(fixture_poll(p[0], POLLOUT | POLLRDHUP) & (POLLRDHUP | POLLHUP));
        fd_say(p[0], "on");
        fd_hear(p[1], "on");
        fd_say(p[1], "and on");
        fd_hear(p[0], "and on");
    }
}

static void take_closes_the_number(void **state) {
    portd_client *c = fixture_client(NULL);
    struct wrapped ports;
    int p[2];

    (void)state;
    make_tcp(p);
    int fd = fixture_disown(p[0]);
    assert_int_equal(portd_socket_to_port_take(c, fd, "", 0, fixture_soon(), &ports.in, &ports.out), 2);
    assert_true(fcntl(fd, F_GETFD) < 0);
    port_say(c, ports.out, "x");
    fd_hear(p[1], "x");
    port_close(c, ports.out);
    assert_false(at_end(p[1]));
    port_close(c, ports.in);
    until_end(p[1]);
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

static void check_address(const portd_endpoint *address, const char *family, const char *host, int port) {
    assert_string_equal(address->family, family);
    assert_string_equal(address->host, host);
    assert_int_equal(address->port, port);
    assert_int_equal(address->size, sizeof(*address));
}

static void ask_addresses(portd_client *c, portd_id port, portd_endpoint *local, portd_endpoint *peer) {
    *local = *peer = (portd_endpoint)PORTD_ENDPOINT_INIT;
    assert_int_equal(portd_port_addresses(c, port, fixture_soon(), local, peer), 1);
}

static void addresses_of_tcp(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_endpoint local, peer;
    int number, listener = make_tcp_listener(&number), fd = make_tcp_client(number);
    struct sockaddr_in own;
    socklen_t size = sizeof(own);

    (void)state;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    struct wrapped ports = port_wrap_socket(c, fd);
    for (int i = 0; i < 2; i++) {
        ask_addresses(c, i ? ports.out : ports.in, &local, &peer);
        check_address(&local, "inet", "127.0.0.1", ntohs(own.sin_port));
        check_address(&peer, "inet", "127.0.0.1", number);
    }
    ask_addresses(c, port_in(c, fd), &local, &peer); /* a port of the file call has them, too */
    check_address(&peer, "inet", "127.0.0.1", number);
    ask_addresses(c, port_wrap_socket(c, listener).in, &local, &peer);
    check_address(&local, "inet", "127.0.0.1", number);
    check_address(&peer, "", "", 0);
    assert_int_equal(portd_port_addresses(c, ports.in, fixture_soon(), NULL, NULL), 1);
}

static void addresses_of_inet6(void **state) {
    portd_client *c = fixture_client(NULL);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    portd_endpoint local, peer;
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        (void)close(fd);
        test_skip("there is no IPv6 here");
    }
    (void)fixture_own(fd);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    ask_addresses(c, port_wrap_socket(c, fd).out, &local, &peer);
    check_address(&local, "inet6", "::1", ntohs(address.sin6_port));
    check_address(&peer, "", "", 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ask_addresses(c, port_wrap_socket(c, fd).out, &local, &peer);
    check_address(&peer, "inet6", "::1", ntohs(address.sin6_port));
}

/* Without its scope a link-local address could be one of any interface. */
static void addresses_of_inet6_have_a_scope(void **state) {
    enum { FREE_BIND = 78 /* IPV6_FREEBIND: no interface needs to have the address */ };
    portd_client *c = fixture_client(NULL);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_scope_id = if_nametoindex("lo")};
    portd_endpoint local, peer;
    socklen_t size = sizeof(address);
    int on = 1, fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char text[64];

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "fe80::1", &address.sin6_addr), 1);
    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, FREE_BIND, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        (void)close(fd);
        test_skip("there is no IPv6 here");
    }
    (void)fixture_own(fd);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(text, sizeof(text), "fe80::1%%%u", if_nametoindex("lo"));
    ask_addresses(c, port_wrap_socket(c, fd).out, &local, &peer);
    check_address(&local, "inet6", text, ntohs(address.sin6_port));
}

static void addresses_of_unix_sockets(void **state) {
    portd_client *c = fixture_client(NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/portd-addr-XXXXXX", longest[sizeof(address.sun_path)];
    portd_endpoint local, peer;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    ask_addresses(c, port_wrap_socket(c, p[0]).in, &local, &peer);
    check_address(&local, "unix", "", 0);
    check_address(&peer, "unix", "", 0);

    assert_non_null(mkdtemp(folder));
    memset(longest, 'n', sizeof(longest));
    memcpy(longest, folder, strlen(folder));
    longest[strlen(folder)] = '/';
    longest[sizeof(longest) - 1] = '\0';
    memcpy(address.sun_path, longest, sizeof(longest));
    int fd = fixture_own(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ask_addresses(c, port_wrap_socket(c, fd).in, &local, &peer);
    (void)unlink(longest);
    (void)rmdir(folder);
    check_address(&local, "unix", longest, 0);
    check_address(&peer, "", "", 0);

    int named = fixture_own(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    memset(address.sun_path, 0, sizeof(address.sun_path));
    int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "portd-case-%d", (int)getpid());
    assert_int_equal(bind(named, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)),
                     0);
    ask_addresses(c, port_wrap_socket(c, named).in, &local, &peer);
    assert_int_equal(local.host[0], '@');
    assert_string_equal(local.host + 1, address.sun_path + 1);
}

/* Binds a peer to these bytes, connects it, and asks for its name. */
static void ask_peer_name(portd_client *c, const char *bytes, size_t size, portd_endpoint *peer) {
    struct sockaddr_un address = {.sun_family = AF_UNIX}, own;
    socklen_t own_size = sizeof(own);
    portd_endpoint local;
    int listener = fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int fd = fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address.sun_family)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&own, &own_size), 0);
    memcpy(address.sun_path, bytes, size);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&own, own_size), 0);
    int accepted = fixture_own(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    ask_addresses(c, port_wrap_socket(c, accepted).in, &local, peer);
}

/* Peers choose their names: they can neither break a reply nor pass for another. */
static void addresses_of_hostile_peers(void **state) {
    portd_client *c = fixture_client(NULL);
    char folder[] = "/tmp/portd-addr-XXXXXX", bytes[64], text[64];
    char longest[sizeof(((struct sockaddr_un *)0)->sun_path)];
    portd_endpoint peer;

    (void)state;
    int n = snprintf(bytes, sizeof(bytes), "%ctrusted-%d%cevil\xff\n", 0, (int)getpid(), 0);
    ask_peer_name(c, bytes, (size_t)n, &peer);
    (void)snprintf(text, sizeof(text), "@trusted-%d\\x00evil\\xff\\x0a", (int)getpid());
    check_address(&peer, "unix", text, 0);
    memset(longest, '\xff', sizeof(longest));
    longest[0] = '\0';
    ask_peer_name(c, longest, sizeof(longest), &peer);
    assert_int_equal(strlen(peer.host), 1 + 4 * (sizeof(longest) - 1));

    int here = fixture_own(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    ask_peer_name(c, "@trusted", 8, &peer);
    (void)unlink("@trusted");
    check_address(&peer, "unix", "./@trusted", 0);
    ask_peer_name(c, "a\xfe\\x", 4, &peer);
    (void)unlink("a\xfe\\x");
    assert_int_equal(fchdir(here), 0);
    (void)rmdir(folder);
    check_address(&peer, "unix", "a\\xfe\\x5cx", 0);
}

static void addresses_that_there_are_not(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_endpoint local = PORTD_ENDPOINT_INIT, peer = PORTD_ENDPOINT_INIT, blank;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    assert_int_equal(portd_port_addresses(c, in, fixture_soon(), &local, &peer), PORTD_E_UNSUPPORTED);
    port_close(c, in);
    assert_int_equal(portd_port_addresses(c, in, fixture_soon(), &local, &peer), PORTD_E_CLOSED);
    assert_int_equal(portd_port_addresses(c, ask_evt(c, p[0], READ), fixture_soon(), &local, &peer),
                     PORTD_E_INVALID);
    memset(&blank, 0, sizeof(blank));
    assert_int_equal(portd_port_addresses(c, in, fixture_soon(), &blank, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_addresses(c, in, fixture_soon(), NULL, &blank), PORTD_E_INVALID);
}

/* ---- shutdown ----------------------------------------------------------------------------------------------------- */

static void shutdown_is_only_what_is_asked_for(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_tcp(p);
    struct wrapped ports = port_wrap_socket(c, p[0]);
    assert_int_equal(portd_port_shutdown(c, ports.in, PORTD_WRITE, fixture_soon()), 1); /* either port does */
    until_end(p[1]);
    fd_say(p[1], "back");
    port_hear(c, ports.in, "back");
    size_t n;
    assert_int_equal(portd_port_write(c, ports.out, "x", 1, fixture_soon(), &n), PORTD_E_SYSTEM);
    assert_int_equal(portd_last_errno(c), EPIPE);
    assert_true(fd_broken(p[0])); /* for everybody who holds it */
    struct io *read = io_read(c, ports.in, 10, 0);
    assert_int_equal(portd_port_shutdown(c, ports.out, PORTD_READ, fixture_soon()), 1);
    assert_int_equal(io_answer(read), 0);
    port_hear_end(c, ports.in);
}

static void shutdown_of_both_sides(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    struct wrapped ports = port_wrap_socket(c, p[0]);
    assert_int_equal(portd_port_shutdown(c, ports.out, PORTD_READ | PORTD_WRITE, fixture_soon()), 1);
    port_hear_end(c, ports.in);
    assert_true(fixture_poll(p[1], POLLIN) & POLLHUP);
}

static void shutdown_that_is_refused(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    struct wrapped ports = port_wrap_socket(c, p[0]);
    assert_int_equal(portd_port_shutdown(c, ports.in, 0, fixture_soon()), PORTD_E_INVALID);
    assert_int_equal(portd_port_shutdown(c, ports.in, PORTD_READ | PORTD_TEXT, fixture_soon()),
                     PORTD_E_INVALID);
    port_close(c, ports.in);
    assert_int_equal(portd_port_shutdown(c, ports.in, PORTD_READ, fixture_soon()), PORTD_E_CLOSED);
    portd_id udp = port_wrap_socket(c, make_udp()).in;
    assert_int_equal(portd_port_shutdown(c, udp, PORTD_READ, fixture_soon()), PORTD_E_SYSTEM);
    assert_int_equal(portd_last_errno(c), ENOTCONN);
    make_pipe(p);
    assert_int_equal(portd_port_shutdown(c, port_in(c, p[0]), PORTD_READ, fixture_soon()),
                     PORTD_E_UNSUPPORTED);
}

/* L03: neither call's close shuts anything down. */
static void closing_shuts_nothing_down(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        make_tcp(p);
        struct wrapped ports = i ? port_wrap_socket(c, p[0]) : port_wrap(c, p[0], PORTD_READ | PORTD_WRITE);
        port_close(c, ports.out);
        assert_false(fixture_poll(p[1], POLLOUT | POLLRDHUP) & POLLRDHUP);
        port_close(c, ports.in);
        assert_false(fixture_poll(p[1], POLLOUT | POLLRDHUP) & POLLRDHUP);
        fd_say(p[0], "x");
        fd_hear(p[1], "x");
    }
}

TEST_MAIN(FIXTURE_CASE(an_input_and_an_output_port), FIXTURE_CASE(what_is_no_socket_is_refused),
          FIXTURE_CASE(no_close_is_the_only_flag), FIXTURE_CASE(no_close_speaks_of_the_clients_number),
          FIXTURE_CASE(take_closes_the_number), FIXTURE_CASE(addresses_of_tcp),
          FIXTURE_CASE(addresses_of_inet6), FIXTURE_CASE(addresses_of_inet6_have_a_scope),
          FIXTURE_CASE(addresses_of_unix_sockets), FIXTURE_CASE(addresses_of_hostile_peers),
          FIXTURE_CASE(addresses_that_there_are_not), FIXTURE_CASE(shutdown_is_only_what_is_asked_for),
          FIXTURE_CASE(shutdown_of_both_sides), FIXTURE_CASE(shutdown_that_is_refused),
          FIXTURE_CASE(closing_shuts_nothing_down))
