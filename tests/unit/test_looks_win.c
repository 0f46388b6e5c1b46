/* test_looks_win.c: what the engine for Windows looks at because nothing tells of it. */
#include "engine_case.h"

#include <windows.h>

#include <stdio.h>

static HANDLE open_server(char name[64]) {
    static unsigned count;

    (void)snprintf(name, 64, "\\\\.\\pipe\\test_looks.%lu.%u", GetCurrentProcessId(), count++);
    HANDLE server = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1, 4096,
                                     4096, 0, NULL);
    assert_true(server != INVALID_HANDLE_VALUE);
    return server;
}

/* Of many some are looked at each time that the engine is asked, so that it comes to the others: the last of them is told after all of them were. */
static void of_many_pipes_without_a_client_some_are_looked_at(void **state) {
    enum { MANY = 1000, SOME = 64 };
    static struct engine_watch watches[MANY];
    static HANDLE servers[MANY];
    char name[64];
    int turns = 0;
    DWORD n;

    (void)state;
    engine_begin();
    for (size_t i = 0; i < MANY; i++) {
        servers[i] = open_server(name);
        assert_int_equal(arm(&watches[i], servers[i], ENGINE_READ), 0);
    }
    HANDLE client = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    assert_true(client != INVALID_HANDLE_VALUE);
    assert_true(WriteFile(client, "x", 1, &n, NULL));
    while (!told())
        turns++;
    assert_in_range(turns, MANY / SOME - 1, MANY);
    assert_true(CloseHandle(client));
    for (size_t i = 0; i < MANY; i++) {
        engine_disarm(engine, &watches[i], servers[i]);
        assert_true(CloseHandle(servers[i]));
    }
    engine_free(engine);
}

int main(void) {
    struct CMUnitTest cases[] = {ENGINE_CASE(of_many_pipes_without_a_client_some_are_looked_at)};

    emulation_begin();
    return TEST_RUN(cases);
}
