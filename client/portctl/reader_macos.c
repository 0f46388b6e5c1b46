/* reader_macos.c: poll of macOS is made of a kqueue: it looks only at directions that it is asked for, and POLLHUP is the one for reading without
 * POLLIN. What can be read hides the loss, and devices that it cannot look at (/dev/null) are an error then: such streams are not looked at. */
#include "reader.h"

#include <poll.h>

short reader_events(int stream) {
    struct pollfd look = {stream, POLLIN, 0};

    return poll(&look, 1, 0) == 0 || (look.revents & POLLHUP) ? POLLHUP : 0;
}
