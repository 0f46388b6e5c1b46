"""flow.py CASE: what ends portctl cat, write and relay, and that they lose nothing without saying so. Prints a line for each of many runs: what was
run, and what came of it. The cases are the functions at the end."""
import json, os, queue, re, select, signal, socket, struct, subprocess, sys, tempfile, threading
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

ctl = os.environ["PORTCTL_BIN"]
SO_SNDBUFFORCE = 32
WAYS = ([], ["--through-broker"])


def portctl(*words, **more):
    return subprocess.run([ctl, *map(str, words)], capture_output=True, **more)


def wrap(number):
    """The ports of a socket: for reading, for writing."""
    made = portctl("wrap", "socket", number, pass_fds=[number], check=True)
    return made.stdout.decode().split()


def wrap_fd(number, mode):
    return portctl("wrap", "fd", number, "--mode", mode, pass_fds=[number], check=True).stdout.decode().split()


def until(end, event=select.POLLHUP):
    """Waits for an event of a descriptor: for the reset of a connection, its hang-up."""
    waits = select.poll()
    waits.register(end, event)
    while not any(happened & event for _, happened in waits.poll()):
        pass


def tcp():
    with socket.create_server(("127.0.0.1", 0)) as server:
        far = socket.create_connection(server.getsockname())
        near, _ = server.accept()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return near, far


def unix():
    near, far = socket.socketpair()
    near.send(b"unread")  # a close with something unread resets
    return near, far


def text(error):
    """What an error says, without its number, and the count of bytes in it that are lost."""
    error = error.decode().strip()
    if error.startswith("{"):
        error = json.loads(error)["error"]["message"]
    lost = re.search(r"; (\d+) bytes that had been read from [a-z ]* were not written", error)
    return error.removeprefix("portctl: ").split("\n")[0].split(";")[0], int(lost.group(1)) if lost else 0


def fill(writer):
    """As much as a pipe takes: how many bytes that is."""
    filled = 0
    try:
        while True:
            filled += os.write(writer, bytes(4096))
    except BlockingIOError:
        return filled


class Output:
    """Standard output of portctl: a pipe, a file or a socket."""

    def __init__(self, kind):
        self.kind = kind
        if kind == "file":
            self.file = tempfile.TemporaryFile()
            self.writer = self.file.fileno()
        else:
            reader, writer = os.pipe() if kind == "pipe" else [end.detach() for end in socket.socketpair()]
            self.reader, self.writer = reader, writer

    def read(self):
        """All of it, when nobody writes any more."""
        if self.kind == "file":
            self.file.seek(0)
            return self.file.read()
        os.close(self.writer)
        with open(self.reader, "rb") as whole:
            return whole.read()


def collect(run, most, read, got):
    """What is read until there is so much, or portctl has ended."""
    ended = False
    while len(got) < most:
        try:
            got += read()
        except BlockingIOError:
            if ended:
                break
            ended = run.poll() is not None
    return got


# ---- the cases -----------------------------------------------------------------------------------------------------


def reset():
    """The port's connection is reset, while nothing or something is to be read, or while portctl reads."""
    for make in (tcp, unix):
        for kind in ("pipe", "file", "socket"):
            for words in (["cat"], ["cat", "--json"], ["cat", "--through-broker"], ["relay"], ["relay", "--through-broker"]):
                for when in ("before", "after bytes", "meanwhile"):
                    near, far = make()
                    port = wrap(near.fileno())[0]
                    output = Output(kind)
                    if when != "before":
                        far.send(b"text")
                    if when != "meanwhile":
                        far.close()
                        until(near)
                    run = subprocess.Popen([ctl, words[0], port, *words[1:]], stdin=subprocess.DEVNULL, stdout=output.writer,
                                           stderr=subprocess.PIPE)
                    if when == "meanwhile":
                        if kind == "file":
                            while os.fstat(output.writer).st_size == 0 and run.poll() is None:
                                pass
                        else:
                            until(output.reader, select.POLLIN)
                        far.close()
                    error = run.communicate()[1]
                    got = output.read()
                    if words[-1] == "--json":
                        got = b"".join(b64decode(json.loads(line)["data"]) for line in got.splitlines())
                    print(f"{make.__name__}, {kind}, {' '.join(words)}, {when}:", run.returncode, got.decode() or "-", *text(error))
                    portctl("close", port, check=True)
                    near.close()


