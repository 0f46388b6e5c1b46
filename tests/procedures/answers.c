/* answers.c: makes one row of each kind from the answers of its states. Whether a semaphore and an event are supported is the same in all states; of ports,
 * the best counts, because a descriptor may be open for one direction and what it is connected to may have gone. */
#include "answers.h"

enum { COLUMNS = 6, KINDS_MOST = 64, LINE_MOST = 256 };

static struct row {
    const char *kind;
    char letters[COLUMNS];
} rows[KINDS_MOST];
static size_t n_rows;

/* The worst first. */
static const char port_letters[] = "ixe-s";

static const char *words[128] = {['s'] = "supported", ['-'] = "unsupported", ['a'] = "always ready",
                                 ['e'] = "error",     ['x'] = "refused",     ['i'] = "-"};

/* Of a semaphore or an event; the letter of the semaphore tells what is always ready: only such an event is without one. */
static char support(char letter, char semaphore) {
    if (letter == '-')
        return '-';
    return semaphore == '-' ? 'a' : 's';
}

static struct row *row_of(const char *kind) {
    for (size_t i = 0; i < n_rows; i++) {
        if (strcmp(rows[i].kind, kind) == 0)
            return &rows[i];
    }
    assert_true(n_rows < KINDS_MOST);
    rows[n_rows] = (struct row){.kind = kind};
    return &rows[n_rows++];
}

void answers_note(const char *kind, const char letters[6]) {
    struct row *row = row_of(kind);

    for (int i = 0; i < COLUMNS; i++) {
        char letter = i < 4 ? support(letters[i], i < 2 ? 's' : letters[i - 2]) : letters[i];
        const char *best = strchr(port_letters, letter);
        if (!row->letters[i])
            row->letters[i] = letter;
        else if (i < 4)
            assert_int_equal(row->letters[i], letter);
        else if (!best || best > strchr(port_letters, row->letters[i]))
            row->letters[i] = letter;
        if (!words[(unsigned char)row->letters[i]])
            fail_msg("%s: column %d has the answer %c", kind, i + 1, letter);
    }
}

static char letter_of(portd_client *client, int code) {
    if (code >= 0)
        return 's';
    if (code == PORTD_E_UNSUPPORTED)
        return '-';
    if (code == PORTD_E_SYSTEM)
        return 'e';
    print_error("%s: %s\n", portd_code_name(code), portd_last_error(client));
    return '?';
}

static void end_port(portd_client *client, portd_id port) {
    if (!port)
        return;
    assert_int_equal(portd_port_close(client, port, fixture_soon()), 1);
    assert_int_equal(portd_release(client, &port, 1, fixture_soon()), 1);
}

char answers_port(portd_client *client, portd_native fd, bool socket, bool write, char event) {
    const uint64_t one = 1; /* what an eventfd takes */
    char bytes[4096];       /* what inotify wants is less */
    unsigned flags = write ? PORTD_WRITE : PORTD_READ;
    portd_id in = 0, out = 0;
    size_t n;

    if (event == 'i')
        return 'i';
    int code = socket ? portd_socket_to_port(client, fd, "kind", 0, fixture_soon(), &in, &out)
                      : portd_fd_to_port(client, fd, "kind", flags, fixture_soon(), &in, &out);
    if (code == PORTD_E_INVALID)
        return 'x';
    if (code < 0)
        return letter_of(client, code);
    if (write)
        code = portd_port_write(client, out, &one, sizeof(one), fixture_soon(), &n);
    else
        code = portd_port_read(client, in, bytes, sizeof(bytes), 0, fixture_soon(), &n, NULL);
    char letter = letter_of(client, code);
    end_port(client, in);
    end_port(client, out);
    return letter;
}

static void write_row(const struct row *row, const char *system, char line[LINE_MOST]) {
    int n = snprintf(line, LINE_MOST, "%s\t%s", system, row->kind);

    for (int i = 0; i < COLUMNS; i++)
        n += snprintf(line + n, (size_t)(LINE_MOST - n), "\t%s", words[(unsigned char)row->letters[i]]);
    assert_true(n < LINE_MOST);
}

static FILE *open_committed(void) {
    const char *source = getenv("PORTD_SOURCE");
    char path[4096];

    if (!source)
        test_skip("PORTD_SOURCE does not name the project");
    (void)snprintf(path, sizeof(path), "%s/tests/kinds.tsv", source);
    return fopen(path, "rb");
}

/* Whether two rows are the same; `-` is no answer, so it is the same as any. */
static bool is_same(const char *ours, const char *theirs) {
    while (*ours || *theirs) {
        size_t a = strcspn(ours, "\t"), b = strcspn(theirs, "\t");
        bool any = (a == 1 && *ours == '-') || (b == 1 && *theirs == '-');
        if (!any && (a != b || memcmp(ours, theirs, a) != 0))
            return false;
        if (!ours[a] != !theirs[b])
            return false;
        ours += a + (ours[a] != '\0');
        theirs += b + (theirs[b] != '\0');
    }
    return true;
}

/* seen: the rows of this run that the file has; any: it has some of the system. Returns how many others it has. */
static int compare(FILE *file, const char *system, bool seen[KINDS_MOST], bool *any) {
    char theirs[LINE_MOST], ours[LINE_MOST];
    size_t length = strlen(system);
    int wrong = 0;

    while (fgets(theirs, sizeof(theirs), file)) {
        bool found = false;
        if (strncmp(theirs, system, length) != 0 || theirs[length] != '\t')
            continue;
        *any = true;
        theirs[strcspn(theirs, "\r\n")] = '\0';
        for (size_t i = 0; i < n_rows && !found; i++) {
            write_row(&rows[i], system, ours);
            found = is_same(ours, theirs);
            seen[i] |= found;
        }
        if (!found)
            print_error("tests/kinds.tsv has  %s\n", theirs);
        wrong += !found;
    }
    return wrong;
}

static void append_rows(const char *system) {
    const char *path = getenv("PORTD_TEST_KINDS_FILE");
    char line[LINE_MOST];

    if (!path)
        return;
    FILE *file = fopen(path, "ab");
    if (!file)
        fail_msg("%s: %s", path, strerror(errno));
    for (size_t i = 0; i < n_rows; i++) {
        write_row(&rows[i], system, line);
        assert_true(fprintf(file, "%s\n", line) > 0);
    }
    assert_int_equal(fclose(file), 0);
}

void answers_check(const char *system) {
    bool seen[KINDS_MOST] = {false}, any = false;
    char line[LINE_MOST];
    int wrong = 0;

    append_rows(system);
    FILE *file = open_committed();
    if (!file)
        return;
    wrong = compare(file, system, seen, &any);
    (void)fclose(file);
    for (size_t i = 0; any && i < n_rows; i++) {
        write_row(&rows[i], system, line);
        if (!seen[i])
            print_error("this run answers     %s\n", line);
        wrong += !seen[i];
    }
    if (wrong)
        fail_msg("tests/kinds.tsv has other rows of %s: scripts/record takes those of a run", system);
}
