/* main.c: portd. Finds its listener, runs the broker, leaves with 0 when it was asked to stop. */
#include "base/log.h"
#include "broker.h"
#include "loop/leaving.h"
#include "proto/address.h"
#include "proto/peer.h"
#include "proto/transport.h"
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The address to listen at when nobody handed over a listener: root's is the system's. NULL: logged why. */
static const char *choose_address(const struct options *options, char text[ADDRESS_MAX]) {
    struct address address;
    const char *fault;
    int error;
    if (options->listen) {
        fault = address_parse(options->listen, &address);
        if (!fault)
            return options->listen;
        log_write(LOG_LEVEL_ERROR, "--listen %s: %s", options->listen, fault);
        return NULL;
    }
    if (peer_self() == 0)
        return address_system();
    error = address_user(text, 1);
    if (!error)
        return text;
    log_write(LOG_LEVEL_ERROR, "no place for this user's socket: %s", strerror(-error));
    return NULL;
}

/* 0 and *listener. *address is what to unlink at the end, or NULL. */
static int open_listener(const struct options *options, char text[ADDRESS_MAX], const char **address,
                         os_fd *listener) {
    int error, given = options->listen ? 0 : service_listener(listener);
    *address = NULL;
    if (given > 0) {
        error = transport_adopt(*listener);
        if (!error && !transport_listens(*listener))
            error = -EINVAL;
        if (error)
            log_write(LOG_LEVEL_ERROR, "what LISTEN_FDS hands over is no listening Unix stream socket: %s",
                      strerror(-error));
        else
            log_write(LOG_LEVEL_INFO, "listening on the socket that was handed over");
        return error;
    }
    if (given < 0) {
        log_write(LOG_LEVEL_ERROR, "LISTEN_FDS makes no sense: %s", strerror(-given));
        return given;
    }
    *address = choose_address(options, text);
    if (!*address)
        return -EINVAL;
    error = transport_listen(*address, options->mode, listener);
    if (!error) {
        log_write(LOG_LEVEL_INFO, "listening; address=%s", *address);
        return 0;
    }
    if (error == -EADDRINUSE && options->idle_exit_us) /* started because one was needed, and one is there */
        log_write(LOG_LEVEL_INFO, "another broker is there already; address=%s", *address);
    else
        log_write(LOG_LEVEL_ERROR, "cannot listen at %s: %s", *address,
                  error == -EADDRINUSE ? "another broker is there" : strerror(-error));
    *address = NULL;
    return error;
}

/* Of several that were started because one was needed, the others have nothing to do. */
static int status_without_listener(const struct options *options, int error) {
    return error == -EADDRINUSE && options->idle_exit_us ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    struct options options;
    struct broker *broker;
    char text[ADDRESS_MAX];
    const char *address;
    os_fd listener = OS_FD_NONE;
    bool left_behind;
    int status = options_parse(&options, argc, argv);
    if (status)
        return status == 1 ? EXIT_SUCCESS : status;
    log_open(log_stderr, options.log_level);
    if (atexit(log_close))
        return EXIT_FAILURE;
    int error = open_listener(&options, text, &address, &listener);
    if (error)
        return status_without_listener(&options, error);
    broker = broker_new(&options, listener);
    status = EXIT_FAILURE;
    if (broker) {
        service_ready(options.notify_fd, "Waiting for clients");
        status = broker_run(broker) ? EXIT_FAILURE : EXIT_SUCCESS;
        service_stopping();
    }
    if (address)
        transport_unlink(address);
    left_behind = broker_free(broker);
    log_close();
    /* The listener as well: who has not been accepted may have sent descriptors whose closing waits, but not for a process that ends. */
    leaving_close(service_descriptor_limit(), left_behind);
    return status;
}
