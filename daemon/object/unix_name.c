/* unix_name.c: writes names of Unix sockets as text. */
#include "unix_name.h"

#include "proto/utf8.h"

#include <string.h>

/* The bytes at the start that are written as they are: one printable character. 0: the first byte is escaped. */
static size_t plain(const char *bytes, size_t size) {
    size_t length = utf8_character(bytes, size);
    return length && (*bytes == '\\' || utf8_control(bytes)) ? 0 : length;
}

static char *escape(char *to, char byte) {
    static const char digits[] = "0123456789abcdef";
    *to++ = '\\';
    *to++ = 'x';
    *to++ = digits[(unsigned char)byte >> 4];
    *to++ = digits[(unsigned char)byte & 15];
    return to;
}

static void write_bytes(const char *bytes, size_t size, char *to) {
    while (size) {
        size_t length = plain(bytes, size);
        if (length) {
            memcpy(to, bytes, length);
            to += length;
        } else {
            length = 1;
            to = escape(to, *bytes);
        }
        bytes += length;
        size -= length;
    }
    *to = '\0';
}

static size_t bounded(size_t size) { return size < UNIX_NAME_BYTES ? size : UNIX_NAME_BYTES; }

void unix_name_write_path(const char *path, size_t size, char text[UNIX_NAME_TEXT]) {
    size = bounded(size);
    if (size && path[0] == '@') {
        memcpy(text, "./", 2);
        text += 2;
    } else if (size >= 3 && memcmp(path, "./@", 3) == 0) {
        memcpy(text, "./", 2);
        text = escape(text + 2, '@');
        path += 3;
        size -= 3;
    }
    write_bytes(path, size, text);
}

void unix_name_write_abstract(const char *name, size_t size, char text[UNIX_NAME_TEXT]) {
    *text = '@';
    write_bytes(name, bounded(size), text + 1);
}

void unix_name_write_file(const char *path, size_t size, char *text) { write_bytes(path, size, text); }
