/* test_iocp.c: engine.h on what Windows alone has, and what its engine owes the owners of foreign handles. */
#include "engine_case.h"

#include <winsock2.h>

#include <windows.h>

#include <stdio.h>
#include <wchar.h>

static HANDLE checked(HANDLE handle) {
    assert_true(handle && handle != INVALID_HANDLE_VALUE);
    return handle;
}

static HANDLE new_event(bool manual) { return checked(CreateEventW(NULL, manual, FALSE, NULL)); }

/* ---- kinds ------------------------------------------------------------------------------------------------------------- */

static void excite_by_setting(struct pair *pair) { assert_true(SetEvent(pair->fd)); }

static void pair_of_event(struct pair *pair) {
    *pair = (struct pair){new_event(true), OS_FD_NONE, excite_by_setting, false, true};
}

static void excite_by_ending(struct pair *pair) { assert_true(TerminateProcess(pair->fd, 0)); }

/* This program again, which then only sleeps. */
static void pair_of_process(struct pair *pair) {
    wchar_t path[MAX_PATH], line[MAX_PATH + 16];
    STARTUPINFOW start = {.cb = sizeof(start)};
    PROCESS_INFORMATION made;

    assert_true(GetModuleFileNameW(NULL, path, MAX_PATH) > 0);
    (void)swprintf(line, MAX_PATH + 16, L"\"%ls\" sleep", path);
    assert_true(CreateProcessW(path, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &made));
    assert_true(CloseHandle(made.hThread));
    *pair = (struct pair){made.hProcess, OS_FD_NONE, excite_by_ending, false, true};
}

static DWORD WINAPI sleep_for(void *event) { return WaitForSingleObject(event, INFINITE); }

static void excite_by_letting_go(struct pair *pair) { assert_true(SetEvent(pair->other)); }

static void pair_of_thread(struct pair *pair) {
    HANDLE event = new_event(true);

    *pair = (struct pair){checked(CreateThread(NULL, 0, sleep_for, event, 0, NULL)), event,
                          excite_by_letting_go, false, true};
}

static void excite_by_a_write(struct pair *pair) {
    DWORD n;

    assert_true(WriteFile(pair->other, "12345678", 8, &n, NULL));
    assert_int_equal(n, 8);
}

static void pair_of_anonymous(struct pair *pair) {
    HANDLE read_end, write_end;

    assert_true(CreatePipe(&read_end, &write_end, NULL, 0));
    *pair = (struct pair){read_end, write_end, excite_by_a_write, false, true};
}

const struct kind engine_kinds[] = {
    {"manual-reset event", pair_of_event},
    {"process", pair_of_process},
    {"thread", pair_of_thread},
    {"synchronous pipe", pair_of_anonymous},
    {NULL, NULL},
};

/* ---- what is refused ----------------------------------------------------------------------------------------------------- */

/* A wait would take their signals: nobody would get them. The first case, because wine's thread pool sometimes waits once more for the value of a handle
 * that was closed after its wait was unregistered, and takes the signal of what has the value then. */
static void what_a_wait_resets_is_unsupported(void **state) {
    HANDLE handles[] = {new_event(false), checked(CreateSemaphoreW(NULL, 1, 1, NULL)),
                        checked(CreateMutexW(NULL, FALSE, NULL)),
                        checked(CreateWaitableTimerW(NULL, FALSE, NULL))};

    (void)state;
    engine_begin();
    assert_true(SetEvent(handles[0]));
    for (size_t i = 0; i < sizeof(handles) / sizeof(*handles); i++)
        assert_unsupported(handles[i]);
    assert_int_equal(WaitForSingleObject(handles[0], 0), WAIT_OBJECT_0);
    assert_int_equal(WaitForSingleObject(handles[1], 0), WAIT_OBJECT_0);
    for (size_t i = 0; i < sizeof(handles) / sizeof(*handles); i++)
        assert_true(CloseHandle(handles[i]));
    engine_free(engine);
}

static void devices_and_other_objects_are_unsupported(void **state) {
    HANDLE handles[] = {checked(CreateFileW(L"NUL", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL)),
                        checked(CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READONLY, 0, 4096, NULL)),
                        checked(CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1))};

    (void)state;
    engine_begin();
    for (size_t i = 0; i < sizeof(handles) / sizeof(*handles); i++) {
        assert_unsupported(handles[i]);
        assert_true(CloseHandle(handles[i]));
    }
    engine_free(engine);
}

