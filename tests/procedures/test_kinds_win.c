/* test_kinds_win.c: each kind of handle of Windows, idle, then ready or ended, tested with a semaphore, an event and a port for both directions. Looking takes no signal from
 * anybody. */
#include "tests/support/ends_win.h"
/* after winsock2.h */
#include "answers.h"

/* Answers: a letter for the semaphore of reading, of writing, the event of reading, of writing. i: idle, f: fired, r: ready, h: by a hang-up or half-close, -:
 * it can have none. */
struct kind {
    const char *kind; /* of tests/kinds.tsv */
    const char *name, *type;
    void (*make)(os_fd ends[2]); /* ends[0] is asked; the other may be OS_FD_NONE */
    const char *idle;
    void (*change)(os_fd ends[2]); /* NULL: it does not change */
    const char *changed;
    bool signalled; /* from the start, and by a wait no more */
};

static void lone(os_fd ends[2], os_fd fd) {
    ENDS_MUST(fd && fd != OS_FD_NONE);
    ends[0] = fd;
    ends[1] = OS_FD_NONE;
}

static os_fd copy_of(HANDLE handle) {
    HANDLE copy;

    ENDS_MUST(DuplicateHandle(GetCurrentProcess(), handle, GetCurrentProcess(), &copy, 0, FALSE,
                              DUPLICATE_SAME_ACCESS));
    return copy;
}

static struct sockaddr_in address; /* of the last socket that was bound */

static void make_listener(os_fd ends[2]) {
    lone(ends, ends_bound(SOCK_STREAM, &address));
    ENDS_MUST(listen((SOCKET)ends[0], 1) == 0);
}
static void make_udp(os_fd ends[2]) { lone(ends, ends_bound(SOCK_DGRAM, &address)); }
static void make_udp_pair(os_fd ends[2]) {
    struct sockaddr_in addresses[2];
    for (int i = 0; i < 2; i++)
        ends[i] = ends_bound(SOCK_DGRAM, &addresses[i]);
    for (int i = 0; i < 2; i++)
        ENDS_MUST(connect((SOCKET)ends[i], (struct sockaddr *)&addresses[1 - i], sizeof(*addresses)) == 0);
}
static void make_bytes(os_fd ends[2]) { ends_pipe(ends, false); }
static void make_messages(os_fd ends[2]) { ends_pipe(ends, true); }
static const char served[] = "\\\\.\\pipe\\portd-test-kinds";
static void make_server(os_fd ends[2]) {
    lone(ends, CreateNamedPipeA(served, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1, 4096,
                                4096, 0, NULL));
}
static void make_output(os_fd ends[2]) {
    HANDLE copy;
    ends_pipe(ends, false);
    ENDS_MUST(DuplicateHandle(GetCurrentProcess(), ends[0], GetCurrentProcess(), &copy, GENERIC_WRITE, FALSE,
                              DUPLICATE_CLOSE_SOURCE));
    ends[0] = copy;
}
static void make_plain_writer(os_fd ends[2]) {
    os_fd made[2];
    ends_plain_pipe(made);
    ends[0] = made[1];
    ends[1] = made[0];
}
static void make_file(os_fd ends[2]) { lone(ends, ends_file(GENERIC_READ | GENERIC_WRITE, 0)); }
static void make_null(os_fd ends[2]) { lone(ends, ends_null(0)); }
static void make_directory(os_fd ends[2]) {
    lone(ends, CreateFileA("C:\\windows", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                           OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL));
}
static void make_event(os_fd ends[2]) { lone(ends, CreateEventW(NULL, TRUE, FALSE, NULL)); }
static void make_auto_event(os_fd ends[2]) { lone(ends, CreateEventW(NULL, FALSE, TRUE, NULL)); }
static void make_semaphore(os_fd ends[2]) { lone(ends, CreateSemaphoreW(NULL, 1, 1, NULL)); }
static void make_mutex(os_fd ends[2]) { lone(ends, CreateMutexW(NULL, FALSE, NULL)); }
static void make_timer(os_fd ends[2]) { lone(ends, CreateWaitableTimerW(NULL, TRUE, NULL)); }
static void make_auto_timer(os_fd ends[2]) { lone(ends, CreateWaitableTimerW(NULL, FALSE, NULL)); }
static void make_job(os_fd ends[2]) { lone(ends, CreateJobObjectW(NULL, NULL)); }
static void make_process(os_fd ends[2]) {
    STARTUPINFOA how = {.cb = sizeof(how)};
    PROCESS_INFORMATION child;
    char command[] = "cmd /c exit 0";
    ENDS_MUST(CreateProcessA(NULL, command, NULL, NULL, FALSE, CREATE_SUSPENDED, NULL, NULL, &how, &child));
    ends[0] = child.hProcess;
    ends[1] = child.hThread;
}
static DWORD WINAPI run(void *unused) {
    (void)unused;
    return 0;
}
static void make_thread(os_fd ends[2]) {
    HANDLE thread = CreateThread(NULL, 0, run, NULL, CREATE_SUSPENDED, NULL);
    ENDS_MUST(thread);
    ends[0] = thread;
    ends[1] = copy_of(thread);
}

