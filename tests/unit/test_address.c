/* test_address.c: addresses as text, and the user's directory with its checks. */
#include "tests/support/test.h"

#include "proto/address.h"

#include <sys/stat.h>

static void four_forms_are_understood(void **state) {
    struct address address;

    (void)state;
    assert_null(address_parse("unix:/run/portd/portd.sock", &address));
    assert_int_equal(address.kind, ADDRESS_UNIX);
    assert_string_equal(address.path, "/run/portd/portd.sock");
    assert_null(address_parse("unix:@name", &address));
    assert_int_equal(address.kind, ADDRESS_UNIX);
    assert_string_equal(address.path, "@name");
    assert_null(address_parse("unix:@/any/thing/", &address)); /* it is no path */
    assert_string_equal(address.path, "@/any/thing/");
    assert_null(address_parse("npipe:portd", &address));
    assert_int_equal(address.kind, ADDRESS_NPIPE);
    assert_string_equal(address.path, "portd");
    assert_null(address_parse("fd:0", &address));
    assert_int_equal(address.kind, ADDRESS_FD);
    assert_int_equal(address.fd, 0);
    assert_null(address_parse("fd:2147483647", &address));
    assert_int_equal(address.fd, 2147483647);
    assert_null(address_parse(address_system(), &address));
}

static void other_texts_are_refused_with_a_reason(void **state) {
    static const char *const texts[] = {
        "",
        "/run/portd.sock",
        "unix",
        "unix:",
        "unix:relative",
        "unix:/folder/",
        "unix:@",
        "unix: @name",
        "UNIX:/a",
        " unix:/a",
        "npipe:",
        "npipe:a/b",
        "npipe:a\\b",
        "fd:",
        "fd:-1",
        "fd:+1",
        "fd:3x",
        "fd: 3",
        "fd:0x3",
        "fd:2147483648",
        "fd:99999999999999999999",
        "tcp:1.2.3.4",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct address address = {.kind = ADDRESS_UNIX};
        const char *reason = address_parse(texts[i], &address);
        if (!reason)
            fail_msg("\"%s\" is accepted", texts[i]);
        assert_true(strlen(reason) > 10);
        assert_int_equal(address.kind, ADDRESS_NONE);
    }
}

static void a_path_fits_into_a_socket_address(void **state) {
    char text[2 * ADDRESS_MAX] = "";
    struct address address;

    (void)state;
    for (int i = 0; i < 2; i++) { /* a path, and a name, whose first byte in the socket address is zero */
        memset(text, 0, sizeof(text));
        memcpy(text, i == 0 ? "unix:/" : "unix:@", 6);
        memset(text + 6, 'p', 106); /* with the byte before: as many as sun_path has without its NUL */
        assert_null(address_parse(text, &address));
        assert_int_equal(strlen(address.path), 107);
        text[6 + 106] = 'p';
        assert_non_null(address_parse(text, &address));
    }
    memset(text + 6, 'p', sizeof(text) - 7);
    assert_non_null(address_parse(text, &address));
    memcpy(text, "npipe:", 6);
    assert_non_null(address_parse(text, &address));
}

static char base[64];

static void base_make(void) {
    (void)snprintf(base, sizeof(base), "/tmp/portd-address-XXXXXX");
    assert_non_null(mkdtemp(base));
    assert_return_code(setenv("XDG_RUNTIME_DIR", base, 1), errno);
    assert_return_code(unsetenv("TMPDIR"), errno);
}

static const char *base_path(const char *name) {
    static char path[160];

    (void)snprintf(path, sizeof(path), "%s/%s", base, name);
    return path;
}

static void base_remove(void) {
    (void)rmdir(base_path("portd"));
    (void)unlink(base_path("portd"));
    assert_return_code(rmdir(base), errno);
}

static void the_runtime_folder_comes_first(void **state) {
    char text[ADDRESS_MAX], expected[ADDRESS_MAX];
    struct stat status;

    (void)state;
    base_make();
    assert_return_code(setenv("TMPDIR", "/nowhere", 1), errno);
    assert_int_equal(address_user(text, 0), -ENOENT);
    assert_int_equal(address_user(text, 1), 0);
    (void)snprintf(expected, sizeof(expected), "unix:%s/portd/portd.sock", base);
    assert_string_equal(text, expected);
    assert_return_code(lstat(base_path("portd"), &status), errno);
    assert_int_equal(status.st_mode, S_IFDIR | 0700);
    assert_int_equal(address_user(text, 1), 0); /* there already */
    assert_int_equal(address_user(text, 0), 0);
    base_remove();
}

