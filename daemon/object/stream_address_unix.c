/* stream_address_unix.c: the parts of stream.h that every Unix has. */
#define _GNU_SOURCE

#include "stream.h"
#include "unix_name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int stream_seek(struct stream_job *job) {
    off_t here;
    if (job->set && job->offset > INT64_MAX)
        return -EINVAL;
    here = job->set ? lseek(job->fd, (off_t)job->offset, SEEK_SET) : lseek(job->fd, 0, SEEK_CUR);
    if (here < 0)
        return -errno;
    job->offset = (uint64_t)here;
    return 0;
}

int stream_shutdown(os_fd fd, bool read, bool write) {
    return shutdown(fd, read && write ? SHUT_RDWR : read ? SHUT_RD : SHUT_WR) ? -errno : 0;
}

static void write_unix(const struct sockaddr_un *from, socklen_t size, struct stream_address *to) {
    size_t length =
        size > offsetof(struct sockaddr_un, sun_path) ? size - offsetof(struct sockaddr_un, sun_path) : 0;
    _Static_assert(sizeof from->sun_path <= UNIX_NAME_BYTES, "a name is not cut");
    to->family = "unix";
    if (!length)
        return;
    if (from->sun_path[0])
        unix_name_write_path(from->sun_path, strnlen(from->sun_path, sizeof from->sun_path), to->host);
    else if (inspect_knows_abstract_names())
        unix_name_write_abstract(from->sun_path + 1, length - 1, to->host);
}

/* The scope is a number: the name of that interface is another one where the socket is of another network namespace. */
static void write_inet6(const struct sockaddr_in6 *from, struct stream_address *to) {
    size_t length;
    to->family = "inet6";
    to->port = ntohs(from->sin6_port);
    inet_ntop(AF_INET6, &from->sin6_addr, to->host, sizeof to->host);
    length = strlen(to->host);
    if (from->sin6_scope_id)
        snprintf(to->host + length, sizeof to->host - length, "%%%" PRIu32, (uint32_t)from->sin6_scope_id);
}

static void write_address(const struct sockaddr_storage *from, socklen_t size, struct stream_address *to) {
    const struct sockaddr_in *in = (const void *)from;
    if (from->ss_family == AF_INET) {
        to->family = "inet";
        to->port = ntohs(in->sin_port);
        inet_ntop(AF_INET, &in->sin_addr, to->host, sizeof to->host);
    } else if (from->ss_family == AF_INET6) {
        write_inet6((const void *)from, to);
    } else if (from->ss_family == AF_UNIX) {
        write_unix((const void *)from, size, to);
    } else {
        to->family = "other";
    }
}

int stream_addresses(os_fd fd, struct stream_address *local, struct stream_address *peer) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    *local = *peer = (struct stream_address){0};
    if (getsockname(fd, (struct sockaddr *)&address, &size))
        return -errno;
    write_address(&address, size, local);
    address = (struct sockaddr_storage){0};
    size = sizeof address;
    if (!getpeername(fd, (struct sockaddr *)&address, &size))
        write_address(&address, size, peer);
    return 0;
}

bool stream_is_open_for(os_fd fd, bool write) {
    int flags = fcntl(fd, F_GETFL);
    int mode = flags & O_ACCMODE;
    return flags >= 0 && (mode == O_RDWR || mode == (write ? O_WRONLY : O_RDONLY));
}
