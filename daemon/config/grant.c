/* grant.c: a list of rules, in the order of the files. */
#include "grant.h"

#include "daemon/access/glob.h"
#include "daemon/access/right.h"
#include "daemon/access/rule.h"
#include "daemon/base/text.h"
#include "gid.h"
#include "key.h"
#include "nearest.h"
#include "remark.h"
#include "uid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a fault is. */
struct place {
    struct remarks *faults;
    const char *file, *rule;
    unsigned line;
};

int grant_begin(struct config *config, const char *name, unsigned file, unsigned line) {
    struct config_rule *rules = realloc(config->rules, (config->n_rules + 1) * sizeof *rules);
    if (!rules)
        return -ENOMEM;
    config->rules = rules;
    char *kept = text_copy(name);
    if (!kept)
        return -ENOMEM;
    rules[config->n_rules++] = (struct config_rule){.name = kept, .file = file, .line = line};
    return 0;
}

int grant_add(struct config *config, enum config_key key, const char *word, unsigned line) {
    struct config_list *list = grant_list(&config->rules[config->n_rules - 1], key);
    struct config_word *words = realloc(list->words, (list->n + 1) * sizeof *words);
    if (!words)
        return -ENOMEM;
    list->words = words;
    char *kept = text_copy(word);
    if (!kept)
        return -ENOMEM;
    words[list->n++] = (struct config_word){.text = kept, .line = line};
    return 0;
}

/* ---- what is wrong with one ----------------------------------------------------------------------------------------- */

static void complain_list(const struct place *place, const char *why) {
    remarks_add(place->faults, place->file, place->line, "rule \"%s\": %s", place->rule, why);
}

static void complain_user(const struct place *place, const struct config_word *word, int error) {
    if (error == UID_E_NONE)
        remarks_add(place->faults, place->file, word->line, "there is no user \"%s\" on this system",
                    word->text);
    else if (error == UID_E_NOBODY)
        remarks_add(place->faults, place->file, word->line, "user \"%s\" has no uid that identifies a user",
                    word->text);
    else
        remarks_add(place->faults, place->file, word->line,
                    "cannot look up user \"%s\": %s; its uid needs no look-up", word->text,
                    os_error_text(-error));
}

static void complain_group(const struct place *place, const struct config_word *word, int error) {
    if (error == GID_E_NONE)
        remarks_add(place->faults, place->file, word->line, "there is no group \"%s\" on this system",
                    word->text);
    else if (error == GID_E_NOBODY)
        remarks_add(place->faults, place->file, word->line, "group \"%s\" has no gid that identifies a group",
                    word->text);
    else if (error == GID_E_SYSTEM)
        remarks_add(place->faults, place->file, word->line,
                    "group \"%s\": this system does not tell the groups of a client; name users instead",
                    word->text);
    else
        remarks_add(place->faults, place->file, word->line,
                    "cannot look up group \"%s\": %s; its gid needs no look-up", word->text,
                    os_error_text(-error));
}

static void complain_twice(const struct place *place, const struct config_word *word,
                           const struct config_word *first) {
    if (strcmp(word->text, first->text) == 0)
        remarks_add(place->faults, place->file, word->line, "\"%s\" is in this list twice", word->text);
    else
        remarks_add(place->faults, place->file, word->line, "\"%s\" and \"%s\" in this list are the same one",
                    first->text, word->text);
}

/* ---- the lists ------------------------------------------------------------------------------------------------------ */

static int find_owner(struct config_rule *rule, const struct place *place) {
    const struct config_list *list = grant_list(rule, CONFIG_RULE_OWNER);
    if (!list->n) {
        complain_list(place, "whose names? It needs an owner, as in: owner = \"www-data\"");
        return 0;
    }
    int error = uid_find(list->words[0].text, &rule->owner);
    if (error && error != -ENOMEM)
        complain_user(place, &list->words[0], error);
    return error == -ENOMEM ? error : 0;
}

