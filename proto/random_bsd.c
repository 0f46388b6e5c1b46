/* random_bsd.c: random.h with the generator of the C library, which the kernel seeds and which cannot fail. */
#include "random.h"

#include <stdlib.h>

int random_get(void *bytes, size_t size) {
    arc4random_buf(bytes, size);
    return 0;
}
