/* probe_win.c: engine_probe for Windows. All are asked as sockets in one call; it fails if one of them is none, and then each is asked alone. */
#include "afd_win.h"
#include "engine.h"
#include "kind_win.h"

#include <errno.h>

static struct afd_asked as_socket(const struct engine_probe *probe) {
    return (struct afd_asked){.socket = probe->fd, .events = afd_wanted(probe->interest)};
}

static uint8_t look_alone(const struct engine_probe *probe) {
    struct afd_asked asked = as_socket(probe);
    int kind;

    if (!afd_look(&asked, 1))
        return (uint8_t)afd_meaning(asked.events);
    kind = kind_of_other(probe->fd);
    return (uint8_t)(kind < 0 ? ENGINE_ERROR : kind_look(probe->fd, (enum kind)kind, probe->interest));
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
    for (size_t i = 0; i < n; i++)
        probes[i].events = error ? look_alone(&probes[i]) : (uint8_t)afd_meaning(asked[i].events);
    return 0;
}
