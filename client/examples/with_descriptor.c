/* with_descriptor.c: opens a descriptor of a kind that shells cannot open, and runs a command that inherits it.
 *
 *     with_descriptor tcp-listener N FILE COMMAND...   listens on a free port of 127.0.0.1, whose number goes to FILE
 *     with_descriptor timer N MILLISECONDS COMMAND...  a timerfd that expires once
 *     with_descriptor pty N FILE COMMAND...            the master of a new terminal, the slave's name goes to FILE
 *     with_descriptor tcp N FILE COMMAND...            a connection to itself, the other end under N + 1, the port to FILE
 *
 * The command finds the descriptor under the number N. It is meant for portctl: once the broker has its copy, this program may end. */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The line appears in FILE atomically, for a script that waits for it. */
static int tell(const char *file, const char *text) {
    char part[4096];
    FILE *stream;
    if (snprintf(part, sizeof part, "%s.part", file) >= (int)sizeof part)
        return -1;
    stream = fopen(part, "w");
    if (!stream)
        return -1;
    if (fprintf(stream, "%s\n", text) < 0) {
        fclose(stream);
        return -1;
    }
    return fclose(stream) || rename(part, file) ? -1 : 0;
}

static int open_listener(const char *file) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char port[16];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 16))
        return -1;
    if (getsockname(fd, (struct sockaddr *)&address, &size))
        return -1;
    snprintf(port, sizeof port, "%u", (unsigned)ntohs(address.sin_port));
    return tell(file, port) ? -1 : fd;
}

/* Both ends of a connection; the other one is put at the number. */
static int open_tcp(const char *file, int other) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int listener = open_listener(file), fd = socket(AF_INET, SOCK_STREAM, 0), accepted;
    if (listener < 0 || fd < 0 || getsockname(listener, (struct sockaddr *)&address, &size))
        return -1;
    if (connect(fd, (struct sockaddr *)&address, size))
        return -1;
    accepted = accept(listener, NULL, NULL);
    if (accepted < 0 || dup2(accepted, other) != other)
        return -1;
    if (accepted != other)
        close(accepted);
    if (listener != other)
        close(listener);
    return fd;
}

static int open_timer(const char *milliseconds) {
    char *end;
    long ms = strtol(milliseconds, &end, 10);
    struct itimerspec when = {.it_value = {ms / 1000, ms % 1000 * 1000000}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    if (*end || ms < 1 || fd < 0 || timerfd_settime(fd, 0, &when, NULL))
        return -1;
    return fd;
}

static int open_pty(const char *file) {
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    if (fd < 0 || grantpt(fd) || unlockpt(fd))
        return -1;
    return tell(file, ptsname(fd)) ? -1 : fd;
}

int main(int argc, char **argv) {
    int number, fd = -1;
    if (argc < 5) {
        fputs("usage: with_descriptor tcp-listener|tcp|timer|pty N FILE|MILLISECONDS COMMAND...\n", stderr);
        return 2;
    }
    number = atoi(argv[2]);
    if (!strcmp(argv[1], "tcp-listener"))
        fd = open_listener(argv[3]);
    if (!strcmp(argv[1], "tcp"))
        fd = open_tcp(argv[3], number + 1);
    if (!strcmp(argv[1], "timer"))
        fd = open_timer(argv[3]);
    if (!strcmp(argv[1], "pty"))
        fd = open_pty(argv[3]);
    if (fd < 0 || number < 3 || (fd != number && dup2(fd, number) != number)) {
        perror("with_descriptor");
        return 125;
    }
    if (fd != number)
        close(fd);
    execvp(argv[4], argv + 4);
    perror(argv[4]);
    return 127;
}
