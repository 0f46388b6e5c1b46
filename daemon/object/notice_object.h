/* notice_object.h: what happens to objects is told here, once, for those who look at the broker: it is counted, and noted in the journal. */
#ifndef NOTICE_OBJECT_H
#define NOTICE_OBJECT_H

struct descriptor;
struct waitable;
struct object;

/* It has its id, its owner and what it is made of. */
void notice_object_made(const struct object *object);

/* It has this cause for ever, and still its descriptor. */
void notice_object_ended(const struct waitable *waitable, int cause);

/* A wait in flight is answered because it is ready. */
void notice_object_ready(const struct waitable *waitable, int cause);

/* Its id is given back. */
void notice_object_released(const struct waitable *waitable);

/* A client gets its handle, or a copy of its descriptor. */
void notice_object_passed(const struct waitable *waitable);

/* The copy is closed. */
void notice_object_closed(const struct descriptor *descriptor);

#endif
