/* key.c: the table of keys, and what is done with one of them. */
#include "key.h"

#include "daemon/base/text.h"
#include "nearest.h"
#include "proto/os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (UINT64_C(1) << 20)  /* as many descriptors as a process can have (daemon/service.h) */
#define THINGS (UINT64_C(1) << 30) /* objects, waits, requests per second */
#define BYTES (UINT64_C(1) << 40)
/* Of two enumerations. */
#define QUOTA(slot) ((enum config_key)((int)CONFIG_QUOTA + (int)(slot)))
#define LONGEST UINT64_C(315360000000000) /* ten years */

/* Of `quota` other uids get a quarter: 4 leave each of them one. */
static const struct key keys[] = {
    {KEY_TOP, "listen", CONFIG_LISTEN, VALUE_ADDRESS, 0, 0, NULL, NULL, true, false},
    {KEY_TOP, "mode", CONFIG_MODE, VALUE_MODE, 0, 0777, "0600", NULL, true, false},
    {KEY_TOP, "idle-exit", CONFIG_IDLE_EXIT, VALUE_DURATION, 0, LONGEST, "0", NULL, true, true},
    {KEY_TOP, "log-level", CONFIG_LOG_LEVEL, VALUE_LEVEL, 0, 0, "info", "PORTD_LOG_LEVEL", true, true},
    {KEY_TOP, "keeper", CONFIG_KEEPER, VALUE_SWITCH, 0, 0, "no", NULL, true, false},
    {KEY_DOOR, "notify", CONFIG_DOOR_NOTIFY, VALUE_POST, 0, 0, NULL, NULL, false, false},
    {KEY_DOOR, "s6", CONFIG_DOOR_S6, VALUE_DOOR, 0, 0, NULL, NULL, false, false},
    {KEY_QUOTA, "sessions", QUOTA(USER_SESSIONS), VALUE_NUMBER, 4, SLOTS, NULL, NULL, false, true},
    {KEY_QUOTA, "connections", QUOTA(USER_CONNECTIONS), VALUE_NUMBER, 4, SLOTS, NULL, NULL, false, true},
    {KEY_QUOTA, "descriptors", QUOTA(USER_DESCRIPTORS), VALUE_NUMBER, 4, SLOTS, NULL, NULL, false, true},
    {KEY_QUOTA, "objects", QUOTA(USER_OBJECTS), VALUE_NUMBER, 4, THINGS, NULL, NULL, false, true},
    {KEY_QUOTA, "waits", QUOTA(USER_WAITS), VALUE_NUMBER, 4, THINGS, NULL, NULL, false, true},
    {KEY_QUOTA, "bytes", QUOTA(USER_BYTES), VALUE_SIZE, 1 << 20, BYTES, NULL, NULL, false, true},
    {KEY_QUOTA, "rate", CONFIG_RATE, VALUE_NUMBER, 4, THINGS, NULL, NULL, false, true},
    {KEY_USER, "sessions", QUOTA(USER_SESSIONS), VALUE_NUMBER, 0, SLOTS, NULL, NULL, false, true},
    {KEY_USER, "connections", QUOTA(USER_CONNECTIONS), VALUE_NUMBER, 0, SLOTS, NULL, NULL, false, true},
    {KEY_USER, "descriptors", QUOTA(USER_DESCRIPTORS), VALUE_NUMBER, 0, SLOTS, NULL, NULL, false, true},
    {KEY_USER, "objects", QUOTA(USER_OBJECTS), VALUE_NUMBER, 0, THINGS, NULL, NULL, false, true},
    {KEY_USER, "waits", QUOTA(USER_WAITS), VALUE_NUMBER, 0, THINGS, NULL, NULL, false, true},
    {KEY_USER, "bytes", QUOTA(USER_BYTES), VALUE_SIZE, 0, BYTES, NULL, NULL, false, true},
    {KEY_USER, "rate", CONFIG_RATE, VALUE_NUMBER, 1, THINGS, NULL, NULL, false, true},
    {KEY_RULE, "owner", CONFIG_RULE_OWNER, VALUE_WORD, 0, 0, NULL, NULL, false, true},
    {KEY_RULE, "names", CONFIG_RULE_NAMES, VALUE_WORDS, 0, 0, NULL, NULL, false, true},
    {KEY_RULE, "users", CONFIG_RULE_USERS, VALUE_WORDS, 0, 0, NULL, NULL, false, true},
    {KEY_RULE, "groups", CONFIG_RULE_GROUPS, VALUE_WORDS, 0, 0, NULL, NULL, false, true},
    {KEY_RULE, "rights", CONFIG_RULE_RIGHTS, VALUE_WORDS, 0, 0, NULL, NULL, false, true},
};

enum { KEYS = sizeof keys / sizeof *keys };

static const char *const sections[KEY_SECTIONS] = {
    [KEY_TOP] = "", [KEY_DOOR] = "door", [KEY_QUOTA] = "quota", [KEY_USER] = "user", [KEY_RULE] = "rule"};

const struct key *key_at(size_t i) { return i < KEYS ? &keys[i] : NULL; }

const struct key *key_find(enum key_section section, const char *name) {
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].section == section && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

const char *key_section_name(enum key_section section) { return sections[section]; }

/* The name in that section that is nearest; NULL: none is near. */
static const char *nearest(enum key_section section, const char *name) {
    struct nearest nearest;
    nearest_begin(&nearest, name);
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].section == section)
            nearest_look(&nearest, keys[i].name);
    for (int i = 0; section == KEY_TOP && i < KEY_SECTIONS; i++)
        nearest_look(&nearest, sections[i]);
    return nearest.found;
}

void key_suggest(enum key_section section, const char *name, char hint[KEY_HINT]) {
    const char *first = NULL, *second = NULL, *near;
    for (int i = 0; i < KEY_SECTIONS; i++) {
        if ((enum key_section)i == section || !key_find((enum key_section)i, name))
            continue;
        second = first ? sections[i] : NULL;
        first = first ? first : sections[i];
    }
    near = first ? NULL : nearest(section, name);
    if (first && !*first)
        (void)snprintf(hint, KEY_HINT, "; it stands outside of the sections");
    else if (first)
        (void)snprintf(hint, KEY_HINT, "; it stands in the section \"%s\"%s%s%s", first,
                       second ? " or \"" : "", second ? second : "", second ? "\"" : "");
    else if (near)
        (void)snprintf(hint, KEY_HINT, "; did you mean \"%s\"?", near);
    else
        *hint = '\0';
}

int key_set(const struct key *key, struct config_setting *setting, const char *text,
            const struct config_setting *origin, char why[VALUE_WHY]) {
    struct config_setting made = *origin;
    made.text = NULL;
    if (value_parse(key->kind, text, key->least, key->most, &made.number, why))
        return -1;
    if (value_is_address(key->kind)) {
        made.text = text_copy(text);
        if (!made.text)
            return -ENOMEM;
    }
    free(setting->text);
    *setting = made;
    return 0;
}
