/* native_thread_linux.c: what native.h tells of threads. */
#include "tests/support/test.h"

#include "tests/support/native.h"

#include <sys/syscall.h>

int native_thread(void) { return (int)syscall(SYS_gettid); }

/* What the thread does: of the system calls that the broker's threads may sleep in, poll(2) alone is not the engine's. */
int native_sleeps_in_poll(int thread) {
    char path[64], said[16] = "";

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/syscall", thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    char *line = fgets(said, sizeof said, file);
    assert_int_equal(fclose(file), 0);
    long call = line ? strtol(line, NULL, 10) : -1;
#ifdef SYS_poll
    if (call == SYS_poll)
        return 1;
#endif
#ifdef SYS_ppoll
    if (call == SYS_ppoll)
        return 1;
#endif
    return 0;
}
