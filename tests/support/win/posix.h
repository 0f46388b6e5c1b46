/* posix.h: on Windows, the calls of Unix that tests make on their own descriptors, so that the same sources run there.
 *
 * A descriptor is the value of a HANDLE or SOCKET, which has 32 bits. Pipes are overlapped, so that the broker can watch them, and all calls
 * answer at once, as on a descriptor that does not block. Unix sockets are TCP connections over the loopback interface. What Windows has
 * not ends the case as skipped, with the reason. The headers in this folder with the names of Unix include this one. */
#ifndef POSIX_H
#define POSIX_H

#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The C library declares some of these names for descriptors of its own. */
#define close posix_close
#define read posix_read
#define write posix_write
#define lseek posix_lseek
#define open posix_open
#define dup posix_dup
#define dup2 posix_dup2
#define unlink posix_unlink
#undef fstat
#define fstat posix_fstat
#define mkstemp posix_mkstemp
#define strsep posix_strsep
#define fcntl posix_fcntl
#define pipe2 posix_pipe2
#define pipe posix_pipe
#define dup3 posix_dup3
#define poll posix_poll
#define socket posix_socket
#define socketpair posix_socketpair
#define bind posix_bind
#define listen posix_listen
#define accept4 posix_accept4
#define connect posix_connect
#define getsockname posix_getsockname
#define getpeername posix_getpeername
#define setsockopt posix_setsockopt
#define getsockopt posix_getsockopt
#define shutdown posix_shutdown
#define send posix_send
#define recv posix_recv
#define sendto posix_sendto

int posix_close(int fd);
ssize_t posix_read(int fd, void *bytes, size_t size);
ssize_t posix_write(int fd, const void *bytes, size_t size);
off_t posix_lseek(int fd, off_t offset, int whence);
int posix_open(const char *path, int flags, ...);
int posix_dup(int fd);
int posix_dup2(int fd, int at);
int posix_unlink(const char *path);
int posix_fstat(int fd, struct stat *file); /* st_ino tells sockets apart */
int posix_mkstemp(char *path);
char *posix_strsep(char **rest, const char *ends);

enum { O_CLOEXEC = 0x1000000, O_NONBLOCK = 0x2000000, O_PATH = 0x4000000 };
enum { F_GETFD = 1, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, FD_CLOEXEC = 1 };

int posix_fcntl(int fd, int command, ...);
int posix_pipe2(int ends[2], int flags);
int posix_pipe(int ends[2]);
int posix_dup3(int fd, int at, int flags);

/* Whether the handle is signalled now. */
bool posix_is_signalled(int fd);

/* Bytes that can be read now; 0 where nobody tells. */
int posix_left(int fd);

/* Whether both are the same open file. */
bool posix_same(int a, int b);

/* Ends the case as skipped. */
int posix_skip(const char *reason);

/* ---- poll ------------------------------------------------------------------------------------------------------- */

struct pollfd {
    int fd;
    short events, revents;
};

enum { POLLIN = 1, POLLPRI = 2, POLLOUT = 4, POLLERR = 8, POLLHUP = 16, POLLNVAL = 32, POLLRDHUP = 0x2000 };

/* For one socket, pipe end or handle. */
int posix_poll(struct pollfd *all, size_t n, int ms);

/* ---- sockets ---------------------------------------------------------------------------------------------------- */

typedef int socklen_t;
typedef unsigned short sa_family_t;

struct sockaddr {
    sa_family_t sa_family;
    char sa_data[14];
};

struct in_addr {
    uint32_t s_addr;
};

struct sockaddr_in {
    sa_family_t sin_family;
    uint16_t sin_port;
    struct in_addr sin_addr;
    char sin_zero[8];
};

struct in6_addr {
    unsigned char s6_addr[16];
};

struct sockaddr_in6 {
    sa_family_t sin6_family;
    uint16_t sin6_port;
    uint32_t sin6_flowinfo;
    struct in6_addr sin6_addr;
    uint32_t sin6_scope_id;
};

struct sockaddr_un {
    sa_family_t sun_family;
    char sun_path[108];
};

struct sockaddr_storage {
    sa_family_t ss_family;
    char ss_rest[126];
    int64_t ss_align;
};

struct linger {
    unsigned short l_onoff, l_linger;
};

enum {
    AF_UNIX = 1,
    AF_INET = 2,
    AF_INET6 = 23,
    SOCK_STREAM = 1,
    SOCK_DGRAM = 2,
    SOCK_RAW = 3,
    SOCK_SEQPACKET = 5,
    SOCK_CLOEXEC = 0x1000,
    SOCK_NONBLOCK = 0x2000,
    SHUT_RD = 0,
    SHUT_WR = 1,
    SHUT_RDWR = 2,
    MSG_OOB = 1,
    MSG_PEEK = 2,
    MSG_DONTWAIT = 0x10000,
    MSG_NOSIGNAL = 0x20000,
    SOL_SOCKET = 0xffff,
    SO_REUSEADDR = 4,
    SO_LINGER = 0x80,
    SO_SNDBUF = 0x1001,
    SO_RCVBUF = 0x1002,
    SO_ERROR = 0x1007,
    SO_TYPE = 0x1008,
    IPPROTO_TCP = 6,
    IPPROTO_UDP = 17,
    TCP_NODELAY = 1,
    IPPROTO_IP = 0,
    IP_RECVERR = 0x10000
};

#define INADDR_LOOPBACK 0x7f000001u
#define INADDR_ANY 0u
#define IN6ADDR_LOOPBACK_INIT                                                                                \
    {                                                                                                        \
        { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }                                                   \
    }

