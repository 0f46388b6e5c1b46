/* glob.c: the parts between stars are looked for one after the other, each where it comes first. */
#include "glob.h"

#include <stddef.h>
#include <string.h>

/* The place where the part comes first; NULL: nowhere. (Knuth, Morris and Pratt: no byte of the text is read twice.) */
static const char *find(const char *part, size_t length, const char *text) {
    unsigned char again[GLOB_MAX + 1]; /* [i]: so many of the first i bytes are also the last ones of these */
    size_t n = 0;
    if (!length)
        return text;
    again[0] = again[1] = 0;
    for (size_t i = 1; i < length; i++) {
        while (n && part[i] != part[n])
            n = again[n];
        n += part[i] == part[n];
        again[i + 1] = (unsigned char)n;
    }
    for (n = 0; *text; text++) {
        while (n && *text != part[n])
            n = again[n];
        n += *text == part[n];
        if (n == length)
            return text + 1 - length;
    }
    return NULL;
}

bool glob_matches(const char *glob, const char *name) {
    const char *star = strchr(glob, '*');
    if (!star)
        return strcmp(glob, name) == 0;
    if (strncmp(glob, name, (size_t)(star - glob)) != 0)
        return false;
    name += star - glob;
    for (glob = star + 1; (star = strchr(glob, '*')); glob = star + 1) {
        name = find(glob, (size_t)(star - glob), name);
        if (!name)
            return false;
        name += star - glob;
    }
    size_t length = strlen(glob), left = strlen(name);
    return left >= length && memcmp(name + (left - length), glob, length) == 0;
}
