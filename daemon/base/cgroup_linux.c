/* cgroup_linux.c: see cgroup.h. Version 1 (a mount with the controller `memory`) and version 2. */
#define _GNU_SOURCE

#include "cgroup.h"

#include "proto/os.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEVELS = 16, PATH = 4096, LINE = PATH + 1024, TEXT = 8192, STEP_MOST = 64 << 20 };

struct version {
    const char *limits[2], *used, *statistics;
    const char *file[2]; /* pages of files on disks */
    const char
        *pending[2]; /* of these, what must be written to the disk before the kernel can take it back */
    const char *mapped[1],
        *locked[1]; /* what processes have mapped; what is in no list because it is locked */
};

static const struct version versions[] = {
    {{"memory.limit_in_bytes", NULL},
     "memory.usage_in_bytes",
     "memory.stat",
     {"\ntotal_inactive_file ", "\ntotal_active_file "},
     {"\ntotal_dirty ", "\ntotal_writeback "},
     {"\ntotal_mapped_file "},
     {"\ntotal_unevictable "}},
    {{"memory.max", "memory.high"},
     "memory.current",
     "memory.stat",
     {"\ninactive_file ", "\nactive_file "},
     {"\nfile_dirty ", "\nfile_writeback "},
     {"\nfile_mapped "},
     {"\nunevictable "}},
};

static struct {
    const struct version *version; /* NULL: no group */
    int limits[LEVELS], used, statistics;
    size_t n_limits;
    atomic_uint looked;    /* when, in milliseconds that wrap */
    atomic_size_t written; /* since then */
    atomic_size_t step;    /* look again when so much is written */
    atomic_bool full;
    atomic_ullong room; /* below the line when it was looked at; UINT64_MAX: there is no limit */
    atomic_ullong lent; /* cgroup_lend */
} group;

/* ---- which group ---------------------------------------------------------------------------------------------- */

static bool has_word(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ',') && (!at[length] || at[length] == ','))
            return true;
    return false;
}

static FILE *open_listing(const char *process, const char *name) {
    char path[PATH];
    (void)snprintf(path, sizeof path, "%s/%s", process, name);
    return fopen(path, "re");
}

/* A line is NUMBER:CONTROLLERS:PATH; version 2 has the number 0 and no controllers. */
static const struct version *find_group(const char *process, char path[PATH]) {
    FILE *file = open_listing(process, "cgroup");
    const struct version *found = NULL;
    char line[LINE];
    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'), *at = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!at || strlen(at) >= PATH)
            continue;
        *controllers++ = *at++ = '\0';
        at[strcspn(at, "\n")] = '\0';
        bool counts = has_word(controllers, "memory");
        if (!counts && (found || *controllers))
            continue;
        memcpy(path, at, strlen(at) + 1);
        found = &versions[counts ? 0 : 1];
        if (counts)
            break;
    }
    if (file)
        (void)fclose(file);
    return found;
}

/* A line is ID PARENT DEVICE ROOT POINT OPTIONS ... - TYPE SOURCE OPTIONS. */
static bool find_mount(const char *process, const struct version *version, char root[PATH],
                       char point[PATH]) {
    FILE *file = open_listing(process, "mountinfo");
    char line[LINE], type[32], options[1024];
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        const char *end = strstr(line, " - ");
        if (!end || sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2 ||
            sscanf(end, " - %31s %*s %1023s", type, options) != 2)
            continue;
        found = version == &versions[0] ? strcmp(type, "cgroup") == 0 && has_word(options, "memory")
                                        : strcmp(type, "cgroup2") == 0;
    }
    if (file)
        (void)fclose(file);
    return found;
}

/* ---- its files ------------------------------------------------------------------------------------------------ */

