/* notice.h: what happens to objects is told here, once, for those who look at the broker. */
#ifndef NOTICE_H
#define NOTICE_H

struct indicator;
struct object;

/* It has its id, its owner and what it is made of. */
void notice_made(const struct object *object);

/* It has this cause for ever, whatever it had before. */
void notice_ended(const struct indicator *indicator, int cause);

#endif
