/* inspect.c: the parts of inspect.h that no platform changes. */
#include "inspect.h"

static const char *const names[INSPECT_TYPES] = {
    [INSPECT_OTHER] = "other",
    [INSPECT_PIPE] = "pipe",
    [INSPECT_TCP] = "tcp",
    [INSPECT_TCP_LISTENER] = "tcp-listener",
    [INSPECT_UDP] = "udp",
    [INSPECT_UNIX] = "unix",
    [INSPECT_UNIX_LISTENER] = "unix-listener",
    [INSPECT_UNIX_DGRAM] = "unix-dgram",
    [INSPECT_UNIX_SEQPACKET] = "unix-seqpacket",
    [INSPECT_SOCKET] = "socket",
    [INSPECT_REGULAR] = "regular",
    [INSPECT_DIRECTORY] = "directory",
    [INSPECT_TTY] = "tty",
    [INSPECT_CHARACTER] = "character",
    [INSPECT_BLOCK] = "block",
    [INSPECT_EVENTFD] = "eventfd",
    [INSPECT_TIMERFD] = "timerfd",
    [INSPECT_INOTIFY] = "inotify",
    [INSPECT_EPOLL] = "epoll",
    [INSPECT_PIDFD] = "pidfd",
    [INSPECT_SIGNALFD] = "signalfd",
    [INSPECT_FANOTIFY] = "fanotify",
    [INSPECT_USERFAULTFD] = "userfaultfd",
    [INSPECT_IO_URING] = "io-uring",
    [INSPECT_PATH] = "path",
    [INSPECT_OUTPUT_PIPE] = "output-pipe",
    [INSPECT_PLAIN_PIPE] = "plain-pipe",
    [INSPECT_EVENT_OBJECT] = "event-object",
    [INSPECT_AUTO_EVENT] = "auto-reset-event",
    [INSPECT_SEMAPHORE_OBJECT] = "semaphore-object",
    [INSPECT_MUTEX] = "mutex",
    [INSPECT_TIMER_OBJECT] = "timer-object",
    [INSPECT_PROCESS] = "process",
    [INSPECT_THREAD] = "thread",
    [INSPECT_SCREEN] = "screen",
    [INSPECT_DEVICE] = "device",
    [INSPECT_FILE] = "file",
    [INSPECT_CONNECTION] = "connection",
    [INSPECT_UNKNOWN] = "unknown",
};

const char *inspect_name(enum inspect_type type) {
    return (unsigned)type < INSPECT_TYPES ? names[type] : names[INSPECT_UNKNOWN];
}

bool inspect_is_socket(enum inspect_type type) { return type >= INSPECT_TCP && type <= INSPECT_SOCKET; }

bool inspect_is_unix(enum inspect_type type) {
    return type == INSPECT_UNIX || type == INSPECT_UNIX_DGRAM || type == INSPECT_UNIX_SEQPACKET;
}

bool inspect_is_refused(enum inspect_type type) {
    switch (type) {
    case INSPECT_SIGNALFD:
    case INSPECT_FANOTIFY:
    case INSPECT_USERFAULTFD:
    case INSPECT_IO_URING:
    case INSPECT_PATH:
    case INSPECT_CONNECTION:
    case INSPECT_UNKNOWN:
        return true;
    default:
        return false;
    }
}

/* Present kernels can watch every pipe, socket, terminal and anonymous inode that can be passed on. If one
 * could not be watched, arming it would report that. */
bool inspect_may_be_unwatchable(enum inspect_type type) {
    switch (type) {
    case INSPECT_REGULAR:
    case INSPECT_DIRECTORY:
    case INSPECT_CHARACTER:
    case INSPECT_BLOCK:
    case INSPECT_OTHER:
        return true;
    default:
        return false;
    }
}
