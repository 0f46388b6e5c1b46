/* numbering.c: the tables of processes and places. */
#include "numbering.h"

#include <errno.h>
#include <stdlib.h>

static const uint64_t PLACES = UINT64_MAX >> (NUMBER_BITS + NUMBER_TABLE_BITS);

struct numbering {
    uint64_t process; /* key in by_process; 0: not in that table */
    uint64_t place;   /* key in by_place */
    size_t refs;
};

void numberings_init(struct numberings *numberings, uint64_t seed) {
    *numberings = (struct numberings){0};
    table_init(&numberings->by_process, offsetof(struct numbering, process), seed);
    table_init(&numberings->by_place, offsetof(struct numbering, place), seed);
}

void numberings_deinit(struct numberings *numberings) {
    for (size_t i = 0; i < table_places(&numberings->by_place); i++)
        free(table_at(&numberings->by_place, i));
    table_deinit(&numberings->by_process);
    table_deinit(&numberings->by_place);
}

static struct numbering *make(struct numberings *numberings, uint64_t process, uint64_t place) {
    struct numbering *numbering = calloc(1, sizeof *numbering);
    if (!numbering || table_reserve(&numberings->by_process) || table_reserve(&numberings->by_place)) {
        free(numbering);
        return NULL;
    }
    numbering->process = process;
    numbering->place = place;
    if (process)
        table_add(&numberings->by_process, numbering);
    table_add(&numberings->by_place, numbering);
    return numbering;
}

static void forget(struct numberings *numberings, struct numbering *numbering) {
    if (numbering->process)
        table_remove(&numberings->by_process, numbering);
    table_remove(&numberings->by_place, numbering);
    free(numbering);
}

int numbering_restore(struct numberings *numberings, uint64_t process, uint64_t place) {
    if (table_find(&numberings->by_place, place) || (process && table_find(&numberings->by_process, process)))
        return -EEXIST;
    if (numberings->issued < place)
        numberings->issued = place;
    return make(numberings, process, place) ? 0 : -ENOMEM;
}

void numberings_trim(struct numberings *numberings) {
    size_t i = 0;
    while (i < table_places(&numberings->by_place)) {
        struct numbering *numbering = table_at(&numberings->by_place, i);
        if (numbering && !numbering->refs) {
            forget(numberings, numbering);
            i = 0; /* the others may have moved */
        } else {
            i++;
        }
    }
}

bool numbering_is_known(const struct numberings *numberings, uint64_t place) {
    return table_find(&numberings->by_place, place) != NULL;
}

bool numberings_next(const struct numberings *numberings, size_t *at, uint64_t *process, uint64_t *place) {
    const struct numbering *numbering = NULL;
    while (!numbering && *at < table_places(&numberings->by_place))
        numbering = table_at(&numberings->by_place, (*at)++);
    if (!numbering)
        return false;
    *process = numbering->process;
    *place = numbering->place;
    return true;
}

int numbering_get(struct numberings *numberings, uint64_t process, uint64_t *place) {
    struct numbering *numbering = process ? table_find(&numberings->by_process, process) : NULL;
    if (!numbering) {
        numbering = numberings->issued < PLACES ? make(numberings, process, numberings->issued + 1) : NULL;
        if (!numbering)
            return -ENOMEM;
        numberings->issued++;
    }
    numbering->refs++;
    *place = numbering->place;
    return 0;
}

void numbering_ref(struct numberings *numberings, uint64_t place) {
    struct numbering *numbering = table_find(&numberings->by_place, place);
    numbering->refs++;
}

void numbering_unref(struct numberings *numberings, uint64_t place) {
    struct numbering *numbering = table_find(&numberings->by_place, place);
    if (--numbering->refs == 0)
        forget(numberings, numbering);
}
