/* passed_netbsd.h: how many descriptors one message can bring on NetBSD. The build copies it to passed.h there.
 *
 * A page of 4,096 bytes is taken, with a header of 16. Processors with larger pages take more: what has no room then is closed by the kernel. */
#ifndef PASSED_NETBSD_H
#define PASSED_NETBSD_H

enum { PASSED_MOST = 1020 };

#endif
