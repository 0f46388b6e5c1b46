/* unix_name.h: the name of a Unix socket as text. Different names get different texts, and every text is printable UTF-8, whatever bytes
 * a peer has bound.
 *
 * An abstract name begins with "@". A path that begins with "@" gets "./" before it, and in a path that begins with "./@" the "@" is written
 * as \x40. Bytes that are not UTF-8, control characters (utf8_control) and backslashes are written as \xNN. */
#ifndef UNIX_NAME_H
#define UNIX_NAME_H

#include <stddef.h>

/* Room for any name and its NUL: 108 bytes, each of them escaped, after a prefix. */
enum { UNIX_NAME_BYTES = 108, UNIX_NAME_TEXT = 2 + 4 * UNIX_NAME_BYTES + 1 };

/* size: UNIX_NAME_BYTES at most; what is behind them is left out. */
void unix_name_write_path(const char *path, size_t size, char text[UNIX_NAME_TEXT]);
void unix_name_write_abstract(const char *name, size_t size, char text[UNIX_NAME_TEXT]);

/* The path of a file: with nothing before it. text: 4 * size + 1 bytes. */
void unix_name_write_file(const char *path, size_t size, char *text);

#endif
