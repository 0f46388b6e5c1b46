/* nearest.c: by the number of letters that differ. */
#include "nearest.h"

#include <string.h>

enum { LONGEST = 32 };

/* How many letters must be added, left out or changed; names of LONGEST letters at most. */
static size_t distance(const char *a, const char *b) {
    size_t row[LONGEST + 1], n = strlen(b);
    if (strlen(a) > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t before = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = before + (a[i - 1] != b[j - 1]);
            before = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

void nearest_begin(struct nearest *nearest, const char *name) {
    *nearest = (struct nearest){.name = name, .changes = strlen(name) / 3 + 2};
}

void nearest_look(struct nearest *nearest, const char *candidate) {
    size_t changes = distance(nearest->name, candidate);
    if (changes >= nearest->changes || changes >= strlen(candidate))
        return;
    nearest->changes = changes;
    nearest->found = candidate;
}
