/* process_linux.c: process.h with affinity, death signals and /proc. */
#define _GNU_SOURCE

#include "process.h"

#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MAX = 32, PATHS_MAX = 128, PATIENCE_MS = 5000 };

static pid_t processes[PROCESSES_MAX];
static size_t n_processes;
static char folder[64];
static char *paths[PATHS_MAX];
static size_t n_paths;
static cpu_set_t others; /* CPUs that nobody is pinned to */
static pid_t owner;      /* copies of this process must not clean up */

double bench_now(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

_Noreturn void bench_fail(const char *what) {
    if (errno)
        fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    else
        fprintf(stderr, "bench: %s\n", what);
    process_end_all();
    _exit(1);
}

int process_pin(void) {
    cpu_set_t allowed;
    size_t cpu = CPU_SETSIZE - 1;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        bench_fail("sched_getaffinity");
    while (cpu > 0 && !CPU_ISSET(cpu, &allowed))
        cpu--;
    others = allowed;
    CPU_CLR(cpu, &others);
    CPU_ZERO(&allowed);
    CPU_SET(cpu, &allowed);
    if (sched_setaffinity(0, sizeof(allowed), &allowed) < 0)
        bench_fail("sched_setaffinity");
    return (int)cpu;
}

void process_batch(bool batch) {
    const struct sched_param none = {0};

    if (sched_setscheduler(0, batch ? SCHED_BATCH : SCHED_OTHER, &none) < 0)
        bench_fail("sched_setscheduler");
}

void process_step_aside(pid_t pid) {
    if (CPU_COUNT(&others) > 0 && sched_setaffinity(pid, sizeof(others), &others) < 0)
        bench_fail("sched_setaffinity");
}

bool process_limit_files(unsigned n) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        bench_fail("getrlimit");
    if (limit.rlim_max < n)
        limit.rlim_max = n; /* for root */
    limit.rlim_cur = n;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

const char *process_folder(void) {
    if (!*folder) {
        owner = getpid();
        strcpy(folder, "/tmp/portd-bench-XXXXXX");
        if (!mkdtemp(folder))
            bench_fail("mkdtemp");
        if (atexit(process_end_all) != 0)
            bench_fail("atexit");
    }
    return folder;
}

const char *process_path(const char *name) {
    if (n_paths == PATHS_MAX)
        bench_fail("too many paths");
    if (asprintf(&paths[n_paths], "%s/%s", process_folder(), name) < 0)
        bench_fail("asprintf");
    return paths[n_paths++];
}

static void remember(pid_t pid) {
    if (n_processes == PROCESSES_MAX)
        bench_fail("too many processes");
    processes[n_processes++] = pid;
}

pid_t process_fork(void) {
    (void)process_folder();
    (void)fflush(NULL);
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        bench_fail("fork");
    if (pid > 0) {
        remember(pid);
        return pid;
    }
    n_processes = 0;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(127);
    return 0;
}

bool process_installed(const char *program) {
    const char *folders = getenv("PATH");
    char path[512];

    for (const char *at = folders ? folders : ""; *at;) {
        size_t length = strcspn(at, ":");
        (void)snprintf(path, sizeof(path), "%.*s/%s", (int)length, at, program);
        if (access(path, X_OK) == 0)
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

static void become(int from, int to) {
    if (from != to && dup2(from, to) < 0)
        _exit(127);
}

pid_t process_start(char *const argv[], int in, int out) {
    pid_t pid = process_fork();

    if (pid != 0)
        return pid;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        _exit(127);
    become(in >= 0 ? in : null, STDIN_FILENO);
    become(out >= 0 ? out : null, STDOUT_FILENO);
    if (!getenv("BENCH_VERBOSE"))
        become(null, STDERR_FILENO);
    (void)execvp(argv[0], argv);
    _exit(127);
}

static void forget(pid_t pid) {
    for (size_t i = 0; i < n_processes; i++)
        if (processes[i] == pid)
            processes[i--] = processes[--n_processes];
}

void process_end(pid_t pid) {
    forget(pid);
    (void)kill(pid, SIGTERM);
    for (int waited = 0; waitpid(pid, NULL, WNOHANG) == 0; waited++) {
        if (waited == PATIENCE_MS)
            (void)kill(pid, SIGKILL);
        (void)poll(NULL, 0, 1);
    }
}

void process_kill(pid_t pid) {
    forget(pid);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static int exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128; }

int process_wait(pid_t pid) {
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    forget(pid);
    return exit_status(status);
}

bool process_wait_for(pid_t pid, int ms, int *status) {
    int found = 0;

    for (; waitpid(pid, &found, WNOHANG) == 0; ms--) {
        if (ms <= 0)
            return false;
        (void)poll(NULL, 0, 1);
    }
    forget(pid);
    *status = exit_status(found);
    return true;
}

/* Files in the folder and one level of folders below it at a time. */
static void remove_tree(const char *path) {
    DIR *entries = opendir(path);
    const struct dirent *entry;
    char inner[512];

    while (entries && (entry = readdir(entries))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        if (unlink(inner) < 0)
            remove_tree(inner);
    }
    if (entries)
        (void)closedir(entries);
    (void)rmdir(path);
}

void process_end_all(void) {
    if (getpid() != owner)
        return;
    while (n_processes > 0)
        process_end(processes[n_processes - 1]);
    if (*folder)
        remove_tree(folder);
    *folder = '\0';
}

int process_connect(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        bench_fail("socket");
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    for (int waited = 0; connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0; waited++) {
        if (waited == PATIENCE_MS || (errno != ENOENT && errno != ECONNREFUSED))
            bench_fail(path);
        (void)poll(NULL, 0, 1);
    }
    return fd;
}

/* Adds up the number behind each of the words in a file of /proc. */
static uint64_t sum_of(const char *path, const char *const words[], size_t n) {
    char line[256];
    uint64_t sum = 0;
    FILE *file = fopen(path, "re");

    while (file && fgets(line, sizeof(line), file))
        for (size_t i = 0; i < n; i++)
            if (strncmp(line, words[i], strlen(words[i])) == 0)
                sum += strtoull(line + strlen(words[i]), NULL, 10);
    if (file)
        (void)fclose(file);
    return sum;
}

static uint64_t ticks_of(const char *path) {
    char line[1024] = "";
    unsigned long long user = 0, system = 0;
    FILE *file = fopen(path, "re");

    if (!file || !fgets(line, sizeof(line), file))
        bench_fail(path);
    (void)fclose(file);
    const char *rest = strrchr(line, ')'); /* the name may hold anything */
    if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
        bench_fail(path);
    return user + system;
}

struct process_use process_look(pid_t pid) {
    static const char *const switches[] = {"voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"};
    static const char *const anonymous[] = {"RssAnon:"};
    struct process_use use = {0};
    char path[300];
    const struct dirent *entry;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    use.anonymous = sum_of(path, anonymous, 1) * 1024;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    use.ticks = ticks_of(path);
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    while (threads && (entry = readdir(threads))) {
        if (*entry->d_name == '.')
            continue;
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, entry->d_name);
        use.switches += sum_of(path, switches, 2);
    }
    if (threads)
        (void)closedir(threads);
    return use;
}

double process_tick_us(void) { return 1e6 / (double)sysconf(_SC_CLK_TCK); }

void process_sleep(double seconds) { (void)poll(NULL, 0, (int)(seconds * 1000)); }
