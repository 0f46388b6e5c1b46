/* notice_object.h: counts what happens to objects and records it in the journal. Each event is reported here
 * once, after it has happened. */
#ifndef NOTICE_OBJECT_H
#define NOTICE_OBJECT_H

struct descriptor;
struct waitable;
struct object;

/* The object is complete: it has its id, its owner and its source. */
void notice_object_made(const struct object *object);

/* The waitable has ended with this cause. It still refers to its binding. */
void notice_object_ended(const struct waitable *waitable, int cause);

/* The waitable is ready, and an in-flight wait is answered with this cause. */
void notice_object_ready(const struct waitable *waitable, int cause);

/* The waitable's id has been released. */
void notice_object_released(const struct waitable *waitable);

/* A client gets the waitable's handle, or a copy of its descriptor. */
void notice_object_passed(const struct waitable *waitable);

/* The broker's copy has been closed. */
void notice_object_closed(const struct descriptor *descriptor);

#endif
