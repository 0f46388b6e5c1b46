/* test_cgroup.c: the limits of a control group, in a folder that looks like one. */
#include "tests/support/test.h"

#include "daemon/base/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1 << 20, ALL = 1 << 30 /* so many bytes are a reason to look again */ };

static char folder[64];

static const char *in(const char *name) {
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text) {
    FILE *file = fopen(in(name), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static const char *const folders[] = {"point", "point/outer", "point/outer/inner"};
static const char *const files[] = {"cgroup",
                                    "mountinfo",
                                    "point/memory.stat",
                                    "point/memory.usage_in_bytes",
                                    "point/memory.limit_in_bytes",
                                    "point/outer/memory.max",
                                    "point/outer/memory.high",
                                    "point/outer/memory.current",
                                    "point/outer/memory.stat",
                                    "point/outer/inner/memory.max",
                                    "point/outer/inner/memory.high",
                                    "point/outer/inner/memory.current",
                                    "point/outer/inner/memory.stat"};

static int make(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/portd-cgroup.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        (void)mkdir(in(folders[i]), 0700);
    return 0;
}

static int unmake(void **state) {
    (void)state;
    cgroup_init("/nowhere");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)unlink(in(files[i]));
    for (size_t i = sizeof folders / sizeof *folders; i-- > 0;)
        (void)rmdir(in(folders[i]));
    return rmdir(folder);
}

static void put_mount(const char *root, const char *rest) {
    char line[512];
    (void)snprintf(line, sizeof line,
                   "30 1 0:1 / /proc rw - proc proc rw\n31 1 0:2 %s %s/point rw shared:4 - %s\n", root,
                   folder, rest);
    put("mountinfo", line);
}

static void make_second(const char *path, const char *root) {
    put("cgroup", path);
    put_mount(root, "cgroup2 cgroup2 rw,nsdelegate");
    put("point/outer/memory.max", "max\n");
    put("point/outer/memory.high", "max\n");
    put("point/outer/inner/memory.max", "max\n");
    put("point/outer/inner/memory.high", "max\n");
    put("point/outer/inner/memory.current", "104857600\n");
    put("point/outer/inner/memory.stat", "anon 1\nfile 2\ninactive_anon 5\ninactive_file 0\nactive_file 0\n");
    cgroup_init(folder);
}

static void the_least_limit_counts(void **state) {
    (void)state;
    make_second("1:name=memory:/elsewhere\n0::/outer/inner\n", "/");
    assert_false(cgroup_is_full(ALL));
    put("point/outer/inner/memory.max", "209715200\n"); /* 200 MiB */
    assert_false(cgroup_is_full(ALL));
    put("point/outer/memory.max", "136314880\n"); /* 130 MiB, of which 100 are more than three quarters */
    assert_true(cgroup_is_full(ALL));
    put("point/outer/memory.max", "max\n");
    assert_false(cgroup_is_full(ALL));
    put("point/outer/inner/memory.high", "136314880\n");
    assert_true(cgroup_is_full(ALL));
}

static void the_page_cache_of_disks_does_not_count(void **state) {
    (void)state;
    make_second("0::/outer/inner\n", "/");
    put("point/outer/inner/memory.max", "136314880\n");
    assert_true(cgroup_is_full(ALL));
    put("point/outer/inner/memory.stat",
        "anon 1\nfile 2\ninactive_file 2097152\nactive_file 1048576\n"); /* 3 MiB */
    assert_false(cgroup_is_full(ALL));
}

static void what_is_not_on_the_disk_yet_counts(void **state) {
    (void)state;
    make_second("0::/outer/inner\n", "/");
    put("point/outer/inner/memory.max", "136314880\n");
    put("point/outer/inner/memory.stat",
        "file_dirty 0\nfile_writeback 0\ninactive_file 2097152\nactive_file 1048576\n");
    assert_false(cgroup_is_full(ALL));
    put("point/outer/inner/memory.stat",
        "anon 1\nfile_dirty 1048576\nfile_writeback 0\ninactive_file 2097152\nactive_file 1048576\n");
    assert_true(cgroup_is_full(ALL));
    put("point/outer/inner/memory.stat",
        "anon 1\nfile_dirty 0\nfile_writeback 1048576\ninactive_file 2097152\nactive_file 1048576\n");
    assert_true(cgroup_is_full(ALL));
    put("point/outer/inner/memory.stat", /* counted anew since the pages were: more than all */
        "anon 1\nfile_dirty 9999999\nfile_writeback 9999999\ninactive_file 2097152\nactive_file 1048576\n");
    assert_true(cgroup_is_full(ALL));
}

/* Locked pages that the kernel still counts as active are mapped. */
static void what_is_mapped_counts_once(void **state) {
    (void)state;
    make_second("0::/outer/inner\n", "/");
    put("point/outer/inner/memory.max", "136314880\n");
    put("point/outer/inner/memory.stat",
        "anon 1\nfile_mapped 1048576\ninactive_file 2097152\nactive_file 1048576\nunevictable 0\n");
    assert_true(cgroup_is_full(ALL));
    put("point/outer/inner/memory.stat",
        "anon 1\nfile_mapped 1048576\ninactive_file 2097152\nactive_file 1048576\nunevictable 1048576\n");
    assert_false(cgroup_is_full(ALL)); /* those are in no list */
}

static void a_container_sees_its_own_group(void **state) {
    (void)state;
    make_second("0::/host/box/outer/inner\n", "/host/box");
    put("point/outer/memory.max", "136314880\n");
    assert_true(cgroup_is_full(ALL));
}

static void a_group_without_the_controller(void **state) {
    (void)state;
    put("cgroup", "0::/outer/inner\n");
    put_mount("/", "cgroup2 cgroup2 rw");
    put("point/outer/memory.max", "136314880\n");
    put("point/outer/memory.current", "104857600\n");
    put("point/outer/memory.stat", "anon 1\nfile 2\ninactive_file 0\nactive_file 0\n");
    cgroup_init(folder);
    assert_true(cgroup_is_full(ALL));
}

static void the_first_version(void **state) {
    (void)state;
    put("cgroup", "5:cpu,cpuacct:/\n4:memory:/\n0::/outer\n");
    put_mount("/", "cgroup cgroup rw,memory");
    put("point/memory.limit_in_bytes", "9223372036854771712\n");
    put("point/memory.usage_in_bytes", "104857600\n");
    put("point/memory.stat", "cache 7\ninactive_file 0\ntotal_inactive_file 0\ntotal_active_file 0\n");
    cgroup_init(folder);
    assert_false(cgroup_is_full(ALL));
    put("point/memory.limit_in_bytes", "136314880\n");
    assert_true(cgroup_is_full(ALL));
    put("point/memory.stat",
        "cache 7\ninactive_file 0\ntotal_inactive_file 2097152\ntotal_active_file 1048576\n");
    assert_false(cgroup_is_full(ALL));
    put("point/memory.stat", "cache 7\ndirty 0\ntotal_dirty 524288\ntotal_writeback "
                             "524288\ntotal_inactive_file 2097152\ntotal_active_file "
                             "1048576\n");
    assert_true(cgroup_is_full(ALL));
    put("point/memory.stat", "cache 7\nmapped_file 0\ntotal_mapped_file 1048576\ntotal_inactive_file "
                             "2097152\ntotal_active_file 1048576\ntotal_unevictable 0\n");
    assert_true(cgroup_is_full(ALL));
    put("point/memory.stat", "cache 7\ntotal_mapped_file 1048576\ntotal_inactive_file "
                             "2097152\ntotal_active_file 1048576\ntotal_unevictable 1048576\n");
    assert_false(cgroup_is_full(ALL));
}

/* A look for each byte would be costly; between two of them a sixteenth of the limit may be written. */
static void it_is_looked_at_as_bytes_are_written(void **state) {
    (void)state;
    make_second("0::/outer/inner\n", "/");
    put("point/outer/inner/memory.max", "16777216000\n"); /* a sixteenth would be 1000 MiB: 64 are enough */
    assert_false(cgroup_is_full(1));
    put("point/outer/inner/memory.current", "16777216000\n");
    bool full = false;
    for (int i = 0; i < 64 && !full; i++)
        full = cgroup_is_full(MIB);
    assert_true(full);
}

/* 100 of 200 MiB are used: 50 are left below the line. */
static void what_is_lent_stays_below_the_line(void **state) {
    (void)state;
    make_second("0::/outer/inner\n", "/");
    assert_true(cgroup_lend((uint64_t)1000 * MIB)); /* no limit */
    cgroup_give((uint64_t)1000 * MIB);
    put("point/outer/inner/memory.max", "209715200\n");
    assert_false(cgroup_is_full(ALL));
    assert_false(cgroup_lend(51 * MIB));
    assert_true(cgroup_lend(30 * MIB));
    assert_false(cgroup_lend(21 * MIB));
    assert_true(cgroup_lend(20 * MIB));
    cgroup_give(30 * MIB);
    assert_true(cgroup_lend(30 * MIB));
    assert_false(cgroup_lend(1));
    cgroup_give(50 * MIB);
}

static void no_group_has_no_limit(void **state) {
    (void)state;
    cgroup_init(folder);
    assert_false(cgroup_is_full(ALL));
    assert_true(cgroup_lend(UINT64_MAX / 2));
    cgroup_give(UINT64_MAX / 2);
    put("cgroup", "0::/outer/inner\n");
    cgroup_init(folder);
    assert_false(cgroup_is_full(ALL));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, unmake)
TEST_MAIN(CASE(the_least_limit_counts), CASE(the_page_cache_of_disks_does_not_count),
          CASE(what_is_not_on_the_disk_yet_counts), CASE(what_is_mapped_counts_once),
          CASE(a_container_sees_its_own_group), CASE(a_group_without_the_controller), CASE(the_first_version),
          CASE(it_is_looked_at_as_bytes_are_written), CASE(what_is_lent_stays_below_the_line),
          CASE(no_group_has_no_limit))
