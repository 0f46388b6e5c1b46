/* test_config.c: whole configurations: what counts more, what is refused and how that is told, and which files are read at all. */
#include "tests/support/test.h"

#include "daemon/base/log.h"
#include "daemon/config/config.h"
#include "daemon/config/folder.h"
#include "daemon/config/override.h"
#include "daemon/config/remark.h"

#include <sys/stat.h>

static char folder[64], path[128];
static struct config_given given;
static struct config *config;
static struct remarks faults;

static void write_file(const char *name, const char *text, size_t size) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), (ssize_t)size);
    assert_int_equal(fchmod(fd, 0644), 0);
    assert_int_equal(close(fd), 0);
}

static void put(const char *text) { write_file(path, text, strlen(text)); }

static void put_dropin(const char *name, const char *text) {
    char whole[256];
    (void)snprintf(whole, sizeof whole, "%s.d", path);
    assert_true(mkdir(whole, 0755) == 0 || errno == EEXIST);
    (void)snprintf(whole, sizeof whole, "%s.d/%s", path, name);
    write_file(whole, text, strlen(text));
}

static int load(void) {
    config_free(config);
    remarks_clear(&faults);
    return config_load(&given, &config, &faults);
}

static int make(void **state) {
    (void)snprintf(folder, sizeof folder, "/tmp/portd-config-XXXXXX");
    if (test_before(state) || !mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/portd.conf", folder);
    given = (struct config_given){.file = path};
    for (const char *const *name =
             (const char *const[]){"PORTD_CONFIG", "PORTD_LOG_LEVEL", "CONFIGURATION_DIRECTORY", NULL};
         *name; name++)
        (void)unsetenv(*name);
    return 0;
}

static int unmake(void **state) {
    char command[128];
    config_free(config);
    config = NULL;
    remarks_clear(&faults);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) ? -1 : test_after(state); /* NOLINT: the name is ours */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, unmake)

/* ---- what is wrong with a text -------------------------------------------------------------------------------------- */

/* The faults, without the path: one a line. */
static const char *told(void) {
    static char text[8192];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < remarks_kept(&faults); i++) {
        const char *fault = faults.texts[i];
        assert_int_equal(strncmp(fault, path, strlen(path)), 0);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? "\n" : "",
                               fault + strlen(path) + (fault[strlen(path)] == ':'));
        assert_true(at < sizeof text);
    }
    return text;
}

