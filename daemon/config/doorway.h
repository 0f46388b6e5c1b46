/* doorway.h: where a door for another protocol may be. */
#ifndef DOORWAY_H
#define DOORWAY_H

/* NULL, or a static text: why there can be none at that address. */
const char *doorway_check(const char *text);

/* The same for one where letters come (proto/letter.h). */
const char *doorway_check_post(const char *text);

#endif
