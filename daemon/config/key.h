/* key.h: the one table of keys. Flags, variables, files, the text of --check-config and what a reload may change all follow it: a new key is a row in
 * key.c, a constant in config.h, and its paragraph in portd.conf(5). */
#ifndef KEY_H
#define KEY_H

#include "config.h"
#include "value.h"

enum key_section { KEY_TOP, KEY_DOOR, KEY_QUOTA, KEY_USER, KEY_RULE, KEY_SECTIONS };

struct key {
    enum key_section section;
    const char *name; /* a flag has the same one */
    enum config_key which;
    enum value_kind kind;
    uint64_t least, most;
    const char *initial;  /* built in, as a file would have it; NULL: it depends */
    const char *variable; /* of the environment; NULL: none */
    bool is_flag;
    bool at_reload; /* a reload changes it; else the next start does */
};

/* From 0 on; NULL: there are no more. */
const struct key *key_at(size_t i);

/* NULL: the section has no such key. */
const struct key *key_find(enum key_section section, const char *name);

/* "" for KEY_TOP. */
const char *key_section_name(enum key_section section);

enum { KEY_HINT = 160 };

/* What may have been meant by a key or section that is not there: "; did you mean \"mode\"?", or which sections have it, or "". */
void key_suggest(enum key_section section, const char *name, char hint[KEY_HINT]);

/* Sets it from a text; who has set it before does not matter. 0; -1 and why not (value.h); or -ENOMEM: nothing has changed then. */
int key_set(const struct key *key, struct config_setting *setting, const char *text,
            const struct config_setting *origin, char why[VALUE_WHY]);

/* Where the top keys and those of `door` and `quota`, and where those of a user are. Those of a rule are elsewhere (grant.h). */
static inline struct config_setting *key_setting(const struct key *key, struct config *config,
                                                 struct config_user *user) {
    return key->section == KEY_USER ? &user->limits[key->which - CONFIG_QUOTA]
                                    : &config->settings[key->which];
}

#endif
