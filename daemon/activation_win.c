/* activation_win.c: activation.h where no service manager holds a listener. */
#include "activation.h"

int activation_listener(os_fd *listener) {
    *listener = OS_FD_NONE;
    return 0;
}
