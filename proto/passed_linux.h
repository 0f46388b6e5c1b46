/* passed_linux.h: how many descriptors one message can bring on Linux. The build copies it to passed.h there.
 *
 * SCM_MAX_FD. */
#ifndef PASSED_LINUX_H
#define PASSED_LINUX_H

enum { PASSED_MOST = 253 };

#endif
