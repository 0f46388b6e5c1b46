/* channel_scratch.c: the buffers that all channels of a thread share. */
#include "channel.h"

#include <errno.h>
#include <string.h>

int channel_scratch_init_in(struct channel_scratch *scratch, const struct memory *memory) {
    memset(scratch, 0, sizeof(*scratch));
    scratch->in = memory_get(scratch->memory = memory, CHANNEL_SCRATCH_IN);
    return scratch->in ? 0 : -ENOMEM;
}

void channel_scratch_deinit(struct channel_scratch *scratch) {
    memory_free(scratch->memory, scratch->in);
    memory_free(scratch->memory, scratch->spare);
    memset(scratch, 0, sizeof(*scratch));
}
