/* passed_win.h: how many descriptors one message can bring on Windows. The build copies it to passed.h there.
 *
 * Handles are no descriptors of a socket: the number is that of Linux. */
#ifndef PASSED_WIN_H
#define PASSED_WIN_H

enum { PASSED_MOST = 253 };

#endif
