/* main.c: portd. Reads the configuration, opens the listener, runs the broker, exits with 0 after an orderly stop. */
#include "base/log.h"
#include "broker.h"
#include "config/config.h"
#include "config/remark.h"
#include "config/show.h"
#include "door.h"
#include "loop/leaving.h"
#include "loop/thread.h"
#include "options.h"
#include "service.h"
#include "side_door.h"
#include "store/keeper.h"
#include "store/store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATUS_USAGE = 2 };

static bool thread_stays; /* serve tells main */

/* If several brokers are started on demand, one listens; the others exit with 0. */
static int status_without_listener(const struct config *config, int error) {
    return error == -EADDRINUSE && config_number(config, CONFIG_IDLE_EXIT) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int check(const struct options *options) {
    struct remarks faults = {.n = 0};
    struct config *config;
    int error = config_load(&options->given, &config, &faults);
    for (size_t i = 0; i < remarks_kept(&faults); i++)
        (void)fprintf(stderr, "portd: %s\n", faults.texts[i] ? faults.texts[i] : "out of memory");
    if (faults.n > remarks_kept(&faults))
        (void)fprintf(stderr, "portd: and %zu more\n", faults.n - remarks_kept(&faults));
    if (!faults.n && error)
        (void)fputs("portd: out of memory\n", stderr);
    remarks_clear(&faults);
    if (error)
        return STATUS_USAGE;
    error = show_config(config);
    config_free(config);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* NULL: the reason is in the log. */
static struct config *load(const struct options *options, int *status) {
    struct remarks faults = {.n = 0};
    struct config *config;
    int error = config_load(&options->given, &config, &faults);
    for (size_t i = 0; i < remarks_kept(&faults); i++)
        log_write(LOG_LEVEL_ERROR, "%s", faults.texts[i] ? faults.texts[i] : "out of memory");
    if (error)
        log_write(LOG_LEVEL_ERROR, "cannot start: the configuration is not used; faults=%zu", faults.n);
    *status = error == CONFIG_E_FAULTS ? STATUS_USAGE : EXIT_FAILURE;
    remarks_clear(&faults);
    return config;
}

/* With a configuration, and a log. Without a keeper this process opens its own listener. */
static int serve(const struct options *options, const struct config *config, char **argv,
                 const struct store_inherited *inherited) {
    os_fd keeper = inherited->channel;
    struct broker *broker;
    struct door door;
    bool left_behind;
    int status;
    int error = service_hold();
    if (!error)
        error = keeper == OS_FD_NONE ? door_open(&door, config) : door_inherit(&door, inherited->listener);
    if (error)
        return status_without_listener(config, error);
    if (!service_may_notify(options->notify_fd, door.listener)) {
        door_close(&door);
        door_discard_stored(&door);
        return STATUS_USAGE;
    }
    if (keeper == OS_FD_NONE && config_number(config, CONFIG_KEEPER)) {
        status = side_door_try(config, CONFIG_DOOR_S6) || side_door_try(config, CONFIG_DOOR_NOTIFY)
                     ? EXIT_FAILURE
                     : keeper_run(argv, &door, options->notify_fd);
        door_close(&door);
        return status;
    }
    door_discard_stored(&door);
    broker = broker_new(config, &options->given, &door, inherited);
    status = EXIT_FAILURE;
    if (broker) {
        if (keeper == OS_FD_NONE)
            service_ready(options->notify_fd, "Waiting for clients");
        status = broker_run(broker) ? EXIT_FAILURE : EXIT_SUCCESS;
        service_stopping();
    }
    door_close(&door);
    left_behind = broker_free(broker);
    log_close();
    /* This closes the listener, too: clients in its queue may have sent descriptors whose close blocks, but an exiting process
     * does not wait for it. */
    thread_stays = leaving_close(service_descriptor_limit(), left_behind);
    return status;
}

static int run(int argc, char **argv) {
    static struct options options; /* a thread that stays reads it until the end */
    struct config *config;
    struct store_inherited inherited;
    int status;
    store_inherit(&inherited);
    if (service_begin())
        return EXIT_FAILURE; /* it has written why to stderr */
    if (thread_interrupts_begin())
        return EXIT_FAILURE; /* never undone: a late signal of that number must not end the process */
    status = options_parse(&options, argc, argv);
    if (status)
        return status == 1 ? EXIT_SUCCESS : status;
    if (inherited.channel != OS_FD_NONE)
        options.notify_fd = OS_FD_NONE; /* the keeper has it */
    if (options.check_config)
        return check(&options);
    if (!service_may_notify(options.notify_fd, OS_FD_NONE))
        return STATUS_USAGE; /* checked before a descriptor opened here could get that number */
    log_open(log_stderr, LOG_LEVEL_INFO);
    if (atexit(log_close))
        return EXIT_FAILURE;
    config = load(&options, &status);
    if (!config)
        return status;
    log_set_level((enum log_level)config_number(config, CONFIG_LOG_LEVEL));
    status = serve(&options, config, argv, &inherited);
    config_free(config);
    return status;
}

int main(int argc, char **argv) {
    int status = service_main(argc, argv, run);
    if (thread_stays)
        _Exit(status);
    return status;
}
