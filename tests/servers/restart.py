#!/usr/bin/env python3
"""Restarts a server 20 times at a listener that the broker holds, while clients ask it: none is refused, and none is not answered.

    restart.py gunicorn|nginx|haproxy [TIMES]

The server is the installed one. It is told to stop as its manual says so that it finishes what it has begun, and is waited for; the next one runs
when all of Python's clients have connected where no server is. Each client makes a connection, asks once and reads the answer, over and over: four by
Python's http.client and two by curl. PORTD_DAEMON and PORTCTL name the programs. Exit code 77: the server is not installed.
"""
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE = 50  # seconds until a wait is given up
CLIENTS = 4    # in Python
ANSWERS = 25  # of each run of the server, before it is told to stop

APP = '''
import os
def app(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.environ['RUN']} {os.getpid()}".encode()]
'''

NGINX = '''
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ accept_mutex on; accept_mutex_delay 20ms; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "{run} 0"; }}
    }}
}}
'''

HAPROXY = '''
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 30s
frontend web
    bind "fd@${FD_WEB}"
    http-request return status 200 content-type text/plain lf-string "%[env(RUN)] 0"
'''


def find(program):
    return shutil.which(program, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')


class Gunicorn:
    program, options, stop = 'gunicorn', [], signal.SIGTERM
    workers = 1  # a second one that is told to stop while it begins would miss that, and be killed after 30 seconds

    def words(self, folder, port, run):
        with open(f'{folder}/app.py', 'w', encoding='utf-8') as file:
            file.write(APP)
        return ['--chdir', folder, '--workers', str(self.workers), '--worker-tmp-dir', folder, '--log-level', 'warning', 'app:app']


class Nginx:
    workers = 1  # nginx's own are all the same
    program, options, stop = 'nginx', ['--preset', 'nginx'], signal.SIGQUIT

    def words(self, folder, port, run):
        with open(f'{folder}/nginx.conf', 'w', encoding='utf-8') as file:
            file.write(NGINX.format(folder=folder, port=port, run=run))
        return ['-p', folder, '-c', f'{folder}/nginx.conf', '-e', f'{folder}/error.log']


class Haproxy:
    workers = 1
    program, options, stop = 'haproxy', ['--preset', 'haproxy'], signal.SIGUSR1

    def words(self, folder, port, run):
        with open(f'{folder}/haproxy.cfg', 'w', encoding='utf-8') as file:
            file.write(HAPROXY)
        return ['-db', '-f', f'{folder}/haproxy.cfg']


class Load:
    """The clients, and what they have seen."""

    def __init__(self, port):
        self.port = port
        self.changed = threading.Condition()
        self.answers = {}  # run of the server: {worker: how many}
        self.refused = 0
        self.failures = []
        self.ended = False
        self.threads = [threading.Thread(target=self.repeat, args=(ask,))
                        for ask in [self.ask] * CLIENTS + [self.ask_by_curl] * 2]
        for thread in self.threads:
            thread.start()

    def repeat(self, ask):
        while not self.ended:
            run = worker = None
            try:
                run, worker = map(int, ask().split())
            except ConnectionRefusedError:
                with self.changed:
                    self.refused += 1
            except (OSError, ValueError, http.client.HTTPException, subprocess.SubprocessError) as error:
                with self.changed:
                    self.failures.append(repr(error))
            with self.changed:
                if run is not None:
                    workers = self.answers.setdefault(run, {})
                    workers[worker] = workers.get(worker, 0) + 1
                self.changed.notify_all()

    def ask(self):
        client = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        try:
            client.request('GET', '/', headers={'Connection': 'close'})
            answer = client.getresponse()
            if answer.status != 200:
                raise ValueError(f'status {answer.status}')
            return answer.read()
        finally:
            client.close()

    def ask_by_curl(self):
        done = subprocess.run(['curl', '-sS', '--fail', '--max-time', str(PATIENCE), '--noproxy', '*',
                               f'http://127.0.0.1:{self.port}/'], capture_output=True, check=False)
        if done.returncode == 7:
            raise ConnectionRefusedError
        if done.returncode != 0:
            raise ValueError(f'curl: {done.returncode} {done.stderr!r}')
        return done.stdout

    def wait(self, what, holds):
        """Until that holds; the test has failed if a client has."""
        with self.changed:
            there = self.changed.wait_for(lambda: self.refused or self.failures or holds(), PATIENCE)
        self.check()
        if not there:
            sys.exit(f'{PATIENCE} seconds have passed without {what}')

    def has_answers(self, run, n_workers):
        workers = self.answers.get(run, {})
        return len(workers) >= n_workers and sum(workers.values()) >= ANSWERS

    def check(self):
        if self.refused or self.failures:
            sys.exit(f'refused: {self.refused}, failed: {len(self.failures)}: {self.failures[:5]}')

    def end(self):
        self.ended = True
        for thread in self.threads:
            thread.join()


def portctl(*words):
    return subprocess.run([os.environ['PORTCTL'], *words], capture_output=True, text=True, check=True).stdout


def start_broker(folder):
    address = f'unix:{folder}/portd.sock'
    theirs, ours = socket.socketpair()
    broker = subprocess.Popen([os.environ['PORTD_DAEMON'], '--listen', address, '--notify-fd', str(theirs.fileno())],
                              pass_fds=[theirs.fileno()])
    theirs.close()
    if not ours.recv(1):
        sys.exit('the broker does not start')
    ours.close()
    os.environ['PORTD_ADDRESS'] = address
    return broker


def put_listener():
    """At a port that was free a moment ago."""
    while True:
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        done = subprocess.run([os.environ['PORTCTL'], 'put', 'web', 'listen', f'127.0.0.1:{port}'],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return port
        if 'in use' not in done.stderr:
            sys.exit(f'portctl put: {done.returncode}: {done.stderr}')


def waiting(port):
    """How many connections the kernel has accepted at the port, and no program."""
    with open('/proc/net/tcp', encoding='ascii') as table:
        for line in table:
            _, local, _, state, queues = line.split()[:5]
            if local == f'0100007F:{port:04X}' and state == '0A':
                return int(queues.split(':')[1], 16)
    sys.exit('nobody listens')


def wait_for_backlog(load, port):
    deadline = time.monotonic() + PATIENCE
    while (n := waiting(port)) < CLIENTS:
        load.check()
        if time.monotonic() > deadline:
            sys.exit(f'{n} connections wait where no server is')
        time.sleep(0.001)
    return n


def run_server(server, folder, port, run, log):
    words = ['exec', '--listen-fds', 'web', *server.options, '--', find(server.program), *server.words(folder, port, run)]
    return subprocess.Popen([os.environ['PORTCTL'], *words], env={**os.environ, 'RUN': str(run)}, stdout=log, stderr=log,
                            stdin=subprocess.DEVNULL)


def restart(server, load, folder, port, times, log):
    """Runs the server times + 1 times; returns how many connections were made while there was none."""
    running, between = None, 0
    try:
        for run in range(times + 1):
            running = run_server(server, folder, port, run, log)
            load.wait(f'answers of run {run}', lambda run=run: load.has_answers(run, server.workers))
            if run == times:
                load.end()
            running.send_signal(server.stop)
            if running.wait(PATIENCE) != 0:
                sys.exit(f'run {run} of the server ends with {running.returncode}')
            if run < times:
                between += wait_for_backlog(load, port)
    finally:
        if running is not None and running.poll() is None:
            running.kill()
            running.wait()
    return between


def count_open(broker):
    return len(os.listdir(f'/proc/{broker.pid}/fd'))


def wait_for_closed(broker, before):
    deadline = time.monotonic() + PATIENCE
    while (left := count_open(broker)) > before:
        if time.monotonic() > deadline:
            sys.exit(f'{left} descriptors are open in the broker, {before} were')
        time.sleep(0.01)


def prove(server, folder, times, log):
    broker, load = start_broker(folder), None
    try:
        portctl('list', 'holds')
        before = count_open(broker)
        port = put_listener()
        load = Load(port)
        between = restart(server, load, folder, port, times, log)
        load.check()
        portctl('drop', 'web')
        wait_for_closed(broker, before)
    finally:
        broker.terminate()  # and with it the listener, so that no client waits any more
        broker.wait(PATIENCE)
        if load is not None:
            load.end()
    answers = [sum(workers.values()) for workers in load.answers.values()]
    if len(answers) != times + 1:
        sys.exit(f'{len(answers)} runs have answered')
    print(f'{server.program}: {times} restarts, {sum(answers)} requests answered, at least {min(answers)} by each run; '
          f'{between} connections were made where no server was; {load.refused} refused, {len(load.failures)} failed')


def main():
    server = {'gunicorn': Gunicorn, 'nginx': Nginx, 'haproxy': Haproxy}[sys.argv[1]]()
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    for program in (server.program, 'curl'):
        if find(program) is None:
            print(f'skipped: {program} is not installed')
            sys.exit(77)
    for variable in ('PORTD_SESSION', 'XDG_RUNTIME_DIR', 'NGINX', 'LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'):
        os.environ.pop(variable, None)
    with tempfile.TemporaryDirectory() as folder, open(f'{folder}/log', 'w+', encoding='utf-8') as log:
        try:
            prove(server, folder, times, log)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-4000:])
            raise


main()
