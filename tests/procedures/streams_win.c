/* streams_win.c: what carries bytes both ways through the broker: sockets. Into a pipe it does not write, as nothing tells whether there is room. */
#include "ports.h"

#include <sys/socket.h>

const bool pipes_tell_room = false;

int fd_left(int fd) { return posix_left(fd); }

bool fd_broken(int fd) { return write(fd, "x", 1) < 0 && (errno == EPIPE || errno == ECONNRESET); }

bool fd_same(int a, int b) { return posix_same(a, b); }

void make_blocking_pipe(int ends[2]) { make_pipe(ends); }

void make_fifo(int ends[2]) { make_pipe(ends); }

void make_pty(int ends[2]) { ends[0] = ends[1] = posix_skip("Windows has no terminals with two ends"); }

static void make_blocking_tcp(int ends[2]) {
    make_tcp(ends);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(ends[i], F_SETFL, 0), 0);
}

int make_file(const char *text) {
    char path[] = "/tmp/portd-file-XXXXXX";
    int fd = fixture_own(mkstemp(path));

    fd_say(fd, text);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(unlink(path), 0); /* once it is closed */
    return fd;
}

const struct stream streams[] = {{"tcp socket", make_blocking_tcp, .peeks = true}};
const size_t n_streams = sizeof(streams) / sizeof(streams[0]);

long broker_memory(void) { return posix_skip("the memory of another process is not asked for on Windows"); }
