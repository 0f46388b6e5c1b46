/* s6.h: the dialect of s6-fdholderd's clients (visitor.h). */
#ifndef S6_H
#define S6_H

extern const struct dialect s6_dialect;

#endif
