/* file_locks_linux.h: byte-range locks on the inode of an open file.
 *
 * Whoever has an open file can put millions of them on its inode (fcntl F_OFD_SETLK), without rights and in less than a second: on that of a pipe or a socket,
 * on that of a process, which all pidfds of it share, and on the one inode of all eventfds, timerfds and epolls of the machine. From then on each close of a
 * descriptor of that inode walks them (some 60 ms for a million), and so does each read of its /proc/self/fdinfo, which tells those of that open file as well
 * (two seconds for a million). */
#ifndef FILE_LOCKS_LINUX_H
#define FILE_LOCKS_LINUX_H

#include <stdbool.h>

/* Whether there is one of somebody else. False if that cannot be told, and for locks of flock(2), which need an open file each. Walks nothing, but may wait
 * while another process has the kernel walk them. Not for regular files: their file system's server is asked. */
bool file_locks_exist(int fd);

#endif
