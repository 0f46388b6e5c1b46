/* client_raw.h: a client that sends raw bytes, for cases that must send what the library never would.
 *
 * It knows only proto/PROTOCOL.md and the schema, and shares only the generated messages with the library and the broker. Nothing
 * here asserts, so children may use it; nothing waits longer than RAW_PATIENCE_MS. Results are 0 or a negative errno;
 * -ECONNRESET: the broker has ended the connection; -ETIMEDOUT: no reply. */
#ifndef CLIENT_RAW_H
#define CLIENT_RAW_H

#include "portd.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    RAW_HEADER = 8,
    RAW_BODY_MAX = 4096,
    RAW_WRITE_MAX = 69632, /* body of a write */
    RAW_REPLY_MAX = 69632,
    RAW_FDS_MAX = 253, /* the most the kernel passes at once */
    RAW_PATIENCE_MS = 20000
};

typedef Portd__V1__Request raw_request;
typedef Portd__V1__Reply raw_reply;

struct raw {
    int fd;      /* -1: none */
    uint64_t id; /* of the last request made by raw_ask */
    uint64_t session;
    char token[80];
    uint32_t window;
    int fds[RAW_FDS_MAX]; /* from the last reply; the caller's */
    size_t n_fds;
    uint8_t *in;              /* bytes not cut into frames yet */
    int waiting[RAW_FDS_MAX]; /* descriptors that belong to them */
    size_t n_waiting;
    size_t begin, end, capacity;
};

/* ---- bytes --------------------------------------------------------------------------------------------------------- */

/* Connects to "unix:PATH", non-blocking. */
int raw_connect(struct raw *raw, const char *address);
void raw_close(struct raw *raw);

/* One sendmsg with n descriptors attached: how many bytes it took, or a negative errno (-EAGAIN: no room). */
ssize_t raw_send_some(const struct raw *raw, const void *bytes, size_t size, const int *fds, size_t n);

/* Sends all bytes; the descriptors go with the first one. */
int raw_send(const struct raw *raw, const void *bytes, size_t size, const int *fds, size_t n);

/* A header with these values, valid or not. */
void raw_header(uint8_t bytes[RAW_HEADER], uint32_t length, unsigned claim, unsigned flags);

/* Header and body of a request, which claims n descriptors: its size. */
size_t raw_pack(uint8_t bytes[RAW_HEADER + RAW_BODY_MAX], const raw_request *request, unsigned claim);

/* The same for a wait. limit_us: negative for none. */
size_t raw_pack_wait(uint8_t bytes[RAW_HEADER + RAW_BODY_MAX], uint64_t request_id, uint64_t *ids, size_t n,
                     bool all, int64_t limit_us);

/* The same for a write of that many bytes; byte i is i % 253. */
size_t raw_pack_write(uint8_t bytes[RAW_HEADER + RAW_WRITE_MAX], uint64_t request_id, uint64_t port,
                      size_t size);

/* A frame of any body, with n descriptors though it claims something else. */
int raw_send_body(const struct raw *raw, const void *body, size_t length, unsigned claim, const int *fds,
                  size_t n);

/* ---- requests and replies ------------------------------------------------------------------------------------------- */

/* Sends a well-formed request. */
int raw_send_request(const struct raw *raw, const raw_request *request, const int *fds, size_t n);

/* The next reply: raw_free it. NULL: *error says why (may be NULL). Descriptors that came with it are in raw->fds; those
 * of the reply before are the caller's, who must have taken or closed them. */
raw_reply *raw_next(struct raw *raw, int *error);

/* Whether a reply is there, or can be read without waiting. */
bool raw_has_reply(struct raw *raw);
void raw_free(raw_reply *reply);
void raw_close_fds(struct raw *raw);

/* Gives the request an id, sends it and reads until its reply; other replies are discarded. */
raw_reply *raw_ask_fds(struct raw *raw, raw_request *request, const int *fds, size_t n);
raw_reply *raw_ask(struct raw *raw, raw_request *request);

/* 0, the Code of the reply's error, or -1 without a reply (the connection has ended). Frees it. */
int raw_code(raw_reply *reply);

/* Reads until the connection has ended; replies are discarded. 0, or -ETIMEDOUT. */
int raw_until_end(struct raw *raw);

/* ---- calls; results as of raw_code ------------------------------------------------------------------------------------- */

/* A hello of version 1, for raw_hello_with. */
Portd__V1__Hello raw_hello_make(void);

int raw_hello(struct raw *raw); /* fills session, token and window */
int raw_hello_with(struct raw *raw, Portd__V1__Hello *hello, const int *fds, size_t n);

/* raw_connect and raw_hello: 0, a Code, or a negative errno. */
int raw_open(struct raw *raw, const char *address);
int raw_ping(struct raw *raw);

/* create calls: the object's id in *id. */
int raw_semaphore(struct raw *raw, int fd, int64_t number, Portd__V1__Mode mode, uint64_t *id);
int raw_evt(struct raw *raw, int fd, int64_t number, Portd__V1__Mode mode, uint64_t *id);
int raw_remove(struct raw *raw, uint64_t id);

/* Sends a wait without limit and without waiting for its reply. */
int raw_start_wait(const struct raw *raw, uint64_t request, uint64_t id);

/* The id and cause of the first ready object in a reply to a wait; 0: none. Frees the reply. */
uint64_t raw_ready(raw_reply *reply, Portd__V1__Cause *cause);

#endif
