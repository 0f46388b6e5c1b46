/* quotas.c: from the configuration's limits to those of users. */
#include "quotas.h"

#include "access/limit.h"
#include "access/user.h"
#include "config/config.h"
#include "config/remark.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static uint64_t limit(const struct config_setting *setting) {
    return setting->source == CONFIG_BUILT_IN ? LIMIT_NOT_SET : setting->number;
}

static struct limits read_limits(const struct config_setting settings[CONFIG_LIMITS]) {
    struct limits limits;
    for (int slot = 0; slot < USER_QUOTAS; slot++)
        limits.of[slot] = limit(&settings[slot]);
    limits.rate = limit(&settings[USER_QUOTAS]);
    return limits;
}

/* More descriptors than there is room for are no fault: the limit of open files may be another one tomorrow. */
static void note_slots(const struct config *config, const struct config_setting *setting, uint64_t most,
                       struct remarks *notes) {
    if (setting->source == CONFIG_FILE && setting->number > most)
        remarks_add(notes, config->files[setting->file], setting->line,
                    "descriptors = %" PRIu64 ": only %" PRIu64
                    " are possible with this limit of open files, and %" PRIu64 " is used",
                    setting->number, most, most);
}

int quotas_use(struct users *users, const struct config *config, struct remarks *notes) {
    struct limits own = read_limits(&config->settings[CONFIG_QUOTA]);
    struct limit_override *overrides = config->n_users ? calloc(config->n_users, sizeof *overrides) : NULL;
    if (config->n_users && !overrides)
        return -ENOMEM;
    note_slots(config, &config->settings[(int)CONFIG_QUOTA + (int)USER_DESCRIPTORS],
               limit_most_slots(users, users->own), notes);
    if (own.of[USER_DESCRIPTORS] != LIMIT_NOT_SET && own.of[USER_DESCRIPTORS] > users->slots)
        own.of[USER_DESCRIPTORS] = users->slots;
    for (size_t i = 0; i < config->n_users; i++) {
        const struct config_user *user = &config->users[i];
        overrides[i] = (struct limit_override){.uid = user->uid, .limits = read_limits(user->limits)};
        note_slots(config, &user->limits[USER_DESCRIPTORS], limit_most_slots(users, user->uid), notes);
    }
    limits_set(users, &own, overrides, config->n_users);
    users_renew_limits(users);
    return 0;
}
