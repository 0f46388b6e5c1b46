"""late.py COMMAND...: runs a portctl whose replies overtake what the broker splices: a reply is read before the bytes that it counts are in the
pipe. All requests and replies go through here; the broker gets another pipe, whose bytes follow."""
import fcntl, os, select, socket, stat, subprocess, sys, tempfile, termios, time


def is_target(fd):
    return stat.S_ISFIFO(os.fstat(fd).st_mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY


def waiting(fd, which):
    return int.from_bytes(fcntl.ioctl(fd, which, bytes(4)), sys.byteorder)


folder = tempfile.TemporaryDirectory()
server = socket.socket(socket.AF_UNIX)
server.bind(folder.name + "/sock")
server.listen()
broker = socket.socket(socket.AF_UNIX)
broker.connect(os.environ["PORTD_ADDRESS"].removeprefix("unix:"))
program = subprocess.Popen(sys.argv[1:], env=dict(os.environ, PORTD_ADDRESS="unix:" + server.getsockname()))
client, _ = server.accept()
target, late = None, None
while True:
    for one in select.select([client, broker], [], [])[0]:
        data, fds, _, _ = socket.recv_fds(one, 65536, 253)
        if not data:
            sys.exit(program.wait())
        for i, fd in enumerate(fds):
            if one is client and is_target(fd):
                target = fd
                late, fds[i] = os.pipe()
        socket.send_fds(broker if one is client else client, [data], fds)
        for fd in fds:
            os.close(fd)
        if one is broker and late is not None:
            while waiting(client, termios.TIOCOUTQ) > 0:
                time.sleep(0.001)  # asked again and again, as nothing tells of it
            while waiting(late, termios.FIONREAD) > 0:
                os.write(target, os.read(late, 4096))
            os.close(target)
            os.close(late)
            late = None
