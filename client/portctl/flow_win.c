/* flow_win.c: copying bytes from one descriptor to another on Windows.
 *
 * Nothing is moved by the system, and nothing tells whether there is room to write: bytes are read, then written (transfer_win.c). A read that another reason
 * ends has taken nothing. A write is ended by the deadline and by what ends portctl; how much of it was done is then known as far as the system says.
 *
 * There is no signal for a pipe without a reader. */
#include "flow.h"

#include "stop.h"
#include "stop_win.h"
#include "transfer_win.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <winsock2.h>

enum { LOOK_US = 1000 * 1000, PACKET_ROOM = 1 << 18 };

void flow_begin(int64_t deadline, portd_client *client) { stop_begin(deadline, client); }

bool flow_dies_by_signal(void) { return false; }

void flow_end(void) {}

void flow_end_by_signal(void) {}

void flow_set_packets(struct flow *flow) {
    flow->packets = packet_is_kept(flow->from);
    flow->sends = flow->to >= 0 && packet_is_kept(flow->to);
    flow->copies = true;
}

/* FLOW_DONE: it is not yet time to end. */
static enum flow_end time_end(int64_t deadline) {
    if (stop_asked() != 0)
        return FLOW_STOPPED;
    return deadline != PORTD_FOREVER && portd_now() >= deadline ? FLOW_LATE : FLOW_DONE;
}

static bool is_time_to_look(struct flow *flow) {
    if (!flow->looks || portd_now() < flow->looked + LOOK_US)
        return false;
    flow->looked = portd_now();
    return true;
}

static enum flow_end end_of(enum transfer_end end, enum flow_end failure) {
    static const enum flow_end ends[] = {
        [TRANSFER_DONE] = FLOW_DONE,       [TRANSFER_FILE_END] = FLOW_FILE_END, [TRANSFER_LATE] = FLOW_LATE,
        [TRANSFER_STOPPED] = FLOW_STOPPED, [TRANSFER_LOOK] = FLOW_LOOK,
    };

    return end == TRANSFER_FAILED ? failure : ends[end];
}

/* ---- reading --------------------------------------------------------------------------------------------- */

/* The room for a packet is made before it is received, since what does not fit is lost; nobody says how much that is. */
static enum flow_end read_packet(struct flow *flow, const void **bytes, size_t *count) {
    struct packet *packet = &flow->packet;
    enum transfer_end end;
    bool cut;

    if (packet->bytes == NULL) {
        packet->bytes = malloc(PACKET_ROOM);
        if (packet->bytes == NULL)
            return FLOW_READ_ERROR;
        packet->room = PACKET_ROOM;
    }
    end = transfer_read(flow->from, packet->bytes, packet->room, flow->watch, flow->deadline, count, &cut);
    *bytes = packet->bytes;
    packet->count = *count;
    packet->cut = flow->cut = cut;
    return end == TRANSFER_FILE_END ? FLOW_DONE : end_of(end, FLOW_READ_ERROR); /* an empty one */
}

enum flow_end flow_read(struct flow *flow, void *chunk, const void **bytes, size_t *count) {
    bool cut;

    *count = 0;
    *bytes = chunk;
    if (is_time_to_look(flow))
        return FLOW_LOOK;
    if (flow->packets)
        return read_packet(flow, bytes, count);
    return end_of(transfer_read(flow->from, chunk, FLOW_CHUNK, flow->watch, flow->deadline, count, &cut),
                  FLOW_READ_ERROR);
}

/* ---- writing --------------------------------------------------------------------------------------------- */

/* Writes until everything is written or a write fails; a packet is sent whole. */
static enum flow_end write_all(const struct flow *flow, const char *at, size_t size, size_t *written) {
    enum flow_end end = FLOW_DONE;
    size_t n;

    *written = 0;
    if (size == 0 && flow->sends)
        return end_of(transfer_write(flow->to, at, 0, flow->deadline, &n), FLOW_WRITE_ERROR);
    while (end == FLOW_DONE && *written < size) {
        end = end_of(transfer_write(flow->to, at + *written, size - *written, flow->deadline, &n),
                     FLOW_WRITE_ERROR);
        *written += n;
        if (end == FLOW_DONE && *written < size)
            end = time_end(flow->deadline);
    }
    return end;
}

static bool move_back(portd_native from, size_t size) {
    HANDLE file = transfer_handle(from);
    LARGE_INTEGER way = {.QuadPart = -(int64_t)size};

    return GetFileType(file) == FILE_TYPE_DISK && SetFilePointerEx(file, way, NULL, FILE_CURRENT);
}

void flow_lose(struct flow *flow, size_t size) {
    int error = errno;

    flow->count -= size;
    flow->lost = size > 0 && flow->returns && move_back(flow->from, size) ? 0 : size;
    errno = error;
}

