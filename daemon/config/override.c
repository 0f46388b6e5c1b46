/* override.c: a list of users, in the order of the files; then by uid. */
#include "override.h"

#include "daemon/base/text.h"
#include "remark.h"
#include "uid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* 0 or -ENOMEM. */
static int reserve(struct config *config) {
    size_t room = config->room_users ? 2 * config->room_users : 16;
    if (config->n_users < config->room_users)
        return 0;
    struct config_user *users = realloc(config->users, room * sizeof *users);
    if (!users)
        return -ENOMEM;
    config->users = users;
    config->room_users = room;
    return 0;
}

struct config_user *override_get(struct config *config, const char *name, unsigned file, unsigned line) {
    struct config_user *user = config->n_users ? &config->users[config->n_users - 1] : NULL;
    if (user && user->file == file && strcmp(user->name, name) == 0)
        return user;
    char *kept = reserve(config) ? NULL : text_copy(name);
    if (!kept)
        return NULL;
    user = &config->users[config->n_users++];
    *user = (struct config_user){.name = kept, .file = file, .line = line};
    return user;
}

static void complain(struct config *config, const struct config_user *user, int error,
                     struct remarks *faults) {
    const char *file = config->files[user->file];
    if (error == UID_E_NONE)
        remarks_add(faults, file, user->line, "there is no user \"%s\" on this system", user->name);
    else if (error == UID_E_NOBODY)
        remarks_add(faults, file, user->line, "user \"%s\" has no uid that identifies a user", user->name);
    else
        remarks_add(faults, file, user->line, "cannot look up user \"%s\": %s; its uid needs no look-up",
                    user->name, os_error_text(-error));
}

static int compare(const void *a, const void *b) {
    const struct config_user *one = a, *other = b;
    if (one->uid != other->uid)
        return one->uid < other->uid ? -1 : 1;
    return one->file != other->file ? (one->file < other->file ? -1 : 1)
                                    : (one->line > other->line) - (one->line < other->line);
}

/* All that `later` sets. */
static void join(struct config_user *user, const struct config_user *later) {
    for (int i = 0; i < CONFIG_LIMITS; i++)
        if (later->limits[i].source)
            user->limits[i] = later->limits[i];
}

int overrides_finish(struct config *config, struct remarks *faults) {
    size_t n = 0;
    for (size_t i = 0; i < config->n_users; i++) {
        struct config_user *user = &config->users[i];
        int error = uid_find(user->name, &user->uid);
        if (error == -ENOMEM)
            return error;
        if (error)
            complain(config, user, error, faults);
        if (error)
            user->uid = UINT64_MAX - i; /* nobody's, and no two have it */
    }
    if (config->n_users)
        qsort(config->users, config->n_users, sizeof *config->users, compare);
    for (size_t i = 0; i < config->n_users; i++) {
        struct config_user *user = &config->users[i], *last = n ? &config->users[n - 1] : NULL;
        if (!last || last->uid != user->uid) {
            config->users[n++] = *user;
            continue;
        }
        if (i && last->file == user->file)
            remarks_add(faults, config->files[user->file], user->line,
                        "user \"%s\" is the uid %" PRIu64 ", whose limits line %u has already", user->name,
                        user->uid, last->line);
        join(last, user);
        last->file = user->file;
        last->line = user->line;
        free(user->name);
    }
    config->n_users = n;
    return 0;
}

void overrides_free(struct config *config) {
    for (size_t i = 0; i < config->n_users; i++)
        free(config->users[i].name);
    free(config->users);
}
