/* test_port_modes.c: bytes of descriptors that have ways of their own: O_DIRECT files, devices that report no room,
 * sockets that were shut down. */
#define _GNU_SOURCE

#include "ports.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { BLOCK = 4096 };

static char many[2 * BLOCK], heard[2 * BLOCK];

/* Aligned memory is the worker's business; the length is the client's, and a wrong one is the kernel's error. */
static void files_without_a_page_cache(void **state) {
    portd_client *c = fixture_client(NULL);
    char path[FIXTURE_PATH + 32];
    size_t n;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/direct", fixture_broker()->folder);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_DIRECT | O_CLOEXEC, 0600);
    (void)unlink(path);
    if (fd < 0)
        test_skip("no file here is open without a page cache");
    fixture_own(fd);
    struct wrapped ports = port_wrap(c, fd, PORTD_READ | PORTD_WRITE);
    memset(many, 'd', sizeof(many));
    assert_int_equal(portd_port_write(c, ports.out, many, sizeof(many), fixture_soon(), &n), 1);
    assert_int_equal(n, sizeof(many));
    uint64_t start = 0, at;
    assert_int_equal(portd_port_position(c, ports.in, &start, fixture_soon(), &at), 1);
    assert_int_equal(portd_port_read(c, ports.in, heard, BLOCK, PORTD_PEEK, fixture_soon(), &n, NULL), 1);
    assert_int_equal(n, BLOCK);
    assert_memory_equal(heard, many, BLOCK);
    memset(heard, 0, sizeof(heard));
    assert_int_equal(portd_port_read(c, ports.in, heard, sizeof(heard), 0, fixture_soon(), &n, NULL), 1);
    assert_int_equal(n, sizeof(heard));
    assert_memory_equal(heard, many, sizeof(heard));
    assert_int_equal(portd_port_read(c, ports.in, heard, BLOCK, 0, fixture_soon(), &n, NULL), 0);
}

static void a_device_that_reports_no_room(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    int fd = open("/dev/random", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        test_skip("/dev/random may not be written here");
    port_say(c, port_out(c, fixture_own(fd)), "entropy");
}

/* As the wait says, and as read(2) does: what has come is read, then it is the end. */
static void sockets_that_do_not_read_any_more(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    for (int i = 0; i < 3; i++) {
        if (i < 2) {
            make_pair(i ? SOCK_SEQPACKET : SOCK_DGRAM, ends);
        } else {
            ends[0] = fixture_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
            ends[1] = fixture_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
            assert_int_equal(bind(ends[1], (struct sockaddr *)&address, size), 0);
            assert_int_equal(getsockname(ends[1], (struct sockaddr *)&address, &size), 0);
            assert_int_equal(connect(ends[0], (struct sockaddr *)&address, size), 0);
        }
        portd_id in = port_in(c, ends[0]);
        struct io *parked = io_read(c, in, 8, 0);
        assert_true(io_still_inflight(parked));
        assert_int_equal(shutdown(ends[0], SHUT_RD), 0);
        assert_until(c, in, HALF_CLOSE);
        assert_int_equal(io_answer(parked), 0);
        port_hear_end(c, in);
    }
}

TEST_MAIN(FIXTURE_CASE(files_without_a_page_cache), FIXTURE_CASE(a_device_that_reports_no_room),
          FIXTURE_CASE(sockets_that_do_not_read_any_more))
