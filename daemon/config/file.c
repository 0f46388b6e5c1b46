/* file.c: a file by libConfuse: its lexer and its grammar. Keys, values and messages are ours.
 *
 * libConfuse has one lexer per process, and no pointer for a caller: so `reading` is one, too.
 *
 * It ends the process when its lexer gets no memory (flex exits, a text in quotes is asserted), and frees twice what a section could not get. Lines
 * are short (scan.h), so it needs little at once, and nothing in proportion to the longest word. The memory that all of a file can take is
 * allocated and freed right before, so what is left is that memory goes to another thread in between. */
#include "file.h"

#include "folder.h"
#include "grant.h"
#include "key.h"
#include "override.h"
#include "remark.h"
#include "scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

enum {
    KEYS_MOST = 32,           /* in a section, for the library's table */
    LEXER_BYTES = 256 * 1024, /* its buffers */
    SECTION_BYTES = 8 * 1024, /* a section with all keys */
    TIMES = 4                 /* the file, and copies of all words */
};

/* The file that is being read. */
static struct reading {
    struct config *config;
    struct remarks *faults;
    const char *path;
    unsigned index, n_sections[KEY_SECTIONS];
    bool memory; /* there was none */
} reading;

static enum key_section section_of(cfg_t *cfg) {
    for (int i = KEY_TOP + 1; i < KEY_SECTIONS; i++)
        if (strcmp(cfg_name(cfg), key_section_name((enum key_section)i)) == 0)
            return (enum key_section)i;
    return KEY_TOP;
}

static unsigned line_of(const cfg_t *cfg) { return cfg->line > 0 ? (unsigned)cfg->line : 0; }

/* "", or which section. */
static const char *where(cfg_t *cfg, char text[KEY_HINT]) {
    enum key_section section = section_of(cfg);
    *text = '\0';
    if (section != KEY_TOP)
        (void)snprintf(text, KEY_HINT, " in the section \"%s\"", key_section_name(section));
    return text;
}

static void complain_unknown(cfg_t *cfg, const char *name) {
    char hint[KEY_HINT], section[KEY_HINT];
    key_suggest(section_of(cfg), name, hint);
    remarks_add(reading.faults, reading.path, line_of(cfg), "unknown key \"%s\"%s%s", name,
                where(cfg, section), hint);
}

/* ---- what libConfuse calls ------------------------------------------------------------------------------------------ */

static const struct messages {
    const char *begin;  /* of its message, whose name or word is in single quotes */
    const char *format; /* ours */
} messages[] = {
    {"missing equal sign after option '", "expected \"=\" after the key \"%s\""},
    {"unexpected token '", "unexpected \"%s\""},
    {"missing opening brace for section '", "expected \"{\" after the section \"%s\""},
    {"missing title for section '",
     "the section \"%s\" needs a name in quotes, as in: user \"1000\" { ... }"},
    {"found duplicate title '", "there is a section with the name \"%s\" above: put all of its keys there"},
    {"premature end of file", "the file ends in the middle of this"},
};

/* What stands in single quotes, which both are at the end. */
static char *name_in(char *text, size_t begin) {
    size_t length = strlen(text);
    if (length > begin && text[length - 1] == '\'')
        text[length - 1] = '\0';
    return text + begin;
}

static void on_fault(cfg_t *cfg, const char *format, va_list arguments) {
    static const char unknown[] = "no such option '";
    char text[REMARK_SIZE], ours[REMARK_SIZE];
    (void)vsnprintf(text, sizeof text, format, arguments);
    if (strncmp(text, unknown, sizeof unknown - 1) == 0) {
        complain_unknown(cfg, name_in(text, sizeof unknown - 1));
        return;
    }
    (void)snprintf(ours, sizeof ours, "%s", text);
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        size_t begin = strlen(messages[i].begin);
        if (strncmp(text, messages[i].begin, begin) == 0)
            (void)snprintf(ours, sizeof ours, messages[i].format, name_in(text, begin));
    }
    remarks_add(reading.faults, reading.path, line_of(cfg), "%s", ours);
}

static bool is_of_this_file(const struct config_setting *setting) {
    return setting->source == CONFIG_FILE && setting->file == reading.index;
}

/* Its section has begun: it is the newest rule. 0 or -1 without memory. */
static int begin_rule(cfg_t *cfg) {
    const struct config *config = reading.config;
    const struct config_rule *newest = config->n_rules ? &config->rules[config->n_rules - 1] : NULL;
    if (newest && newest->file == reading.index && strcmp(newest->name, cfg_title(cfg)) == 0)
        return 0;
    return grant_begin(reading.config, cfg_title(cfg), reading.index, line_of(cfg)) ? -1 : 0;
}

