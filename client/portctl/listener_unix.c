/* listener_unix.c: making a listening socket on Unix. */
#include "listener.h"

#include "failure.h"
#include "native.h"
#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char prefix[] = "unix:";

/* An address for bind. */
struct place {
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
        struct sockaddr_un path;
    } at;
    socklen_t size;
};

static const char *path_of(const char *address) {
    return strncmp(address, prefix, strlen(prefix)) == 0 ? address + strlen(prefix) : NULL;
}

/* "unix:@NAME" is a name of Linux's abstract namespace. */
static bool read_path(const char *path, struct place *place) {
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof(place->at.path.sun_path))
        return false;
    place->at.path.sun_family = AF_UNIX;
    memcpy(place->at.path.sun_path, path, length + 1);
    place->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] != '@'));
    if (path[0] == '@')
        place->at.path.sun_path[0] = '\0';
    return path[0] != '@' || length > 1;
}

/* False: it is none. */
static bool read_address(const char *address, struct place *place) {
    const char *colon = strrchr(address, ':'), *path = path_of(address);
    bool six = address[0] == '[';
    uint64_t port;
    char *host;
    bool valid;

    memset(place, 0, sizeof(*place));
    if (path != NULL)
        return read_path(path, place);
    if (colon == NULL || !text_number(colon + 1, UINT16_MAX, &port) || port == 0 ||
        (six && (colon[-1] != ']')))
        return false;
    host = text_print("%.*s", (int)(colon - address) - 2 * six, address + six);
    if (six) {
        place->at.six.sin6_family = AF_INET6;
        place->at.six.sin6_port = htons((uint16_t)port);
        place->size = sizeof(place->at.six);
        valid = inet_pton(AF_INET6, host, &place->at.six.sin6_addr) == 1;
    } else {
        place->at.four.sin_family = AF_INET;
        place->at.four.sin_port = htons((uint16_t)port);
        place->size = sizeof(place->at.four);
        valid = inet_pton(AF_INET, host, &place->at.four.sin_addr) == 1;
    }
    free(host);
    return valid;
}

int listener_check(const struct invocation *in, const char *address) {
    struct place place;

    if (read_address(address, &place))
        return 0;
    return failure_usage(
        &in->output,
        "127.0.0.1:80, [::1]:80, 0.0.0.0:80 and [::]:80 for all interfaces, unix:PATH, unix:@NAME",
        "listen %s: not an address to listen at", address);
}

/* An errno. */
static int listen_at(int listener, const struct place *place) {
    int on = 1;

    if (fcntl(listener, F_SETFD, FD_CLOEXEC) != 0)
        return errno;
    if (place->at.any.sa_family != AF_UNIX &&
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        return errno;
    if (bind(listener, &place->at.any, place->size) != 0)
        return errno;
    return listen(listener, SOMAXCONN) == 0 ? 0 : errno;
}

static const char *hint_for(int error, bool path) {
    if (error != EADDRINUSE)
        return NULL;
    return path ? "'portctl list holds' shows what is held; a file that is left of a listener that is gone "
                  "is to be "
                  "removed"
                : "'portctl list holds' shows what is held; 'ss -ltnp' shows who listens";
}

int listener_open(const struct invocation *in, const char *address, portd_native *listener) {
    struct place place;
    int made, error;

    if (!read_address(address, &place))
        return listener_check(in, address);
    made = socket(place.at.any.sa_family, SOCK_STREAM, 0);
    error = made >= 0 ? listen_at(made, &place) : errno;
    if (error == 0) {
        *listener = made;
        return 0;
    }
    if (made >= 0)
        close(made);
    return failure_code(&in->output, PORTD_E_SYSTEM, hint_for(error, path_of(address) != NULL),
                        "cannot listen at %s: %s", address, native_error_text(error));
}

void listener_forget(const char *address) {
    const char *path = path_of(address);

    if (path != NULL && path[0] != '@')
        (void)unlink(path);
}
