/* notification.c: reads it as systemd does. */
#include "notification.h"

#include <string.h>

static bool is_line(const char *line, size_t length, const char *what) {
    return length == strlen(what) && memcmp(line, what, length) == 0;
}

/* False: no name. */
static bool take_name(const char *value, size_t length, char name[NOTIFICATION_NAME + 1]) {
    if (!length || length > NOTIFICATION_NAME)
        return false;
    for (size_t i = 0; i < length; i++)
        if (value[i] < ' ' || value[i] > '~' || value[i] == ':')
            return false;
    memcpy(name, value, length);
    name[length] = '\0';
    return true;
}

static void read_line(const char *line, size_t length, struct notification *notification, bool *named,
                      bool *bad_name) {
    static const char prefix[] = "FDNAME=";
    const size_t begin = sizeof prefix - 1;
    if (is_line(line, length, "FDSTORE=1")) {
        notification->stores = true;
    } else if (is_line(line, length, "FDSTOREREMOVE=1")) {
        notification->removes = true;
    } else if (is_line(line, length, "FDPOLL=0")) {
        notification->polls = false;
    } else if (is_line(line, length, "BARRIER=1")) {
        notification->barrier = true;
    } else if (!*named && length >= begin && memcmp(line, prefix, begin) == 0) {
        *named = true;
        *bad_name = !take_name(line + begin, length - begin, notification->name);
    }
}

/* What a barrier says besides is not heeded. */
static const char *check_barrier(struct notification *notification, size_t n_fds, size_t lines) {
    notification->stores = notification->removes = false;
    notification->barrier = n_fds == 1;
    if (n_fds != 1)
        return "a barrier without its one descriptor";
    return lines > 1 ? "a barrier stands alone: what else was said with it is not heeded" : NULL;
}

const char *notification_read(const char *text, size_t length, size_t n_fds,
                              struct notification *notification) {
    bool named = false, bad_name = false;
    size_t lines = 0;
    *notification = (struct notification){.polls = true};
    if (length && !text[length - 1])
        length--;
    if (memchr(text, 0, length))
        return "a notification with a NUL inside";
    for (size_t at = 0; at < length;) {
        const char *newline = memchr(text + at, '\n', length - at);
        size_t size = newline ? (size_t)(newline - text) - at : length - at;
        read_line(text + at, size, notification, &named, &bad_name);
        lines += size > 0;
        at += size + 1;
    }
    if (notification->barrier)
        return check_barrier(notification, n_fds, lines);
    if (notification->removes && !*notification->name) {
        notification->removes = false;
        return "FDSTOREREMOVE=1 without a valid FDNAME";
    }
    if (notification->stores && !n_fds) {
        notification->stores = false;
        return "FDSTORE=1 without a descriptor";
    }
    return bad_name && notification->stores
               ? "FDNAME is no name of printable ASCII without colons; \"stored\" is used"
               : NULL;
}
