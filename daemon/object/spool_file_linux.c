/* spool_file_linux.c: spool_file.h with memfd_create(2) and splice(2). */
#define _GNU_SOURCE

#include "daemon/access/refusal.h"
#include "daemon/base/cgroup.h"
#include "spool_file.h"
#include "stream_calls.h"
#include "stream_splice.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILE_FD, READ_FD, WRITE_FD };
enum { HEAD = 4096, VERSION = 1 };

/* At the beginning of the file. A store is there for the next broker once it is done: the memory is the file's. The order of stores counts. */
struct head {
    char magic[8];
    uint32_t version;
    _Atomic uint32_t reading; /* the source is read without a splice: bytes may get lost */
    uint64_t size;
    _Atomic uint64_t next;
    _Atomic uint64_t
        filled; /* while the pipe is being emptied: the position where it will be empty; else 0 */
    _Atomic uint64_t freed;
    _Atomic uint64_t made; /* bytes of the room for which there is memory */
    _Atomic uint64_t n_gaps;
    _Atomic uint64_t gaps[SPOOL_GAPS];
};

_Static_assert(sizeof(struct head) <= HEAD, "the head has its page");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock would not outlive the broker");

static const char magic[8] = "portdspl";

static struct head *head_of(const struct spool_file *file) { return file->memory; }

static uint64_t room_of(uint64_t size) { return size + SPOOL_CHUNK; }

static size_t length_of(uint64_t size) { return (size_t)(HEAD + room_of(size)); }

static unsigned char *ring_of(const struct spool_file *file) { return (unsigned char *)file->memory + HEAD; }

size_t spool_file_cost(uint64_t size) { return length_of(size) + SPOOL_CHUNK; }