static int find_users(struct config_rule *rule, const struct place *place) {
    const struct config_list *list = grant_list(rule, CONFIG_RULE_USERS);
    rule->users = calloc(list->n + 1, sizeof *rule->users);
    if (!rule->users)
        return -ENOMEM;
    for (size_t i = 0; i < list->n; i++) {
        int error = uid_find(list->words[i].text, &rule->users[i]);
        if (error == -ENOMEM)
            return error;
        if (error) {
            complain_user(place, &list->words[i], error);
            rule->users[i] = UINT64_MAX - i; /* nobody's, and no two have it */
        }
        for (size_t j = 0; j < i; j++)
            if (rule->users[j] == rule->users[i])
                complain_twice(place, &list->words[i], &list->words[j]);
    }
    return 0;
}

static int find_groups(struct config_rule *rule, const struct place *place) {
    const struct config_list *list = grant_list(rule, CONFIG_RULE_GROUPS);
    bool *wrong = calloc(list->n + 1, sizeof *wrong);
    int error = wrong ? 0 : -ENOMEM;
    rule->groups = calloc(list->n + 1, sizeof *rule->groups);
    if (!rule->groups)
        error = -ENOMEM;
    for (size_t i = 0; error != -ENOMEM && i < list->n; i++) {
        error = gid_find(list->words[i].text, &rule->groups[i]);
        wrong[i] = error != 0;
        if (error && error != -ENOMEM)
            complain_group(place, &list->words[i], error);
        for (size_t j = 0; !wrong[i] && j < i; j++)
            if (!wrong[j] && rule->groups[j] == rule->groups[i])
                complain_twice(place, &list->words[i], &list->words[j]);
    }
    free(wrong);
    return error == -ENOMEM ? error : 0;
}

static void check_names(const struct config_rule *rule, const struct place *place) {
    const struct config_list *list = grant_list((struct config_rule *)(uintptr_t)rule, CONFIG_RULE_NAMES);
    if (!list->n)
        complain_list(place, "to which names? It needs some, as in: names = { \"web/*\" }");
    for (size_t i = 0; i < list->n; i++) {
        size_t length = strlen(list->words[i].text);
        if (length < 1 || length > GLOB_MAX)
            remarks_add(place->faults, place->file, list->words[i].line,
                        "a name has 1 to %d bytes, with its stars, not %zu", (int)GLOB_MAX, length);
        for (size_t j = 0; j < i; j++)
            if (strcmp(list->words[j].text, list->words[i].text) == 0)
                complain_twice(place, &list->words[i], &list->words[j]);
    }
}

static void complain_right(const struct place *place, const struct config_word *word) {
    struct nearest nearest;
    nearest_begin(&nearest, word->text);
    for (int right = 0; right < RIGHTS; right++)
        nearest_look(&nearest, right_name((enum right)right));
    if (nearest.found)
        remarks_add(place->faults, place->file, word->line, "unknown right \"%s\"; did you mean \"%s\"?",
                    word->text, nearest.found);
    else
        remarks_add(place->faults, place->file, word->line,
                    "unknown right \"%s\": expected list, watch, read, write, get, put, drop or admin",
                    word->text);
}

static void find_rights(struct config_rule *rule, const struct place *place) {
    const struct config_list *list = grant_list(rule, CONFIG_RULE_RIGHTS);
    if (!list->n)
        complain_list(place, "it grants nothing; it needs rights, as in: rights = { \"list\", \"watch\" }");
    for (size_t i = 0; i < list->n; i++) {
        enum right right = right_find(list->words[i].text);
        if (right == RIGHTS)
            complain_right(place, &list->words[i]);
        else if (rule->rights & 1u << right)
            complain_twice(place, &list->words[i], &list->words[i]);
        else
            rule->rights |= 1u << right;
    }
}

/* Admin is over the broker. */
static void check_admin(struct config_rule *rule, const struct place *place) {
    if (rule->rights != 1u << RIGHT_ADMIN)
        complain_list(place, "admin stands alone: put the other rights into another rule");
    if (grant_list(rule, CONFIG_RULE_OWNER)->n || grant_list(rule, CONFIG_RULE_NAMES)->n)
        complain_list(place, "admin is a right over the broker: it has neither owner nor names");
}