/* 0, or -1 without memory. */
static int add_word(cfg_t *cfg, cfg_opt_t *opt, const struct key *key, const char *word) {
    const struct config_list *list;
    if (begin_rule(cfg))
        return -1;
    list = grant_list(&reading.config->rules[reading.config->n_rules - 1], key->which);
    if (!list->n || cfg_opt_size(opt) > 1)
        return grant_add(reading.config, key->which, word, line_of(cfg)) ? -1 : 0;
    remarks_add(reading.faults, reading.path, line_of(cfg), "\"%s\" is set in line %u already", key->name,
                list->words[0].line); /* the library has begun a new list */
    return 0;
}

/* 0, or -1 without memory: then the library stops. */
static int set(cfg_t *cfg, const struct key *key, const char *text) {
    const struct config_setting origin = {.source = CONFIG_FILE, .file = reading.index, .line = line_of(cfg)};
    struct config_user *user = NULL;
    struct config_setting *setting;
    char why[VALUE_WHY];
    if (key->section == KEY_USER) {
        user = override_get(reading.config, cfg_title(cfg), reading.index, origin.line);
        if (!user)
            return -1;
    }
    setting = key_setting(key, reading.config, user);
    if (is_of_this_file(setting)) {
        remarks_add(reading.faults, reading.path, origin.line, "\"%s\" is set in line %u already", key->name,
                    setting->line);
        return 0;
    }
    int error = key_set(key, setting, text, &origin, why);
    if (error == -1)
        remarks_add(reading.faults, reading.path, origin.line, "%s = \"%s\": %s", key->name, text, why);
    return error == -ENOMEM ? -1 : 0;
}

/* The library keeps what *result is. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result) {
    const struct key *key = key_find(section_of(cfg), cfg_opt_name(opt));
    *(const char **)result = "";
    if (!key)
        complain_unknown(cfg, cfg_opt_name(opt));
    else if (key->section == KEY_RULE ? add_word(cfg, opt, key, value) : set(cfg, key, value))
        reading.memory = true;
    return reading.memory ? -1 : 0;
}

/* Lists without words are not told of by on_value. */
static int end_rule(cfg_t *cfg) {
    const struct key *key;
    if (begin_rule(cfg))
        reading.memory = true;
    for (size_t i = 0; (key = key_at(i)); i++) {
        const cfg_opt_t *opt = key->section == KEY_RULE ? cfg_getopt(cfg, key->name) : NULL;
        if (opt && (opt->flags & CFGF_MODIFIED) && !opt->nvalues)
            remarks_add(reading.faults, reading.path, line_of(cfg),
                        "\"%s\" in the rule that ends here is an empty list", key->name);
    }
    return reading.memory ? -1 : 0;
}

/* A section has ended. One without a name must be the only one. */
static int on_section(cfg_t *cfg, cfg_opt_t *opt) {
    cfg_t *sub = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
    enum key_section section = section_of(sub);
    unsigned line = line_of(cfg);
    if (section == KEY_RULE)
        return end_rule(sub);
    if (section == KEY_USER &&
        !override_get(reading.config, cfg_title(sub), reading.index, line)) /* without any key */
        reading.memory = true;
    if (++reading.n_sections[section] > 1 && section != KEY_USER)
        remarks_add(reading.faults, reading.path, line,
                    "a second section \"%s\" ends here: put all of its keys into one",
                    key_section_name(section));
    return reading.memory ? -1 : 0;
}

/* ---- a file --------------------------------------------------------------------------------------------------------- */

/* The library's table of the keys of a section, and of the sections if it is the top. */
static void write_table(cfg_opt_t table[KEYS_MOST + KEY_SECTIONS], enum key_section section) {
    const struct key *key;
    size_t n = 0;
    for (size_t i = 0; (key = key_at(i)) && n < KEYS_MOST; i++)
        if (key->section == section)
            table[n++] =
                (cfg_opt_t){.name = key->name,
                            .type = CFGT_STR,
                            .flags = key->kind == VALUE_WORDS ? CFGF_NODEFAULT | CFGF_LIST : CFGF_NODEFAULT,
                            .parsecb = on_value};
    table[n] = (cfg_opt_t)CFG_END();
}

