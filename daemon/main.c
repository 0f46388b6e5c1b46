/* main.c: portd. Finds its listener, runs the broker, leaves with 0 when it was asked to stop. */
#include "base/log.h"
#include "broker.h"
#include "door.h"
#include "loop/leaving.h"
#include "loop/thread.h"
#include "options.h"
#include "service.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* Of several that were started because one was needed, the others have nothing to do. */
static int status_without_listener(const struct options *options, int error) {
    return error == -EADDRINUSE && options->idle_exit_us ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    struct options options;
    struct broker *broker;
    struct door door;
    bool left_behind;
    int status;
    if (service_begin())
        return EXIT_FAILURE; /* it has said why, as far as there is anybody to tell */
    if (thread_interrupts_begin())
        return EXIT_FAILURE; /* and they have no end: who else sends that signal ends nothing */
    status = options_parse(&options, argc, argv);
    if (status)
        return status == 1 ? EXIT_SUCCESS : status;
    log_open(log_stderr, options.log_level);
    if (atexit(log_close))
        return EXIT_FAILURE;
    if (!service_may_notify(options.notify_fd, OS_FD_NONE))
        return 2; /* looked at before anything of ours is opened and gets its number */
    int error = door_open(&door, &options);
    if (error)
        return status_without_listener(&options, error);
    if (!service_may_notify(options.notify_fd, door.listener)) {
        door_close(&door);
        return 2;
    }
    broker = broker_new(&options, &door);
    status = EXIT_FAILURE;
    if (broker) {
        service_ready(options.notify_fd, "Waiting for clients");
        status = broker_run(broker) ? EXIT_FAILURE : EXIT_SUCCESS;
        service_stopping();
    }
    door_close(&door);
    left_behind = broker_free(broker);
    log_close();
    /* The listener as well: who has not been accepted may have sent descriptors whose closing waits, but not for a process that ends. */
    leaving_close(service_descriptor_limit(), left_behind);
    return status;
}
