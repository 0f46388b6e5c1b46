"""reset.py FROM HOW [OPTION]...: a relay that has read from standard input what the port does not take, since nobody reads the other end, is ended, and
what became of the bytes is printed.

FROM (a file, a pipe, a socket) is standard input. HOW: the other end is closed with bytes unread (reset; of a TCP connection: tcp), or takes nothing
more and is then closed (shut); the port is closed (closed); SIGTERM (signal); standard output loses its reader (broken); its --timeout passes (late). Printed are the return code,
how many bytes were taken from standard input, how many of them the port's socket had accepted before, how many are said to be lost, and the exit code in
the error. What a TCP socket has accepted and not delivered is lost with a reset, which portctl cannot know: it counts as accepted."""
import array, fcntl, json, os, re, select, signal, socket, struct, subprocess, sys, tempfile, termios, time

source, how = sys.argv[1:3]
options = sys.argv[3:]
ctl = os.environ["PORTCTL_BIN"]
SIZE = 8000000
TCP_BUFFER = 8192  # the kernel doubles it; both buffers hold less than the relay reads at a time, so a part of that is accepted
TCPI_BACKOFF = 4  # in struct tcp_info


def pending(reader):
    """How many bytes lie there. Of a Unix socket: at the end for reading."""
    count = array.array("i", [0])
    fcntl.ioctl(reader, termios.FIONREAD, count)
    return count[0]


def accepted(near, far):
    """How many bytes the near end has accepted. Of TCP some may lie there still."""
    unsent = array.array("i", [0])
    if how == "tcp":
        fcntl.ioctl(near, termios.TIOCOUTQ, unsent)
    return unsent[0] + pending(far)


def connect():
    if how != "tcp":
        return socket.socketpair()
    with socket.socket() as server:
        near = socket.socket()
        for end in (server, near):  # before they connect, so that the kernel does not change them
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TCP_BUFFER)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TCP_BUFFER)
        server.bind(("127.0.0.1", 0))
        server.listen()
        near.connect(server.getsockname())
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


def fill_up(near):
    """The same of TCP, which takes nothing more only once the kernel has asked a full receiver for room in vain (the backoff)."""
    filled = 0
    while True:
        closed = near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[TCPI_BACKOFF] > 0
        count = fill(near)
        filled += count
        if closed and count == 0:
            return filled
        time.sleep(0.001)  # the kernel's state is asked again and again: nothing tells of it


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
if how != "tcp":
    near.close()
given = Input()
given.taken()  # so that the first read finds much
output = os.pipe()
relay = subprocess.Popen([ctl, "relay", ids[0], *options], stdin=given.reader, stdout=output[1], stderr=subprocess.PIPE, text=True,
                         preexec_fn=lambda: [signal.signal(one, signal.SIG_DFL) for one in (signal.SIGTERM, signal.SIGPIPE)])
os.close(output[1])
# What is taken and not accepted is in the relay. Asked again and again, as nothing tells of it.
while given.taken() == 0 and relay.poll() is None:
    time.sleep(0.001)  # as above
if how == "tcp":
    while accepted(near, far) == 0 and relay.poll() is None:
        time.sleep(0.001)  # likewise
    filled = fill_up(near)
    had = accepted(near, far) - filled
    while given.taken() == had and relay.poll() is None:
        time.sleep(0.001)
if how == "shut":
    far.shutdown(socket.SHUT_RD)
had = accepted(near, far)
if how == "closed":
    subprocess.run([ctl, "close", ids[0]], check=True)
elif how == "signal":
    relay.send_signal(signal.SIGTERM)
elif how == "broken":
    os.close(output[0])
    far.send(b"text")
elif how != "late":
    far.close()
error = relay.communicate()[1]
if how in ("closed", "signal", "broken", "late"):
    had = accepted(near, far)
taken = given.taken() if source == "file" else given.given - given.left()
lost = re.search(r"; (\d+) bytes that had been read from standard input were not written", error)
code = json.loads(error)["error"]["exit"] if error.startswith("{") else "-"
print(relay.returncode, taken, had - filled, lost.group(1) if lost else 0, code)
if how in ("closed", "signal", "broken", "late", "reset", "shut"):
    sys.stderr.write(error)
