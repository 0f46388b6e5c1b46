/* passed_macos.h: how many descriptors one message can bring on macOS. The build copies it to passed.h there.
 *
 * The kernel makes each number a pointer, in a cluster of 2,048 bytes behind a header of 12. */
#ifndef PASSED_MACOS_H
#define PASSED_MACOS_H

enum { PASSED_MOST = 254 };

#endif
