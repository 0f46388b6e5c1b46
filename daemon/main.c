/* main.c: portd. Opens the listener, runs the broker, exits with 0 after an orderly stop. */
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

/* If several brokers are started on demand, one listens; the others exit with 0. */
static int status_without_listener(const struct options *options, int error) {
    return error == -EADDRINUSE && options->idle_exit_us ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(int argc, char **argv) {
    struct options options;
    struct broker *broker;
    struct door door;
    bool left_behind;
    int status;
    if (service_begin())
        return EXIT_FAILURE; /* it has written why to stderr */
    if (thread_interrupts_begin())
        return EXIT_FAILURE; /* never undone: a late signal of that number must not end the process */
    status = options_parse(&options, argc, argv);
    if (status)
        return status == 1 ? EXIT_SUCCESS : status;
    log_open(log_stderr, options.log_level);
    if (atexit(log_close))
        return EXIT_FAILURE;
    if (!service_may_notify(options.notify_fd, OS_FD_NONE))
        return 2; /* checked before a descriptor opened here could get that number */
    int error = service_hold();
    if (!error)
        error = door_open(&door, &options);
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
    /* This closes the listener, too: clients in its queue may have sent descriptors whose close blocks, but an exiting process
     * does not wait for it. */
    leaving_close(service_descriptor_limit(), left_behind);
    return status;
}

int main(int argc, char **argv) { return service_main(argc, argv, run); }
