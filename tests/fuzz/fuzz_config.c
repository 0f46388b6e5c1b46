/* fuzz_config.c: no file makes the parser of configurations crash, leak, or remember something for the next one.
 *
 * The input is the file. It is loaded, then a good one is, which must come to what it says; then the input again, which must have as many faults as before.
 * What is wrong is told with a line that the file has. A configuration that is taken keeps every value within its bounds. */
#define _GNU_SOURCE

#include "daemon/access/right.h"
#include "daemon/config/config.h"
#include "daemon/config/file.h"
#include "daemon/config/grant.h"
#include "daemon/config/key.h"
#include "daemon/config/remark.h"
#include "proto/peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64], good[64];

static void check(bool right) {
    if (!right)
        abort();
}

static void put(const char *name, const void *data, size_t size) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
}

static void leave(void) {
    (void)unlink(path);
    (void)unlink(good);
}

static void begin(void) {
    static const char text[] = "mode = 0640 quota { rate = 5 }";
    (void)snprintf(path, sizeof path, "/tmp/portd-fuzz-%d.conf", (int)getpid());
    (void)snprintf(good, sizeof good, "/tmp/portd-fuzz-%d-good.conf", (int)getpid());
    put(good, text, sizeof text - 1);
    check(atexit(leave) == 0);
}

/* How many faults. */
static size_t load(const char *name, struct config **config, unsigned lines) {
    const struct config_given given = {.file = name};
    struct remarks faults = {.n = 0};
    int error = config_load(&given, config, &faults);
    size_t n = faults.n;
    check(error == (n ? CONFIG_E_FAULTS : 0) && (*config != NULL) == !n);
    for (size_t i = 0; i < remarks_kept(&faults); i++) {
        unsigned line = 0;
        check(strncmp(faults.texts[i], name, strlen(name)) == 0);
        if (sscanf(faults.texts[i] + strlen(name), ":%u: ", &line) == 1)
            check(line >= 1 && line <= lines);
    }
    remarks_clear(&faults);
    return n;
}

static void check_rules(struct config *config) {
    for (size_t i = 0; i < config->n_rules; i++) {
        struct config_rule *rule = &config->rules[i];
        bool admin = rule->rights == 1u << RIGHT_ADMIN;
        check(*rule->name && rule->rights && rule->rights < 1u << RIGHTS);
        check(admin || rule->rights < 1u << RIGHT_ADMIN);
        check(grant_list(rule, CONFIG_RULE_USERS)->n + grant_list(rule, CONFIG_RULE_GROUPS)->n > 0);
        check((grant_list(rule, CONFIG_RULE_OWNER)->n == 1) == !admin);
        check((grant_list(rule, CONFIG_RULE_NAMES)->n >= 1) == !admin);
        for (size_t j = 0; j < grant_list(rule, CONFIG_RULE_USERS)->n; j++)
            check(rule->users[j] != PEER_UID_NOBODY);
        for (size_t j = 0; j < grant_list(rule, CONFIG_RULE_GROUPS)->n; j++)
            check(rule->groups[j] != PEER_UID_NOBODY);
    }
}

static void check_values(struct config *config) {
    const struct key *key;
    for (size_t i = 0; (key = key_at(i)); i++)
        for (size_t user = 0;
             key->section != KEY_RULE && user < (key->section == KEY_USER ? config->n_users : 1); user++) {
            const struct config_setting *setting =
                key_setting(key, config, config->users ? &config->users[user] : NULL);
            if (setting->source && key->kind != VALUE_ADDRESS && key->kind != VALUE_LEVEL &&
                key->kind != VALUE_SWITCH)
                check(setting->number >= key->least && setting->number <= key->most);
            check(!setting->source || (setting->text != NULL) == (key->kind == VALUE_ADDRESS));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config *config, *other;
    unsigned lines = 1;
    if (!*path)
        begin();
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    put(path, data, size);
    size_t n = load(path, &config, lines);
    if (config)
        check_values(config);
    if (config)
        check_rules(config);
    check(load(good, &other, 1) == 0);
    check(config_number(other, CONFIG_MODE) == 0640 && config_number(other, CONFIG_RATE) == 5);
    check(!config_text(other, CONFIG_LISTEN) && other->n_users == 0);
    config_free(other);
    check(load(path, &other, lines) == n);
    config_free(other);
    config_free(config);
    return 0;
}
