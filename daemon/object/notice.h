/* notice.h: what happens to objects is told here, once, for those who look at the broker: it is counted, and noted in the journal. */
#ifndef NOTICE_H
#define NOTICE_H

struct descriptor;
struct indicator;
struct object;

/* It has its id, its owner and what it is made of. */
void notice_made(const struct object *object);

/* It has this cause for ever, and still its descriptor. */
void notice_ended(const struct indicator *indicator, int cause);

/* A wait in flight is answered because it is ready. */
void notice_ready(const struct indicator *indicator, int cause);

/* Its id is given back. */
void notice_released(const struct indicator *indicator);

/* A client gets its handle, or a copy of its descriptor. */
void notice_passed(const struct indicator *indicator);

/* The copy is closed. */
void notice_closed(const struct descriptor *descriptor);

#endif
