/* ports.h: short forms to wrap descriptors and move bytes, and the kinds of descriptors that carry bytes.
 *
 * As in ask.h, every function fails the case when the library returns an error. */
#ifndef PORTS_H
#define PORTS_H

#include "ask.h"
#include "descriptors.h"

enum { CLOSED = PORTD_CAUSE_PORT_CLOSED, CHUNK = 65536 };

struct wrapped {
    portd_id in, out; /* 0: none */
};

struct wrapped port_wrap(portd_client *client, int fd, unsigned flags);
struct wrapped port_wrap_socket(portd_client *client, int fd);
portd_id port_in(portd_client *client, int fd);  /* wrapped for reading */
portd_id port_out(portd_client *client, int fd); /* for writing */
void port_close(portd_client *client, portd_id port);

/* Whether the system tells when a pipe has room. Where it does not, there are no objects for writing to one. */
extern const bool pipes_tell_room;

/* All of the text, and exactly it. */
void port_say(portd_client *client, portd_id out, const char *text);
void port_hear(portd_client *client, portd_id in, const char *text);
void port_hear_end(portd_client *client, portd_id in);

/* Nothing is there at this moment. */
void port_hear_nothing(portd_client *client, portd_id in);

/* The same on descriptors of this process. */
void fd_say(int fd, const char *text);
void fd_hear(int fd, const char *text);

/* Bytes that can be read; and until they are so many, as what is written arrives at once or soon. */
int fd_left(int fd);
void fd_until_left(int fd, int n);

/* Whether a write fails with EPIPE at this moment. Writes a byte. */
bool fd_broken(int fd);

/* Whether both are the same open file. */
bool fd_same(int a, int b);

/* ---- in flight --------------------------------------------------------------------------------------------------- */

struct io {
    portd_client *client;
    portd_request *request; /* NULL once answered */
    int code, os_errno;
    size_t answers, count, truncated;
    size_t serial; /* of its answer among all */
    unsigned char bytes[CHUNK];
};

/* Returns when the broker has looked at it. At most IO_PARKED at a time; the record stays until so many more have been started. */
enum { IO_PARKED = 512 };
struct io *io_read(portd_client *client, portd_id in, size_t size, unsigned flags);
struct io *io_write(portd_client *client, portd_id out, const void *bytes, size_t size);
struct io *io_splice(portd_client *client, portd_id port, int pipe, size_t least, size_t most);

/* The same without asking the broker whether it has. */
struct io *io_read_fast(portd_client *client, portd_id in, size_t size, unsigned flags);
struct io *io_splice_fast(portd_client *client, portd_id port, int pipe, size_t least, size_t most);
struct io *io_write_fast(portd_client *client, portd_id out, const void *bytes, size_t size);

/* Waits for the answer and returns its code. */
int io_answer(struct io *io);
bool io_still_inflight(struct io *io);

/* Cancels it and returns the code of its answer. */
int io_cancel(struct io *io);

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

/* Bytes written to ends[1] come out of ends[0]. Both ends block: no file status flag helps the broker. */
struct stream {
    const char *name;
    void (*make)(int ends[2]);
    bool peeks;   /* PORTD_PEEK works */
    bool instant; /* what was written can be read at once, and what is full stays full */
};

extern const struct stream streams[];
extern const size_t n_streams;

void make_blocking_pipe(int ends[2]);
void make_fifo(int ends[2]);
void make_pty(int ends[2]); /* ends[0] is the terminal, ends[1] its master; raw */
int make_file(const char *text);

/* Private memory of the broker in bytes; -1: it cannot be told, since the broker is built with a sanitizer. */
long broker_memory(void);

#endif