/* Without the first right it cannot be asked whether it is a manual-reset one; without the second it cannot be waited for. */
static void what_lacks_a_right_is_unsupported(void **state) {
    static const DWORD rights[] = {SYNCHRONIZE, 1 /* EVENT_QUERY_STATE */};
    HANDLE event = new_event(true), own = GetCurrentProcess(), copy;

    (void)state;
    engine_begin();
    for (size_t i = 0; i < sizeof(rights) / sizeof(*rights); i++) {
        assert_true(DuplicateHandle(own, event, own, &copy, rights[i], FALSE, 0));
        assert_unsupported(copy);
        assert_true(CloseHandle(copy));
    }
    assert_true(DuplicateHandle(own, own, own, &copy, PROCESS_QUERY_LIMITED_INFORMATION, FALSE, 0));
    assert_unsupported(copy);
    assert_true(CloseHandle(copy));
    assert_true(CloseHandle(event));
    engine_free(engine);
}

static void pseudo_handles_are_not_open(void **state) {
    struct engine_watch watch = {0};

    (void)state;
    engine_begin();
    for (intptr_t value = -6; value <= 0; value++) {
        assert_int_equal(arm(&watch, (os_fd)value, ENGINE_READ), -EBADF);
        assert_int_equal(engine_keep(engine, (os_fd)value, 0, ENGINE_READ, TOKEN), -EBADF);
        assert_int_equal(probed((os_fd)value, ENGINE_READ), ENGINE_ERROR);
    }
    engine_free(engine);
}

static void edges_are_unsupported(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_begin();
    pair_of_event(&pair);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ, true, TOKEN), ENGINE_E_UNSUPPORTED);
    assert_int_equal(engine_watch_interest(&watch), 0);
    pair_close(&pair);
    engine_free(engine);
}

/* ---- foreign handles ----------------------------------------------------------------------------------------------------- */

struct ends {
    HANDLE client, server;
};

enum { NAME = 64 };

static HANDLE open_server(wchar_t name[NAME]) {
    static unsigned count;

    (void)swprintf(name, NAME, L"\\\\.\\pipe\\test_iocp.%lu.%u", GetCurrentProcessId(), count++);
    return checked(CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1, 4096,
                                    4096, 0, NULL));
}

static HANDLE open_client(const wchar_t *name) {
    return checked(
        CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL));
}

static struct ends open_pipe(void) {
    wchar_t name[NAME];
    HANDLE server = open_server(name);

    return (struct ends){open_client(name), server};
}

static void close_pipe(struct ends ends) {
    assert_true(CloseHandle(ends.client));
    assert_true(CloseHandle(ends.server));
}

static void write_to(HANDLE pipe) {
    OVERLAPPED work = {.hEvent = new_event(true)};
    DWORD n;

    assert_true(WriteFile(pipe, "12345678", 8, NULL, &work) || GetLastError() == ERROR_IO_PENDING);
    assert_true(GetOverlappedResult(pipe, &work, &n, TRUE));
    assert_true(CloseHandle(work.hEvent));
}

static bool has_packet(HANDLE port, DWORD ms) {
    OVERLAPPED_ENTRY found;
    ULONG n;

    return GetQueuedCompletionStatusEx(port, &found, 1, &n, ms, FALSE);
}

/* The port is the client's, and what comes there has the address of an operation in its memory. */
static void a_port_of_the_client_gets_no_packet(void **state) {
    struct engine_watch watch = {0};
    struct ends ends = open_pipe();
    HANDLE port = checked(CreateIoCompletionPort(ends.client, NULL, 7, 1));
    HANDLE copy = os_dup(ends.client);
    OVERLAPPED work = {0};
    char bytes[8];

    (void)state;
    engine_begin();
    assert_int_equal(arm(&watch, copy, ENGINE_READ), 0);
    write_to(ends.server);
    assert_int_equal(told_in_time(), ENGINE_READ);
    assert_int_equal(arm(&watch, copy, ENGINE_READ), 0);
    assert_int_equal(told(), ENGINE_READ);
    assert_int_equal(probed(copy, ENGINE_READ), ENGINE_READ);
    assert_false(has_packet(port, 0));
    assert_true(ReadFile(ends.client, bytes, sizeof(bytes), NULL, &work) ||
                GetLastError() == ERROR_IO_PENDING);
    assert_true(has_packet(port, INFINITE));
    assert_int_equal(arm(&watch, copy, ENGINE_READ), 0);
    engine_disarm(engine, &watch, copy);
    assert_true(CloseHandle(copy));
    assert_true(sleeps());
    assert_false(has_packet(port, 0));
    close_pipe(ends);
    assert_true(CloseHandle(port));
    engine_free(engine);
}

