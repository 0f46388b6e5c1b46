/* answers.c: reads scenarios.txt, recorded.tsv and DIFFERENCES.md. A row of the last is `| `ID` | `Racket's answer` | `portd's`
 * |`, and of one system alone `| SYSTEM | `ID` | ...`. */
#include "answers.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 4096 };

static FILE *open_in(const char *folder, const char *name) {
    char path[LINE];
    FILE *file;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "r");
    if (!file)
        perror(path);
    return file;
}

static bool complain(const char *id, const char *what) {
    fprintf(stderr, "%s: %s\n", id, what);
    return false;
}

static bool keep(char *to, size_t room, const char *from, const char *id) {
    if (strlen(from) >= room)
        return complain(id, "too long");
    memcpy(to, from, strlen(from) + 1);
    return true;
}

/* `ID: steps` or `ID (alone): steps`. */
static bool read_scenario(char *line, struct scenario *scenario) {
    char *colon = strchr(line, ':'), *mark;
    *colon = 0;
    mark = strstr(line, " (alone)");
    if (mark)
        *mark = 0;
    return keep(scenario->id, sizeof(scenario->id), line, line) &&
           keep(scenario->steps, sizeof(scenario->steps), colon + 1, line);
}

static bool find_recorded(FILE *recorded, struct scenario *scenario) {
    size_t length = strlen(scenario->id);
    char line[LINE];
    rewind(recorded);
    while (fgets(line, sizeof(line), recorded)) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, scenario->id, length) == 0 && line[length] == '\t')
            return keep(scenario->answer, sizeof(scenario->answer), line + length + 1, scenario->id);
    }
    return complain(scenario->id, "is not recorded (racket run.rkt > recorded.tsv)");
}

/* The next text in backquotes, ended there, or NULL. */
static char *next_quoted(char **rest) {
    char *begin = strchr(*rest, '`'), *end = begin ? strchr(begin + 1, '`') : NULL;
    if (!end)
        return NULL;
    *end = 0;
    *rest = end + 1;
    return begin + 1;
}

/* An answer of portd's own in place of Racket's, in a row that begins so. */
static bool find_difference(FILE *differences, const char *begin, struct scenario *scenario) {
    char line[LINE];
    rewind(differences);
    while (fgets(line, sizeof(line), differences)) {
        char *rest = line, *id, *racket, *portd;
        if (strncmp(line, begin, strlen(begin)) != 0)
            continue;
        id = next_quoted(&rest);
        if (!id || strcmp(id, scenario->id) != 0)
            continue;
        racket = next_quoted(&rest);
        portd = next_quoted(&rest);
        if (!racket || !portd || strcmp(racket, scenario->recorded) != 0)
            return complain(id, "DIFFERENCES.md says that Racket answers otherwise than is recorded");
        if (strcmp(scenario->answer, portd) == 0)
            return complain(id, "DIFFERENCES.md lists what is no difference");
        return keep(scenario->answer, sizeof(scenario->answer), portd, id);
    }
    return true;
}

/* What is said of this system comes before what is said of all. */
static bool find_differences(FILE *differences, const char *system, struct scenario *scenario) {
    char begin[64];
    (void)memcpy(scenario->recorded, scenario->answer, sizeof(scenario->recorded));
    if (!find_difference(differences, "| `", scenario))
        return false;
    (void)snprintf(begin, sizeof(begin), "| %s | `", system);
    return !system[0] || find_difference(differences, begin, scenario);
}

static size_t read_all(FILE *list, FILE *recorded, FILE *differences, const char *system,
                       struct scenario *scenarios) {
    char line[LINE];
    size_t n = 0;
    while (fgets(line, sizeof(line), list)) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '#' || !strchr(line, ':'))
            continue;
        if (n == SCENARIOS_MAX) {
            complain(line, "too many scenarios");
            return 0;
        }
        if (!read_scenario(line, &scenarios[n]) || !find_recorded(recorded, &scenarios[n]) ||
            !find_differences(differences, system, &scenarios[n]))
            return 0;
        n++;
    }
    return n;
}

size_t answers_load(const char *folder, const char *system, struct scenario *scenarios) {
    FILE *list = open_in(folder, "scenarios.txt"), *recorded = open_in(folder, "recorded.tsv"),
         *differences = open_in(folder, "DIFFERENCES.md");
    size_t n = list && recorded && differences ? read_all(list, recorded, differences, system, scenarios) : 0;
    if (list)
        fclose(list);
    if (recorded)
        fclose(recorded);
    if (differences)
        fclose(differences);
    return n;
}
