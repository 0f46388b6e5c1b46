/* test_why.c: portd_why, with a broker that has no rules: an owner and the broker's own user have all rights, others none. */
#include "ports.h"

static char own[24];

static int ask(portd_client *c, const char *owner, const char *name, int right, const char *uid,
               portd_list **list) {
    return portd_why(c, owner, name, right, uid, NULL, 0, fixture_soon(), list);
}

static void the_owner_has_all_rights(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_list *list;

    (void)state;
    for (int right = PORTD_RIGHT_LIST; right <= PORTD_RIGHT_DROP; right++) {
        assert_int_equal(ask(c, NULL, "a name", right, NULL, &list), 1);
        assert_int_equal(portd_list_count(list), 2);
        assert_non_null(strstr(portd_list_note(list, 0), "without a rule"));
        assert_string_equal(portd_list_note(list, 1), "");
        portd_list_free(list);
    }
    assert_int_equal(ask(c, NULL, NULL, PORTD_RIGHT_ADMIN, NULL, NULL), 1); /* the broker is of this user */
}

static void no_is_an_answer_with_a_reason(void **state) {
    portd_client *c = fixture_client(NULL);
    const uint32_t gids[] = {1999999998};
    portd_list *list;

    (void)state;
    assert_int_equal(ask(c, NULL, "a name", PORTD_RIGHT_WATCH, "1999999999", &list), 0);
    assert_int_equal(portd_list_count(list), 2);
    assert_non_null(strstr(portd_list_note(list, 0), "uid 1999999999 lacks watch to \"a name\" of uid "));
    assert_string_equal(portd_list_note(list, 1), "");
    portd_list_free(list);
    assert_int_equal(ask(c, "1999999999", "a name", PORTD_RIGHT_WATCH, NULL, NULL), 0);
    assert_int_equal(
        portd_why(c, NULL, "a name", PORTD_RIGHT_GET, "1999999999", gids, 1, fixture_soon(), NULL), 0);
}

static void a_bad_question_is_refused(void **state) {
    portd_client *c = fixture_client(NULL);
    const uint32_t gids[PORTD_WHY_GIDS_MAX + 1] = {0};
    portd_list *list = (portd_list *)own;

    (void)state;
    assert_int_equal(ask(c, NULL, "a name", 0, NULL, &list), PORTD_E_INVALID);
    assert_null(list);
    assert_string_equal(portd_last_field(c), "right");
    assert_int_equal(ask(c, NULL, "a name", PORTD_RIGHT_ADMIN + 1, NULL, NULL), PORTD_E_INVALID);
    assert_int_equal(ask(c, NULL, "a name", PORTD_RIGHT_ADMIN, NULL, NULL), PORTD_E_INVALID);
    assert_int_equal(ask(c, NULL, NULL, PORTD_RIGHT_LIST, NULL, NULL), PORTD_E_INVALID);
    assert_int_equal(ask(c, "me", "a name", PORTD_RIGHT_LIST, NULL, NULL), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(c), "owner");
    assert_int_equal(ask(c, NULL, "a name", PORTD_RIGHT_LIST, "me", NULL), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(c), "uid");
    assert_int_equal(portd_why(c, NULL, "a name", PORTD_RIGHT_GET, NULL, NULL, 1, fixture_soon(), NULL),
                     PORTD_E_INVALID);
    assert_string_equal(portd_last_field(c), "gids");
    assert_int_equal(portd_why(c, NULL, "a name", PORTD_RIGHT_GET, NULL, gids, PORTD_WHY_GIDS_MAX + 1,
                               fixture_soon(), NULL),
                     PORTD_E_INVALID);
    assert_int_equal(portd_why(NULL, NULL, "a name", PORTD_RIGHT_GET, NULL, NULL, 0, fixture_soon(), &list),
                     PORTD_E_INVALID);
    assert_null(list);
}

struct heard {
    int code;
    bool called;
};

static void on_reason(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    heard->called = true;
    heard->code = result->code;
    assert_int_equal(result->n_notes, 2);
    assert_non_null(strstr(result->notes[0], "lacks get"));
    assert_string_equal(result->notes[1], "");
}

static void it_can_be_asked_without_blocking(void **state) {
    portd_client *c = fixture_client(NULL);
    struct heard heard = {.code = -1};

    (void)state;
    assert_int_equal(
        portd_why_start(c, NULL, "a name", PORTD_RIGHT_GET, "1999999999", NULL, 0, on_reason, &heard, NULL),
        1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1); /* replies of one turn come in order */
    assert_true(heard.called);
    assert_int_equal(heard.code, 0);
    assert_true(portd_has_feature("why"));
}

TEST_MAIN(FIXTURE_CASE(the_owner_has_all_rights), FIXTURE_CASE(no_is_an_answer_with_a_reason),
          FIXTURE_CASE(a_bad_question_is_refused), FIXTURE_CASE(it_can_be_asked_without_blocking))