int posix_socket(int family, int type, int protocol);
int posix_socketpair(int family, int type, int protocol, int ends[2]);
int posix_bind(int fd, const struct sockaddr *name, socklen_t size);
int posix_listen(int fd, int backlog);
int posix_accept4(int fd, struct sockaddr *name, socklen_t *size, int flags);
int posix_connect(int fd, const struct sockaddr *name, socklen_t size);
int posix_getsockname(int fd, struct sockaddr *name, socklen_t *size);
int posix_getpeername(int fd, struct sockaddr *name, socklen_t *size);
int posix_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int posix_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int posix_shutdown(int fd, int how);
ssize_t posix_send(int fd, const void *bytes, size_t size, int flags);
ssize_t posix_recv(int fd, void *bytes, size_t size, int flags);
ssize_t posix_sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *name,
                     socklen_t named);

static inline uint16_t htons(uint16_t n) { return (uint16_t)(n << 8 | n >> 8); }
static inline uint16_t ntohs(uint16_t n) { return htons(n); }
static inline uint32_t htonl(uint32_t n) { return __builtin_bswap32(n); }
static inline uint32_t ntohl(uint32_t n) { return htonl(n); }

/* ---- what Windows has not ---------------------------------------------------------------------------------------- */

#define POSIX_NONE(name, ...)                                                                                \
    static inline int name(__VA_ARGS__) { return posix_skip("Windows has no " #name); }

typedef unsigned uid_t;
typedef unsigned gid_t;
typedef unsigned long rlim_t;
typedef struct {
    unsigned long bits;
} posix_signals;
#define sigset_t posix_signals

struct epoll_event {
    unsigned events;
    union {
        int fd;
        uint32_t u32;
        uint64_t u64;
    } data;
};

struct rlimit {
    rlim_t rlim_cur, rlim_max;
};

struct signalfd_siginfo {
    uint32_t ssi_signo;
};

struct inotify_event {
    int wd;
    char name[16];
};

enum {
    EPOLLIN = 1,
    EPOLLOUT = 4,
    EPOLLET = 2,
    EPOLL_CTL_ADD = 1,
    EPOLL_CTL_DEL = 2,
    EPOLL_CLOEXEC = 0,
    EFD_CLOEXEC = 0,
    EFD_NONBLOCK = 0,
    EFD_SEMAPHORE = 1,
    TFD_CLOEXEC = 0,
    TFD_NONBLOCK = 0,
    SFD_CLOEXEC = 0,
    SFD_NONBLOCK = 0,
    IN_CLOEXEC = 0,
    IN_CREATE = 1,
    MFD_CLOEXEC = 0,
    O_NOCTTY = 0,
    O_DIRECTORY = 0,
    RLIMIT_NOFILE = 0,
    SIGKILL = 9,
    SIGSTOP = 19,
    SIGCONT = 18,
    SIGPIPE = 13,
    SIGUSR1 = 10,
    SIGUSR2 = 12,
    SIG_BLOCK = 0,
    SIG_SETMASK = 2,
    TIOCSPTLCK = 0,
    TIOCGPTN = 0,
    FIONREAD = 1,
    SYS_kcmp = 0,
    KCMP_FILE = 0,
    CLOCK_MONOTONIC = 1,
    F_SETPIPE_SZ = 1031,
    F_GETPIPE_SZ = 1032,
    IPPROTO_IPV6 = 41,
    IPV6_V6ONLY = 27
};

POSIX_NONE(epoll_create1, int flags)
POSIX_NONE(epoll_ctl, int epoll, int what, int fd, struct epoll_event *event)
POSIX_NONE(epoll_wait, int epoll, struct epoll_event *events, int n, int ms)
POSIX_NONE(eventfd, unsigned count, int flags)
POSIX_NONE(eventfd_write, int fd, uint64_t count)
POSIX_NONE(eventfd_read, int fd, uint64_t *count)
POSIX_NONE(timerfd_create, int clock, int flags)
POSIX_NONE(memfd_create, const char *name, unsigned flags)
POSIX_NONE(mkfifo, const char *path, unsigned mode)
POSIX_NONE(signalfd, int fd, const sigset_t *signals, int flags)
POSIX_NONE(inotify_init1, int flags)
POSIX_NONE(inotify_add_watch, int fd, const char *path, unsigned events)
POSIX_NONE(sigemptyset, sigset_t *signals)
POSIX_NONE(sigaddset, sigset_t *signals, int number)
POSIX_NONE(sigprocmask, int how, const sigset_t *signals, sigset_t *before)
POSIX_NONE(kill, pid_t pid, int number)
POSIX_NONE(getuid, void)
POSIX_NONE(geteuid, void)
POSIX_NONE(setresuid, uid_t real, uid_t effective, uid_t saved)
POSIX_NONE(timerfd_settime, int fd, int flags, const void *time, void *before)
POSIX_NONE(fchdir, int fd)
POSIX_NONE(inet_pton, int family, const char *text, void *address)
POSIX_NONE(pread, int fd, void *bytes, size_t size, int64_t at)
POSIX_NONE(setrlimit, int what, const struct rlimit *limit)
POSIX_NONE(waitpid, pid_t pid, int *status, int flags)

static inline unsigned if_nametoindex(const char *name) { return (void)name, 0; }

static inline int getrlimit(int what, struct rlimit *limit) {
    (void)what;
    *limit = (struct rlimit){0, 0};
    return posix_skip("Windows has no limit of handles that can be set");
}

static inline char *mkdtemp(char *path) { return (void)path, posix_skip("folders are not made here"), NULL; }

static inline int ioctl(int fd, long what, int *value) {
    *value = 0;
    if (what != FIONREAD)
        return posix_skip("Windows has no such ioctl");
    *value = posix_left(fd);
    return 0;
}

static inline long syscall(long number, ...) {
    return (void)number, posix_skip("Windows has no such system call");
}

#endif
