"""Runs a program as the leader of a terminal session, on a terminal of that many columns; prints what it prints, and ends as it ends.

    terminal.py COLUMNS COMMAND [ARGUMENT]...
"""
import fcntl
import os
import pty
import struct
import sys
import termios


def main():
    columns = int(sys.argv[1])
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
        os.execvp(sys.argv[2], sys.argv[2:])
    while True:
        try:
            text = os.read(terminal, 65536)
        except OSError:  # nobody has the terminal open any more
            break
        if not text:
            break
        sys.stdout.buffer.write(text.replace(b'\r\n', b'\n'))
        sys.stdout.buffer.flush()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main()