static int open_file(const char *folder, const char *name) {
    char path[2 * PATH + 64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Of the group and of those that contain it, up to the mount point. The outermost of version 2 has no limits. A group of version 2 without the
 * controller is counted in the next one that has it. */
static void open_files(char *folder, size_t least) {
    for (;;) {
        if (group.used == OS_FD_NONE) {
            group.used = open_file(folder, group.version->used);
            group.statistics = open_file(folder, group.version->statistics);
        }
        for (size_t i = 0; i < 2 && group.version->limits[i] && group.n_limits < LEVELS; i++) {
            int fd = open_file(folder, group.version->limits[i]);
            if (fd >= 0)
                group.limits[group.n_limits++] = fd;
        }
        char *end = strrchr(folder, '/');
        if (!end || (size_t)(end - folder) < least)
            return;
        *end = '\0';
    }
}

static void forget_group(void) {
    if (!group.version)
        return;
    for (size_t i = 0; i < group.n_limits; i++)
        os_close(group.limits[i]);
    os_close(group.used);
    os_close(group.statistics);
    group.version = NULL;
}

void cgroup_init(const char *process) {
    char path[PATH], root[PATH], point[PATH], folder[2 * PATH];
    const struct version *version = find_group(process, path);
    forget_group();
    if (!version || !find_mount(process, version, root, point))
        return;
    /* In a container the mount may begin at the container's own group. */
    size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
    const char *rest = strncmp(path, root, skip) == 0 ? path + skip : "";
    (void)snprintf(folder, sizeof folder, "%s%s", point, strcmp(rest, "/") == 0 ? "" : rest);
    group.version = version;
    group.n_limits = 0;
    group.used = group.statistics = OS_FD_NONE;
    group.step = 0;
    group.full = false;
    group.lent = 0;
    open_files(folder, strlen(point));
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

static bool read_text(int fd, char text[TEXT]) {
    ssize_t n = fd < 0 ? -1 : pread(fd, text, TEXT - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* UINT64_MAX: "max", or unknown. */
static uint64_t read_number(int fd) {
    char text[TEXT];
    return read_text(fd, text) && text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

static uint64_t sum_of(const char *text, const char *const keys[], size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = strstr(text, keys[i]);
        sum += at ? strtoull(at + strlen(keys[i]), NULL, 10) : 0;
    }
    return sum;
}

static uint64_t rest_of(uint64_t all, uint64_t part) { return all > part ? all - part : 0; }

/* What the kernel can take back at once. For a page that is not on the disk yet, whoever needs memory sleeps: the loop too. A mapped page may be
 * locked: the kernel leaves some locked ones in the lists, those of folios that a mapping has cut. */
static uint64_t reclaimable(void) {
    const struct version *keys = group.version;
    char text[TEXT];
    if (!read_text(group.statistics, text))
        return 0;
    uint64_t mapped = rest_of(sum_of(text, keys->mapped, 1), sum_of(text, keys->locked, 1));
    return rest_of(sum_of(text, keys->file, 2), sum_of(text, keys->pending, 2) + mapped);
}

static void look(unsigned now) {
    uint64_t limit = UINT64_MAX, used, line;
    for (size_t i = 0; i < group.n_limits; i++) {
        uint64_t number = read_number(group.limits[i]);
        limit = number < limit ? number : limit;
    }
    line = limit / 4 * 3;
    used = limit == UINT64_MAX ? UINT64_MAX : read_number(group.used);
    if (used != UINT64_MAX) {
        uint64_t spare = reclaimable();
        used -= spare < used ? spare : used;
    }
    group.full = used != UINT64_MAX && used >= line;
    group.room = used == UINT64_MAX ? UINT64_MAX : rest_of(line, used);
    group.step = limit / 16 < STEP_MOST ? (size_t)(limit / 16) : STEP_MOST;
    group.written = 0;
    group.looked = now;
}

bool cgroup_is_full(size_t bytes) {
    if (!group.version || !group.n_limits)
        return false;
    unsigned now = (unsigned)((uint64_t)os_now_us() / 1000);
    size_t written = atomic_fetch_add(&group.written, bytes) + bytes;
    if (now - group.looked >= CGROUP_LOOK_MS || written >= group.step)
        look(now);
    return group.full;
}

bool cgroup_lend(uint64_t bytes) {
    if (!group.version || !group.n_limits)
        return true;
    (void)cgroup_is_full(0);
    unsigned long long lent = group.lent, room = group.room;
    do {
        if (lent > room || bytes > room - lent)
            return false;
    } while (!atomic_compare_exchange_weak(&group.lent, &lent, lent + bytes));
    return true;
}

void cgroup_give(uint64_t bytes) {
    if (group.version && group.n_limits)
        group.lent -= bytes;
}