/* Windows leaves the file's own state alone when it is asked something. */
static bool is_signalled_by_a_question(HANDLE pipe) {
    (void)GetFileType(pipe);
    return WaitForSingleObject(pipe, 0) == WAIT_OBJECT_0;
}

/* A client that reads overlapped without an event waits for its pipe itself: another's operation must not signal it. */
static void who_waits_for_the_pipe_itself_is_not_woken(void **state) {
    struct engine_watch watch = {0};
    struct ends ends = open_pipe();
    OVERLAPPED work = {0};
    char bytes[8];
    DWORD n = 0;
    bool asks;

    (void)state;
    engine_begin();
    assert_false(ReadFile(ends.client, bytes, sizeof(bytes), NULL, &work));
    assert_int_equal(GetLastError(), ERROR_IO_PENDING);
    asks = !is_signalled_by_a_question(ends.client);
    if (!asks)
        print_message("without probes: wine signals a file that is asked something\n");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(arm(&watch, ends.client, ENGINE_READ), 0);
        if (asks)
            assert_int_equal(probed(ends.client, ENGINE_READ), 0);
        engine_disarm(engine, &watch, ends.client);
        assert_int_equal(told(), 0);
    }
    assert_int_equal(WaitForSingleObject(ends.client, 0), WAIT_TIMEOUT);
    write_to(ends.server);
    assert_true(GetOverlappedResult(ends.client, &work, &n, TRUE));
    assert_int_equal(n, 8);
    close_pipe(ends);
    engine_free(engine);
}

/* The handle is closed as soon as it is disarmed, whether or not its end is in the port. */
static void what_is_closed_after_disarming_tells_nothing(void **state) {
    enum { TIMES = 60 };

    (void)state;
    engine_begin();
    for (int i = 0; i < TIMES; i++) {
        struct engine_watch watch = {0};
        struct pair event;
        struct ends ends = open_pipe();
        HANDLE copy = os_dup(ends.client);
        assert_int_equal(arm(&watch, copy, ENGINE_READ), 0);
        if (i % 2)
            write_to(ends.server);
        engine_disarm(engine, &watch, copy);
        assert_true(CloseHandle(copy));
        pair_of_event(&event);
        assert_int_equal(arm(&watch, event.fd, ENGINE_READ), 0);
        if (i % 2)
            event.excite(&event);
        if (i % 4 == 3)
            Sleep(1); /* and with the wait's packet on its way, mostly */
        engine_disarm(engine, &watch, event.fd);
        pair_close(&event);
        close_pipe(ends);
        if (i % 3 == 0)
            assert_int_equal(told(), 0);
    }
    assert_true(sleeps());
    engine_free(engine);
}

static void read_from(HANDLE pipe) {
    OVERLAPPED work = {.hEvent = new_event(true)};
    char bytes[8];
    DWORD n;

    assert_true(ReadFile(pipe, bytes, sizeof(bytes), NULL, &work) || GetLastError() == ERROR_IO_PENDING);
    assert_true(GetOverlappedResult(pipe, &work, &n, TRUE));
    assert_int_equal(n, 8);
    assert_true(CloseHandle(work.hEvent));
}

/* It cannot be read yet, and is looked at until it can; so it is again when a client has left and another one may come. */
static void a_pipe_to_which_nobody_has_come_is_not_ready(void **state) {
    OVERLAPPED work = {.hEvent = new_event(true)};
    struct engine_watch watch = {0};
    wchar_t name[NAME];
    HANDLE server = open_server(name);

    (void)state;
    engine_begin();
    for (int round = 0; round < 2; round++) {
        assert_int_equal(arm(&watch, server, ENGINE_READ), 0);
        assert_int_equal(told(), 0);
        assert_true(sleeps());
        assert_int_equal(probed(server, ENGINE_READ), 0);
        HANDLE client = open_client(name);
        if (round)
            assert_int_equal(WaitForSingleObject(work.hEvent, INFINITE), WAIT_OBJECT_0);
        assert_int_equal(told(), 0);
        assert_true(sleeps());
        assert_int_equal(engine_watch_interest(&watch), ENGINE_READ);
        write_to(client);
        assert_int_equal(told_in_time(), ENGINE_READ);
        read_from(server);
        assert_int_equal(arm(&watch, server, ENGINE_READ), 0);
        assert_true(CloseHandle(client));
        assert_int_equal(told_in_time(), ENGINE_HANG_UP);
        assert_true(DisconnectNamedPipe(server));
        if (!round)
            assert_true(!ConnectNamedPipe(server, &work) && GetLastError() == ERROR_IO_PENDING);
    }
    engine_disarm(engine, &watch, server);
    assert_true(CloseHandle(server));
    assert_true(CloseHandle(work.hEvent));
    engine_free(engine);
}