def reset_input():
    """Standard input of write and relay is a connection that was reset."""
    for make in (tcp, unix):
        for kind in ("pipe", "file", "socket"):
            for way in WAYS:
                near, far = make()
                far.send(b"text")
                far.close()
                until(near)
                output = Output(kind)
                port = wrap_fd(output.writer, "write")[0]
                run = portctl("write", port, *way, stdin=near)
                portctl("close", port, check=True)
                print(f"{make.__name__}, {kind}, write {' '.join(way)}:", run.returncode, output.read().decode(), *text(run.stderr))
        for way in WAYS:
            near, far = make()
            far.send(b"text")
            far.close()
            until(near)
            ours, theirs = socket.socketpair()
            port = wrap(theirs.fileno())[0]
            theirs.close()
            ours.shutdown(socket.SHUT_WR)
            run = portctl("relay", port, *way, stdin=near)
            print(f"{make.__name__}, relay {' '.join(way)}:", run.returncode, ours.recv(100).decode(), *text(run.stderr))


def fails_one_way(what, words, way):
    near, far = unix() if what == "read" else socket.socketpair()
    far.send(b"text")
    if what == "read":
        far.close()
        until(near)
    ours, theirs = socket.socketpair()
    port = wrap(theirs.fileno())[0]
    theirs.close()
    ours.send(b"answer")
    if what != "read":
        ours.shutdown(socket.SHUT_RD)
    reader, writer = os.pipe()
    filled = 0
    if what == "full":
        os.set_blocking(writer, False)
        filled = fill(writer)
        os.set_blocking(writer, True)
    run = subprocess.run([ctl, *words, port, *way, "--timeout", "1min"], stdin=near, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    with open(reader, "rb") as file:
        got = file.read()[filled:]
    if words[-1] == "--json" and got:
        got = b64decode(json.loads(got)["data"])
    return f"{what}, {' '.join(words + way)}:", run.returncode, got.decode() or "-", *text(run.stderr)


def one_way():
    """One direction of a relay fails, and nothing ends the other one, or it waits for standard output, which is full. Each waits for a while before it ends."""
    with ThreadPoolExecutor(12) as pool:
        runs = [pool.submit(fails_one_way, what, words, way)
                for what in ("read", "write", "full") for words in (["relay"], ["relay", "--json"]) for way in WAYS]
        for run in runs:
            print(*run.result())


def said(error):
    """All that an error says."""
    return [json.loads(error)["error"]["message"] if error.startswith(b"{") else error.decode().removeprefix("portctl: ").strip()]


def relays_in_vain(given, words):
    ours, theirs = socket.socketpair()
    port = wrap(theirs.fileno())[0]
    theirs.close()
    reader, writer = os.pipe()
    run = subprocess.Popen([ctl, "relay", port, *words, "--timeout", "500ms"], stdin=reader, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    got = b""
    if given:
        os.write(writer, given)
        with ours.makefile("rb") as file:
            got = file.read(len(given))
    error = run.communicate()[1]
    portctl("close", port, check=True)
    return f"{' '.join(words)}:", run.returncode, "whole" if got == given else "other", *said(error)


def late():
    """The deadline of relays whose standard input is a pipe that gives nothing, or whose bytes have all come. Both directions end at the same moment."""
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(relays_in_vain, given, words)
                for _ in range(8) for given in (b"", b"text") for form in ([], ["--json"]) for words in (form, [*form, "--through-broker"])]
        for run in runs:
            print(*run.result())


def refused():
    """A UDP socket whose peer has no such port, and a terminal whose other end has gone: they fail alike by either way."""
    for kind in ("pipe", "file"):
        for way in (*WAYS, ["--json"]):
            output = Output(kind)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
                nobody.bind(("127.0.0.1", 0))
                own.connect(nobody.getsockname())
                nobody.close()
                own.send(b"text")
                until(own, select.POLLERR)
                port = wrap(own.fileno())[0]
                run = subprocess.run([ctl, "cat", port, *way], stdout=output.writer, stderr=subprocess.PIPE)
                print(f"udp, {kind}, cat {' '.join(way)}:", run.returncode, *text(run.stderr))
                portctl("close", port, check=True)
            main, other = os.openpty()
            os.close(other)
            port = wrap_fd(main, "read")[0]
            run = subprocess.run([ctl, "cat", port, *way], stdout=output.writer, stderr=subprocess.PIPE)
            print(f"terminal, {kind}, cat {' '.join(way)}:", run.returncode, *text(run.stderr))
            portctl("close", port, check=True)


def port_of_packets(name, sent):
    """A port from which these packets come, and then its end. Returns both ends of the pair, too."""
    near, far = socket.socketpair(socket.AF_UNIX, getattr(socket, "SOCK_" + name))
    port = wrap(near.fileno())[0]
    for packet in sent:
        far.send(packet)
    if name == "SEQPACKET":
        far.close()
    else:
        near.shutdown(socket.SHUT_RD)
    return near, far, port


def packets():
    """Packets longer than a chunk, from the port."""
    for name in ("SEQPACKET", "DGRAM"):
        for words in (["cat"], ["cat", "--json"], ["relay"]):
            for way in WAYS:
                sent = [os.urandom(150000), b"next"]
                near, far, port = port_of_packets(name, sent)
                run = portctl(words[0], port, *words[1:], *way, stdin=subprocess.DEVNULL)
                told, got = "", run.stdout
                if words[-1] == "--json":
                    chunks = [json.loads(line) for line in got.splitlines()]
                    got = b"".join(b64decode(chunk["data"]) for chunk in chunks)
                    told = [(chunk["count"], chunk.get("truncated")) for chunk in chunks]
                whole = b"".join(sent)
                what = "whole" if got == whole else "begun" if whole.startswith(got) else "other"
                print(f"{name}, {' '.join(words + way)}:", run.returncode, what, len(got), told, *text(run.stderr),
                      near.recv(100).decode() or "-")
                portctl("close", port, check=True)


def packets_on():
    """Packets from the port to standard output that keeps them apart, an empty one among them."""
    for name in ("SEQPACKET", "DGRAM"):
        for word in ("cat", "relay"):
            for way in WAYS:
                sent = [b"one", b"", b"two"]
                near, far, port = port_of_packets(name, sent)
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
                run = subprocess.run([ctl, word, port, *way], stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE)
                theirs.close()
                got = []
                with suppress(BlockingIOError):
                    while True:
                        got.append(ours.recv(100, socket.MSG_DONTWAIT))
                portctl("close", port, check=True)
                print(f"{name}, {' '.join([word, *way])}:", run.returncode, "whole" if got == sent else got, *text(run.stderr))


def packets_in():
    """Packets of standard input, an empty one among them."""
    for name in ("SEQPACKET", "DGRAM"):
        for kind in ("pipe", "file", "packets"):
            for way in WAYS:
                near, far = socket.socketpair(socket.AF_UNIX, getattr(socket, "SOCK_" + name))
                sent = [os.urandom(60000 if kind == "packets" and way else 150000), b"one", b"", b"two"]
                for packet in sent:
                    far.send(packet)
                if name == "SEQPACKET":
                    far.close()
                else:
                    near.shutdown(socket.SHUT_RD)
                if kind == "packets":
                    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    port = wrap(theirs.fileno())[1]
                    theirs.close()
                else:
                    output = Output(kind)
                    port = wrap_fd(output.writer, "write")[0]
                run = subprocess.Popen([ctl, "write", port, *way], stdin=near, stderr=subprocess.PIPE)
                if kind == "packets":
                    got = collect(run, len(sent), lambda: [ours.recv(1 << 20, socket.MSG_DONTWAIT)], [])
                else:
                    sent = b"".join(sent)
                if kind == "pipe":
                    os.set_blocking(output.reader, False)
                    got = collect(run, len(sent), lambda: os.read(output.reader, len(sent)), b"")
                error = run.communicate()[1]
                if kind == "file":
                    got = output.read()
                portctl("close", port, check=True)
                print(f"{name}, {kind}, write {' '.join(way)}:", run.returncode, "whole" if got == sent else "other", *text(error))


def packet_too_long():
    """A packet that the broker does not write at once, and one that the socket does not take."""
    for size, way in ((100000, ["--through-broker"]), (100000, []), (1000000, [])):
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        far.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 21)
        far.send(bytes(size))
        far.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        port = wrap(theirs.fileno())[1]
        theirs.close()
        run = subprocess.Popen([ctl, "write", port, *way], stdin=near, stderr=subprocess.PIPE)
        got = collect(run, 1, lambda: ours.recv(1 << 20, socket.MSG_DONTWAIT), b"")
        error = run.communicate()[1]
        portctl("close", port, check=True)
        print(f"write of {size} {' '.join(way)}:", run.returncode, len(got), *text(error))


