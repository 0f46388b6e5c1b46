/* method.c: the table of methods. */
#include "method.h"

#include "portd.pb-c.h"

static const struct method methods[] = {
    [PORTD__V1__REQUEST__METHOD_HELLO] = {"hello", FDS_SEVERAL, 16, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_PING] = {"ping", FDS_NONE, 1, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_CANCEL] = {"cancel", FDS_NONE, 1, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE] = {"file_descriptor_to_semaphore", FDS_MAYBE, 8,
                                                                 POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_SOCKET_TO_SEMAPHORE] = {"socket_to_semaphore", FDS_MAYBE, 8, POLICY_NONE,
                                                        false},
    [PORTD__V1__REQUEST__METHOD_FD_TO_EVT] = {"fd_to_evt", FDS_MAYBE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_WAIT] = {"wait", FDS_NONE, 2, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_REMOVE] = {"remove", FDS_NONE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_RELEASE] = {"release", FDS_NONE, 1, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_HANDLE] = {"handle", FDS_MAYBE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_LIST] = {"list", FDS_NONE, 16, POLICY_SEE, false},
    [PORTD__V1__REQUEST__METHOD_SHOW] = {"show", FDS_NONE, 16, POLICY_SEE, false},
    [PORTD__V1__REQUEST__METHOD_STATUS] = {"status", FDS_NONE, 8, POLICY_SEE, false},
    [PORTD__V1__REQUEST__METHOD_END_SESSION] = {"end_session", FDS_NONE, 8, POLICY_END, false},
    [PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT] = {"file_descriptor_to_port", FDS_MAYBE, 8,
                                                            POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_SOCKET_TO_PORT] = {"socket_to_port", FDS_MAYBE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_PORT_TO_FILE_DESCRIPTOR] = {"port_to_file_descriptor", FDS_NONE, 1,
                                                            POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_PORT_TO_SOCKET] = {"port_to_socket", FDS_NONE, 1, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_PORT_DUP] = {"port_dup", FDS_NONE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_CLOSE] = {"close", FDS_NONE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_READ] = {"read", FDS_NONE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_WRITE] = {"write", FDS_NONE, 16, POLICY_NONE, true},
    [PORTD__V1__REQUEST__METHOD_SHUTDOWN] = {"shutdown", FDS_NONE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_ADDRESSES] = {"addresses", FDS_NONE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_POSITION] = {"position", FDS_NONE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_STATS] = {"stats", FDS_NONE, 64, POLICY_SEE, false},
    [PORTD__V1__REQUEST__METHOD_MONITOR] = {"monitor", FDS_NONE, 4, POLICY_SEE, false},
    [PORTD__V1__REQUEST__METHOD_SPLICE] = {"splice", FDS_MAYBE, 16, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_GOODBYE] = {"goodbye", FDS_NONE, 1, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_RELOAD] = {"reload", FDS_NONE, 16, POLICY_RELOAD, false},
    [PORTD__V1__REQUEST__METHOD_PUT] = {"put", FDS_MANY, 8, POLICY_NONE, true},
    [PORTD__V1__REQUEST__METHOD_GET] = {"get", FDS_NONE, 8, POLICY_NONE, true},
    [PORTD__V1__REQUEST__METHOD_DROP] = {"drop", FDS_NONE, 8, POLICY_NONE, true},
    [PORTD__V1__REQUEST__METHOD_HOLDS] = {"holds", FDS_NONE, 16, POLICY_SEE, false},
    [PORTD__V1__REQUEST__METHOD_RENEW] = {"renew", FDS_MANY, 8, POLICY_NONE, true},
    [PORTD__V1__REQUEST__METHOD_WHY] = {"why", FDS_NONE, 8, POLICY_SEE, false},
    [PORTD__V1__REQUEST__METHOD_READ_SPOOL] = {"read_spool", FDS_NONE, 8, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_SHOW_HOLD] = {"show_hold", FDS_NONE, 16, POLICY_SEE, true},
    [PORTD__V1__REQUEST__METHOD_REPAIR_HOLD] = {"repair_hold", FDS_NONE, 16, POLICY_NONE, false},
    [PORTD__V1__REQUEST__METHOD_UPGRADE] = {"upgrade", FDS_NONE, 16, POLICY_RELOAD, false},
    [PORTD__V1__REQUEST__METHOD_RESIZE_HOLD] = {"resize_hold", FDS_NONE, 4, POLICY_NONE, false},
};

enum { METHODS = sizeof methods / sizeof *methods };

_Static_assert((int)METHODS <= (int)METHODS_MAX, "metrics have room for all methods");

static uint64_t calls[METHODS]; /* since the start */

const struct method *method_find(size_t number) {
    return number < METHODS && methods[number].name ? &methods[number] : NULL;
}

const char *method_name(size_t number) {
    const struct method *method = method_find(number);
    return method ? method->name : "";
}

void method_count(size_t number) { calls[number]++; }

const char *method_next(size_t *number, uint64_t *count) {
    while (*number < METHODS && !methods[*number].name)
        ++*number;
    if (*number == METHODS)
        return NULL;
    *count = calls[*number];
    return methods[(*number)++].name;
}
