/* config.c: puts a configuration together. */
#include "config.h"

#include "file.h"
#include "folder.h"
#include "grant.h"
#include "key.h"
#include "override.h"
#include "remark.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is built in. 0 or -ENOMEM. */
static int begin(struct config *config) {
    const struct config_setting origin = {.source = CONFIG_BUILT_IN};
    const struct key *key;
    char why[VALUE_WHY];
    int error = 0;
    for (size_t i = 0; (key = key_at(i)) && !error; i++)
        if (key->initial)
            error = key_set(key, &config->settings[key->which], key->initial, &origin, why);
    return error;
}

static int load_both(struct config *config, const char *path, bool must_exist, struct remarks *faults) {
    int error = file_load(config, path, must_exist, faults);
    return error ? error : file_load_dropins(config, path, must_exist, faults);
}

static int load_files(struct config *config, const char *given, struct remarks *faults) {
    char *path = NULL;
    bool must_exist = true;
    int error = 0;
    if (!given) {
        error = folder_variable("PORTD_CONFIG", &path);
        given = path;
    }
    if (!given && !error) {
        must_exist = false;
        error = folder_default(&path);
        given = path;
    }
    if (given && !error && strcmp(given, CONFIG_NO_FILE) != 0)
        error = load_both(config, given, must_exist, faults);
    free(path);
    return error;
}

/* source: of the text, which is what has that name. */
static int set(struct config *config, const struct key *key, enum config_source source, const char *name,
               const char *text, struct remarks *faults) {
    const struct config_setting origin = {.source = source};
    char why[VALUE_WHY];
    int error = key_set(key, &config->settings[key->which], text, &origin, why);
    if (error == -1)
        remarks_add(faults, name, 0, "\"%s\": %s", text, why);
    return error == -ENOMEM ? error : 0;
}

static int load_variables(struct config *config, struct remarks *faults) {
    const struct key *key;
    int error = 0;
    for (size_t i = 0; (key = key_at(i)) && !error; i++) {
        char *value = NULL;
        if (key->variable)
            error = folder_variable(key->variable, &value);
        if (value)
            error = set(config, key, CONFIG_VARIABLE, key->variable, value, faults);
        free(value);
    }
    return error;
}

static int load_flags(struct config *config, const struct config_given *given, struct remarks *faults) {
    const struct key *key;
    int error = 0;
    for (size_t i = 0; (key = key_at(i)) && !error; i++)
        if (key->is_flag && given->flags[key->which])
            error = set(config, key, CONFIG_FLAG, key->name, given->flags[key->which], faults);
    return error;
}

static int load(struct config *config, const struct config_given *given, struct remarks *faults) {
    int error = begin(config);
    if (!error)
        error = load_files(config, given->file, faults);
    if (!error)
        error = overrides_finish(config, faults);
    if (!error)
        error = grants_finish(config, faults);
    if (!error)
        error = load_variables(config, faults);
    if (!error)
        error = load_flags(config, given, faults);
    return error ? error : faults->memory ? -ENOMEM : faults->n ? CONFIG_E_FAULTS : 0;
}

int config_load(const struct config_given *given, struct config **config, struct remarks *faults) {
    int error;
    *config = calloc(1, sizeof **config);
    if (!*config)
        return -ENOMEM;
    error = load(*config, given, faults);
    if (error) {
        config_free(*config);
        *config = NULL;
    }
    return error;
}

void config_free(struct config *config) {
    if (!config)
        return;
    for (int i = 0; i < CONFIG_KEYS; i++)
        free(config->settings[i].text);
    overrides_free(config);
    grants_free(config);
    for (size_t i = 0; i < config->n_files; i++)
        free(config->files[i]);
    free(config->files);
    free(config);
}
