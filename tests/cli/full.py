"""full.py COMMAND...: runs it with a standard output that is a small pipe which does not block, and reads that only when it is full. Prints what
came; ends as the command does, or with 90 if the pipe's flags have changed."""
import array
import fcntl
import os
import subprocess
import sys
import termios
import time

F_SETPIPE_SZ = 1031
reading, writing = os.pipe()
size = fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
os.set_blocking(writing, False)
process = subprocess.Popen(sys.argv[1:], stdout=writing, stdin=subprocess.DEVNULL)
waiting = array.array("i", [0])
while waiting[0] < size and process.poll() is None:
    fcntl.ioctl(reading, termios.FIONREAD, waiting)
    time.sleep(0.001)  # how much lies in a pipe is asked again and again: nothing tells of it
changed = os.get_blocking(writing)
os.close(writing)
while data := os.read(reading, 65536):
    os.write(1, data)
code = process.wait()
sys.exit(90 if changed else code)