/* ---- all of them ---------------------------------------------------------------------------------------------------- */

static void check_lengths(struct config_rule *rule, const struct place *place) {
    for (int key = CONFIG_RULE; key < CONFIG_RULE_END; key++) {
        const struct config_list *list = grant_list(rule, (enum config_key)key);
        if (list->n > GRANT_WORDS_MOST)
            remarks_add(place->faults, place->file, list->words[GRANT_WORDS_MOST].line,
                        "rule \"%s\": a list has at most %d entries; write another rule", place->rule,
                        (int)GRANT_WORDS_MOST);
    }
}

static int finish(struct config_rule *rule, const struct place *place) {
    int error = 0;
    size_t faults = place->faults->n;
    if (!*rule->name || strlen(rule->name) > RULE_NAME_MAX)
        remarks_add(place->faults, place->file, place->line, "the name of a rule has 1 to %d bytes",
                    (int)RULE_NAME_MAX);
    check_lengths(rule, place);
    if (place->faults->n != faults)
        return 0;
    find_rights(rule, place);
    if (rule->rights & 1u << RIGHT_ADMIN) {
        check_admin(rule, place);
    } else {
        error = find_owner(rule, place);
        check_names(rule, place);
    }
    if (!grant_list(rule, CONFIG_RULE_USERS)->n && !grant_list(rule, CONFIG_RULE_GROUPS)->n)
        complain_list(place, "it is for nobody; it needs users or groups, as in: users = { \"1000\" }");
    if (!error)
        error = find_users(rule, place);
    return error ? error : find_groups(rule, place);
}

/* In other files: in one, libConfuse finds them. */
static void check_name(const struct config *config, size_t i, const struct place *place) {
    for (size_t j = 0; j < i; j++)
        if (config->rules[j].file != config->rules[i].file &&
            strcmp(config->rules[j].name, config->rules[i].name) == 0)
            remarks_add(place->faults, place->file, place->line,
                        "there is a rule \"%s\" in %s, line %u: choose another name", place->rule,
                        config->files[config->rules[j].file], config->rules[j].line);
}

/* Of all rules with the owner of the i-th one, up to that. */
static void check_globs(struct config *config, size_t i, const struct place *place) {
    size_t n = 0, last = grant_list(&config->rules[i], CONFIG_RULE_NAMES)->n;
    for (size_t j = 0; j <= i; j++)
        if (config->rules[j].owner == config->rules[i].owner)
            n += grant_list(&config->rules[j], CONFIG_RULE_NAMES)->n;
    if (n > RULES_GLOBS_MOST && n - last <= RULES_GLOBS_MOST)
        complain_list(place, "all rules for this owner have more than 256 names together: use stars");
}

int grants_finish(struct config *config, struct remarks *faults) {
    int error = 0;
    for (size_t i = 0; i < config->n_rules && !error; i++) {
        struct config_rule *rule = &config->rules[i];
        const struct place place = {
            .faults = faults, .file = config->files[rule->file], .rule = rule->name, .line = rule->line};
        if (i == RULES_MOST) {
            remarks_add(faults, place.file, place.line, "there are more than %d rules", (int)RULES_MOST);
            break;
        }
        error = finish(rule, &place);
        check_name(config, i, &place);
        check_globs(config, i, &place);
    }
    return error;
}

void grants_free(struct config *config) {
    for (size_t i = 0; i < config->n_rules; i++) {
        struct config_rule *rule = &config->rules[i];
        for (int key = CONFIG_RULE; key < CONFIG_RULE_END; key++) {
            const struct config_list *list = grant_list(rule, (enum config_key)key);
            for (size_t j = 0; j < list->n; j++)
                free(list->words[j].text);
            free(list->words);
        }
        free(rule->users);
        free(rule->groups);
        free(rule->name);
    }
    free(config->rules);
}
