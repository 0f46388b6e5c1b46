/* counted.c: see counted.h. Callgrind writes its counts to files count.1, count.2 ... in a directory that is removed with the
 * case. */
#include "counted.h"

#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

static struct {
    struct fixture broker;
    char folder[64];
    unsigned marks;
    uint64_t own; /* of a mark */
} counted;

static void remove_folder(void) {
    struct dirent *entry;
    DIR *folder = *counted.folder ? opendir(counted.folder) : NULL;

    while (folder && (entry = readdir(folder)))
        if (*entry->d_name != '.')
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        (void)closedir(folder);
    if (*counted.folder)
        (void)rmdir(counted.folder);
    *counted.folder = '\0';
}

int counted_after(void **state) {
    int different = fixture_after(state);

    remove_folder();
    return different;
}

/* The name of a program that becomes the broker under callgrind. */
static void write_script(char path[PATH_MAX], const char *daemon, const char *limit) {
    char text[PATH_MAX];
    const char *temporary = getenv("TMPDIR");

    (void)snprintf(counted.folder, sizeof(counted.folder), "%s/portd-cost-XXXXXX",
                   temporary && *temporary ? temporary : "/tmp");
    assert_non_null(mkdtemp(counted.folder));
    (void)snprintf(path, PATH_MAX, "%s/portd", counted.folder);
    int size = snprintf(text, sizeof(text),
                        "#!/bin/sh\n%sexec '%s' --tool=callgrind --vgdb=no --log-file='%s/log' "
                        "--callgrind-out-file='%s/count' --dump-before=call_position '%s' \"$@\"\n",
                        limit, VALGRIND, counted.folder, counted.folder, daemon);
    assert_in_range(size, 1, sizeof(text) - 1);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fchmod(fileno(file), 0700) == 0);
    assert_int_equal(fclose(file), 0);
}

static const struct fixture *start(const char *limit) {
    char script[PATH_MAX], daemon[PATH_MAX];
    const char *named = getenv("PORTD_DAEMON");
    struct raw raw;

    if (!named || !*named)
        fail_msg("PORTD_DAEMON does not name the broker");
    (void)snprintf(daemon, sizeof(daemon), "%s", named);
    write_script(script, daemon, limit);
    (void)setenv("PORTD_DAEMON", script, 1);
    fixture_start(&counted.broker, NULL);
    (void)setenv("PORTD_DAEMON", daemon, 1);
    counted.marks = 0;
    counted.own = 0;
    guest_open_at(&raw, counted.broker.address);
    (void)counted_mark(&raw);
    (void)counted_mark(&raw); /* the first answer brings in pages and symbols */
    counted.own = counted_mark(&raw);
    guest_close(&raw);
    return &counted.broker;
}

const struct fixture *counted_start(void) { return start(""); }

const struct fixture *counted_start_limited(unsigned descriptors) {
    char limit[48];

    (void)snprintf(limit, sizeof(limit), "ulimit -n %u\n", descriptors);
    return start(limit);
}

/* The last line of a dump is "totals: N". */
static uint64_t read_total(const char *path) {
    uint64_t total = 0;
    bool found = false;
    char line[512];
    FILE *file = fopen(path, "re");

    if (!file)
        fail_msg("callgrind has written nothing: does the broker's call_position have another name?");
    while (fgets(line, sizeof(line), file))
        found |= sscanf(line, "totals: %" SCNu64, &total) == 1;
    (void)fclose(file);
    assert_true(found);
    return total;
}

uint64_t counted_mark(struct raw *raw) {
    char path[PATH_MAX];
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Position position = PORTD__V1__POSITION__INIT;

    position.id = 1; /* nobody's */
    request.method_case = PORTD__V1__REQUEST__METHOD_POSITION;
    request.position = &position;
    assert_int_equal(raw_code(raw_ask(raw, &request)), PORTD__V1__CODE__CODE_NOT_FOUND);
    (void)snprintf(path, sizeof(path), "%s/count.%u", counted.folder, ++counted.marks);
    uint64_t total = read_total(path);
    assert_int_equal(unlink(path), 0);
    return total > counted.own ? total - counted.own : 0;
}

uint64_t counted_work(struct raw *raw, void (*work)(void *data), void *data) {
    (void)counted_mark(raw);
    work(data);
    return counted_mark(raw);
}
