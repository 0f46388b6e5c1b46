/* test_notification.c: what is read of a notification, and what is said of the rest. */
#include "daemon/session/notification.h"
#include "tests/support/test.h"

struct row {
    const char *text;
    size_t length; /* 0: to its NUL */
    size_t n_fds;
    bool barrier, stores, removes, polls;
    const char *name, *fault;
};

static const struct row rows[] = {
    {"READY=1\nSTATUS=FDSTORE=1", 0, 1, false, false, false, true, "", NULL},
    {"FDSTORE=1", 0, 1, false, true, false, true, "", NULL},
    {"FDSTORE=1\n", 0, 2, false, true, false, true, "", NULL},
    {"\n\nFDNAME=a b\n\nFDSTORE=1\nFDNAME=second", 0, 1, false, true, false, true, "a b", NULL},
    {"FDNAME=~!\nFDPOLL=0\nFDSTORE=1", 0, 1, false, true, false, false, "~!", NULL},
    {"FDSTORE=1\nFDPOLL=1", 0, 1, false, true, false, true, "", NULL},
    {"FDSTORE=1\nFDPOLL=00", 0, 1, false, true, false, true, "", NULL},
    {"FDSTORE=1\0", 10, 1, false, true, false, true, "", NULL},
    {"FDSTORE=1\0\0", 11, 1, false, false, false, true, "", "NUL"},
    {"\0FDSTORE=1", 10, 1, false, false, false, true, "", "NUL"},
    {"FDSTORE=1", 0, 0, false, false, false, true, "", "without a descriptor"},
    {"FDSTORE=1\nFDNAME=a:b", 0, 1, false, true, false, true, "", "no name"},
    {"FDSTORE=1\nFDNAME=", 0, 1, false, true, false, true, "", "no name"},
    {"FDSTORE=1\nFDNAME=\x7f", 0, 1, false, true, false, true, "", "no name"},
    {"FDSTORE=1\nFDNAME=\xc3\xa9", 0, 1, false, true, false, true, "", "no name"},
    {"FDNAME=a:b\nREADY=1", 0, 0, false, false, false, true, "", NULL},
    {"FDSTOREREMOVE=1\nFDNAME=x", 0, 0, false, false, true, true, "x", NULL},
    {"FDSTOREREMOVE=1", 0, 0, false, false, false, true, "", "FDSTOREREMOVE"},
    {"FDSTOREREMOVE=1\nFDNAME=a:2", 0, 0, false, false, false, true, "", "FDSTOREREMOVE"},
    {"FDSTOREREMOVE=1\nFDSTORE=1\nFDNAME=x", 0, 1, false, true, true, true, "x", NULL},
    {"BARRIER=1", 0, 1, true, false, false, true, "", NULL},
    {"BARRIER=1\n", 0, 1, true, false, false, true, "", NULL},
    {"BARRIER=1", 0, 0, false, false, false, true, "", "its one descriptor"},
    {"BARRIER=1", 0, 2, false, false, false, true, "", "its one descriptor"},
    {"BARRIER=1\nFDSTORE=1", 0, 1, true, false, false, true, "", "stands alone"},
    {"FDSTOREREMOVE=1\nFDNAME=x\nBARRIER=1", 0, 1, true, false, false, true, "x", "stands alone"},
    {"", 0, 1, false, false, false, true, "", NULL},
};

static void each_row_is_read(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct notification read;
        const char *fault =
            notification_read(row->text, row->length ? row->length : strlen(row->text), row->n_fds, &read);
        if (read.barrier != row->barrier || read.stores != row->stores || read.removes != row->removes ||
            read.polls != row->polls || strcmp(read.name, row->name) != 0)
            fail_msg("row %zu: barrier %d, stores %d, removes %d, polls %d, name %s", i, read.barrier,
                     read.stores, read.removes, read.polls, read.name);
        if ((fault != NULL) != (row->fault != NULL) || (fault && !strstr(fault, row->fault)))
            fail_msg("row %zu: %s", i, fault ? fault : "no fault");
    }
}

static void a_name_has_255_bytes(void **state) {
    char text[300] = "FDSTORE=1\nFDNAME=";
    size_t begin = strlen(text);
    struct notification read;
    (void)state;
    memset(text + begin, 'n', 256);
    assert_null(notification_read(text, begin + 255, 1, &read));
    assert_int_equal(strlen(read.name), 255);
    assert_non_null(notification_read(text, begin + 256, 1, &read));
    assert_string_equal(read.name, "");
}

int main(void) {
    struct CMUnitTest cases[] = {cmocka_unit_test(each_row_is_read), cmocka_unit_test(a_name_has_255_bytes)};
    return TEST_RUN(cases);
}
