/* test_config_win.c: whole configurations on Windows: which files are read, and whose users they name. What a text says is in test_config.c, and is the same. */
#include "tests/support/test.h"

#include "daemon/config/config.h"
#include "daemon/config/folder.h"
#include "daemon/config/remark.h"
#include "proto/peer.h"

#include <windows.h>

#include <sddl.h>

static char folder[MAX_PATH], path[MAX_PATH + 32];
static struct config_given given;
static struct config *config;
static struct remarks faults;

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void put(const char *text) { write_file(path, text); }

static void put_dropin(const char *name, const char *text) {
    char whole[MAX_PATH + 64];
    (void)snprintf(whole, sizeof whole, "%s.d", path);
    assert_true(CreateDirectoryA(whole, NULL) || GetLastError() == ERROR_ALREADY_EXISTS);
    (void)snprintf(whole, sizeof whole, "%s.d\\%s", path, name);
    write_file(whole, text);
}

static int load(void) {
    config_free(config);
    remarks_clear(&faults);
    return config_load(&given, &config, &faults);
}

static const char *first(void) { return faults.n ? faults.texts[0] : ""; }

static int make(void **state) {
    char temporary[MAX_PATH];
    if (test_before(state) || !GetTempPathA(sizeof temporary, temporary))
        return -1;
    (void)snprintf(folder, sizeof folder, "%sportd-config-%lu", temporary, GetCurrentProcessId());
    (void)snprintf(path, sizeof path, "%s\\portd.conf", folder);
    given = (struct config_given){.file = path};
    (void)SetEnvironmentVariableA("PORTD_CONFIG", NULL);
    (void)SetEnvironmentVariableA("PORTD_LOG_LEVEL", NULL);
    return CreateDirectoryA(folder, NULL) ? 0 : -1;
}

static int unmake(void **state) {
    char command[MAX_PATH + 32];
    config_free(config);
    config = NULL;
    remarks_clear(&faults);
    (void)snprintf(command, sizeof command, "rmdir /s /q \"%s\"", folder);
    return system(command) ? -1 : test_after(state); /* NOLINT: the name is ours */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, unmake)

static void files_are_read_in_their_order(void **state) {
    (void)state;
    put("\xef\xbb\xbf# of an editor\r\nlisten = \"npipe:example\"\r\nmode = 0601\r\n");
    put_dropin("20.conf", "mode = 0603\r\n");
    put_dropin("10.conf", "mode = 0602\r\nidle-exit = 5min");
    put_dropin("30.txt", "nonsense");
    if (load())
        fail_msg("%s", first());
    assert_string_equal(config_text(config, CONFIG_LISTEN), "npipe:example");
    assert_int_equal(config_number(config, CONFIG_MODE), 0603);
    assert_int_equal(config_number(config, CONFIG_IDLE_EXIT), 300000000);
    assert_int_equal(config->n_files, 3);
}

static void faults_have_lines(void **state) {
    (void)state;
    put("# one\r\n\r\nlog-levl = debug\r\n");
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_non_null(strstr(first(), "portd.conf:3: unknown key \"log-levl\"; did you mean \"log-level\"?"));
    put("mode = 0640");
    assert_int_equal(load(), 0);
}

static void a_file_that_is_named_must_be_there(void **state) {
    (void)state;
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_non_null(strstr(first(), "No such file or directory"));
    given.file = folder;
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_non_null(strstr(first(), "it is not a regular file"));
    given.file = CONFIG_NO_FILE;
    assert_int_equal(load(), 0);
    assert_int_equal(config->n_files, 0);
}

static void variables_name_the_file_and_the_level(void **state) {
    char *found, expected[MAX_PATH + 64];
    (void)state;
    given.file = NULL;
    put("mode = 0640");
    assert_true(SetEnvironmentVariableA("PORTD_CONFIG", path));
    assert_true(SetEnvironmentVariableA("PORTD_LOG_LEVEL", "debug"));
    assert_int_equal(load(), 0);
    assert_int_equal(config_number(config, CONFIG_MODE), 0640);
    assert_int_equal(config->settings[CONFIG_LOG_LEVEL].source, CONFIG_VARIABLE);
    assert_true(SetEnvironmentVariableA("ProgramData", folder));
    assert_true(SetEnvironmentVariableA("APPDATA", folder));
    assert_int_equal(folder_default(&found), 0);
    (void)snprintf(expected, sizeof expected, "%s\\portd\\portd.conf", folder);
    assert_string_equal(found, expected);
    free(found);
}

