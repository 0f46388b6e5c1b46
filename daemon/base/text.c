/* text.c: strdup(3), which C17 lacks. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

char *text_copy(const char *text) {
    size_t size = strlen(text) + 1;
    char *made = malloc(size);
    return made ? memcpy(made, text, size) : NULL;
}
