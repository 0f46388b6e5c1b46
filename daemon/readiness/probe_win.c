/* probe_win.c: engine_probe for Windows. All are asked as sockets in one call; it fails if one of them is none, and then each is asked alone. */
#include "afd_win.h"
#include "engine.h"
#include "kind_win.h"

#include <errno.h>

static struct afd_asked as_socket(const struct engine_probe *probe) {
    return (struct afd_asked){.socket = probe->fd, .events = afd_wanted(probe->interest)};
}

/* 0 or a negative errno. */
static int look_alone(struct engine_probe *probe) {
    struct afd_asked asked = as_socket(probe);
    int error = afd_look(&asked, 1), kind;

    if (!error) {
        probe->events = (uint8_t)afd_meaning(asked.events);
        return 0;
    }
    if (error != -EBADF) /* it may be a socket */
        return error;
    kind = kind_of_other(probe->fd);
    probe->events =
        (uint8_t)(kind < 0 ? ENGINE_ERROR : kind_look(probe->fd, (enum kind)kind, probe->interest));
    return 0;
}

int engine_probe(struct engine_probe *probes, size_t n) {
    struct afd_asked asked[ENGINE_PROBES];
    int error;

    if (n > ENGINE_PROBES)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        asked[i] = as_socket(&probes[i]);
    error = n > 1 ? afd_look(asked, n) : -EBADF;
    if (error && error != -EBADF)
        return error;
    if (!error) {
        for (size_t i = 0; i < n; i++)
            probes[i].events = (uint8_t)afd_meaning(asked[i].events);
        return 0;
    }
    error = 0;
    for (size_t i = 0; i < n && !error; i++)
        error = look_alone(&probes[i]);
    return error;
}