static void users_are_sids_and_accounts(void **state) {
    char name[64], text[256];
    DWORD units = sizeof name;
    (void)state;
    put("user \"S-1-5-18\" { rate = 5 }\r\nuser \"S-1-5-21-1-2-3-1001\" { rate = 6 }\r\n"
        "user 'S-1-5-21-1-2-3-1002' { rate = 7 }");
    if (load())
        fail_msg("%s", first());
    assert_int_equal(config->n_users, 3);
    assert_int_equal(config->users[0].uid, 0);
    assert_true(config->users[1].uid && config->users[1].uid < config->users[2].uid);
    put("user 'S-1-5-x' { }");
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_non_null(strstr(first(), "there is no user \"S-1-5-x\" on this system"));
    put("user 'nobody has this name' { }");
    assert_int_equal(load(), CONFIG_E_FAULTS);
    assert_true(GetUserNameA(name, &units));
    (void)snprintf(text, sizeof text, "user '%s' { rate = 5 }", name);
    put(text);
    if (load())
        fail_msg("%s", first());
    assert_int_equal(config->n_users, 1);
}

/* Named as this system names them. The user is one who is no group. */
static void groups_are_no_users(void **state) {
    static const struct {
        const char *sid;
        bool user;
    } accounts[] = {{"S-1-5-18", true},  {"S-1-5-32-544", true},  {"S-1-1-0", false},
                    {"S-1-5-11", false}, {"S-1-5-32-545", false}, {"S-1-5-4", false}};
    size_t known = 0;
    (void)state;
    for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++) {
        char name[256], domain[256], text[600];
        DWORD units = sizeof name, more = sizeof domain;
        SID_NAME_USE use;
        PSID sid;
        assert_true(ConvertStringSidToSidA(accounts[i].sid, &sid));
        BOOL found = LookupAccountSidA(NULL, sid, name, &units, domain, &more, &use);
        (void)LocalFree(sid);
        if (!found)
            continue;
        (void)snprintf(text, sizeof text, "user '%s' { rate = 5 }", name);
        put(text);
        int error = load();
        if (error != (accounts[i].user ? 0 : CONFIG_E_FAULTS))
            fail_msg("%s: %s", name, first());
        known++;
    }
    assert_true(known > 2);
}

/* The list says who may do what: D:(A;;access;;;who), SY the system, BA administrators, WD everybody. */
static void set_list(const char *name, const char *list) {
    PSECURITY_DESCRIPTOR descriptor;
    assert_true(
        ConvertStringSecurityDescriptorToSecurityDescriptorA(list, SDDL_REVISION_1, &descriptor, NULL));
    assert_true(SetFileSecurityA(name, DACL_SECURITY_INFORMATION, descriptor));
    (void)LocalFree(descriptor);
}

static void a_file_that_others_may_write_is_not_read(void **state) {
    (void)state;
    put("mode = 0640");
    set_list(path, "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;WD)");
    assert_int_equal(load(), 0);
    static const char *const open[] = {"FA", "SD", "0x120040" /* and to delete what is in a folder */};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        char list[128];
        (void)snprintf(list, sizeof list, "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;%s;;;WD)", open[i]);
        set_list(path, list);
        int error = load();
        if (i > 0 && error != CONFIG_E_FAULTS) /* of a mode of Unix these rights cannot be told */
            continue;
        assert_int_equal(error, CONFIG_E_FAULTS);
        assert_non_null(strstr(first(), "others may write to it"));
    }
}

TEST_MAIN(CASE(files_are_read_in_their_order), CASE(faults_have_lines),
          CASE(a_file_that_is_named_must_be_there), CASE(variables_name_the_file_and_the_level),
          CASE(users_are_sids_and_accounts), CASE(groups_are_no_users),
          CASE(a_file_that_others_may_write_is_not_read))