static void without_it_the_temporary_folder_is_used(void **state) {
    char text[ADDRESS_MAX], expected[ADDRESS_MAX], name[32];

    (void)state;
    base_make();
    (void)snprintf(name, sizeof(name), "portd-%lu", (unsigned long)geteuid());
    (void)snprintf(expected, sizeof(expected), "unix:%s/%s/portd.sock", base, name);
    assert_return_code(setenv("TMPDIR", base, 1), errno);
    static const char *const unusable[] = {"", "relative/path"};
    for (size_t i = 0; i < 2; i++) {
        assert_return_code(setenv("XDG_RUNTIME_DIR", unusable[i], 1), errno);
        assert_int_equal(address_user(text, 1), 0);
        assert_string_equal(text, expected);
    }
    assert_return_code(unsetenv("XDG_RUNTIME_DIR"), errno);
    assert_int_equal(address_user(text, 0), 0);
    assert_string_equal(text, expected);
    assert_return_code(rmdir(base_path(name)), errno);
    base_remove();
}

static void without_both_it_is_tmp(void **state) {
    char text[ADDRESS_MAX], expected[ADDRESS_MAX];

    (void)state;
    assert_return_code(unsetenv("XDG_RUNTIME_DIR"), errno);
    assert_return_code(unsetenv("TMPDIR"), errno);
    (void)snprintf(expected, sizeof(expected), "unix:/tmp/portd-%lu/portd.sock", (unsigned long)geteuid());
    int r = address_user(text, 0); /* somebody's broker may run here, or not */
    if (r == 0)
        assert_string_equal(text, expected);
    else
        assert_int_equal(r, -ENOENT);
}

static void a_folder_open_to_others_is_refused(void **state) {
    static const mode_t modes[] = {0701, 0710, 0750, 0702, 0777, 01777};
    char text[ADDRESS_MAX] = "", expected[ADDRESS_MAX];

    (void)state;
    base_make();
    assert_return_code(mkdir(base_path("portd"), 0700), errno);
    (void)snprintf(expected, sizeof(expected), "unix:%s/portd.sock", base_path("portd"));
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_return_code(chmod(base_path("portd"), modes[i]), errno);
        assert_int_equal(address_user(text, 1), -EPERM);
        assert_int_equal(address_user(text, 0), -EPERM);
    }
    assert_string_equal(text, expected);                        /* to be told what is wrong where */
    assert_return_code(chmod(base_path("portd"), 0500), errno); /* ours and closed, if of little use */
    assert_int_equal(address_user(text, 0), 0);
    base_remove();
}

static void a_folder_of_somebody_else_is_refused(void **state) {
    char text[ADDRESS_MAX];

    (void)state;
    if (geteuid() != 0)
        test_skip("only root can give a folder away");
    base_make();
    assert_return_code(mkdir(base_path("portd"), 0700), errno);
    assert_return_code(chown(base_path("portd"), 1, 1), errno);
    assert_int_equal(address_user(text, 1), -EPERM);
    base_remove();
}

static void what_is_no_folder_is_refused(void **state) {
    char text[ADDRESS_MAX];

    (void)state;
    base_make();
    assert_return_code(symlink("/root", base_path("portd")), errno);
    assert_int_equal(address_user(text, 1), -EPERM);
    assert_return_code(unlink(base_path("portd")), errno);
    FILE *file = fopen(base_path("portd"), "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_return_code(chmod(base_path("portd"), 0600), errno);
    assert_int_equal(address_user(text, 1), -EPERM);
    base_remove();
}

static void a_long_runtime_folder_is_refused(void **state) {
    /* With "/portd/portd.sock" 90 characters make 107, as many as fit; none of these folders exists. */
    static const struct {
        size_t length;
        int r;
    } rows[] = {{90, -ENOENT}, {91, -ENAMETOOLONG}, {500, -ENAMETOOLONG}, {900, -ENAMETOOLONG}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[ADDRESS_MAX], folder[2 * ADDRESS_MAX] = "/";
        memset(folder + 1, 'x', rows[i].length - 1);
        assert_return_code(setenv("XDG_RUNTIME_DIR", folder, 1), errno);
        assert_int_equal(address_user(text, 0), rows[i].r);
    }
}

TEST_MAIN(TEST_CASE(four_forms_are_understood), TEST_CASE(other_texts_are_refused_with_a_reason),
          TEST_CASE(a_path_fits_into_a_socket_address), TEST_CASE(the_runtime_folder_comes_first),
          TEST_CASE(without_it_the_temporary_folder_is_used), TEST_CASE(without_both_it_is_tmp),
          TEST_CASE(a_folder_open_to_others_is_refused), TEST_CASE(a_folder_of_somebody_else_is_refused),
          TEST_CASE(what_is_no_folder_is_refused), TEST_CASE(a_long_runtime_folder_is_refused))
