/* passed_freebsd.h: how many descriptors one message can bring on FreeBSD. The build copies it to passed.h there.
 *
 * 2,048 bytes in all are taken, which can be two control messages with headers of 16 bytes, and each of those at most 254 numbers. */
#ifndef PASSED_FREEBSD_H
#define PASSED_FREEBSD_H

enum { PASSED_MOST = 504 };

#endif