enum flow_end flow_write(struct flow *flow, const void *bytes, size_t size) {
    size_t written;
    enum flow_end end =
        flow->give != NULL ? flow->give(flow, bytes, size, &written) : write_all(flow, bytes, size, &written);

    flow->count += size;
    flow_lose(flow, size - written);
    return end;
}

/* ---- both ------------------------------------------------------------------------------------------------ */

static enum flow_end move(struct flow *flow) {
    alignas(FLOW_ALIGNMENT) char chunk[FLOW_CHUNK];
    const void *bytes;
    size_t count;
    enum flow_end end = flow_read(flow, chunk, &bytes, &count);

    if (end == FLOW_DONE)
        end = flow_write(flow, bytes, count);
    return end == FLOW_DONE && flow->cut > 0 ? FLOW_CUT : end;
}

enum flow_end flow_run(struct flow *flow) {
    for (;;) {
        enum flow_end end = move(flow);

        if (end != FLOW_DONE || (flow->most > 0 && flow->count >= flow->most))
            return end;
        end = time_end(flow->deadline);
        if (end != FLOW_DONE)
            return end;
    }
}

/* ---- a second flow ------------------------------------------------------------------------------------- */

/* Of both threads; `done` of flow_start is its address. */
struct beside {
    struct flow flow;
    HANDLE thread;
    enum flow_end end;
    int error;
};

/* Shuts `to` down for writing. A socket that is no longer connected needs none. */
static enum flow_end tell_end(struct flow *flow) {
    size_t none;

    if (flow->give != NULL)
        return flow->give(flow, NULL, 0, &none) == FLOW_DONE ? FLOW_FILE_END : FLOW_REFUSED;
    if (shutdown((SOCKET)flow->to, SD_SEND) == 0 || WSAGetLastError() == WSAENOTCONN)
        return FLOW_FILE_END;
    errno = WSAGetLastError() == WSAENOTSOCK ? ENOTSOCK : EIO;
    return FLOW_WRITE_ERROR;
}

static bool is_failure(enum flow_end end) {
    return end == FLOW_READ_ERROR || end == FLOW_WRITE_ERROR || end == FLOW_REFUSED || end == FLOW_CUT;
}

static DWORD WINAPI run_beside(void *data) {
    struct beside *beside = data;
    struct flow *flow = &beside->flow;

    beside->end = flow_run(flow);
    if (beside->end == FLOW_FILE_END && flow->shuts)
        beside->end = tell_end(flow);
    beside->error = errno;
    if (is_failure(beside->end))
        stop_after(beside->flow.fails);
    packet_free(&flow->packet);
    return 0;
}

/* Both ends are one event. */
bool flow_bell(portd_native ends[2]) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    ends[0] = ends[1] = (portd_native)event;
    if (event == NULL)
        errno = ENOMEM;
    return event != NULL;
}

void flow_ring(portd_native end) { (void)SetEvent((HANDLE)end); }

int flow_start(const struct flow *flow, portd_native *done) {
    struct beside *beside = malloc(sizeof(*beside));

    if (beside == NULL)
        return ENOMEM;
    *beside = (struct beside){.flow = *flow};
    beside->thread = CreateThread(NULL, 0, run_beside, beside, 0, NULL);
    if (beside->thread == NULL) {
        free(beside);
        return EAGAIN;
    }
    *done = (portd_native)beside;
    return 0;
}

enum flow_end flow_await(portd_native done, int64_t deadline) {
    const struct beside *beside = (const struct beside *)done; /* flow_start made it of that */
    HANDLE handles[2] = {beside->thread, stop_event()};
    DWORD n = handles[1] != NULL ? 2 : 1, woken;

    do {
        woken = WaitForMultipleObjects(n, handles, FALSE, transfer_time_left(deadline));
        if (woken == WAIT_OBJECT_0)
            return FLOW_DONE;
        if (woken == WAIT_FAILED)
            return FLOW_READ_ERROR;
    } while (time_end(deadline) == FLOW_DONE);
    return time_end(deadline);
}

/* If it has not ended, it goes on to use its memory until the program ends. */
bool flow_finish(portd_native done, int64_t deadline, enum flow_end *end, struct flow *flow) {
    struct beside *beside = (struct beside *)done; /* flow_start made it of that */
    bool known = WaitForSingleObject(beside->thread, transfer_time_left(deadline)) == WAIT_OBJECT_0;

    *end = known ? beside->end : FLOW_READ_ERROR;
    flow->count = known ? beside->flow.count : 0;
    flow->lost = known ? beside->flow.lost : 0;
    flow->cut = known ? beside->flow.cut : 0;
    errno = known ? beside->error : EIO;
    (void)CloseHandle(beside->thread);
    if (known)
        free(beside);
    return known;
}
