/* test_glob.c: a glob is the whole name, a star stands for anything, and no glob takes long. */
#include "tests/support/test.h"

#include "daemon/access/glob.h"

static void a_glob_is_the_whole_name(void **state) {
    static const struct {
        const char *glob, *name;
        bool matches;
    } cases[] = {
        {"web", "web", true},
        {"web", "webs", false},
        {"web", "aweb", false},
        {"web", "we", false},
        {"web", "Web", false},
        {"*", "", true},
        {"*", "a/b/c", true},
        {"web/*", "web/", true},
        {"web/*", "web/a/b", true},
        {"web/*", "web", false},
        {"web/*", "my/web/a", false},
        {"*.log", "a.log", true},
        {"*.log", ".log", true},
        {"*.log", "a.logs", false},
        {"a*a", "a", false},
        {"a*a", "aa", true},
        {"a*b*c", "abc", true},
        {"a*b*c", "a-b-b-c", true},
        {"a*b*c", "acb", false},
        {"a*b*c", "abcd", false},
        {"ab*ba", "aba", false},
        {"ab*ba", "abba", true},
        {"*aab*", "aaab", true},
        {"*aab*", "aaaa", false},
        {"*abcabd*", "abcabcabd", true},
        {"**", "x", true},
        {"a**b", "ab", true},
        {"*ab*ab", "ab", false},
        {"*ab*ab", "abab", true},
        {"?", "a", false},
        {"[a]", "a", false},
        {"\\*", "\\x", true},
        {"", "", true},
        {"", "a", false},
        {"\xc3\xa9*", "\xc3\xa9t", true},
        {"a*", "b", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (glob_matches(cases[i].glob, cases[i].name) != cases[i].matches)
            fail_msg("\"%s\" and \"%s\"", cases[i].glob, cases[i].name);
}

/* The same by trying everything. */
static bool plainly(const char *glob, const char *name) {
    if (*glob == '*')
        return plainly(glob + 1, name) || (*name && plainly(glob, name + 1));
    return *glob == *name && (!*glob || plainly(glob + 1, name + 1));
}

static void write_word(unsigned number, unsigned base, const char *letters, char *word) {
    for (; number; number /= base)
        *word++ = letters[number % base];
    *word = '\0';
}

static void every_short_glob_matches_as_one_that_tries_everything(void **state) {
    char glob[16], name[16];
    (void)state;
    for (unsigned i = 0; i < 3 * 3 * 3 * 3 * 3 * 3; i++) {
        write_word(i, 3, "ab*", glob);
        for (unsigned j = 0; j < 2 * 2 * 2 * 2 * 2 * 2 * 2; j++) {
            write_word(j, 2, "ab", name);
            if (glob_matches(glob, name) != plainly(glob, name))
                fail_msg("\"%s\" and \"%s\"", glob, name);
        }
    }
}

/* One that tries everything would not return. */
static void a_glob_of_stars_returns(void **state) {
    char glob[GLOB_MAX + 1], name[GLOB_MAX + 1];
    (void)state;
    for (int i = 0; i < GLOB_MAX; i++) {
        glob[i] = i % 2 ? '*' : 'a';
        name[i] = 'a';
    }
    glob[GLOB_MAX] = name[GLOB_MAX] = '\0';
    assert_true(glob_matches(glob, name));
    name[GLOB_MAX - 1] = 'b';
    assert_false(glob_matches(glob, name));
    memset(glob, 'a', GLOB_MAX);
    assert_false(glob_matches(glob, name));
    glob[0] = '*';
    glob[GLOB_MAX - 1] = '*';
    assert_false(glob_matches(glob, name + 3));
    assert_true(glob_matches(glob, name + 1));
}

TEST_MAIN(TEST_CASE(a_glob_is_the_whole_name),
          TEST_CASE(every_short_glob_matches_as_one_that_tries_everything),
          TEST_CASE(a_glob_of_stars_returns))
