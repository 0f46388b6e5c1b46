/* fuzz_notification.c: what is read of a notification holds together, whatever it says. The first byte of the input is how many descriptors came with it. */
#include "daemon/session/notification.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right) {
    if (!right)
        abort();
}

static bool has(const char *text, size_t length, const char *what) {
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= length; i++)
        if (memcmp(text + i, what, n) == 0)
            return true;
    return false;
}

static void check_name(const char *text, size_t length, const char *name) {
    char line[sizeof "FDNAME=" + NOTIFICATION_NAME];
    if (!*name)
        return;
    for (const char *p = name; *p; p++)
        check(*p >= ' ' && *p <= '~' && *p != ':');
    memcpy(line, "FDNAME=", 7);
    memcpy(line + 7, name, strlen(name) + 1);
    check(has(text, length, line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct notification read;
    if (!size)
        return 0;
    size_t length = size - 1, n_fds = data[0];
    char *text = malloc(length ? length : 1); /* a copy, so that a read behind the end is found */
    check(text != NULL);
    memcpy(text, data + 1, length);
    const char *fault = notification_read(text, length, n_fds, &read);
    check(!fault || *fault);
    check(memchr(read.name, 0, sizeof read.name) != NULL);
    check_name(text, length, read.name);
    check(!read.barrier || (n_fds == 1 && !read.stores && !read.removes && has(text, length, "BARRIER=1")));
    check(!read.stores || (n_fds > 0 && has(text, length, "FDSTORE=1")));
    check(!read.removes || (*read.name && has(text, length, "FDSTOREREMOVE=1")));
    check(read.polls || has(text, length, "FDPOLL=0"));
    free(text);
    return 0;
}
