/* options.c: parses the command line. */
#include "options.h"

#include "options_usage.h"
#include "portd_version.h"
#include "proto/address.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int complain(const char *option, const char *value) {
    fprintf(stderr, "portd: --%s: invalid value \"%s\"\nportd: see portd --help\n", option, value);
    return 2;
}

/* A number with an optional unit (seconds without one). False: malformed or too large. */
static bool parse_duration(const char *text, int64_t *us) {
    static const struct unit {
        const char *name;
        int64_t us;
    } units[] = {{"", 1000000},  {"us", 1},         {"ms", 1000},
                 {"s", 1000000}, {"min", 60000000}, {"h", 3600000000}};
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        if (errno || value > INT64_MAX / 4 / units[i].us)
            return false;
        *us = value * units[i].us;
        return true;
    }
    return false;
}

static bool parse_number(const char *text, int base, long most, long *value) {
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtol(text, &end, base);
    return !errno && !*end && *value <= most;
}

static int take_address(struct options *options, const char *value) {
    struct address parsed;
    const char *fault = address_parse(value, &parsed);
    if (fault) {
        fprintf(stderr, "portd: --listen %s: %s\nportd: see portd --help\n", value, fault);
        return 2;
    }
    options->listen = value;
    return 0;
}

static int take(struct options *options, int which, const char *value) {
    long number;
    switch (which) {
    case 'l':
        return take_address(options, value);
    case 'm':
        if (!parse_number(value, 8, 0777, &number))
            return complain("mode", value);
        options->mode = (unsigned)number;
        return 0;
    case 'i':
        return parse_duration(value, &options->idle_exit_us) ? 0 : complain("idle-exit", value);
    case 'n':
        if (!parse_number(value, 10, INT32_MAX, &number))
            return complain("notify-fd", value);
        options->notify_fd = (os_fd)(intptr_t)number;
        return 0;
    case 'v':
        return log_level_parse(value, &options->log_level) ? complain("log-level", value) : 0;
    case 'h':
        return fputs(options_usage, stdout) == EOF || fflush(stdout) ? 2 : 1;
    case 'V':
        return puts("portd " PORTD_VERSION) == EOF || fflush(stdout) ? 2 : 1;
    default:
        fputs("portd: see portd --help\n", stderr);
        return 2;
    }
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
    static const struct option table[] = {
        {"listen", required_argument, NULL, 'l'},    {"mode", required_argument, NULL, 'm'},
        {"idle-exit", required_argument, NULL, 'i'}, {"notify-fd", required_argument, NULL, 'n'},
        {"log-level", required_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},         {NULL, 0, NULL, 0},
    };
    int which = 0, result;
    *options = (struct options){.mode = 0600, .notify_fd = OS_FD_NONE, .log_level = LOG_LEVEL_INFO};
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
