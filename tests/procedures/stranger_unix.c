/* stranger_unix.c: runs code as another uid. */
#define _GNU_SOURCE

#include "stranger.h"

#include <grp.h>
#include <unistd.h>

bool stranger_broker(struct fixture *broker) {
    static const char *const options[] = {"--mode", "0666", NULL};

    if (geteuid() != 0)
        return false;
    fixture_start(broker, options);
    return true;
}

portd_client *stranger_connect(const struct fixture *broker, uid_t uid, const portd_options *options,
                               int *code) {
    portd_client *client = NULL;
    int answer;

    if (getuid() != uid &&
        (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
        _exit(STRANGER_CANNOT);
    answer = portd_connect(broker->address, options, fixture_soon(), &client);
    if (code)
        *code = answer;
    return client;
}
