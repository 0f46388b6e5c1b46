/* change.c: compares two configurations. */
#include "change.h"

#include "key.h"
#include "remark.h"

#include <stdbool.h>
#include <string.h>

static bool differs(const struct config_setting *one, const struct config_setting *other) {
    if (one->text && other->text)
        return strcmp(one->text, other->text) != 0;
    return one->number != other->number || one->text || other->text;
}

void changes_remark(const struct config *started, const struct config *now, struct remarks *remarks) {
    const struct key *key;
    for (size_t i = 0; (key = key_at(i)); i++)
        if (key->section != KEY_USER && !key->at_reload &&
            differs(&started->settings[key->which], &now->settings[key->which]))
            remarks_add(remarks, NULL, 0, "%s%s%s: the next start of portd uses the new value",
                        key_section_name(key->section), key->section == KEY_TOP ? "" : " ", key->name);
}
