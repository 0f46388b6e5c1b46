/* test_leaving.c: a broker that exits while it waits for a file server that does not answer: it cannot exit earlier, but it holds
 * nothing open. */
#include "tests/support/fixture.h"
#include "tests/support/fuse_silent.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

static struct fixture broker;
static struct fuse_silent fuse;
static struct sockaddr_in address;

static int listen_anywhere(void) {
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return fd;
}

static bool can_be_bound(void *data) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    (void)data;
    (void)close(fd);
    return bound;
}

/* The broker has the file, and a listener that nobody else has any more. `read`: a worker reads the file, too. */
static void check_nothing_is_kept(bool read) {
    portd_id in, evt;
    char byte;
    size_t n;

    fixture_start(&broker, NULL);
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    portd_client *c = fixture_client_at(broker.address, NULL);
    bool wrapped = portd_fd_to_port(c, fuse.fd, "", PORTD_READ, fixture_soon(), &in, NULL) == 1;
    int answer = wrapped && read ? portd_port_read(c, in, &byte, 1, 0, portd_now() + 300000, &n, NULL)
                                 : PORTD_E_TIMEOUT;
    int listener = listen_anywhere();
    bool kept = portd_fd_to_evt(c, listener, PORTD_MODE_READ, 0, fixture_soon(), &evt) == 1;
    (void)close(listener);
    bool taken = !can_be_bound(NULL);
    (void)kill(broker.pid, SIGTERM);
    bool given_back = fixture_until(can_be_bound, NULL);
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    assert_true(wrapped && kept);
    assert_true(answer < 0); /* it hangs */
    assert_true(taken);
    assert_true(given_back);
}

static void a_read_that_hangs_keeps_nothing(void **state) {
    (void)state;
    check_nothing_is_kept(true);
}

static void a_file_whose_close_hangs_keeps_nothing(void **state) {
    (void)state;
    check_nothing_is_kept(false);
}

TEST_MAIN(FIXTURE_CASE_BARE(a_read_that_hangs_keeps_nothing),
          FIXTURE_CASE_BARE(a_file_whose_close_hangs_keeps_nothing))
