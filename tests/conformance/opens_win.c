/* opens_win.c: opens.h for Windows, which has files and the null device of these. */
#include "opens.h"

#include "tests/procedures/ports.h"

#include <sys/socket.h>

const char opens_system[] = "Windows";

int open_table(int fd) {
    int type;
    socklen_t size = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 ? PORTD_SOCKET : PORTD_FD;
}

int open_terminal(int *slave) { return *slave = posix_skip("Windows has no terminals with two ends"); }

int open_epoll(int target) { return (void)target, posix_skip("Windows has no epoll descriptors"); }

int open_kind(const char *what, const char *argument) {
    static const struct {
        const char *what, *reason;
    } none[] = {{"event", "Windows has no eventfds"},
                {"timer", "Windows has no timerfds"},
                {"stopped", "Windows has no timerfds"},
                {"folder", "a directory of Windows has no bytes that a program may try to read"},
                {"opath", "Windows has no O_PATH"},
                {"signal", "Windows has no signalfds"}};

    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
        if (strcmp(what, none[i].what) == 0)
            return posix_skip(none[i].reason);
    if (strcmp(what, "memory") == 0 || strcmp(what, "file") == 0)
        return fixture_disown(make_file(what[0] == 'f' ? argument : ""));
    return strcmp(what, "null") == 0 ? open("NUL", O_RDWR) : -1;
}