static void put(os_fd ends[2]) {
    OVERLAPPED at = {0};
    DWORD n;
    at.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    (void)WriteFile(ends[1], "x", 1, NULL, &at);
    ENDS_MUST(GetOverlappedResult(ends[1], &at, &n, TRUE));
    os_close(at.hEvent);
}
static void come_and_put(os_fd ends[2]) {
    ends[1] =
        CreateFileA(served, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    ENDS_MUST(ends[1] != INVALID_HANDLE_VALUE);
    put(ends);
}
static void put_plainly(os_fd ends[2]) {
    DWORD n;
    ENDS_MUST(WriteFile(ends[1], "x", 1, &n, NULL));
}
static void send_byte(os_fd ends[2]) { ENDS_MUST(send((SOCKET)ends[1], "x", 1, 0) == 1); }
static void stop(os_fd ends[2]) { ENDS_MUST(shutdown((SOCKET)ends[1], SD_SEND) == 0); }
static void leave(os_fd ends[2]) {
    os_close(ends[1]);
    ends[1] = OS_FD_NONE;
}
static void come(os_fd ends[2]) {
    ends[1] = ends_socket(AF_INET, SOCK_STREAM);
    ENDS_MUST(connect((SOCKET)ends[1], (struct sockaddr *)&address, sizeof(address)) == 0);
}
static void send_to(os_fd ends[2]) {
    ends[1] = ends_socket(AF_INET, SOCK_DGRAM);
    ENDS_MUST(sendto((SOCKET)ends[1], "", 0, 0, (struct sockaddr *)&address, sizeof(address)) == 0);
}
static void set(os_fd ends[2]) { ENDS_MUST(SetEvent(ends[0])); }
static void resume(os_fd ends[2]) {
    ENDS_MUST(ResumeThread(ends[1]) != (DWORD)-1);
    ENDS_MUST(WaitForSingleObject(ends[0], 60000) == WAIT_OBJECT_0);
}

static const struct kind kinds[] = {
    {"TCP socket", "a connection with data", "tcp", ends_tcp, "ifir", send_byte, "ffrr", false},
    {"TCP socket", "a connection whose peer has stopped", "tcp", ends_tcp, "ifir", stop, "hfhr", false},
    {"TCP listener", "a listener", "tcp-listener", make_listener, "iiii", come, "firi", false},
    {"UDP socket", "datagrams", "udp", make_udp, "ifir", send_to, "ffrr", false},
    {"UDP socket", "connected datagrams", "udp", make_udp_pair, "ifir", send_byte, "ffrr", false},
    {"named pipe, overlapped", "a pipe of bytes", "pipe", make_bytes, "i-i-", put, "f-r-", false},
    {"named pipe, overlapped", "a pipe of messages", "pipe", make_messages, "i-i-", put, "f-r-", false},
    {"named pipe, overlapped", "a pipe whose other end has gone", "pipe", make_bytes, "i-i-", leave, "h-h-",
     false},
    {"pipe for synchronous I/O", "a plain pipe", "plain-pipe", ends_plain_pipe, "i-i-", put_plainly, "f-r-",
     false},
    {"pipe for synchronous I/O", "a plain pipe whose writer has gone", "plain-pipe", ends_plain_pipe, "i-i-",
     leave, "h-h-", false},
    {"pipe for synchronous I/O", "the writer's end of a plain pipe", "plain-pipe", make_plain_writer, "i-i-",
     leave, "h-h-", false},
    {"named pipe, open for writing alone", "a pipe that is not open for reading", "output-pipe", make_output,
     "----", NULL, NULL, false},
    {"regular file", "a file", "regular", make_file, "--rr", NULL, NULL, false},
    {"directory", "a directory", "directory", make_directory, "--rr", NULL, NULL, false},
    {"null device", "the null device", "character", make_null, "--rr", NULL, NULL, false},
    {"event object that stays set", "an event object", "event-object", make_event, "i-i-", set, "f-r-",
     false},
    {"process", "a process", "process", make_process, "i-i-", resume, "f-r-", false},
    {"thread", "a thread", "thread", make_thread, "i-i-", resume, "f-r-", false},
    {"event object that resets itself", "an event object that resets itself", "auto-reset-event",
     make_auto_event, "----", NULL, NULL, true},
    {"semaphore object", "a semaphore object", "semaphore-object", make_semaphore, "----", NULL, NULL, true},
    {"mutex", "a mutex", "mutex", make_mutex, "----", NULL, NULL, true},
    {"timer that stays signalled", "a timer", "timer-object", make_timer, "----", NULL, NULL, false},
    {"timer that resets itself", "a timer that resets itself", "timer-object", make_auto_timer, "----", NULL,
     NULL, false},
    {"job", "a job", "other", make_job, "----", NULL, NULL, false}};

static bool is_socket(const struct kind *kind) {
    return strcmp(kind->type, "tcp") == 0 || strcmp(kind->type, "udp") == 0 ||
           strcmp(kind->type, "tcp-listener") == 0;
}

static portd_id make_object(portd_client *c, const struct kind *kind, os_fd fd, bool evt, int mode) {
    portd_id id = 0;
    int64_t soon = fixture_soon();
    bool socket = is_socket(kind);
    int result = evt ? portd_fd_to_evt(c, (portd_native)fd, mode, socket ? PORTD_SOCKET : PORTD_FD, soon, &id)
                 : socket ? portd_socket_to_semaphore(c, (portd_native)fd, mode, soon, &id)
                          : portd_fd_to_semaphore(c, (portd_native)fd, mode, soon, &id);

    if (result < 0)
        fail_msg("%s: %s", kind->name, portd_last_error(c));
    if (!result)
        assert_int_equal(portd_last_flags(c), PORTD_RESULT_UNSUPPORTED);
    return id;
}

/* What the broker calls the kind of its copy. */
static void check_type(portd_client *c, const struct kind *kind, portd_id id) {
    portd_list *list;

    assert_int_equal(portd_show(c, &id, 1, fixture_soon(), &list), 1);
    portd_id descriptor = portd_list_item(list, 0)->descriptor;
    portd_list_free(list);
    if (!descriptor) /* it has fired */
        return;
    assert_int_equal(portd_show(c, &descriptor, 1, fixture_soon(), &list), 1);
    assert_string_equal(portd_list_item(list, 0)->type, kind->type);
    portd_list_free(list);
}

/* What a client that waits for the handle sees. expected: then it may come a little later, by a thread. */
static bool is_handle_ready(portd_client *c, portd_id id, bool evt, bool expected) {
    portd_native handle = -1;
    int result = evt ? portd_handle_arm(c, id, fixture_soon(), &handle)
                     : portd_handle_dup(c, id, fixture_soon(), &handle);
    assert_int_equal(result, 1);
    bool ready = WaitForSingleObject((HANDLE)handle, expected ? 60000 : 0) == WAIT_OBJECT_0;
    assert_false(SetEvent((HANDLE)handle));
    os_close((os_fd)handle);
    return ready;
}

static char letter_of(bool evt, int count, const portd_ready *ready) {
    if (!count)
        return 'i';
    if (ready->cause == PORTD_CAUSE_READY)
        return evt ? 'r' : 'f';
    return ready->cause == PORTD_CAUSE_HANG_UP || ready->cause == PORTD_CAUSE_HALF_CLOSE ? 'h' : '!';
}

static char ask(portd_client *c, const struct kind *kind, os_fd fd, bool evt, bool write) {
    int mode = write ? PORTD_MODE_WRITE : PORTD_MODE_READ;
    portd_id id = make_object(c, kind, fd, evt, mode);
    portd_ready ready;

    if (!id)
        return '-';
    int count = portd_wait(c, &id, 1, 0, 0, &ready);
    assert_true(count >= 0);
    check_type(c, kind, id);
    assert_int_equal(is_handle_ready(c, id, evt, count > 0), count);
    assert_int_equal(portd_remove(c, id, fixture_soon()), 1);
    assert_int_equal(portd_release(c, &id, 1, fixture_soon()), 1);
    return letter_of(evt, count, &ready);
}

static void ask_all(portd_client *c, const struct kind *kind, os_fd fd, const char *expected) {
    char answers[7] = "";

    for (int i = 0; i < 4; i++)
        answers[i] = ask(c, kind, fd, i >= 2, i % 2);
    if (strcmp(answers, expected) != 0)
        fail_msg("%s: %s, not %s", kind->name, answers, expected);
    for (int i = 0; i < 2; i++)
        answers[4 + i] = answers_port(c, (portd_native)fd, is_socket(kind), i == 1, answers[2 + i]);
    answers_note(kind->kind, answers);
}

/* What is not told later is not told at all: the wait is in flight when it changes. */
static void wait_for_change(portd_client *c, const struct kind *kind, os_fd ends[2]) {
    portd_id semaphore = make_object(c, kind, ends[0], false, PORTD_MODE_READ);
    portd_id evt = make_object(c, kind, ends[0], true, PORTD_MODE_READ);
    portd_ready ready[2];
    const portd_id ids[2] = {semaphore, evt};

    assert_true(semaphore && evt);
    assert_int_equal(portd_wait(c, ids, 2, 0, 0, ready), 0);
    kind->change(ends);
    assert_int_equal(portd_wait(c, ids, 2, PORTD_WAIT_ALL, fixture_soon(), ready), 2);
    assert_int_equal(portd_remove(c, evt, fixture_soon()), 1);
    assert_int_equal(portd_release(c, ids, 2, fixture_soon()), 1);
}

static void check(portd_client *c, const struct kind *kind) {
    os_fd ends[2];

    kind->make(ends);
    ask_all(c, kind, ends[0], kind->idle);
    if (kind->change) {
        wait_for_change(c, kind, ends);
        ask_all(c, kind, ends[0], kind->changed);
    }
    if (kind->signalled)
        assert_int_equal(WaitForSingleObject(ends[0], 0), WAIT_OBJECT_0); /* nobody took it */
    if (!strcmp(kind->type, "mutex"))
        assert_true(ReleaseMutex(ends[0]));
    os_close(ends[0]);
    os_close(ends[1]);
}

static bool all_answered;

static void each_kind(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    ends_begin();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        check(c, &kinds[i]);
    all_answered = true;
}

static void kinds_answer_as_the_table_says(void **state) {
    (void)state;
    if (!all_answered)
        test_skip("another case has failed or was left out, so not every kind was answered");
    answers_check("Windows");
}

/* It is not always ready: that somebody has come and written is told. */
static void a_pipe_to_which_nobody_has_come(void **state) {
    static const struct kind kind = {.name = "a server's end", .type = "pipe", .change = come_and_put};
    portd_client *c = fixture_client(NULL);
    os_fd ends[2];

    (void)state;
    make_server(ends);
    wait_for_change(c, &kind, ends);
    os_close(ends[0]);
    os_close(ends[1]);
}

/* A handle and a socket may have the same number: they are two. */
static void numbers_of_handles_and_sockets_are_apart(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id by_handle, by_socket, found;
    os_fd ends[2];

    (void)state;
    ends_tcp(ends);
    portd_native number = (portd_native)ends[0];
    assert_int_equal(portd_fd_to_semaphore(c, number, PORTD_MODE_READ, fixture_soon(), &by_handle), 1);
    assert_int_equal(portd_socket_to_semaphore(c, number, PORTD_MODE_CHECK_READ, fixture_soon(), &found), 0);
    assert_int_equal(portd_socket_to_semaphore(c, number, PORTD_MODE_READ, fixture_soon(), &by_socket), 1);
    assert_true(by_handle != by_socket);
    assert_int_equal(portd_socket_to_semaphore(c, number, PORTD_MODE_REMOVE, fixture_soon(), &found), 0);
    assert_int_equal(portd_fd_to_semaphore(c, number, PORTD_MODE_CHECK_READ, fixture_soon(), &found), 1);
    assert_true(found == by_handle);
    os_close(ends[0]);
    os_close(ends[1]);
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL);
    assert_int_equal(
        portd_socket_to_semaphore(c, (portd_native)event, PORTD_MODE_READ, fixture_soon(), &found),
        PORTD_E_INVALID);
    os_close(event);
}

