/* test_installation.c: which daemon a program starts that the library is linked into. Run with an argument, this program says whether it
 * finds one. */
#include "tests/support/test.h"

#include "client/installation.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

enum { GROUP = 65533 };

struct place {
    char folder[32];
    char daemon[64];
};

/* A folder with a program of that name, and no other place where one is found. */
static void place_make(struct place *place, mode_t mode) {
    char path[ADDRESS_MAX];

    assert_int_equal(setenv("PATH", "", 1), 0);
    if (installation_daemon(path))
        test_skip("a broker is installed here");
    strcpy(place->folder, "/tmp/portd-installation-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->daemon, sizeof(place->daemon), "%s/portd", place->folder);
    int fd = open(place->daemon, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void place_remove(const struct place *place) {
    assert_int_equal(remove(place->daemon), 0);
    assert_int_equal(rmdir(place->folder), 0);
}

static const char *found_in(const char *path) {
    static char found[ADDRESS_MAX];

    assert_int_equal(setenv("PATH", path, 1), 0);
    return installation_daemon(found);
}

static void the_first_program_in_path_is_found(void **state) {
    struct place first, second, closed;
    char path[1024];

    (void)state;
    place_make(&first, 0755);
    place_make(&second, 0755);
    place_make(&closed, 0644); /* nobody may run it, root either */
    snprintf(path, sizeof(path), "/nonexistent:%s:%s:%s", closed.folder, first.folder, second.folder);
    assert_string_equal(found_in(path), first.daemon);
    assert_string_equal(found_in(second.folder), second.daemon);
    assert_null(found_in(closed.folder));
    assert_int_equal(remove(first.daemon), 0);
    assert_int_equal(mkdir(first.daemon, 0755), 0); /* no program */
    assert_string_equal(found_in(path), second.daemon);
    assert_int_equal(unsetenv("PATH"), 0);
    assert_null(installation_daemon(path));
    place_remove(&first);
    place_remove(&second);
    place_remove(&closed);
}

static void a_directory_that_depends_on_the_working_directory_is_passed_over(void **state) {
    struct place place;
    char before[1024], longest[ADDRESS_MAX + 64];

    (void)state;
    place_make(&place, 0755);
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(place.folder), 0);
    assert_null(found_in("."));
    assert_null(found_in(""));
    assert_null(found_in(":"));
    assert_null(found_in("/nonexistent::."));
    /* A path that does not fit is passed over, too. */
    snprintf(longest, sizeof(longest), "/%0*d:%s", ADDRESS_MAX, 0, place.folder);
    assert_string_equal(found_in(longest), place.daemon);
    assert_int_equal(chdir(before), 0);
    place_remove(&place);
}

static void copy_own_program(const char *path, gid_t group) {
    static char bytes[65536];
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
        to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    ssize_t n;

    assert_true(from >= 0 && to >= 0);
    while ((n = read(from, bytes, sizeof(bytes))) > 0)
        assert_int_equal(write(to, bytes, (size_t)n), n);
    assert_int_equal(n, 0);
    assert_int_equal(fchown(to, (uid_t)-1, group), 0);
    assert_int_equal(fchmod(to, group == getegid() ? 0755 : 02755), 0);
    close(from);
    close(to);
}

/* The exit status of a copy of this program that runs with that group. */
static int run_as_group(const char *folder, gid_t group) {
    char program[64];
    int status;

    snprintf(program, sizeof(program), "%s/program", folder);
    copy_own_program(program, group);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)execl(program, program, "find", (char *)NULL);
        _exit(100);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(unlink(program), 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_process_with_raised_privileges_ignores_path(void **state) {
    struct place place;
    struct statvfs system;

    (void)state;
    if (geteuid() != 0)
        test_skip("only root may give a program another group");
    place_make(&place, 0755);
    assert_int_equal(statvfs(place.folder, &system), 0);
    if (system.f_flag & ST_NOSUID) {
        place_remove(&place);
        test_skip("no program gets another group here");
    }
    assert_int_equal(setenv("PATH", place.folder, 1), 0);
    assert_int_equal(run_as_group(place.folder, getegid()), 0);
    assert_int_equal(run_as_group(place.folder, GROUP), 1);
    place_remove(&place);
}

int main(int argc, char **argv) {
    struct CMUnitTest cases[] = {TEST_CASE(the_first_program_in_path_is_found),
                                 TEST_CASE(a_directory_that_depends_on_the_working_directory_is_passed_over),
                                 TEST_CASE(a_process_with_raised_privileges_ignores_path)};
    char path[ADDRESS_MAX];

    (void)argv;
    if (argc > 1)
        return installation_daemon(path) ? 0 : 1;
    return TEST_RUN(cases);
}
