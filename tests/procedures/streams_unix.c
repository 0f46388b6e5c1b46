/* streams_unix.c: what carries bytes, and what the system says of it. */
#include "ports.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>

const bool pipes_tell_room = true;

int fd_left(int fd) {
    int n = -1;

    assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
    return n;
}

bool fd_broken(int fd) {
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    ssize_t n = write(fd, "x", 1);
    int error = errno;

    (void)signal(SIGPIPE, before);
    return n < 0 && error == EPIPE;
}

bool fd_same(int a, int b) {
    return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, (unsigned long)a, (unsigned long)b) == 0;
}

/* ---- kinds -------------------------------------------------------------------------------------------------------- */

static void keep(int ends[2]) {
    (void)fixture_own(ends[0]);
    (void)fixture_own(ends[1]);
}

void make_blocking_pipe(int ends[2]) {
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    keep(ends);
}

void make_fifo(int ends[2]) {
    char folder[] = "/tmp/portd-fifo-XXXXXX", path[64];

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    int both = open(path, O_RDWR | O_CLOEXEC); /* so that neither end waits for the other */
    ends[0] = open(path, O_RDONLY | O_CLOEXEC);
    ends[1] = open(path, O_WRONLY | O_CLOEXEC);
    (void)close(both);
    (void)unlink(path);
    (void)rmdir(folder);
    keep(ends);
}

static void make_blocking_pair(int ends[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    keep(ends);
}

static void make_blocking_tcp(int ends[2]) {
    make_tcp(ends);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(ends[i], F_SETFL, fcntl(ends[i], F_GETFL) & ~O_NONBLOCK), 0);
}

void make_pty(int ends[2]) {
    struct termios raw;
    int unlocked = 0, number;
    char path[32];

    ends[1] = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[1] < 0)
        test_skip("there are no terminals here");
    assert_int_equal(ioctl(ends[1], TIOCSPTLCK, &unlocked), 0);
    assert_int_equal(ioctl(ends[1], TIOCGPTN, &number), 0);
    (void)snprintf(path, sizeof(path), "/dev/pts/%d", number);
    ends[0] = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    keep(ends);
    assert_int_equal(tcgetattr(ends[0], &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(ends[0], TCSANOW, &raw), 0);
}

int make_file(const char *text) {
    int fd = fixture_own(memfd_create("case", MFD_CLOEXEC));

    fd_say(fd, text);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

const struct stream streams[] = {
    {"pipe", make_blocking_pipe, .peeks = true, .instant = true},
    {"fifo", make_fifo, .peeks = true, .instant = true},
    {"unix socket", make_blocking_pair, .peeks = true, .instant = true},
    {"tcp socket", make_blocking_tcp, .peeks = true},
    {"terminal", make_pty, .peeks = false},
};
const size_t n_streams = sizeof(streams) / sizeof(streams[0]);

long broker_memory(void) {
    char path[48], line[256];
    long kib = -1, shadow = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)fixture_broker()->pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        (void)sscanf(line, "RssAnon: %ld kB", &kib);
        (void)sscanf(line, "VmSize: %ld kB", &shadow);
    }
    (void)fclose(file);
    assert_true(kib >= 0);
    /* Sanitizers reserve terabytes, and keep what was freed for a while. */
    return shadow > 1024L * 1024 * 1024 ? -1 : kib * 1024;
}