static cfg_t *make_parser(void) {
    cfg_opt_t tables[KEY_SECTIONS][KEYS_MOST + KEY_SECTIONS];
    size_t n = 0;
    for (int i = 0; i < KEY_SECTIONS; i++)
        write_table(tables[i], (enum key_section)i);
    while (tables[KEY_TOP][n].name)
        n++;
    for (int i = KEY_TOP + 1; i < KEY_SECTIONS; i++)
        tables[KEY_TOP][n++] = (cfg_opt_t){.name = key_section_name((enum key_section)i),
                                           .type = CFGT_SEC,
                                           .flags = i == KEY_USER || i == KEY_RULE
                                                        ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES
                                                        : CFGF_NONE,
                                           .subopts = tables[i],
                                           .validcb = on_section};
    tables[KEY_TOP][n] = (cfg_opt_t)CFG_END();
    return cfg_init(tables[KEY_TOP], CFGF_NONE); /* it copies them */
}

static size_t count(const char *text, char c) {
    size_t n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

static bool has_memory(size_t size, size_t n_sections) {
    char *memory = malloc(LEXER_BYTES + TIMES * size + SECTION_BYTES * n_sections);
    free(memory);
    return memory != NULL;
}

static int parse(char *text, size_t size) {
    size_t n_sections = count(text, '{'), before = reading.faults->n;
    cfg_t *cfg;
    if (n_sections > OVERRIDES_MOST) {
        remarks_add(reading.faults, reading.path, 0, "there are more than %d sections and lists",
                    (int)OVERRIDES_MOST);
        return 0;
    }
    if (!has_memory(size, n_sections))
        return -ENOMEM;
    cfg = make_parser();
    if (!cfg)
        return -ENOMEM;
    (void)cfg_set_error_function(cfg, on_fault);
    if (cfg_parse_buf(cfg, text) != CFG_SUCCESS && before == reading.faults->n)
        reading.memory = true; /* it tells of all that is wrong with a text */
    (void)cfg_free(cfg);
    return reading.memory ? -ENOMEM : 0;
}

static int read_text(char *text, size_t size) {
    char why[SCAN_WHY];
    unsigned line;
    if (!scan_text(text, size, &line, why))
        return parse(text, size);
    remarks_add(reading.faults, reading.path, line, "%s", why);
    return 0;
}

/* Takes the path. 0 or -ENOMEM. */
static int add_file(struct config *config, const char *path) {
    size_t length = strlen(path) + 1;
    char **files = realloc(config->files, (config->n_files + 1) * sizeof *files), *kept;
    if (!files)
        return -ENOMEM;
    config->files = files;
    kept = malloc(length);
    if (!kept)
        return -ENOMEM;
    files[config->n_files++] = memcpy(kept, path, length);
    return 0;
}

int file_load(struct config *config, const char *path, bool must_exist, struct remarks *faults) {
    char *text;
    size_t size;
    int error = folder_read(path, &text, &size);
    if (error == -ENOMEM)
        return error;
    if (folder_is_absent(error) && !must_exist)
        return 0;
    if (error) {
        remarks_add(faults, path, 0, "%s", folder_why(error));
        return 0;
    }
    error = add_file(config, path);
    reading = (struct reading){
        .config = config, .faults = faults, .path = path, .index = (unsigned)config->n_files - 1};
    if (!error)
        error = read_text(text, size);
    free(text);
    return error;
}

static int load_named(struct config *config, const char *folder, const char *name, struct remarks *faults) {
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (!path)
        return -ENOMEM;
    (void)snprintf(path, size, "%s/%s", folder, name);
    int error = file_load(config, path, true, faults);
    free(path);
    return error;
}

static int load_folder(struct config *config, const char *folder, bool must_exist, struct remarks *faults) {
    char **names;
    size_t n;
    int error = folder_list(folder, ".conf", &names, &n);
    if (error == -ENOMEM)
        return error;
    if (error == -ENOENT || (folder_is_absent(error) && !must_exist))
        return 0;
    if (error) {
        remarks_add(faults, folder, 0, "%s", folder_why(error));
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (!error)
            error = load_named(config, folder, names[i], faults);
        free(names[i]);
    }
    free(names);
    return error;
}

int file_load_dropins(struct config *config, const char *path, bool must_exist, struct remarks *faults) {
    size_t size = strlen(path) + sizeof ".d";
    char *folder = malloc(size);
    if (!folder)
        return -ENOMEM;
    (void)snprintf(folder, size, "%s.d", path);
    int error = load_folder(config, folder, must_exist, faults);
    free(folder);
    return error;
}