static void faults_are_told_with_their_lines(void **state) {
    static const struct {
        const char *text, *told;
    } bad[] = {
        {"# one\n# two\nlog-levl = debug", "3: unknown key \"log-levl\"; did you mean \"log-level\"?"},
        {"# one\r\n\r\nlog-levl = debug\r\n", "3: unknown key \"log-levl\"; did you mean \"log-level\"?"},
        {"mode = \"0600\" # x\n\n\n\nmode = 8", "5: \"mode\" is set in line 1 already"},
        {"mode = 8", "1: mode = \"8\": expected an octal file mode up to 0777, such as 0660"},
        {"mode = 8\nlog-level = loud\nidle-exit = 5m\nlisten = \"unix:x\"",
         "1: mode = \"8\": expected an octal file mode up to 0777, such as 0660\n"
         "2: log-level = \"loud\": expected error, warning, info or debug\n"
         "3: idle-exit = \"5m\": expected a duration with us, ms, s, min or h, such as 30s, from 0 to "
         "87600h\n"
         "4: listen = \"unix:x\": the path after unix: must be absolute"},
        {"sessions = 5", "1: unknown key \"sessions\"; it stands in the section \"quota\" or \"user\""},
        {"quota {\n mode = 0600\n}",
         "2: unknown key \"mode\" in the section \"quota\"; it stands outside of the sections"},
        {"quota {\n sesions = 5 }",
         "2: unknown key \"sesions\" in the section \"quota\"; did you mean \"sessions\"?"},
        {"quota { rate = 3 }", "1: rate = \"3\": expected a number from 4 to 1073741824"},
        {"quota {\n rate = 5\n rate = 6 }", "3: \"rate\" is set in line 2 already"},
        {"quota { rate = 5 }\nquota {\n bytes = 2M\n}",
         "4: a second section \"quota\" ends here: put all of its keys into one"},
        {"user 0 { rate = 5 }\nuser 1 { rate = 5 }\n\nuser \"0\" { bytes = 0 }",
         "4: there is a section with the name \"0\" above: put all of its keys there"},
        {"user 0 { rate = 5 }\nuser root {\n bytes = 1K }",
         "3: user \"root\" is the uid 0, whose limits line 1 has already"},
        {"user 0 { rate = 5 }\nuser 00 {\n}", "3: user \"00\" is the uid 0, whose limits line 1 has already"},
        {"user nobody-has-this-name { }", "1: there is no user \"nobody-has-this-name\" on this system"},
        {"user 65534 { }", "1: user \"65534\" has no uid that identifies a user"},
        {"user 4294967295 { }", "1: user \"4294967295\" has no uid that identifies a user"},
        {"user 18446744073709551616 { }",
         "1: user \"18446744073709551616\" has no uid that identifies a user"},
        {"user \"\" { }", "1: there is no user \"\" on this system"},
        {"user { rate = 5 }", "1: the section \"user\" needs a name in quotes, as in: user \"1000\" { ... }"},
        {"listen \"unix:/x\"", "1: expected \"=\" after the key \"listen\""},
        {"listen = ", "1: the file ends in the middle of this"},
        {"mode = \n\nlisten = 'unix:/x'",
         "3: mode = \"listen\": expected an octal file mode up to 0777, such as 0660\n3: unexpected \"=\""},
        {"quota = 5", "1: expected \"{\" after the section \"quota\""},
        {"quota\n", "2: the file ends in the middle of this"},
        {"mode = { 1 }", "1: unexpected \"{\""},
        {"quota { rate = }", "1: unexpected \"}\""},
        {"= 5", "1: unexpected \"=\""},
        {"mode = 0600, 0700", "1: unexpected \",\""},
        {"include(\"/etc/passwd\")", "1: unknown key \"include\""},
        {"kitchen \"x\" { }", "1: unknown key \"kitchen\""},
        {"door \"x\" { }", "1: expected \"{\" after the section \"door\""},
        {"mode = \"0600\n", "1: the quote that begins here does not end on this line"},
        {"quota { rate = 5", "1: the { here is never closed"},
        {"mode = ${MODE}", "1: \"$\" can only stand in quotes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put(bad[i].text);
        if (load() != CONFIG_E_FAULTS)
            fail_msg("%s is taken", bad[i].text);
        assert_string_equal(told(), bad[i].told);
        assert_null(config);
        put("mode = 0640\nquota { rate = 5 }"); /* nothing of it is left */
        assert_int_equal(load(), 0);
        assert_int_equal(config_number(config, CONFIG_MODE), 0640);
    }
}

static void a_text_that_is_not_printable_is_told_in_utf_8(void **state) {
    (void)state;
    remarks_add(&faults, "/a\xff\n\xc3\xa9/b", 3, "%s", "x\xe2\x80\xaey");
    assert_string_equal(faults.texts[0], "/a??\xc3\xa9/b:3: x?y");
}

static void a_long_path_does_not_hide_what_is_wrong(void **state) {
    char name[4096];
    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memcpy(name + sizeof name - 4, "end", 4);
    remarks_add(&faults, name, 3, "%s", "this");
    assert_int_equal(strncmp(faults.texts[0], "...xxx", 6), 0);
    assert_non_null(strstr(faults.texts[0], "xend:3: this"));
}

static void faults_without_end_are_counted(void **state) {
    static char text[64 * REMARKS_KEPT];
    size_t at = 0;
    (void)state;
    for (int i = 0; i < REMARKS_KEPT + 7; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "mode = 8\n");
    put(text);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_int_equal(faults.n, REMARKS_KEPT + 7);
    assert_int_equal(remarks_kept(&faults), REMARKS_KEPT);
}

/* ---- what a text says ----------------------------------------------------------------------------------------------- */

static void what_nobody_has_set_is_built_in(void **state) {
    (void)state;
    put("# nothing\n");
    assert_int_equal(load(), 0);
    assert_int_equal(config_number(config, CONFIG_MODE), 0600);
    assert_int_equal(config_number(config, CONFIG_IDLE_EXIT), 0);
    assert_int_equal(config_number(config, CONFIG_LOG_LEVEL), LOG_LEVEL_INFO);
    assert_null(config_text(config, CONFIG_LISTEN));
    for (int i = 0; i < CONFIG_KEYS; i++)
        assert_int_equal(config->settings[i].source, CONFIG_BUILT_IN);
    assert_int_equal(config->n_users, 0);
    assert_int_equal(config->n_files, 1);
    assert_string_equal(config->files[0], path);
}

static void all_keys_are_read(void **state) {
    (void)state;
    put("listen = 'unix:/run/\\\\x'\nmode=0666 idle-exit = \"2min\"\n\tlog-level\t=\n debug\n"
        "quota { sessions = 10 connections = 11\n descriptors = 12 objects = 13 waits = 14\n bytes = 15M "
        "rate = 16 }\n"
        "user 7 { sessions = 0 connections = 1 descriptors = 2 objects = 3 waits = 4 bytes = 5K rate = 6 }\n"
        "user \"root\" {}\ndoor { s6 = unix:/run/s6 }\n");
    if (load())
        fail_msg("%s", told());
    assert_string_equal(config_text(config, CONFIG_LISTEN), "unix:/run/\\x");
    assert_int_equal(config_number(config, CONFIG_MODE), 0666);
    assert_int_equal(config_number(config, CONFIG_IDLE_EXIT), 120000000);
    assert_int_equal(config_number(config, CONFIG_LOG_LEVEL), LOG_LEVEL_DEBUG);
    assert_int_equal(config->settings[CONFIG_LOG_LEVEL].line, 4);
    assert_string_equal(config_text(config, CONFIG_DOOR_S6), "unix:/run/s6");
    for (unsigned i = 0; i < CONFIG_LIMITS; i++) {
        uint64_t unit = i == USER_BYTES ? 1 << 20 : 1, unit_of_user = i == USER_BYTES ? 1 << 10 : 1;
        assert_int_equal(config_number(config, (enum config_key)((int)CONFIG_QUOTA + (int)i)),
                         (10 + i) * unit);
        assert_int_equal(config->users[1].limits[i].number, i * unit_of_user);
        assert_int_equal(config->users[1].limits[i].source, CONFIG_FILE);
        assert_int_equal(config->users[0].limits[i].source, CONFIG_BUILT_IN);
    }
    assert_int_equal(config->n_users, 2);
    assert_int_equal(config->users[0].uid, 0);
    assert_int_equal(config->users[1].uid, 7);
}

static void later_files_count_more_key_by_key(void **state) {
    char name[256];
    (void)state;
    put("mode = 0600\nlog-level = error\nidle-exit = 1s\nuser root { rate = 1 bytes = 1 }\nquota { waits = 4 "
        "}");
    put_dropin("20-b.conf", "mode = 0602\nuser 0 { rate = 3 }\nquota { objects = 6 }");
    put_dropin("10-a.conf",
               "mode = 0601\nlog-level = debug\nuser 0 { rate = 2 waits = 2 }\nquota { waits = 5 }");
    put_dropin("3.conf", "idle-exit = 3s");
    put_dropin(".30-c.conf", "mode = 8");
    put_dropin("40.conf~", "mode = 8");
    put_dropin("50", "mode = 8");
    put_dropin("B.conf", "# upper case comes before lower case, and after digits\nlisten = unix:/B");
    put_dropin("a.conf", "listen = unix:/a");
    if (load())
        fail_msg("%s", told());
    assert_int_equal(config_number(config, CONFIG_MODE), 0602);
    assert_int_equal(config_number(config, CONFIG_LOG_LEVEL), LOG_LEVEL_DEBUG);
    assert_int_equal(config_number(config, CONFIG_IDLE_EXIT), 3000000);
    assert_string_equal(config_text(config, CONFIG_LISTEN), "unix:/a");
    assert_int_equal(config_number(config, (enum config_key)((int)CONFIG_QUOTA + (int)USER_WAITS)), 5);
    assert_int_equal(config_number(config, (enum config_key)((int)CONFIG_QUOTA + (int)USER_OBJECTS)), 6);
    assert_int_equal(config->n_users, 1);
    assert_int_equal(config->users[0].limits[CONFIG_RATE - CONFIG_QUOTA].number, 3);
    assert_int_equal(config->users[0].limits[USER_WAITS].number, 2);
    assert_int_equal(config->users[0].limits[USER_BYTES].number, 1);
    assert_int_equal(config->n_files, 6);
    (void)snprintf(name, sizeof name, "%s.d/20-b.conf", path);
    assert_string_equal(config->files[config->settings[CONFIG_MODE].file], name);
    assert_string_equal(config->files[2], name);
    assert_int_equal(unlink(path), 0);
    given.file = NULL;
    assert_int_equal(setenv("CONFIGURATION_DIRECTORY", folder, 1), 0);
    assert_int_equal(load(), 0); /* drop-ins need no main file */
    assert_int_equal(config->n_files, 5);
    assert_int_equal(config_number(config, CONFIG_MODE), 0602);
}

static void each_bad_file_is_told_of(void **state) {
    (void)state;
    put("nonsense = 1");
    put_dropin("a.conf", "mode = 8\n");
    put_dropin("b.conf", "\nmode = 'x");
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(),
                        "1: unknown key \"nonsense\"\n"
                        ".d/a.conf:1: mode = \"8\": expected an octal file mode up to 0777, such as 0660\n"
                        ".d/b.conf:2: the quote that begins here does not end on this line");
}

