/* show.c: writes a configuration as a file would have it. */
#include "show.h"

#include "grant.h"
#include "key.h"

#include <stdio.h>
#include <string.h>

/* Who has set it. */
static void print_origin(const struct config *config, const struct key *key,
                         const struct config_setting *setting) {
    switch (setting->source) {
    case CONFIG_FILE:
        (void)printf("  # %s:%u\n", config->files[setting->file], setting->line);
        break;
    case CONFIG_VARIABLE:
        (void)printf("  # %s\n", key->variable);
        break;
    case CONFIG_FLAG:
        (void)printf("  # --%s\n", key->name);
        break;
    case CONFIG_BUILT_IN:
        (void)puts("  # built in");
    }
}

static void print_setting(const struct config *config, const struct key *key,
                          const struct config_setting *setting) {
    char text[VALUE_TEXT];
    if (!setting->source && !key->initial)
        return;
    if (!setting->text)
        value_write(key->kind, setting->number, text);
    (void)printf("%s%s = ", key->section == KEY_TOP ? "" : "  ", key->name);
    (void)printf(setting->text ? "\"%s\"" : "%s", setting->text ? setting->text : text);
    print_origin(config, key, setting);
}

static void print_section(struct config *config, enum key_section section, struct config_user *user) {
    const struct key *key;
    for (size_t i = 0; (key = key_at(i)); i++)
        if (key->section == section)
            print_setting(config, key, key_setting(key, config, user));
}

/* In quotes, as a file has it. */
static void print_word(const char *word) {
    char quote = strstr(word, "${") ? '\'' : '"';
    (void)putchar(quote);
    for (; *word; word++) {
        if (*word == quote || *word == '\\')
            (void)putchar('\\');
        (void)putchar(*word);
    }
    (void)putchar(quote);
}

static void print_list(const struct config *config, const struct config_rule *rule, const struct key *key,
                       const struct config_list *list) {
    bool braces = key->kind == VALUE_WORDS;
    (void)printf("  %s = %s", key->name, braces ? "{ " : "");
    for (size_t i = 0; i < list->n; i++) {
        (void)fputs(i ? ", " : "", stdout);
        print_word(list->words[i].text);
    }
    (void)printf("%s  # %s:%u\n", braces ? " }" : "", config->files[rule->file], list->words[0].line);
}

static void print_rule(const struct config *config, struct config_rule *rule) {
    const struct key *key;
    (void)fputs("rule ", stdout);
    print_word(rule->name);
    (void)puts(" {");
    for (size_t i = 0; (key = key_at(i)); i++) {
        const struct config_list *list = key->section == KEY_RULE ? grant_list(rule, key->which) : NULL;
        if (list && list->n)
            print_list(config, rule, key, list);
    }
    (void)puts("}");
}

static bool is_set(struct config *config, enum key_section section) {
    const struct key *key;
    for (size_t i = 0; (key = key_at(i)); i++)
        if (key->section == section && key_setting(key, config, NULL)->source)
            return true;
    return false;
}

/* Of those without a name. */
static void print_whole(struct config *config, enum key_section section) {
    if (!is_set(config, section))
        return;
    (void)printf("%s {\n", key_section_name(section));
    print_section(config, section, NULL);
    (void)puts("}");
}

int show_config(struct config *config) {
    for (size_t i = 0; i < config->n_files; i++)
        (void)printf("%s: ok\n", config->files[i]);
    if (!config->n_files)
        (void)puts("no file: what is built in is used");
    print_section(config, KEY_TOP, NULL);
    print_whole(config, KEY_DOOR);
    print_whole(config, KEY_QUOTA);
    for (size_t i = 0; i < config->n_users; i++) {
        (void)printf("user \"%s\" {\n", config->users[i].name);
        print_section(config, KEY_USER, &config->users[i]);
        (void)puts("}");
    }
    for (size_t i = 0; i < config->n_rules; i++)
        print_rule(config, &config->rules[i]);
    return fflush(stdout) || ferror(stdout) ? -1 : 0;
}
