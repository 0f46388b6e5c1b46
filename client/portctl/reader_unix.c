/* reader_unix.c: poll tells of the loss whatever it is asked for. */
#include "reader.h"

short reader_events(int stream) {
    (void)stream;
    return 0;
}
