/* broker_hint.c: a test that is linked with this starts portd_hint, Linux's broker with the handles of macOS and the BSDs. */
#define _GNU_SOURCE

#include <stdlib.h>

__attribute__((constructor)) static void choose_broker(void) {
    if (setenv("PORTD_DAEMON", PORTD_HINT, 1) != 0)
        abort();
}