static void a_flag_counts_more_than_a_variable_and_that_more_than_a_file(void **state) {
    (void)state;
    put("log-level = error\nmode = 0640");
    assert_int_equal(load(), 0);
    assert_int_equal(config_number(config, CONFIG_LOG_LEVEL), LOG_LEVEL_ERROR);
    assert_int_equal(setenv("PORTD_LOG_LEVEL", "warning", 1), 0);
    assert_int_equal(load(), 0);
    assert_int_equal(config_number(config, CONFIG_LOG_LEVEL), LOG_LEVEL_WARNING);
    assert_int_equal(config->settings[CONFIG_LOG_LEVEL].source, CONFIG_VARIABLE);
    given.flags[CONFIG_LOG_LEVEL] = "debug";
    assert_int_equal(load(), 0);
    assert_int_equal(config_number(config, CONFIG_LOG_LEVEL), LOG_LEVEL_DEBUG);
    assert_int_equal(config->settings[CONFIG_LOG_LEVEL].source, CONFIG_FLAG);
    assert_int_equal(config_number(config, CONFIG_MODE), 0640);
    assert_int_equal(setenv("PORTD_LOG_LEVEL", "loud", 1), 0);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(faults.texts[0], "PORTD_LOG_LEVEL: \"loud\": expected error, warning, info or debug");
}