int spool_file_check(os_fd fd, enum inspect_type type, struct refusal *refusal) {
    int packets = 0;
    if (type != INSPECT_PIPE && type != INSPECT_TCP && type != INSPECT_UNIX && type != INSPECT_TTY)
        return refusal_set(refusal, REFUSAL_UNSUPPORTED, "spools", NULL,
                           "only pipes, stream sockets and terminals have a spool, not what is of type %s",
                           inspect_name(type));
    if (!stream_is_open_for(fd, false))
        return refusal_set(refusal, REFUSAL_INVALID, "spools", NULL,
                           "a descriptor that is not open for reading has no spool");
    if (type == INSPECT_TTY && !ioctl(fd, TIOCGPKT, &packets) && packets)
        return refusal_set(refusal, REFUSAL_UNSUPPORTED, "spools", "end its packet mode first",
                           "a terminal in packet mode has no spool");
    return 0;
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

static int map(struct spool_file *file) {
    void *memory =
        mmap(NULL, length_of(file->size), PROT_READ | PROT_WRITE, MAP_SHARED, file->fds[FILE_FD], 0);
    if (memory == MAP_FAILED)
        return -errno;
    file->memory = memory;
    return 0;
}

static int make_file(struct spool_file *file) {
    int fd = memfd_create("portd-spool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    file->fds[FILE_FD] = fd;
    if (ftruncate(fd, (off_t)length_of(file->size)) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return -errno;
    return map(file);
}

static void close_all(struct spool_file *file) {
    spool_file_unmap(file);
    for (int i = 0; i < SPOOL_FDS; i++)
        if (file->fds[i] != OS_FD_NONE)
            os_close(file->fds[i]); /* empty, and nobody else has it: it does not block */
}

int spool_file_make(struct spool_file *file, uint64_t size) {
    int error;
    *file = (struct spool_file){.fds = {OS_FD_NONE, OS_FD_NONE, OS_FD_NONE}, .size = size};
    error = make_file(file);
    if (!error && pipe2(&file->fds[READ_FD], O_CLOEXEC | O_NONBLOCK))
        error = -errno;
    if (error) {
        close_all(file);
        return error;
    }
    struct head *head = head_of(file);
    memcpy(head->magic, magic, sizeof magic);
    head->version = VERSION;
    head->size = size;
    return 0;
}

void spool_file_unmap(struct spool_file *file) {
    if (file->memory)
        munmap(file->memory, length_of(file->size));
    file->memory = NULL;
}

static size_t in_pipe(const struct spool_file *file) {
    int n = 0;
    return ioctl(file->fds[READ_FD], FIONREAD, &n) || n < 0 ? 0 : (size_t)n;
}

/* What the last broker had not done. */
static int finish(struct spool_file *file) {
    struct head *head = head_of(file);
    uint64_t next = head->next, filled = head->filled, left = in_pipe(file);
    if (left > SPOOL_CHUNK || head->freed > next)
        return -EINVAL;
    if (filled) {
        if (filled < left || filled - left < next || filled - left - next > SPOOL_CHUNK)
            return -EINVAL;
        head->next = filled - left;
        head->filled = 0;
    }
    if (head->reading) {
        spool_file_mark(file, head->next);
        head->reading = 0;
    }
    return 0;
}

int spool_file_restore(struct spool_file *file) {
    struct stat status;
    if (fstat(file->fds[FILE_FD], &status))
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size < HEAD + SPOOL_LEAST + SPOOL_CHUNK ||
        status.st_size > HEAD + SPOOL_MOST + SPOOL_CHUNK)
        return -EINVAL;
    file->size = (uint64_t)status.st_size - HEAD - SPOOL_CHUNK;
    int error = map(file);
    if (error)
        return error;
    const struct head *head = head_of(file);
    if (memcmp(head->magic, magic, sizeof magic) != 0 || head->version != VERSION || head->size != file->size)
        error = -EINVAL;
    if (!error)
        error = finish(file);
    if (error)
        spool_file_unmap(file);
    return error;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

uint64_t spool_file_next(const struct spool_file *file) { return head_of(file)->next; }

uint64_t spool_file_freed(const struct spool_file *file) { return head_of(file)->freed; }

void spool_file_free_to(struct spool_file *file, uint64_t position) { head_of(file)->freed = position; }

size_t spool_file_find(const struct spool_file *file, uint64_t position, uint64_t next,
                       const unsigned char **bytes) {
    uint64_t room = room_of(file->size), at = position % room, n = next - position;
    *bytes = ring_of(file) + at;
    return (size_t)(n < room - at ? n : room - at);
}

void spool_file_mark(struct spool_file *file, uint64_t position) {
    struct head *head = head_of(file);
    uint64_t n = head->n_gaps;
    if (n && head->gaps[(n - 1) % SPOOL_GAPS] == position)
        return;
    head->gaps[n % SPOOL_GAPS] = position;
    head->n_gaps = n + 1;
}

size_t spool_file_gaps(const struct spool_file *file, uint64_t from, uint64_t to, uint64_t gaps[SPOOL_GAPS]) {
    const struct head *head = head_of(file);
    uint64_t n = head->n_gaps, first = n > SPOOL_GAPS ? n - SPOOL_GAPS : 0;
    size_t found = 0;
    for (uint64_t i = first; i < n; i++) {
        uint64_t gap = head->gaps[i % SPOOL_GAPS];
        if (gap >= from && gap < to)
            gaps[found++] = gap;
    }
    return found;
}

/* ---- taking ------------------------------------------------------------------------------------------------------- */

/* The room behind the last byte, as a file of so many bytes has it: in one piece or two. */
static int room_pieces(const struct spool_file *file, size_t n, struct iovec pieces[2]) {
    uint64_t room = room_of(file->size), at = head_of(file)->next % room;
    size_t first = n < room - at ? n : (size_t)(room - at);
    pieces[0] = (struct iovec){ring_of(file) + at, first};
    pieces[1] = (struct iovec){ring_of(file), n - first};
    return n > first ? 2 : 1;
}

/* Memory for the next bytes, unless the whole ring has been used before. False: not now, and nothing is taken. */
static bool make_room(struct spool_file *file, size_t n) {
    struct head *head = head_of(file);
    uint64_t room = room_of(file->size), made = head->made, wanted = head->next + n;
    if (wanted > room)
        wanted = room;
    if (made >= wanted)
        return true;
    if (cgroup_is_full((size_t)(wanted - made)) ||
        fallocate(file->fds[FILE_FD], 0, (off_t)(HEAD + made), (off_t)(wanted - made)))
        return false;
    head->made = wanted;
    return true;
}

/* Moves all that is in the pipe into the file. 0 or an errno. */
static int empty_pipe(struct spool_file *file) {
    struct head *head = head_of(file);
    struct iovec pieces[2];
    size_t left;
    while ((left = in_pipe(file)) > 0) {
        int n_pieces = room_pieces(file, left, pieces);
        head->filled = head->next + left;
        ssize_t n = readv(file->fds[READ_FD], pieces, n_pieces);
        int error = errno;
        if (n > 0)
            head->next += (uint64_t)n;
        head->filled = 0;
        if (n <= 0 && error != EINTR)
            return n < 0 ? error : EIO;
    }
    return 0;
}

static struct spool_taken failed(int error) {
    if (error == EINTR || error == EAGAIN || error == ENOMEM || error == ENOBUFS)
        return (struct spool_taken){.source = SPOOL_IDLE};
    return (struct spool_taken){.source = SPOOL_FAILED, .error = error};
}

/* The kernel does not splice here: what was read when the broker dies is lost. */
static struct spool_taken read_source(struct spool_file *file, os_fd source, enum inspect_type type,
                                      size_t most) {
    struct head *head = head_of(file);
    struct iovec pieces[2];
    int n_pieces = room_pieces(file, most, pieces);
    ssize_t n;
    head->reading = 1;
    if (inspect_is_socket(type))
        n = recv(source, pieces[0].iov_base, pieces[0].iov_len, MSG_DONTWAIT);
    else
        n = readv(source, pieces, n_pieces);
    int error = errno;
    if (n > 0)
        head->next += (uint64_t)n;
    head->reading = 0;
    if (n > 0)
        return (struct spool_taken){.source = SPOOL_GOES_ON};
    if (n < 0)
        return type == INSPECT_TTY && error == EIO ? (struct spool_taken){.source = SPOOL_HUNG}
                                                   : failed(error);
    return (struct spool_taken){.source = type == INSPECT_TTY    ? SPOOL_IDLE
                                          : type == INSPECT_PIPE ? SPOOL_HUNG
                                                                 : SPOOL_ENDED};
}

/* A terminal's read ignores the flag and waits if another holder has taken the bytes since poll(2); the worker is interrupted then. */
static struct spool_taken take_terminal(struct spool_file *file, os_fd source, size_t most) {
    short events = stream_look(source, POLLIN);
    if (!(events & POLLIN))
        return (struct spool_taken){.source = events & POLLHUP ? SPOOL_HUNG : SPOOL_IDLE};
    ssize_t n = splice(source, NULL, file->fds[WRITE_FD], NULL, most, SPLICE_F_NONBLOCK);
    if (n > 0)
        return (struct spool_taken){.source = SPOOL_GOES_ON};
    if (n == 0)
        return (struct spool_taken){.source = SPOOL_IDLE}; /* the sign for the end of input */
    if (errno == EINVAL)
        return read_source(file, source, INSPECT_TTY, most);
    if (errno == EIO)
        return (struct spool_taken){.source = SPOOL_HUNG};
    return failed(errno);
}

static struct spool_taken take_stream(struct spool_file *file, os_fd source, enum inspect_type type,
                                      size_t most) {
    struct stream_job job = {.fd = source,
                             .type = type,
                             .what = STREAM_SPLICE_READ,
                             .size = most,
                             .pipe = file->fds[WRITE_FD],
                             .least = 1};
    int error = stream_splice_work(&job);
    if (error == -EOPNOTSUPP)
        return read_source(file, source, type, most);
    if (error && error != STREAM_E_MORE)
        return failed(-error);
    if (job.end)
        return (struct spool_taken){.source = type == INSPECT_PIPE ? SPOOL_HUNG : SPOOL_ENDED};
    return (struct spool_taken){.source = job.count ? SPOOL_GOES_ON : SPOOL_IDLE};
}

struct spool_taken spool_file_take(struct spool_file *file, os_fd source, enum inspect_type type,
                                   size_t most) {
    struct spool_taken taken = {.source = SPOOL_GOES_ON};
    if (!make_room(file, SPOOL_CHUNK))
        return (struct spool_taken){.source = SPOOL_IDLE};
    if (!in_pipe(file))
        taken =
            type == INSPECT_TTY ? take_terminal(file, source, most) : take_stream(file, source, type, most);
    int error = empty_pipe(file);
    if (error)
        return (struct spool_taken){.source = SPOOL_FAILED, .error = error};
    return taken;
}
