"""early.py N COMMAND...: runs a portctl that gets SIGTERM when its Nth request has come and is not answered yet. All requests and replies go through
here. Printed is the return code."""
import os, select, signal, socket, subprocess, sys, tempfile

left = int(sys.argv[1])
folder = tempfile.TemporaryDirectory()
server = socket.socket(socket.AF_UNIX)
server.bind(folder.name + "/sock")
server.listen()
broker = socket.socket(socket.AF_UNIX)
broker.connect(os.environ["PORTD_ADDRESS"].removeprefix("unix:"))
program = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           env=dict(os.environ, PORTD_ADDRESS="unix:" + server.getsockname()),
                           preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
client, _ = server.accept()
held = []
while True:
    for one in select.select([client, broker], [], [])[0]:
        data, fds, _, _ = socket.recv_fds(one, 65536, 253)
        if not data:
            print(program.wait())
            sys.exit()
        if one is client:
            left -= 1
            held.append((data, fds))
            if left == 0:  # the request goes on with the next one: its cancellation
                program.send_signal(signal.SIGTERM)
                continue
        for what, which in held if one is client else [(data, fds)]:
            socket.send_fds(broker if one is client else client, [what], which)
            for fd in which:
                os.close(fd)
        if one is client:
            held = []
