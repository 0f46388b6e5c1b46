/* test_command_line.c: what portd says, and how it exits, when an option is wrong, or when it cannot listen where it was told to or where its user's socket belongs. */
#define _GNU_SOURCE

#include "guest.h"

enum { USAGE = 2, STRANGER = 1000 };

struct started {
    const char *listen; /* NULL: without the option */
    const char *option; /* instead of --listen; NULL: none */
    const char *runtime;
    bool as_user; /* not as root */
    int said;     /* standard error */
};

static int start(void *data) {
    const struct started *started = data;
    const char *program = getenv("PORTD_DAEMON");

    if (dup2(started->said, 2) != 2)
        return 100;
    if (setenv("XDG_RUNTIME_DIR", started->runtime ? started->runtime : "", 1) < 0)
        return 101;
    /* The program is opened before, so it may lie where that user cannot look. */
    int file = open(program, O_RDONLY);
    if (file < 0 || (started->as_user && geteuid() == 0 && !guest_become(STRANGER)))
        return 102;
    const char *option = started->option ? started->option : "--listen";
    char *const bare[] = {(char *)(uintptr_t) "portd", NULL};
    char *const told[] = {(char *)(uintptr_t) "portd", (char *)(uintptr_t)option,
                          (char *)(uintptr_t)started->listen, NULL};
    (void)fexecve(file, started->listen ? told : bare, environ);
    return 103;
}

/* The exit status, and what it has written to standard error. */
static int end_of(struct started *started, char *text, size_t size) {
    int said[2];
    size_t used = 0;
    ssize_t n;

    if (!getenv("PORTD_DAEMON"))
        test_skip("PORTD_DAEMON does not name the broker");
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    (void)fixture_own(said[0]);
    started->said = said[1];
    pid_t broker = fixture_fork(start, started);
    assert_int_equal(close(said[1]), 0);
    while ((n = read(said[0], text + used, size - 1 - used)) > 0)
        used += (size_t)n;
    assert_int_equal(n, 0);
    text[used] = '\0';
    fixture_close(said[0]);
    return fixture_reap(broker);
}

static void an_address_that_is_none_is_a_fault_of_the_command_line(void **state) {
    static const struct {
        const char *address, *fault;
    } wrong[] = {{"nonsense", "an address starts with unix: or fd:"},
                 {"", "an address starts with unix: or fd:"},
                 {"fd:", "the number after fd: is missing"},
                 {"fd:x", "the text after fd: is not a descriptor number"},
                 {"unix:rel", "the path after unix: must be absolute"},
                 {"unix:@", "the name after unix:@ is missing"},
                 {"unix:/tmp/", "the path names a directory, not a socket"}};
    char text[1024], expected[256];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct started started = {.listen = wrong[i].address};
        assert_int_equal(end_of(&started, text, sizeof(text)), USAGE);
        (void)snprintf(expected, sizeof(expected), "portd: --listen %s: %s", wrong[i].address,
                       wrong[i].fault);
        assert_memory_equal(text, expected, strlen(expected));
        assert_non_null(strstr(text, "\nportd: see portd --help\n"));
    }
}

static void options_are_not_abbreviated(void **state) {
    static const struct {
        const char *option, *word, *fault;
    } wrong[] = {{"--liste", "fd:1000", "unknown option \"--liste\""},
                 {"--listen-to", "fd:1000", "unknown option \"--listen-to\""},
                 {"--mo=600", "--help", "unknown option \"--mo=600\""},
                 {"--vers", "--help", "unknown option \"--vers\""},
                 {"listen", "--vers", "unexpected argument \"listen\""},
                 {"--", "--version", "unexpected argument \"--version\""},
                 {"--mode", "--mo", "--mode --mo: expected an octal file mode up to 0777, such as 0660"},
                 {"--mode=rw", "--mo", "--mode rw: expected an octal file mode up to 0777, such as 0660"}};
    char text[1024], expected[256];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct started started = {.option = wrong[i].option, .listen = wrong[i].word};
        assert_int_equal(end_of(&started, text, sizeof(text)), USAGE);
        (void)snprintf(expected, sizeof(expected), "portd: %s\nportd: see portd --help\n", wrong[i].fault);
        assert_string_equal(text, expected);
    }
}

/* The address is one; that nobody can listen there is no fault of the command line. */
static void an_address_where_nothing_can_listen_is_a_failure(void **state) {
    struct started started = {.listen = "unix:/nonexistent/portd.sock"};
    char text[1024];

    (void)state;
    assert_int_equal(end_of(&started, text, sizeof(text)), EXIT_FAILURE);
    assert_non_null(strstr(text, "cannot listen on unix:/nonexistent/portd.sock: No such file or directory"));
    started.listen = "fd:1000";
    assert_int_equal(end_of(&started, text, sizeof(text)), EXIT_FAILURE);
    assert_non_null(strstr(text, "cannot listen on fd:1000: Bad file descriptor"));
}

static void a_directory_that_cannot_be_created_is_named_with_its_variables(void **state) {
    static char longest[200];
    struct started started = {.runtime = "/sys", .as_user = true};
    char text[1024];

    (void)state;
    assert_int_equal(end_of(&started, text, sizeof(text)), EXIT_FAILURE);
    assert_non_null(strstr(text, "cannot create the directory of unix:/sys/portd/portd.sock: "));
    assert_non_null(strstr(text, "XDG_RUNTIME_DIR, if set, else TMPDIR must name a directory"));
    (void)memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    started.runtime = longest;
    assert_int_equal(end_of(&started, text, sizeof(text)), EXIT_FAILURE);
    char reason[256]; /* each C library has its own words for it */
    (void)snprintf(reason, sizeof(reason), "cannot create the directory of this user's socket: %s; ",
                   strerror(ENAMETOOLONG));
    assert_non_null(strstr(text, reason));
    assert_non_null(strstr(text, "XDG_RUNTIME_DIR"));
}

TEST_MAIN(FIXTURE_CASE_BARE(an_address_that_is_none_is_a_fault_of_the_command_line),
          FIXTURE_CASE_BARE(options_are_not_abbreviated),
          FIXTURE_CASE_BARE(an_address_where_nothing_can_listen_is_a_failure),
          FIXTURE_CASE_BARE(a_directory_that_cannot_be_created_is_named_with_its_variables))
