/* answers.h: the scenarios of scenarios.txt and the right answer for each: Racket's (recorded.tsv) or, where DIFFERENCES.md lists
 * it, portd's. */
#ifndef CONFORMANCE_ANSWERS_H
#define CONFORMANCE_ANSWERS_H

#include <stddef.h>

enum { SCENARIOS_MAX = 256, SCENARIO_TEXT = 1024 };

struct scenario {
    char id[64], steps[SCENARIO_TEXT], recorded[SCENARIO_TEXT], answer[SCENARIO_TEXT];
};

/* Reads the three files of this folder. system: whose rows of DIFFERENCES.md count beside those of all systems, "": none. How many scenarios, at most SCENARIOS_MAX; 0 and words on stderr if anything is missing, too long, or
 * does not fit: a listed answer of Racket that is not the recorded one, or the same as portd's. */
size_t answers_load(const char *folder, const char *system, struct scenario *scenarios);

#endif
