/* config.h: what the operator has chosen: by flags, by the environment, and in files.
 *
 * A flag counts more than a variable of the environment, a variable more than the files, and these more than what is built in. The files are the
 * main one and its drop-ins, FILE.d/ *.conf in the order of their bytes: what is read later counts more, key by key. key.c has the table of all
 * keys, portd.conf(5) is for people.
 *
 * A struct config does not change once it is loaded. Loading reads files and may ask the system's directory of users, so it can take long: a
 * running broker leaves it to a worker. It is not for two threads at once (file.c). */
#ifndef CONFIG_H
#define CONFIG_H

#include "daemon/access/quota.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_key {
    CONFIG_LISTEN,
    CONFIG_MODE,
    CONFIG_IDLE_EXIT,                         /* us; 0: never */
    CONFIG_LOG_LEVEL,                         /* enum log_level */
    CONFIG_KEEPER,                            /* 1: the broker has one */
    CONFIG_DOOR_NOTIFY,                       /* an address: a door for notifications */
    CONFIG_DOOR_S6,                           /* an address: a door for clients of s6-fdholderd */
    CONFIG_QUOTA,                             /* the first limit: one for each of enum user_quota, */
    CONFIG_RATE = CONFIG_QUOTA + USER_QUOTAS, /* and requests per second */
    CONFIG_KEYS,
    CONFIG_RULE = CONFIG_KEYS, /* the first key of a rule */
    CONFIG_RULE_OWNER = CONFIG_RULE,
    CONFIG_RULE_NAMES,
    CONFIG_RULE_USERS,
    CONFIG_RULE_GROUPS,
    CONFIG_RULE_RIGHTS,
    CONFIG_RULE_END
};

enum { CONFIG_LIMITS = USER_QUOTAS + 1 /* the rate is the last */ };

enum config_source { CONFIG_BUILT_IN, CONFIG_FILE, CONFIG_VARIABLE, CONFIG_FLAG };

struct config_setting {
    enum config_source source; /* CONFIG_BUILT_IN: nobody has set it */
    unsigned file, line;       /* CONFIG_FILE: index in config->files */
    uint64_t number;
    char *text; /* of a key that is a text; NULL: none */
};

/* The limits of one uid, absolute. */
struct config_user {
    os_uid uid;
    char *name; /* as the file has it */
    unsigned file, line;
    struct config_setting limits[CONFIG_LIMITS]; /* CONFIG_BUILT_IN: not set */
};

struct config_word {
    char *text;
    unsigned line;
};

struct config_list {
    struct config_word *words;
    size_t n;
};

/* What is granted (daemon/access/rule.h). */
struct config_rule {
    char *name; /* no two have the same one */
    unsigned file, line;
    struct config_list
        lists[CONFIG_RULE_END - CONFIG_RULE]; /* as the file has them; an owner is a list of one */
    os_uid owner;                             /* not of admin */
    os_uid *users;                            /* in the order of the list, */
    uint32_t *groups;                         /* and so are these */
    unsigned rights;                          /* bits: 1 << enum right */
};

struct config {
    struct config_setting settings[CONFIG_KEYS];
    struct config_user *users; /* by uid, no two with the same one */
    size_t n_users, room_users;
    struct config_rule *rules; /* in the order of the files */
    size_t n_rules;
    char **files; /* those that were read, in that order */
    size_t n_files;
};

/* What the command line has said. Its texts last as long as the process. */
struct config_given {
    const char *file; /* NULL: $PORTD_CONFIG, else the default one; CONFIG_NO_FILE: none is read */
    const char *flags[CONFIG_KEYS];
};

#define CONFIG_NO_FILE "none"

struct remarks;

/* 0; CONFIG_E_FAULTS: there is something wrong, and the faults are told; or -ENOMEM. Unless 0, *config is NULL. */
enum { CONFIG_E_FAULTS = 1 };
int config_load(const struct config_given *given, struct config **config, struct remarks *faults);
void config_free(struct config *config); /* NULL is allowed */

static inline uint64_t config_number(const struct config *config, enum config_key key) {
    return config->settings[key].number;
}

/* NULL: nobody has set it. */
static inline const char *config_text(const struct config *config, enum config_key key) {
    return config->settings[key].text;
}

#endif
