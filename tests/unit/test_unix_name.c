/* test_unix_name.c: names of Unix sockets as text: printable, and different for different names. */
#include "tests/support/test.h"

#include "daemon/object/unix_name.h"
#include "proto/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct name {
    const char *bytes;
    size_t size;
    const char *text;
};

#define NAME(BYTES, TEXT)                                                                                    \
    { BYTES, sizeof(BYTES) - 1, TEXT }

static void check_texts(const struct name *names, size_t n,
                        void (*write_name)(const char *, size_t, char *)) {
    char text[UNIX_NAME_TEXT];

    for (size_t i = 0; i < n; i++) {
        write_name(names[i].bytes, names[i].size, text);
        assert_string_equal(text, names[i].text);
    }
}

static void paths(void **state) {
    static const struct name names[] = {
        NAME("/run/a.sock", "/run/a.sock"),
        NAME("relative", "relative"),
        NAME("@trusted", "./@trusted"),
        NAME("@", "./@"),
        NAME("./@trusted", "./\\x40trusted"),
        NAME("./trusted@", "./trusted@"),
        NAME("././@trusted", "././@trusted"),
        NAME("a\\x40", "a\\x5cx40"),
        NAME("a\nb\x1b\x7f", "a\\x0ab\\x1b\\x7f"),
        NAME("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
        NAME("\xc2\x80 \xc2\x9f \xc2\xa0", "\\xc2\\x80 \\xc2\\x9f \xc2\xa0"),
        NAME("a\xe2\x80\xae \xe2\x81\xa6", "a\\xe2\\x80\\xae \\xe2\\x81\\xa6"),
        NAME("\xd8\x9c \xe2\x80\x8f \xe2\x80\xa8", "\\xd8\\x9c \\xe2\\x80\\x8f \\xe2\\x80\\xa8"),
        NAME("\xe2\x80\x8b \xe2\x80", "\xe2\x80\x8b \\xe2\\x80"),
        NAME("\xff\xfe", "\\xff\\xfe"),
        NAME("\xe2\x82", "\\xe2\\x82"),
        NAME("\xe2\x82/\xc3", "\\xe2\\x82/\\xc3"),
        NAME("\xed\xa0\x80", "\\xed\\xa0\\x80"),
        NAME("", ""),
    };

    (void)state;
    check_texts(names, sizeof names / sizeof *names, unix_name_write_path);
}

static void abstract_names(void **state) {
    static const struct name names[] = {
        NAME("trusted", "@trusted"),
        NAME("trusted\0evil", "@trusted\\x00evil"),
        NAME("trusted\0", "@trusted\\x00"),
        NAME("", "@"),
        NAME("@trusted", "@@trusted"),
        NAME("./@trusted", "@./@trusted"),
        NAME("evil\xff\xfe", "@evil\\xff\\xfe"),
    };

    (void)state;
    check_texts(names, sizeof names / sizeof *names, unix_name_write_abstract);
}

static void the_longest_fit(void **state) {
    struct {
        char text[UNIX_NAME_TEXT];
        char behind;
    } room = {.behind = '!'};
    char bytes[2 * UNIX_NAME_BYTES];

    (void)state;
    memset(bytes, '\xff', sizeof bytes);
    unix_name_write_abstract(bytes, sizeof bytes, room.text);
    assert_int_equal(strlen(room.text), 1 + 4 * UNIX_NAME_BYTES);
    bytes[0] = '@';
    unix_name_write_path(bytes, sizeof bytes, room.text);
    assert_int_equal(strlen(room.text), 2 + 1 + 4 * (UNIX_NAME_BYTES - 1));
    memcpy(bytes, "./@", 3);
    unix_name_write_path(bytes, sizeof bytes, room.text);
    assert_int_equal(strlen(room.text), 2 + 4 + 4 * (UNIX_NAME_BYTES - 3));
    assert_int_equal(room.behind, '!');
}

/* What a reader does who wants the bytes. Returns how many; *abstract says which kind of name. */
static size_t read_back(const char *text, char *bytes, bool *abstract) {
    size_t n = 0;
    *abstract = *text == '@';
    if (*abstract)
        text++;
    else if (strncmp(text, "./@", 3) == 0)
        text += 2;
    while (*text) {
        unsigned byte;
        if (*text != '\\') {
            bytes[n++] = *text++;
            continue;
        }
        assert_int_equal(sscanf(text, "\\x%2x", &byte), 1);
        bytes[n++] = (char)byte;
        text += 4;
    }
    return n;
}

static void check_both(const char *bytes, size_t size) {
    char text[UNIX_NAME_TEXT], back[UNIX_NAME_TEXT];
    bool abstract;

    unix_name_write_abstract(bytes, size, text);
    assert_true(status_utf8(text));
    assert_int_equal(read_back(text, back, &abstract), size);
    assert_memory_equal(back, bytes, size);
    assert_true(abstract);
    unix_name_write_path(bytes, size, text);
    assert_true(status_utf8(text));
    assert_int_equal(read_back(text, back, &abstract), size);
    assert_memory_equal(back, bytes, size);
    assert_false(abstract);
}

/* So no two names have one text. */
static void every_text_can_be_read_back(void **state) {
    static const char parts[] = "./@\\x40a\0\n\x7f\xc2\x80\xa0\xe2\x82\xac\xff";
    enum { PARTS = sizeof parts - 1, LONGEST = 5 };
    char bytes[LONGEST];
    size_t all = 1;

    (void)state;
    for (size_t size = 1; size <= LONGEST; size++) {
        all *= PARTS;
        for (size_t which = 0; which < all; which += size < LONGEST ? 1 : 7) {
            size_t rest = which;
            for (size_t i = 0; i < size; i++, rest /= PARTS)
                bytes[i] = parts[rest % PARTS];
            check_both(bytes, size);
        }
    }
}

TEST_MAIN(TEST_CASE(paths), TEST_CASE(abstract_names), TEST_CASE(the_longest_fit),
          TEST_CASE(every_text_can_be_read_back))