def packet_of_root():
    """A packet that is longer than any socket's usual buffer."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 23)
    port = wrap(near.fileno())[0]
    far.send(b"short")
    far.send(bytes(3000000))
    far.close()
    run = portctl("cat", port)
    print(run.returncode, len(run.stdout), *text(run.stderr))


def private_session():
    """A new one, which ends with the connection: that, and the token."""
    end = socket.socket(socket.AF_UNIX)
    end.connect(os.environ["PORTD_ADDRESS"].removeprefix("unix:"))
    hello = bytes([8, 1, 16, 1, 0x88, 1, 1])  # version_min, version_max, private
    end.sendall(struct.pack("<IHH", len(hello) + 4, 0, 0) + bytes([8, 1, 0x52, len(hello)]) + hello)
    # Its field is 4: a tag, and a length.
    return end, re.search(rb"\x22.([0-9]+\.[0-9a-f]{32})", end.recv(65536)).group(1).decode()


class Passage:
    """An address whose connections lead to the broker, and can be cut."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.folder.name + "/sock")
        self.server.listen()
        self.address = "unix:" + self.server.getsockname()
        self.broker = os.environ["PORTD_ADDRESS"].removeprefix("unix:")
        self.accepted = queue.Queue()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.server.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.broker)
            threading.Thread(target=self.serve, args=(near, far), daemon=True).start()
            self.accepted.put(near)

    @staticmethod
    def serve(near, far):
        with near, far:
            while True:
                for one in select.select([near, far], [], [])[0]:
                    data, fds, _, _ = socket.recv_fds(one, 65536, 253)
                    if not data:
                        return
                    socket.send_fds(far if one is near else near, [data], fds)
                    for fd in fds:
                        os.close(fd)


def lost_connection():
    """The connection alone is lost, while the private session that it had joined lasts."""
    session, token = private_session()
    for way in WAYS:
        passage = Passage()
        env = dict(os.environ, PORTD_SESSION=token)
        reader, writer = os.pipe()
        made = portctl("wrap", "fd", reader, "--mode", "read", pass_fds=[reader], check=True, env=env)
        port = made.stdout.decode().strip()
        env["PORTD_ADDRESS"] = passage.address
        run = subprocess.Popen([ctl, "cat", port, *way], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        os.write(writer, b"before")
        got = os.read(run.stdout.fileno(), 6)
        passage.accepted.get().shutdown(socket.SHUT_RDWR)
        while not way and passage.accepted.empty() and got:
            os.write(writer, b"after")
            got = os.read(run.stdout.fileno(), 5)
        if not way and got:
            os.write(writer, b"at the end")
            got = os.read(run.stdout.fileno(), 10)
            portctl("close", port, env=dict(env, PORTD_ADDRESS=os.environ["PORTD_ADDRESS"]), check=True)
        error = run.communicate()[1]
        print(f"cat {' '.join(way)}:", run.returncode, got.decode(), *text(error))
    session.close()


globals()[sys.argv[1]]()