/* ---- which file ----------------------------------------------------------------------------------------------------- */

static void a_file_that_is_named_must_be_there(void **state) {
    (void)state;
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), " No such file or directory");
    given.file = NULL;
    assert_int_equal(setenv("PORTD_CONFIG", path, 1), 0);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), " No such file or directory");
    put("mode = 0640");
    assert_int_equal(load(), 0);
    assert_int_equal(config_number(config, CONFIG_MODE), 0640);
    given.file = CONFIG_NO_FILE;
    assert_int_equal(load(), 0);
    assert_int_equal(config->n_files, 0);
    given.file = NULL;
    assert_int_equal(setenv("PORTD_CONFIG", "none", 1), 0);
    assert_int_equal(load(), 0);
    assert_int_equal(config->n_files, 0);
}

/* Where times have 32 bits, such a file can be read but not looked at. */
static void a_file_of_a_later_time_is_read(void **state) {
    const int64_t later = INT64_C(1) << 31; /* 2038 */
    const struct timespec times[2] = {{.tv_sec = (time_t)later}, {.tv_sec = (time_t)later}};
    (void)state;
    assert_true(times[1].tv_sec == later);
    put("mode = 0640");
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(load(), 0);
    assert_int_equal(config_number(config, CONFIG_MODE), 0640);
}

static void the_default_file_is_where_the_environment_says(void **state) {
    char *found, expected[256];
    bool is_root = geteuid() == 0;
    (void)state;
    given.file = NULL;
    assert_int_equal(setenv("PORTD_CONFIG", "", 1), 0); /* as if it were not set */
    assert_int_equal(setenv("CONFIGURATION_DIRECTORY", folder, 1), 0);
    assert_int_equal(load(), 0);
    assert_int_equal(config->n_files, 0); /* it need not be there */
    put("mode = 0640");
    assert_int_equal(load(), 0);
    assert_int_equal(config_number(config, CONFIG_MODE), 0640);
    assert_int_equal(setenv("CONFIGURATION_DIRECTORY", "relative", 1), 0);
    assert_int_equal(setenv("XDG_CONFIG_HOME", folder, 1), 0);
    assert_int_equal(folder_default(&found), 0);
    (void)snprintf(expected, sizeof expected, "%s/portd/portd.conf", folder);
    if (is_root)
        assert_non_null(strstr(found, "etc/portd/portd.conf"));
    else
        assert_string_equal(found, expected);
    free(found);
    assert_int_equal(unsetenv("CONFIGURATION_DIRECTORY"), 0);
    assert_int_equal(setenv("XDG_CONFIG_HOME", "relative", 1), 0);
    assert_int_equal(setenv("HOME", folder, 1), 0);
    assert_int_equal(folder_default(&found), 0);
    (void)snprintf(expected, sizeof expected, "%s/.config/portd/portd.conf", folder);
    if (!is_root)
        assert_string_equal(found, expected);
    free(found);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_int_equal(folder_default(&found), 0);
    assert_true((found != NULL) == is_root);
    free(found);
}

