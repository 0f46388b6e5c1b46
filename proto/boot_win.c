/* boot_win.c: os_boot_us for Windows, whose performance counter goes on while the machine is suspended. */
#include "os.h"

int64_t os_boot_us(void) { return os_now_us(); }
