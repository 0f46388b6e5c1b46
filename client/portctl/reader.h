/* reader.h: whether the reader of what is written has left. */
#ifndef READER_H
#define READER_H

/* ---- by platform (reader_*.c) ---- */

/* What poll must be asked for, that it tells of the loss of the reader (POLLERR or POLLHUP), and of nothing else. */
short reader_events(int stream);

#endif
