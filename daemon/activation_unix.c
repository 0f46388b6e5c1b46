/* activation_unix.c: activation.h where there is no such call. */
#include "activation.h"

int activation_listener(os_fd *listener) {
    *listener = OS_FD_NONE;
    return 0;
}