/* A home that belongs to another user, as sudo leaves it; but a file that is there and cannot be read is a fault. */
static void a_default_file_that_cannot_be_seen_is_not_missed(void **state) {
    (void)state;
    if (geteuid() != 0)
        test_skip("only root can become another user");
    put("mode = 0640");
    given.file = NULL;
    assert_int_equal(setenv("CONFIGURATION_DIRECTORY", folder, 1), 0);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(seteuid(1000), 0);
    int closed = load();
    size_t none = config ? config->n_files : 1;
    given.file = path;
    int named = load();
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(closed, 0);
    assert_int_equal(none, 0);
    assert_int_equal(named, CONFIG_E_FAULTS);
    assert_string_equal(told(), " permission denied for a directory on the way to it\n"
                                ".d: permission denied for a directory on the way to it");
    assert_int_equal(chmod(folder, 0711), 0);
    given.file = NULL;
    assert_int_equal(seteuid(1000), 0);
    int unreadable = load();
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(unreadable, CONFIG_E_FAULTS);
    assert_string_equal(told(), " Permission denied");
}

static void a_file_of_somebody_else_is_not_read(void **state) {
    static const char open_text[] = " group or others may write to it: chmod go-w";
    char name[256];
    (void)state;
    put("mode = 0640");
    assert_int_equal(chmod(path, 0664), 0);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), open_text);
    assert_int_equal(chmod(path, 0646), 0);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), open_text);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(load(), 0);
    put_dropin("a.conf", "mode = 0600");
    (void)snprintf(name, sizeof name, "%s.d", path);
    assert_int_equal(chmod(name, 0777), 0);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), ".d: group or others may write to it: chmod go-w");
    assert_int_equal(chmod(name, 0755), 0);
    if (geteuid() != 0)
        test_skip("only root can give a file away");
    assert_int_equal(chown(path, 1000, 1000), 0);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), " it must belong to root or to the broker's user (chown)");
}

/* None of them is waited for. */
static void what_is_no_file_is_not_read(void **state) {
    char target[256];
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), " it is not a regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), " it is not a regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), " it is not a regular file");
    assert_int_equal(unlink(path), 0);
    (void)snprintf(target, sizeof target, "%s/target", folder);
    write_file(target, "mode = 0640", 11);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(load(), 0);
    (void)snprintf(target, sizeof target, "%s.d", path);
    write_file(target, "", 0);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), ".d: Not a directory");
}

static void a_file_has_an_end(void **state) {
    static char text[FOLDER_FILE_MOST + 1];
    (void)state;
    memset(text, '\n', sizeof text);
    write_file(path, text, sizeof text - 1);
    assert_int_equal(load(), 0);
    write_file(path, text, sizeof text);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), " it is larger than 1 MiB");
}

static void sections_have_an_end(void **state) {
    static char text[32 * OVERRIDES_MOST];
    size_t at = 0;
    (void)state;
    for (int i = 0; i < OVERRIDES_MOST; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "user %d { rate = %d }\n", i + 1, i + 1);
    put(text);
    assert_int_equal(load(), 0);
    assert_int_equal(config->n_users, OVERRIDES_MOST);
    for (size_t i = 1; i < config->n_users; i++)
        assert_true(config->users[i - 1].uid < config->users[i].uid);
    (void)snprintf(text + at, sizeof text - at, "quota { }");
    put(text);
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_string_equal(told(), " there are more than 4096 sections and lists");
}

TEST_MAIN(CASE(faults_are_told_with_their_lines), CASE(a_text_that_is_not_printable_is_told_in_utf_8),
          CASE(a_long_path_does_not_hide_what_is_wrong), CASE(faults_without_end_are_counted),
          CASE(what_nobody_has_set_is_built_in), CASE(all_keys_are_read),
          CASE(later_files_count_more_key_by_key), CASE(each_bad_file_is_told_of),
          CASE(a_flag_counts_more_than_a_variable_and_that_more_than_a_file),
          CASE(a_file_that_is_named_must_be_there), CASE(a_file_of_a_later_time_is_read),
          CASE(the_default_file_is_where_the_environment_says),
          CASE(a_default_file_that_cannot_be_seen_is_not_missed), CASE(a_file_of_somebody_else_is_not_read),
          CASE(what_is_no_file_is_not_read), CASE(a_file_has_an_end), CASE(sections_have_an_end))