/* Who attached one would hide its own hang-up. */
static void a_connection_to_this_broker(void **state) {
    portd_client *c = fixture_client(NULL);
    char path[FIXTURE_PATH + 32];
    portd_id id, output;

    (void)state;
    assert_int_equal(strncmp(fixture_address(), "npipe:", 6), 0);
    (void)snprintf(path, sizeof(path), "\\\\.\\pipe\\%s", fixture_address() + 6);
    os_fd end =
        CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    assert_true(end != INVALID_HANDLE_VALUE);
    assert_int_equal(portd_fd_to_evt(c, (portd_native)end, PORTD_MODE_READ, PORTD_FD, fixture_soon(), &id),
                     PORTD_E_INVALID);
    assert_int_equal(portd_fd_to_port(c, (portd_native)end, "test", PORTD_READ, fixture_soon(), &id, &output),
                     PORTD_E_INVALID);
    os_close(end);
}

/* The engine tells of no edges. */
static void no_wait_is_woken_alone(void **state) {
    portd_client *c = fixture_client(NULL);
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL);
    portd_id id;
    portd_ready ready;

    (void)state;
    assert_int_equal(portd_fd_to_evt(c, (portd_native)event, PORTD_MODE_READ, PORTD_FD, fixture_soon(), &id),
                     1);
    assert_false(portd_broker_has_feature(c, "wait-one"));
    assert_int_equal(portd_wait(c, &id, 1, PORTD_WAIT_ONE, fixture_soon(), &ready), PORTD_E_UNSUPPORTED);
    os_close(event);
}

int main(void) {
    struct CMUnitTest cases[] = {FIXTURE_CASE(each_kind),
                                 FIXTURE_CASE(kinds_answer_as_the_table_says),
                                 FIXTURE_CASE(a_pipe_to_which_nobody_has_come),
                                 FIXTURE_CASE(numbers_of_handles_and_sockets_are_apart),
                                 FIXTURE_CASE(a_connection_to_this_broker),
                                 FIXTURE_CASE(no_wait_is_woken_alone)};

    return TEST_RUN(cases);
}
