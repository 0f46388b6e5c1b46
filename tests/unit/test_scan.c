/* test_scan.c: what libConfuse must not see is refused, with the line where it is; all else is as it was, but for comments. */
#include "tests/support/test.h"

#include "daemon/config/scan.h"

struct scanned {
    char text[3 * SCAN_LINE], why[SCAN_WHY];
    unsigned line;
    int error;
};

static struct scanned scan(const char *text, size_t size) {
    struct scanned scanned;
    assert_true(size < sizeof scanned.text);
    memcpy(scanned.text, text, size);
    scanned.text[size] = '\0';
    scanned.error = scan_text(scanned.text, size, &scanned.line, scanned.why);
    return scanned;
}

static void comments_are_blanked_out_and_nothing_else(void **state) {
    static const struct {
        const char *text, *left;
    } texts[] = {
        {"", ""},
        {"#", " "},
        {"a = b # c\nd", "a = b    \nd"},
        {"# \xc3\xa9 { \" ' */\n", "             \n"},
        {"##\n#\n\n", "  \n \n\n"},
        {"a = \"b # c\" # d", "a = \"b # c\"    "},
        {"a = 'b # \"c' # d", "a = 'b # \"c'    "},
        {"a = \"\\\\\" # \"", "a = \"\\\\\"    "},
        {"a = \"\\\"#\" # d", "a = \"\\\"#\"    "},
        {"a = '\\'#' # d", "a = '\\'#'    "},
        {"a = 'C:\\x\\y'", "a = 'C:\\x\\y'"},
        {"a = '${HOME} * + |'", "a = '${HOME} * + |'"},
        {"a = \"$HOME * // /* \"", "a = \"$HOME * // /* \""},
        {"\xef\xbb\xbf"
         "a\r\n#b\r\nc",
         "   a \n   \nc"},
        {"s { l = { a, b } }\ns(x){}", "s { l = { a, b } }\ns(x){}"},
        {"a=unix:/run/x-y_z.sock", "a=unix:/run/x-y_z.sock"},
        {"\ta\t=\t'b\tc'", "\ta\t=\t'b\tc'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct scanned scanned = scan(texts[i].text, strlen(texts[i].text));
        if (scanned.error)
            fail_msg("%s: %u: %s", texts[i].text, scanned.line, scanned.why);
        assert_string_equal(scanned.text, texts[i].left);
    }
}

#define BACKSLASH "a backslash in a text stands before \\ or \": write two, or use single quotes"
#define QUOTE "the quote that begins here does not end on this line"
#define COMMENT "comments begin with #; a value with // or /* stands in quotes"
#define CONTROL "a control character cannot stand in this file"

static void what_is_not_seen_or_lasts_is_refused(void **state) {
    static const struct {
        const char *text;
        unsigned line;
        const char *why;
    } bad[] = {
        {"a = ${HOME}", 1, "\"$\" can only stand in quotes"},
        {"a = \"${HOME}\"", 1, "\"${\" can only stand in single quotes: variables are not looked up"},
        {"\na = \"x\n\"", 2, QUOTE},
        {"a = 'x", 1, QUOTE},
        {"a = 'C:\\'", 1, QUOTE},
        {"a = \"x\\\"", 1, QUOTE},
        {"a = \"x\\", 1, BACKSLASH},
        {"a = \"x\\\n\"", 1, BACKSLASH},
        {"a = \"\\0\"", 1, BACKSLASH},
        {"a = \"\\x41\"", 1, BACKSLASH},
        {"a = \"\\'\"", 1, BACKSLASH},
        {"a = b\\c", 1, "\"\\\" can only stand in quotes"},
        {"s {\n a = b\n", 1, "the { here is never closed"},
        {"s {\n}\ns {\n\n t {\n }", 3, "the { here is never closed"},
        {"s {\n t {\n", 2, "the { here is never closed"},
        {"s {\n t {\n u {\n", 3, "sections are nested too deeply"},
        {"a = b\n}", 2, "this } closes nothing"},
        {"a = web/*", 1, COMMENT},
        {"/* a */", 1, COMMENT},
        {"// a", 1, COMMENT},
        {"a = unix:/x//y", 1, COMMENT},
        {"a = b*", 1, "\"*\" can only stand in quotes"},
        {"a += b", 1, "\"+\" can only stand in quotes"},
        {"a|b = c", 1, "\"|\" can only stand in quotes"},
        {"; a", 1, "\";\" can only stand in quotes"},
        {"[a]", 1, "\"[\" can only stand in quotes"},
        {"a = b;", 1, "\";\" can only stand in quotes"},
        {"\"a\" = b", 1, "a key stands without quotes"},
        {"\"a\"\n = b", 2, "a key stands without quotes"},
        {"a = b#c", 1, "a blank stands before a comment; a value with # stands in quotes"},
        {"a = \"b\"#c", 1, "a blank stands before a comment; a value with # stands in quotes"},
        {"a = b\"c\"", 1, "a quote in the middle of a word: put all of it into quotes"},
        {"a = \"b\"\"c\"", 1, "a quote in the middle of a word: put all of it into quotes"},
        {"a = \"b\"c", 1, "a blank stands after a text in quotes"},
        {"# b\n\na = \x01", 3, CONTROL},
        {"a = b\rc", 1, CONTROL},
        {"a = \"\x7f\"", 1, CONTROL},
        {"# \x1b[2J", 1, CONTROL},
        {"a = \"\xe2\x80\xae\"", 1, CONTROL},
        {"\n# \xff", 2, "this is not UTF-8"},
        {"a = \"\xc3\"", 1, "this is not UTF-8"},
        {"a\xc3", 1, "this is not UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct scanned scanned = scan(bad[i].text, strlen(bad[i].text));
        if (!scanned.error)
            fail_msg("%s is taken", bad[i].text);
        assert_string_equal(scanned.why, bad[i].why);
        assert_int_equal(scanned.line, bad[i].line);
    }
}

static void a_nul_is_refused_wherever_it_is(void **state) {
    static const char *const texts[] = {"a = 1\n\0 b", "a = 1\n#\0 b ", "a = 1\n'\0 b'", "a = 1\nx\0 b "};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct scanned scanned = scan(texts[i], 9);
        assert_int_equal(scanned.error, -1);
        assert_int_equal(scanned.line, 2);
        assert_string_equal(scanned.why, CONTROL);
    }
}

static void a_line_has_an_end(void **state) {
    static const char begins[] = {'a', ' ', '#', '"'};
    char text[2 * SCAN_LINE];

    (void)state;
    for (size_t i = 0; i < sizeof begins; i++) {
        memset(text, begins[i] == '"' ? 'a' : begins[i], sizeof text);
        text[0] = begins[i];
        text[SCAN_LINE - 1] = begins[i];
        text[SCAN_LINE] = '\n';
        assert_int_equal(scan(text, SCAN_LINE + 1).error, 0);
        assert_int_equal(scan(text, SCAN_LINE).error, 0);
        text[SCAN_LINE] = text[SCAN_LINE - 1];
        text[SCAN_LINE - 1] = text[1];
        text[SCAN_LINE + 1] = '\n';
        for (size_t end = 0; end < 2; end++) {
            struct scanned scanned = scan(text, SCAN_LINE + 1 + end);
            assert_int_equal(scanned.error, -1);
            assert_string_equal(scanned.why, "this line is longer than 4096 bytes");
            assert_int_equal(scanned.line, 1);
        }
    }
}

TEST_MAIN(TEST_CASE(comments_are_blanked_out_and_nothing_else),
          TEST_CASE(what_is_not_seen_or_lasts_is_refused), TEST_CASE(a_nul_is_refused_wherever_it_is),
          TEST_CASE(a_line_has_an_end))
