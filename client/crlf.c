/* crlf.c: line ends of text mode. */
#include "crlf.h"

size_t crlf_read(struct crlf_in *in, const uint8_t *bytes, size_t size, bool end, uint8_t *out) {
    size_t n = 0;

    for (size_t i = 0; i < size; i++) {
        if (in->held && bytes[i] != '\n')
            out[n++] = '\r';
        in->held = bytes[i] == '\r';
        if (!in->held)
            out[n++] = bytes[i];
    }
    if (in->held && end) {
        out[n++] = '\r';
        in->held = false;
    }
    return n;
}

size_t crlf_write(const struct crlf_out *out, const uint8_t *bytes, size_t size, uint8_t *to, size_t room,
                  size_t *taken) {
    bool half = out->half;
    size_t n = 0, i;

    for (i = 0; i < size && n + 2 <= room; i++) {
        if (bytes[i] == '\n' && !half)
            to[n++] = '\r';
        to[n++] = bytes[i];
        half = false;
    }
    *taken = i;
    return n;
}

/* Each LF has a CR of ours before it, but the first one if that was written before. */
size_t crlf_written(struct crlf_out *out, const uint8_t *made, size_t size, size_t n) {
    bool whole = !out->half;
    size_t count = n;

    if (n == 0)
        return 0;
    out->half = n < size && made[n] == '\n';
    if (out->half)
        count--;
    for (size_t i = 0; i < n; i++)
        count -= made[i] == '\n' && (i > 0 || whole);
    return count;
}