/* A client may have read it before it asks: then nobody is to be told that it is ready. */
static void what_is_over_is_not_told(void **state) {
    struct engine_watch watches[3] = {{0}, {0}, {0}};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int size = sizeof(address);
    SOCKET one = socket(AF_INET, SOCK_DGRAM, 0);
    struct ends ends = open_pipe();
    struct pair event;
    os_fd fds[3] = {ends.client, (os_fd)one, OS_FD_NONE};
    char byte;

    (void)state;
    engine_begin();
    pair_of_event(&event);
    fds[2] = event.fd;
    assert_int_equal(bind(one, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(one, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(arm(&watches[i], fds[i], ENGINE_READ), 0);
        for (int again = 0; again < 2; again++) {
            if (i == 0)
                write_to(ends.server);
            else if (i == 1)
                assert_int_equal(sendto(one, "x", 1, 0, (struct sockaddr *)&address, size), 1);
            else
                event.excite(&event);
            assert_int_equal(WaitForSingleObject(engine_pollable(engine), INFINITE), WAIT_OBJECT_0);
            if (again) {
                assert_int_equal(told(), ENGINE_READ);
                continue;
            }
            if (i == 0)
                read_from(ends.client);
            else if (i == 1)
                assert_int_equal(recv(one, &byte, 1, 0), 1);
            else
                assert_true(ResetEvent(event.fd));
            assert_int_equal(told(), 0);
            assert_int_equal(engine_watch_interest(&watches[i]), ENGINE_READ);
            assert_true(sleeps());
        }
        engine_disarm(engine, &watches[i], fds[i]);
    }
    pair_close(&event);
    close_pipe(ends);
    assert_int_equal(closesocket(one), 0);
    engine_free(engine);
}

/* An engine that ends while watches are armed lets go of all. */
static void an_engine_ends_with_armed_watches(void **state) {
    (void)state;
    for (const struct kind *kind = engine_kinds; kind->name; kind++) {
        struct engine_watch watches[2] = {{0}, {0}};
        struct pair pairs[2];
        engine_begin();
        for (int i = 0; i < 2; i++) {
            kind->make(&pairs[i]);
            assert_int_equal(arm(&watches[i], pairs[i].fd, ENGINE_READ), 0);
        }
        pairs[1].excite(&pairs[1]);
        fd_await(pairs[1].fd);
        engine_free(engine);
        pairs[0].excite(&pairs[0]);
        for (int i = 0; i < 2; i++)
            pair_close(&pairs[i]);
    }
}

/* ---- in any order ---------------------------------------------------------------------------------------------------------- */

enum { SLOTS = 12, STEPS = 3000 };

/* A handle or none; armed or not; ready or not. */
static struct slot {
    struct engine_watch watch;
    os_fd fd, other; /* OS_FD_NONE: it is closed */
    struct sockaddr_in address;
    uint64_t token; /* of the last arming; 0: not armed */
    bool ready;
} slots[SLOTS];

static uint64_t last_token;

static size_t kind_of_slot(const struct slot *slot) { return (size_t)(slot - slots) % 4; }

static void slot_open(struct slot *slot) {
    *slot = (struct slot){.other = OS_FD_NONE};
    if (kind_of_slot(slot) == 0) {
        slot->fd = new_event(true);
    } else if (kind_of_slot(slot) == 1) {
        struct ends ends = open_pipe();
        slot->fd = ends.client;
        slot->other = ends.server;
    } else if (kind_of_slot(slot) == 2) {
        struct pair pair;
        pair_of_anonymous(&pair);
        slot->fd = pair.fd;
        slot->other = pair.other;
    } else {
        int size = sizeof(slot->address);
        SOCKET one = socket(AF_INET, SOCK_DGRAM, 0);
        slot->address =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        assert_int_equal(bind(one, (struct sockaddr *)&slot->address, size), 0);
        assert_int_equal(getsockname(one, (struct sockaddr *)&slot->address, &size), 0);
        slot->fd = (os_fd)one;
    }
}

static void slot_disarm(struct slot *slot) {
    engine_disarm(engine, &slot->watch, slot->fd);
    slot->token = 0;
}

static void slot_close(struct slot *slot) {
    slot_disarm(slot);
    fd_close(slot->fd);
    if (slot->other != OS_FD_NONE)
        fd_close(slot->other);
    slot->fd = OS_FD_NONE;
}

static void slot_arm(struct slot *slot) {
    assert_int_equal(engine_arm(engine, &slot->watch, slot->fd, ENGINE_READ, false, ++last_token), 0);
    slot->token = last_token;
}

static void slot_excite(struct slot *slot) {
    DWORD n;

    if (slot->ready)
        return;
    if (kind_of_slot(slot) == 0)
        assert_true(SetEvent(slot->fd));
    else if (kind_of_slot(slot) == 1)
        write_to(slot->other);
    else if (kind_of_slot(slot) == 2)
        assert_true(WriteFile(slot->other, "12345678", 8, &n, NULL));
    else
        assert_int_equal(
            sendto((SOCKET)slot->fd, "x", 1, 0, (struct sockaddr *)&slot->address, sizeof(slot->address)), 1);
    slot->ready = true;
}

static void slot_calm(struct slot *slot) {
    char bytes[8];
    DWORD n;

    if (!slot->ready)
        return;
    if (kind_of_slot(slot) == 0)
        assert_true(ResetEvent(slot->fd));
    else if (kind_of_slot(slot) == 1)
        read_from(slot->fd);
    else if (kind_of_slot(slot) == 2)
        assert_true(ReadFile(slot->fd, bytes, 8, &n, NULL));
    else
        assert_int_equal(recv((SOCKET)slot->fd, bytes, 8, 0), 1);
    slot->ready = false;
}

/* Of armed watches that are ready, and of no other. */
static void walk_collect(int64_t us) {
    struct engine_event events[SLOTS];
    int n = engine_sleep(engine, events, SLOTS, us);

    for (int i = 0; i < n; i++) {
        struct slot *of = NULL;
        for (size_t k = 0; k < SLOTS; k++)
            if (slots[k].fd != OS_FD_NONE && slots[k].token == events[i].token)
                of = &slots[k];
        assert_non_null(of);
        assert_true(of->ready);
        assert_int_equal(events[i].events, ENGINE_READ);
        engine_watch_told(&of->watch);
        of->token = 0;
    }
}

static void a_walk_through_all_kinds(void **state) {
    uint32_t seed = 1;

    (void)state;
    engine_begin();
    for (size_t i = 0; i < SLOTS; i++)
        slot_open(&slots[i]);
    for (int step = 0; step < STEPS; step++) {
        struct slot *slot;
        seed = seed * 1664525 + 1013904223;
        slot = &slots[(seed >> 8) % SLOTS];
        if (slot->fd == OS_FD_NONE)
            slot_open(slot);
        switch ((seed >> 16) % 10) {
        case 0:
            slot_close(slot);
            break;
        case 1:
            slot_disarm(slot);
            break;
        case 2:
        case 3:
        case 4:
            slot_arm(slot);
            break;
        case 5:
        case 6:
            slot_excite(slot);
            break;
        case 7:
            slot_calm(slot);
            break;
        default:
            walk_collect(0);
        }
    }
    for (size_t i = 0; i < SLOTS; i++) { /* none was forgotten */
        while (slots[i].fd != OS_FD_NONE && slots[i].token && slots[i].ready)
            walk_collect(-1);
        if (slots[i].fd != OS_FD_NONE)
            slot_close(&slots[i]);
    }
    assert_true(sleeps());
    engine_free(engine);
}

/* ---- the broker's own ------------------------------------------------------------------------------------------------------ */

static void many_events_are_kept(void **state) {
    enum { MANY = 200 };
    struct engine_event events[64];
    HANDLE kept[MANY];
    size_t times[MANY] = {0}, total = 0;

    (void)state;
    engine_begin();
    for (size_t i = 0; i < MANY; i++) {
        kept[i] = new_event(true);
        assert_int_equal(engine_keep(engine, kept[i], 0, ENGINE_READ, i), 0);
    }
    assert_true(sleeps());
    for (size_t i = 0; i < MANY; i++)
        assert_true(SetEvent(kept[i]));
    while (total < MANY) { /* each is told before any is told twice, once the first wait of each is over */
        int n = engine_sleep(engine, events, 64, -1);
        assert_true(n > 0);
        for (int i = 0; i < n; i++) {
            total += !times[events[i].token]++;
            assert_int_equal(events[i].events, ENGINE_READ);
        }
    }
    for (size_t i = 0; i < MANY; i++)
        assert_true(ResetEvent(kept[i]));
    while (engine_wait(engine, events, 64) > 0) /* what was on its way */
        ;
    assert_true(sleeps());
    assert_true(SetEvent(kept[7]));
    assert_int_equal(engine_sleep(engine, events, 64, -1), 1);
    assert_int_equal(events[0].token, 7);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(engine_keep(engine, kept[i], ENGINE_READ, 0, i), 0);
        assert_true(CloseHandle(kept[i]));
    }
    assert_int_equal(engine_wait(engine, events, 64), 0);
    engine_free(engine);
}

/* What is always ready must not keep the others waiting, nor the others it. */
static void kept_and_watched_take_turns(void **state) {
    enum { ROOM = 8, TURNS = 20 };
    struct engine_watch watches[ROOM] = {{0}};
    struct engine_event events[ROOM];
    HANDLE kept[ROOM * 2];
    struct pair pair;
    size_t of_kept = 0, of_watched = 0;

    (void)state;
    engine_begin();
    pair_of_event(&pair);
    pair.excite(&pair);
    for (size_t i = 0; i < ROOM * 2; i++) {
        kept[i] = new_event(true);
        assert_true(SetEvent(kept[i]));
        assert_int_equal(engine_keep(engine, kept[i], 0, ENGINE_READ, i), 0);
    }
    for (size_t i = 0; i < ROOM; i++)
        assert_int_equal(engine_arm(engine, &watches[i], pair.fd, ENGINE_READ, false, TOKEN + i), 0);
    for (int turn = 0; turn < TURNS; turn++) {
        assert_int_equal(engine_wait(engine, events, ROOM), ROOM);
        for (size_t i = 0; i < ROOM; i++) {
            of_kept += events[i].token < TOKEN;
            of_watched += events[i].token >= TOKEN;
            if (events[i].token >= TOKEN)
                assert_int_equal(engine_arm(engine, &watches[events[i].token - TOKEN], pair.fd, ENGINE_READ,
                                            false, events[i].token),
                                 0);
        }
    }
    assert_int_equal(of_kept, TURNS * ROOM / 2);
    assert_int_equal(of_watched, TURNS * ROOM / 2);
    for (size_t i = 0; i < ROOM; i++)
        engine_disarm(engine, &watches[i], pair.fd);
    for (size_t i = 0; i < ROOM * 2; i++) {
        assert_int_equal(engine_keep(engine, kept[i], ENGINE_READ, 0, i), 0);
        assert_true(CloseHandle(kept[i]));
    }
    pair_close(&pair);
    engine_free(engine);
}

/* A timer's type cannot be told, so only the broker's own is waited for. */
static void a_timer_is_kept_only(void **state) {
    HANDLE timer = checked(CreateWaitableTimerW(NULL, TRUE, NULL));
    LARGE_INTEGER due = {.QuadPart = -10000};

    (void)state;
    engine_begin();
    assert_unsupported(timer);
    assert_int_equal(engine_keep(engine, timer, 0, ENGINE_READ, TOKEN), 0);
    assert_int_equal(told(), 0);
    assert_true(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
    for (int i = 0; i < 3; i++)
        assert_int_equal(told_in_time(), ENGINE_READ);
    due.QuadPart = -INT64_C(36000000000);
    assert_true(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
    assert_true(sleeps());
    assert_int_equal(engine_keep(engine, timer, ENGINE_READ, 0, TOKEN), 0);
    assert_true(CloseHandle(timer));
    engine_free(engine);
}

/* ---- synchronous pipes ----------------------------------------------------------------------------------------------------- */

static DWORD WINAPI write_later(void *pipe) {
    DWORD n;

    Sleep(30);
    return WriteFile(pipe, "x", 1, &n, NULL) ? 0 : 1;
}

static void a_sleeping_engine_looks_at_synchronous_pipes(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;
    HANDLE thread;

    (void)state;
    engine_begin();
    pair_of_anonymous(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_WRITE), ENGINE_E_UNSUPPORTED);
    thread = checked(CreateThread(NULL, 0, write_later, pair.other, 0, NULL));
    assert_int_equal(told_in_time(), ENGINE_READ);
    assert_int_equal(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    assert_true(CloseHandle(thread));
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    assert_true(CloseHandle(pair.other));
    assert_int_equal(told(), ENGINE_READ | ENGINE_HANG_UP);
    engine_disarm(engine, &watch, pair.fd);
    assert_true(CloseHandle(pair.fd));
    engine_free(engine);
}

/* ---- the console ----------------------------------------------------------------------------------------------------------- */

static void console_input_is_waited_for(void **state) {
    INPUT_RECORD key = {
        .EventType = KEY_EVENT,
        .Event.KeyEvent = {
            .bKeyDown = TRUE, .wRepeatCount = 1, .wVirtualKeyCode = 'X', .uChar.UnicodeChar = L'x'}};
    struct engine_watch watch = {0};
    HANDLE input = CreateFileW(L"CONIN$", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                               NULL, OPEN_EXISTING, 0, NULL);
    HANDLE output = CreateFileW(L"CONOUT$", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                NULL, OPEN_EXISTING, 0, NULL);
    DWORD n;

    (void)state;
    if (input == INVALID_HANDLE_VALUE || !GetNumberOfConsoleInputEvents(input, &n)) {
        if (input != INVALID_HANDLE_VALUE)
            assert_true(CloseHandle(input));
        if (output != INVALID_HANDLE_VALUE)
            assert_true(CloseHandle(output));
        test_skip("this process has no console");
    }
    engine_begin();
    assert_unsupported(output);
    assert_true(FlushConsoleInputBuffer(input));
    assert_int_equal(arm(&watch, input, ENGINE_READ), 0);
    assert_int_equal(told(), 0);
    assert_true(WriteConsoleInputW(input, &key, 1, &n));
    assert_int_equal(told_in_time(), ENGINE_READ);
    assert_int_equal(probed(input, ENGINE_READ), ENGINE_READ);
    assert_true(FlushConsoleInputBuffer(input));
    assert_int_equal(arm(&watch, input, ENGINE_READ), 0);
    assert_true(sleeps());
    engine_disarm(engine, &watch, input);
    assert_true(CloseHandle(input));
    assert_true(CloseHandle(output));
    engine_free(engine);
}

/* ---- numbers --------------------------------------------------------------------------------------------------------------- */

/* More than one handle of the driver has, with cancels in between. */
static void hundreds_of_sockets_are_watched(void **state) {
    enum { MANY = 300 };
    struct engine_watch watches[MANY] = {{0}};
    struct engine_event events[64];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in addresses[MANY];
    SOCKET sockets[MANY], sender = socket(AF_INET, SOCK_DGRAM, 0);
    size_t told_of = 0;

    (void)state;
    assert_true(sender != INVALID_SOCKET);
    engine_begin();
    for (size_t i = 0; i < MANY; i++) {
        int size = sizeof(address);
        sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
        assert_true(sockets[i] != INVALID_SOCKET);
        assert_int_equal(bind(sockets[i], (struct sockaddr *)&address, size), 0);
        assert_int_equal(getsockname(sockets[i], (struct sockaddr *)&addresses[i], &size), 0);
        assert_int_equal(engine_arm(engine, &watches[i], (os_fd)sockets[i], ENGINE_READ, false, i), 0);
    }
    for (size_t i = 0; i < MANY; i += 3)
        engine_disarm(engine, &watches[i], (os_fd)sockets[i]);
    for (size_t i = 0; i < MANY; i += 3)
        assert_int_equal(engine_arm(engine, &watches[i], (os_fd)sockets[i], ENGINE_READ, false, i), 0);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(sendto(sender, "x", 1, 0, (struct sockaddr *)&addresses[i], sizeof(address)), 1);
    while (told_of < MANY) {
        int n = engine_sleep(engine, events, 64, -1);
        for (int i = 0; i < n; i++) {
            assert_int_equal(events[i].events, ENGINE_READ);
            assert_int_equal(engine_watch_interest(&watches[events[i].token]), ENGINE_READ); /* once each */
            engine_watch_told(&watches[events[i].token]);
        }
        told_of += (size_t)n;
    }
    for (size_t i = 0; i < MANY; i++) {
        engine_disarm(engine, &watches[i], (os_fd)sockets[i]);
        assert_int_equal(closesocket(sockets[i]), 0);
    }
    assert_int_equal(closesocket(sender), 0);
    assert_int_equal(told(), 0);
    engine_free(engine);
}

static void a_refused_connection_is_an_error(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int size = sizeof(address), error = 0;
    SOCKET silent = socket(AF_INET, SOCK_STREAM, 0), one = socket(AF_INET, SOCK_STREAM, 0);
    struct engine_watch watch = {0};
    u_long on = 1;

    (void)state;
    engine_begin();
    assert_int_equal(bind(silent, (struct sockaddr *)&address, size), 0); /* nobody listens there */
    assert_int_equal(getsockname(silent, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(ioctlsocket(one, (long)FIONBIO, &on), 0);
    assert_int_equal(arm(&watch, (os_fd)one, ENGINE_INTERESTS),
                     0); /* before it is connected it tells nothing */
    assert_int_equal(told(), 0);
    assert_int_equal(connect(one, (struct sockaddr *)&address, size), -1);
    assert_int_equal(WSAGetLastError(), WSAEWOULDBLOCK);
    assert_true(told_in_time() & ENGINE_ERROR);
    size = sizeof(error);
    assert_int_equal(getsockopt(one, SOL_SOCKET, SO_ERROR, (char *)&error, &size), 0);
    assert_int_equal(error, WSAECONNREFUSED);
    engine_disarm(engine, &watch, (os_fd)one);
    assert_int_equal(closesocket(one), 0);
    assert_int_equal(closesocket(silent), 0);
    engine_free(engine);
}

/* One call for sockets and others together; the same one twice. */
static void a_probe_mixes_kinds(void **state) {
    struct engine_probe probes[4];
    struct pair pair;
    SOCKET one = socket(AF_INET, SOCK_DGRAM, 0);

    (void)state;
    assert_true(one != INVALID_SOCKET);
    pair_of_event(&pair);
    for (int event = 0; event < 2; event++) {
        probes[0] = (struct engine_probe){.fd = (os_fd)one, .interest = ENGINE_READ, .events = 0xff};
        probes[1] = (struct engine_probe){.fd = (os_fd)one, .interest = ENGINE_WRITE, .events = 0xff};
        probes[2] = (struct engine_probe){.fd = (os_fd)one, .interest = ENGINE_INTERESTS, .events = 0xff};
        probes[3] = (struct engine_probe){.fd = pair.fd, .interest = ENGINE_READ, .events = 0xff};
        assert_int_equal(engine_probe(probes, 3 + (size_t)event), 0);
        assert_int_equal(probes[0].events, 0);
        assert_int_equal(probes[1].events, ENGINE_WRITE);
        assert_int_equal(probes[2].events, ENGINE_WRITE);
        assert_int_equal(probes[3].events, event ? 0 : 0xff);
    }
    pair_close(&pair);
    assert_int_equal(closesocket(one), 0);
}

static int run(void) {
    struct CMUnitTest cases[] = {
        ENGINE_CASE(what_a_wait_resets_is_unsupported),
        ENGINE_CASES_OF_KINDS,
        ENGINE_CASE(devices_and_other_objects_are_unsupported),
        ENGINE_CASE(what_lacks_a_right_is_unsupported),
        ENGINE_CASE(pseudo_handles_are_not_open),
        ENGINE_CASE(edges_are_unsupported),
        ENGINE_CASE(a_port_of_the_client_gets_no_packet),
        ENGINE_CASE(who_waits_for_the_pipe_itself_is_not_woken),
        ENGINE_CASE(what_is_closed_after_disarming_tells_nothing),
        ENGINE_CASE(a_pipe_to_which_nobody_has_come_is_not_ready),
        ENGINE_CASE(what_is_over_is_not_told),
        ENGINE_CASE(an_engine_ends_with_armed_watches),
        ENGINE_CASE(a_walk_through_all_kinds),
        ENGINE_CASE(many_events_are_kept),
        ENGINE_CASE(kept_and_watched_take_turns),
        ENGINE_CASE(a_timer_is_kept_only),
        ENGINE_CASE(a_sleeping_engine_looks_at_synchronous_pipes),
        ENGINE_CASE(console_input_is_waited_for),
        ENGINE_CASE(hundreds_of_sockets_are_watched),
        ENGINE_CASE(a_refused_connection_is_an_error),
        ENGINE_CASE(a_probe_mixes_kinds),
    };

    emulation_begin();
    return TEST_RUN(cases);
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc == 1)
        return run();
    Sleep(60000); /* a child, which is ended; or its parent was */
    return 0;
}
