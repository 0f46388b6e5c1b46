"""reset.py FROM HOW [OPTION]...: a relay that has read from standard input what the port does not take, since nobody reads the other end, is ended, and
what became of the bytes is printed.

FROM (a file, a pipe, a socket) is standard input. HOW: the other end is closed with bytes unread (reset; of a TCP connection: tcp), or takes nothing
more and is then closed (shut); the port is closed (closed); SIGTERM (signal); standard output loses its reader (broken). Printed are the return code,
how many bytes were taken from standard input, how many had come before, how many are said to be lost, and the exit code in the error."""
import array, fcntl, json, os, re, select, signal, socket, struct, subprocess, sys, tempfile, termios, time

source, how = sys.argv[1:3]
options = sys.argv[3:]
ctl = os.environ["PORTCTL_BIN"]
SIZE = 8000000


def pending(reader):
    """How many bytes lie there. Of a Unix socket: at the end for reading."""
    count = array.array("i", [0])
    fcntl.ioctl(reader, termios.FIONREAD, count)
    return count[0]


def connect():
    if how != "tcp":
        return socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return near, far


def fill(near):
    """As much as it takes, so that nothing of what the relay takes can come: how many bytes that is."""
    filled = 0
    try:
        while True:
            filled += near.send(bytes(4096), socket.MSG_DONTWAIT)
    except BlockingIOError:
        return filled


class Input:
    """Standard input of the relay: as much as it takes."""

    def __init__(self):
        self.given, self.writer = 0, -1
        if source == "file":
            self.file = tempfile.TemporaryFile()
            self.file.write(bytes(SIZE))
            self.file.seek(0)
            self.reader = self.file.fileno()
            return
        self.reader, self.writer = os.pipe() if source == "pipe" else [end.detach() for end in socket.socketpair()]
        os.set_blocking(self.writer, False)

    def taken(self):
        if source == "file":
            return os.lseek(self.reader, 0, os.SEEK_CUR)
        try:
            while True:
                self.given += os.write(self.writer, bytes(4096))
        except BlockingIOError:
            pass
        return self.given - pending(self.reader)

    def left(self):
        """What nobody has taken, once nobody reads any more."""
        os.set_blocking(self.reader, False)
        size = 0
        try:
            while data := os.read(self.reader, 65536):
                size += len(data)
        except BlockingIOError:
            pass
        return size


near, far = connect()
filled = fill(near) if how != "tcp" else 0
ids = subprocess.run([ctl, "wrap", "socket", str(near.fileno())], pass_fds=[near.fileno()], capture_output=True, text=True,
                     check=True).stdout.split()
near.close()
given = Input()
output = os.pipe()
relay = subprocess.Popen([ctl, "relay", ids[0], *options], stdin=given.reader, stdout=output[1], stderr=subprocess.PIPE, text=True,
                         preexec_fn=lambda: [signal.signal(one, signal.SIG_DFL) for one in (signal.SIGTERM, signal.SIGPIPE)])
os.close(output[1])
# What is taken is in the relay. Asked again and again, as nothing tells of it. Over TCP more than the buffers can hold.
while given.taken() == 0 and relay.poll() is None:
    time.sleep(0.001)
if how == "tcp":
    last = -1
    while last != (last := given.taken()) and relay.poll() is None:
        time.sleep(0.2)
if how == "shut":
    far.shutdown(socket.SHUT_RD)
had = pending(far.fileno())
if how == "closed":
    subprocess.run([ctl, "close", ids[0]], check=True)
elif how == "signal":
    relay.send_signal(signal.SIGTERM)
elif how == "broken":
    os.close(output[0])
    far.send(b"text")
else:
    far.close()
error = relay.communicate()[1]
if how in ("closed", "signal", "broken"):
    had = pending(far.fileno())
taken = given.taken() if source == "file" else given.given - given.left()
lost = re.search(r"; (\d+) bytes that had been read from standard input were not written", error)
code = json.loads(error)["error"]["exit"] if error.startswith("{") else "-"
print(relay.returncode, taken, had - filled, lost.group(1) if lost else 0, code)
if how in ("closed", "signal", "broken", "reset", "shut"):
    sys.stderr.write(error)
