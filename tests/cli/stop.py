"""stop.py VERB FROM SIGNALS END [OPTION]...: ends a portctl that cannot go on, since END is full, by signals, and prints what became of the bytes.

FROM (a file, a pipe, a socket) is what is read: standard input of write, the port of cat and relay. END (a pipe, a socket) is the other side,
which nobody reads. A splice by the broker into a socket goes through a pipe of portctl's: there is something in that, too. Printed are the return
code, how many bytes FROM has given, how many END has got (in JSON: those of whole lines), how many are said to be lost, and how many characters were
said."""
import fcntl, json, os, re, select, signal, socket, struct, subprocess, sys, tempfile, termios, time
from base64 import b64decode

what, source, names, end = sys.argv[1:5]
options = sys.argv[5:]
ctl = os.environ["PORTCTL_BIN"]
SIZE = 1000000


def pair(kind):
    """An end for reading and one for writing."""
    if kind == "socket":
        return tuple(one.detach() for one in socket.socketpair())
    return os.pipe()


def drain(reader):
    """All that lies in it. Only called when nobody else has it in use, so that its flags may change."""
    os.set_blocking(reader, False)
    got = b""
    try:
        while data := os.read(reader, 65536):
            got += data
    except BlockingIOError:
        pass
    return got


def fill(kind):
    """Something to read from: its end for reading, how many bytes are in it, and what must stay open."""
    if kind == "file":
        file = tempfile.TemporaryFile()
        file.write(bytes(SIZE))
        file.seek(0)
        return file.fileno(), SIZE, file
    reader, writer = pair(kind)
    if kind == "pipe":
        fcntl.fcntl(writer, 1031, 1 << 20)  # F_SETPIPE_SZ
    os.set_blocking(writer, False)
    return reader, os.write(writer, bytes(SIZE)), writer


def heed():
    """A shell without job control, or nohup, has started all this with some of the signals ignored."""
    for name in names.split(","):
        signal.signal(signal.Signals[name], signal.SIG_DFL)


def is_full(writer):
    waits = select.poll()
    waits.register(writer, select.POLLOUT)
    return not waits.poll(0)


def available(reader):
    return struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, bytes(4)))[0]


def is_stuck(writer):
    """A send would block. poll ceases to report a socket as writable when a quarter of this is in use."""
    with socket.socket(fileno=os.dup(writer)) as one:
        _, _, used, most = struct.unpack("4I", one.getsockopt(socket.SOL_SOCKET, 55, 16))  # SO_MEMINFO
    return used >= most


def has_spliced():
    return is_stuck(writer) and available(giver) + available(reader) < total


giver, total, kept = fill(source)
reader, writer = pair(end)
port, mode = (writer, "write") if what == "write" else (giver, "read")
wrap = ["socket", str(port)] if what == "relay" else ["fd", str(port), "--mode", mode]
ids = subprocess.run([ctl, "wrap", *wrap], pass_fds=[port], capture_output=True, text=True, check=True).stdout.split()
silent = os.pipe()  # nothing comes
program = subprocess.Popen([ctl, what, ids[0], *options], stdin=giver if what == "write" else silent[0],
                           stdout=subprocess.DEVNULL if what == "write" else writer, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
splices = (what, source, end, options) == ("cat", "pipe", "socket", ["--through-broker"])
while not (is_full(writer) and (not splices or has_spliced())) and program.poll() is None:
    time.sleep(0.001)  # asked again and again, as nothing tells of it; the program and the broker need the processor
# A stopped program gets all of them at once.
program.send_signal(signal.SIGSTOP)
os.waitid(os.P_PID, program.pid, os.WSTOPPED)
for name in names.split(","):
    program.send_signal(signal.Signals[name])
program.send_signal(signal.SIGCONT)
error = program.communicate()[1]
lost = re.search(r"; (\d+) bytes that had been read from .* were not written", error)
got = drain(reader)
if options and options[-1] == "--json" and what != "write":
    got = b"".join(b64decode(json.loads(line)["data"]) for line in got.split(b"\n")[:-1])
left = total - os.lseek(giver, 0, os.SEEK_CUR) if source == "file" else len(drain(giver))
print(program.returncode, total - left, len(got), lost.group(1) if lost else 0, len(error))
