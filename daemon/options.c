/* options.c: parses the command line. What a flag of the table of keys (config/key.h) takes is decided there. */
#include "options.h"

#include "config/key.h"
#include "options_usage.h"
#include "portd_version.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { FLAG_KEY = 256, /* plus the key */ FLAGS_MOST = CONFIG_KEYS + 8 };

static int complain(const char *option, const char *value, const char *why) {
    fprintf(stderr, "portd: --%s %s: %s\nportd: see portd --help\n", option, value, why);
    return 2;
}

static const struct key *key_of(enum config_key which) {
    const struct key *key;
    for (size_t i = 0; (key = key_at(i)); i++)
        if (key->is_flag && key->which == which)
            break;
    return key;
}

static int take_key(struct options *options, enum config_key which, const char *value) {
    const struct key *key = key_of(which);
    char why[VALUE_WHY];
    uint64_t number;
    if (value_parse(key->kind, value, key->least, key->most, &number, why))
        return complain(key->name, value, why);
    options->given.flags[which] = value;
    return 0;
}

static int take_notify_fd(struct options *options, const char *value) {
    char why[VALUE_WHY];
    uint64_t number;
    if (value_parse(VALUE_NUMBER, value, 0, INT32_MAX, &number, why))
        return complain("notify-fd", value, why);
    options->notify_fd = (os_fd)(intptr_t)number;
    return 0;
}

static int take_file(struct options *options, const char *value) {
    if (!*value)
        return complain("config", "\"\"", "expected the path of a file, or " CONFIG_NO_FILE);
    options->given.file = value;
    return 0;
}

static int take(struct options *options, int which, const char *value) {
    switch (which) {
    case 'n':
        return take_notify_fd(options, value);
    case 'c':
        return take_file(options, value);
    case 'C':
        options->check_config = true;
        return 0;
    case 'h':
        return fputs(options_usage, stdout) == EOF || fflush(stdout) ? 2 : 1;
    case 'V':
        return puts("portd " PORTD_VERSION) == EOF || fflush(stdout) ? 2 : 1;
    default:
        if (which >= FLAG_KEY)
            return take_key(options, (enum config_key)(which - FLAG_KEY), value);
        fputs("portd: see portd --help\n", stderr);
        return 2;
    }
}

/* The flags of the table, after the others. */
static void write_table(struct option table[FLAGS_MOST]) {
    static const struct option others[] = {
        {"config", required_argument, NULL, 'c'},    {"check-config", no_argument, NULL, 'C'},
        {"notify-fd", required_argument, NULL, 'n'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
    };
    size_t n = sizeof others / sizeof *others;
    const struct key *key;
    memcpy(table, others, sizeof others);
    for (size_t i = 0; (key = key_at(i)); i++)
        if (key->is_flag)
            table[n++] = (struct option){key->name, required_argument, NULL, FLAG_KEY + (int)key->which};
    table[n] = (struct option){NULL, 0, NULL, 0};
}

/* getopt_long would take --li for --listen, which would break once another option begins so. */
static bool is_known(const char *word, const struct option *table) {
    size_t length = word && strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;
    if (length == 0)
        return true;
    while (table->name && (strlen(table->name) != length || memcmp(table->name, word + 2, length) != 0))
        table++;
    return table->name;
}

int options_parse(struct options *options, int argc, char **argv) {
    struct option table[FLAGS_MOST];
    int which = 0, result;
    write_table(table);
    *options = (struct options){.notify_fd = OS_FD_NONE};
    /* "+": it stops at the first word that is no option, so argv[optind] is what it reads next. */
    while (is_known(argv[optind], table) && (which = getopt_long(argc, argv, "+h", table, NULL)) != -1) {
        result = take(options, which, optarg);
        if (result)
            return result;
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "portd: %s \"%s\"\nportd: see portd --help\n",
            which == -1 ? "unexpected argument" : "unknown option", argv[optind]);
    return 2;
}
