"""stuck.py KIND COMMAND...: replaces itself by the command, with a standard output that is full and is never read: a pipe, a pipe that does not block
(nonblocking), a pipe with room for a page of 4096 bytes (page), a socket or a terminal. With "both-" before the kind standard error is the same."""
import os
import pty
import select
import socket
import sys
import tty

kind = sys.argv[1].removeprefix("both-")
if kind == "socket":
    reading, writing = (end.detach() for end in socket.socketpair())
elif kind == "terminal":
    reading, writing = pty.openpty()
    tty.setraw(writing)
else:
    reading, writing = os.pipe()
os.set_blocking(writing, False)
room = select.poll()
room.register(writing, select.POLLOUT)
while room.poll(500 if kind == "terminal" else 0):  # it has room again when a worker of the kernel has moved what was written
    try:
        while True:
            os.write(writing, b"x")
    except BlockingIOError:
        pass
if kind == "page":
    os.read(reading, 4096)
os.set_blocking(writing, kind != "nonblocking")
os.set_inheritable(reading, True)  # somebody has to have it, so that it is full and not broken
os.dup2(writing, 1)
if sys.argv[1].startswith("both-"):
    os.dup2(writing, 2)
os.execvp(sys.argv[2], sys.argv[2:])
