/* polls_win.c: polls.h where nothing needs it. Only epoll descriptors are polled beside an engine; the engine itself looks at synchronous pipes (iocp.c). */
#include "daemon/readiness/engine.h"
#include "polls.h"

int polls_set(struct polls *polls, struct polled *polled, unsigned interest, bool edge) {
    (void)polls;
    (void)polled;
    (void)edge;
    return interest ? ENGINE_E_UNSUPPORTED : 0;
}

int polls_sleep(struct polls *polls, struct engine *engine, struct engine_event *events, size_t room) {
    (void)polls;
    return engine_sleep(engine, events, room, -1);
}
