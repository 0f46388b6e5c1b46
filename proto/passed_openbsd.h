/* passed_openbsd.h: how many descriptors one message can bring on OpenBSD. The build copies it to passed.h there.
 *
 * The kernel makes each number a pointer and flags, 16 bytes in a cluster of 2,048 behind a header of 16. It refuses more with E2BIG. */
#ifndef PASSED_OPENBSD_H
#define PASSED_OPENBSD_H

enum { PASSED_MOST = 127 };

#endif
