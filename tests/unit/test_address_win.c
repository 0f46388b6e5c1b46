/* test_address_win.c: the addresses of the user's and the system's broker on Windows. */
#include "tests/support/test.h"

#include "proto/address.h"
#include "proto/pipe_win.h"

#include <windows.h>

static void texts_become_pipe_names(void **state) {
    wchar_t name[PIPE_NAME_UNITS];
    char longest[300] = "npipe:";

    (void)state;
    assert_int_equal(pipe_name("npipe:portd", name), 0);
    assert_int_equal(wcscmp(name, L"\\\\.\\pipe\\portd"), 0);
    assert_int_equal(pipe_name("npipe:p\xC3\xB6rtd", name), 0);
    assert_int_equal(wcscmp(name, L"\\\\.\\pipe\\p\u00F6rtd"), 0);
    assert_int_equal(pipe_name("npipe:p\xC3", name), -EINVAL); /* not UTF-8 */
    assert_int_equal(pipe_name("npipe:a\\b", name), -EINVAL);
    assert_int_equal(pipe_name("unix:/a", name), -EAFNOSUPPORT);
    assert_int_equal(pipe_name("fd:3", name), -EAFNOSUPPORT);
    memset(longest + 6, 'p', 246);
    assert_int_equal(pipe_name(longest, name), 0);
    assert_int_equal(wcslen(name), 255);
    longest[6 + 246] = 'p';
    assert_int_equal(pipe_name(longest, name), -EINVAL);
}

static void a_users_address_names_the_user(void **state) {
    char text[ADDRESS_MAX], again[ADDRESS_MAX];
    struct address parsed;

    (void)state;
    assert_int_equal(address_user(text, 0), 0);
    assert_int_equal(strncmp(text, "npipe:portd-S-1-5-", 18), 0);
    assert_null(address_parse(text, &parsed));
    assert_int_equal(parsed.kind, ADDRESS_NPIPE);
    assert_int_equal(address_user(again, 1), 0);
    assert_string_equal(text, again);
    assert_null(address_parse(address_system(), &parsed));
    assert_string_not_equal(text, address_system());
    assert_int_equal(address_system_make(), 0);
}

TEST_MAIN(TEST_CASE(texts_become_pipe_names), TEST_CASE(a_users_address_names_the_user))
