"""attach.py CASE: portctl run and attach on terminals of this program's, against the broker of PORTD_ADDRESS. Fails if anything is not as expected."""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

ctl = os.environ['PORTCTL_BIN']
LIMIT = 60


class Terminal:
    """A program on a terminal; what it shows is waited for."""

    def __init__(self, *words, rows=30, columns=90, shell=False):
        self.master, self.slave = pty.openpty()
        self.size(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.shown = b''
        self.whole = b''
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for number in range(3):
                os.dup2(self.slave, number)
            os.closerange(3, 100)
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            os.execvp(words[0], words)

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, until):
        if not select.select([self.master], [], [], max(0, until - time.monotonic()))[0]:
            raise AssertionError('not shown in time; there is: %r' % self.whole[-2000:])
        try:
            got = os.read(self.master, 65536)
        except OSError:
            got = b''
        self.shown += got
        self.whole += got
        return got

    def expect(self, text):
        """Waits until that is shown; returns what was before it."""
        until = time.monotonic() + LIMIT
        while text.encode() not in self.shown:
            self.read(until)
        before, _, self.shown = self.shown.partition(text.encode())
        return before.decode(errors='replace')

    def ends(self):
        """The exit code, and the terminal is as it was."""
        until = time.monotonic() + LIMIT
        code = None
        while code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
            elif select.select([self.master], [], [], 0.02)[0]:
                self.read(until)
            assert time.monotonic() < until, 'it has not ended: %r' % self.whole[-2000:]
        while select.select([self.master], [], [], 0)[0] and self.read(until):
            pass
        assert termios.tcgetattr(self.slave) == self.before, 'the terminal is not as it was'
        return code

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def close(self):
        os.close(self.slave)
        os.close(self.master)


def until(what):
    end = time.monotonic() + LIMIT
    while not what():
        assert time.monotonic() < end, 'it does not come true'
        time.sleep(0.01)  # asked again and again: nothing tells of it


def portctl(*words, code=0, **how):
    got = subprocess.run([ctl, *words], capture_output=True, text=True, timeout=LIMIT, **how)
    assert got.returncode == code, (words, got)
    return got


def holds():
    return sorted(one['name'] for one in json.loads(portctl('list', 'holds', '-j').stdout))


def hold(name):
    return next(one for one in json.loads(portctl('list', 'holds', '-j').stdout) if one['name'] == name)


def start(name, *words, pty=True, options=()):
    """Starts it, not attached; its process id."""
    return int(portctl('run', name, *(['--pty'] if pty else []), *options, '--detach', '--', *words, stdin=subprocess.DEVNULL).stdout)


def attach(name, *options, **how):
    return Terminal(ctl, 'attach', name, *options, **how)


def is_there(pid):
    try:
        with open('/proc/%d/stat' % pid, encoding='utf-8') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


BASH = ('bash', '--norc', '--noprofile')


def says_pid(terminal, pid, variable='$'):
    terminal.type('echo pid=$%s.\n' % variable)
    terminal.expect('pid=%d.' % pid)


def case_run():
    """run attaches; its program has a terminal of its own, of this size; its status is run's."""
    terminal = Terminal(ctl, 'run', 'work', '--pty', '--', *BASH)
    terminal.type('echo size=$(stty size). tty=$(tty). $(ps -o tpgid= -p $$).\n')
    terminal.expect('size=30 90.')
    terminal.expect('tty=/dev/pts/')
    assert terminal.is_raw()
    until(lambda: holds() == ['work', 'work/process', 'work/writer'])
    terminal.type('exit 7\n')
    assert terminal.ends() == 7
    assert holds() == []


def case_detach():
    """The key detaches, what was typed before it arrives; the same program is there later, with the size of the next terminal."""
    pid = start('work', *BASH)
    first = attach('work')
    says_pid(first, pid)
    until(lambda: 'work/writer' in holds())
    first.type('kept=before\n\x1c')
    assert first.ends() == 1
    first.expect("detached: 'portctl attach work' comes back")
    assert holds() == ['work', 'work/process']
    second = attach('work', '--detach-key', 'ctrl-]', rows=41, columns=77)
    second.expect('bash')
    until(lambda: second.is_raw())
    second.type('echo kept=$kept. pid=$$.\n')
    second.expect('kept=before. pid=%d.' % pid)
    until(lambda: attached_size(second) == '41 77')
    second.size(20, 60)
    until(lambda: attached_size(second) == '20 60')
    second.type('\x1d')
    assert second.ends() == 1
    third = attach('work', '--detach-key', 'none', '--redraw', 'none')
    says_pid(third, pid)
    third.type('exit\n')
    assert third.ends() == 0
    assert holds() == []


def attached_size(terminal):
    """As the program sees it."""
    terminal.type('printf "\\074%s\\076\\n" "$(stty size)"\n')
    terminal.expect('<')
    return terminal.expect('>')


def case_signals():
    """Every signal gives the terminal back, and ends portctl alone."""
    pid = start('work', *BASH)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.pthread_sigmask(signal.SIG_BLOCK, [number, signal.SIGALRM])  # it is inherited, and must not matter
        terminal = attach('work')
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number, signal.SIGALRM])
        says_pid(terminal, pid)
        os.kill(terminal.pid, number)
        assert terminal.ends() == -number
        until(lambda: 'work/writer' not in holds())
    terminal = attach('work')
    says_pid(terminal, pid)
    os.kill(terminal.pid, signal.SIGTSTP)
    assert os.waitpid(terminal.pid, os.WUNTRACED)[1] & 0xff == 0x7f
    assert not terminal.is_raw()
    os.kill(terminal.pid, signal.SIGCONT)
    until(terminal.is_raw)
    says_pid(terminal, pid)
    terminal.type('\x1c')
    assert terminal.ends() == 1
    # Its terminal goes.
    terminal = attach('work')
    says_pid(terminal, pid)
    terminal.close()
    os.waitpid(terminal.pid, 0)
    until(lambda: 'work/writer' not in holds())
    assert is_there(pid)


def case_steal():
    """One writer: the second is refused, or takes over, and the first one is told."""
    pid = start('work', *BASH)
    first = attach('work')
    says_pid(first, pid)
    second = attach('work')
    second.expect("'work' is attached elsewhere, by process %d" % first.pid)
    assert second.ends() == 1
    says_pid(first, pid)
    third = attach('work', '--steal')
    assert first.ends() == 9
    first.expect("'work' has been taken over")
    says_pid(third, pid)
    os.kill(third.pid, signal.SIGKILL)
    os.waitpid(third.pid, 0)
    until(lambda: 'work/writer' not in holds())
    fourth = attach('work')
    says_pid(fourth, pid)
    fourth.type('exit 3\n')
    assert fourth.ends() == 3


def case_status():
    """Of a program that somebody else has reaped, for everybody; what is held stays until one who is attached has seen it."""
    pid = start('work', *BASH)
    waiter = subprocess.Popen([ctl, 'wait', 'work/process'], stdout=subprocess.PIPE)
    portctl('attach', 'work', '--wait', '--timeout', '0', code=124)
    terminal = attach('work')
    says_pid(terminal, pid)
    os.kill(pid, signal.SIGKILL)
    assert terminal.ends() == 128 + 9
    assert waiter.wait(LIMIT) == 0
    assert holds() == []
    start('work', 'sh', '-c', 'echo the last words; exit 5')
    for _ in range(2):
        portctl('attach', 'work', '--wait', code=5)
    assert holds() == ['work', 'work/process']
    got = portctl('attach', 'work', code=5, stdin=subprocess.DEVNULL)
    assert 'the last words' in got.stdout, got
    assert holds() == []
    portctl('attach', 'work', code=5)


def case_refused():
    """What cannot run, and what is there already, starts nothing and holds nothing new."""
    room = sys.argv[2]
    name, script = os.path.join(room, 'made'), os.path.join(room, 'script')
    with open(script, 'w', encoding='utf-8') as file:
        file.write('#!/nonexistent/interpreter\n')
    portctl('run', 'work', '--pty', '--', script, code=126, stdin=subprocess.DEVNULL)
    os.chmod(script, 0o755)
    for words in (('/nonexistent/program',), (script,)):
        for pty_or_not in ([], ['--pty']):
            portctl('run', 'work', *pty_or_not, '--', *words, code=127, stdin=subprocess.DEVNULL)
            assert holds() == [], holds()
    portctl('put', 'work/process', 'fd', '0', stdin=subprocess.DEVNULL)
    got = portctl('run', 'work', '--pty', '--', 'touch', name, code=1, stdin=subprocess.DEVNULL)
    assert str(hold('work/process')['id']) in got.stderr, got
    assert holds() == ['work/process'] and not os.path.exists(name)
    portctl('drop', 'work/process')
    pid = start('work', *BASH)
    portctl('run', 'work', '--pty', '--', 'touch', name, code=1, stdin=subprocess.DEVNULL)
    assert not os.path.exists(name)
    terminal = attach('work')
    says_pid(terminal, pid)
    terminal.type('"$PORTCTL_BIN" attach work --steal; echo code=$?.\n')
    terminal.expect('portctl runs inside')
    terminal.expect('code=2.')
    terminal.type('setsid -w "$PORTCTL_BIN" attach work --steal; echo code=$?.\n')
    terminal.expect('code=2.')
    terminal.type('exit\n')
    assert terminal.ends() == 0


def case_full():
    """Who writes while nobody reads waits, and nothing is lost; a program that reads nothing does not keep the key from detaching."""
    start('work', 'sh', '-c', 'stty raw; yes 0123456 | head -c 400000')
    got = portctl('attach', 'work', stdin=subprocess.DEVNULL)
    assert got.stdout == '0123456\n' * 50000, len(got.stdout)
    pid = start('deaf', 'sh', '-c', 'stty raw -echo; echo ready; exec sleep 1000')
    terminal = attach('deaf')
    terminal.expect('ready')
    os.set_blocking(terminal.master, False)
    end = time.monotonic() + LIMIT
    sent = 0
    while sent < 200000 and select.select([], [terminal.master], [], 0.3)[1]:
        sent += os.write(terminal.master, b'x' * 256)
        assert time.monotonic() < end
    os.set_blocking(terminal.master, True)
    assert is_there(pid)
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.ends() == -signal.SIGTERM
    os.kill(pid, signal.SIGTERM)
    portctl('attach', 'deaf', code=128 + 15, stdin=subprocess.DEVNULL)


def case_pipes():
    """Without --pty: what is given arrives, its end too, and the status comes back."""
    start('work', 'sh', '-c', 'while read -r line; do echo "got $line"; done; echo over >&2; exit 4', pty=False)
    assert holds() == ['work', 'work/process', 'work/stdin']
    got = portctl('attach', 'work', code=4, input='one\ntwo\n')
    assert got.stdout == 'got one\ngot two\nover\n', got
    assert holds() == []
    pid = start('work', 'cat', pty=False)
    terminal = attach('work')
    until(terminal.is_raw)
    terminal.type('hello\n')
    terminal.expect('hello')
    terminal.type('\x1c')
    assert terminal.ends() == 1
    portctl('write', 'work/stdin', input='by name\n')
    portctl('drop', 'work/stdin')
    got = portctl('attach', 'work', stdin=subprocess.DEVNULL)
    assert got.stdout == 'by name\n', got
    assert not is_there(pid)


def broker():
    return int(json.loads(portctl('status', '-j').stdout)['pid'])


def kill_broker():
    """The next one has come when another answers."""
    old = broker()
    os.kill(old, signal.SIGKILL)
    until(lambda: subprocess.run([ctl, 'ping'], capture_output=True, check=False).returncode == 0 and broker() != old)


def case_survive():
    """With a keeper: the program outlives who started it, the broker, and both, with the same process id, attached or not."""
    program = sys.argv[2:]
    for kills in ('starter', 'broker', 'both', 'attached'):
        terminal = Terminal(ctl, 'run', 'work', '--pty', '--', *program)
        until(lambda: 'work/writer' in holds())
        before = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(terminal.pid)], capture_output=True, text=True, check=True)
        pid = int(before.stdout)
        if kills in ('starter', 'both'):
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
        if kills != 'starter':
            kill_broker()
        if kills == 'broker':
            terminal.type('\x1c')
            assert terminal.ends() == 1
        if kills != 'attached':
            until(lambda: 'work/writer' not in holds())
            terminal = attach('work')
            until(terminal.is_raw)
        until(lambda: 'work/writer' in holds())
        assert is_there(pid), kills
        # The claim holds at the next broker.
        if program[0] == 'vim':
            terminal.type('\x1b:echo "pid" getpid()\r')
            terminal.expect('pid %d' % pid)
            terminal.type('\x1b:q!\r')
        else:
            says_pid(terminal, pid, 'PPID' if program[0] == 'node' else '$')  # node's shell is its child
            refused = attach('work')
            assert refused.ends() == 1, refused.whole
            terminal.type('exit\n')
        assert terminal.ends() == 0, (kills, terminal.whole)
        assert holds() == [], kills


def upgrade():
    """Another broker answers."""
    old = broker()
    pid = int(json.loads(portctl('upgrade', '-j').stdout)['pid'])
    assert pid != old and broker() == pid, (old, pid)


def case_upgrade():
    """With a keeper: a terminal goes on over upgrades of the broker, attached or not, and no byte of its output is lost."""
    terminal = Terminal(ctl, 'run', 'work', '--pty', '--', 'bash', '--norc', '--noprofile')
    until(lambda: 'work/writer' in holds())
    before = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(terminal.pid)], capture_output=True, text=True, check=True)
    pid = int(before.stdout)
    for _ in range(3):
        upgrade()
        says_pid(terminal, pid)
    terminal.type('\x1c')
    assert terminal.ends() == 1
    upgrade()
    terminal = attach('work')
    until(terminal.is_raw)
    says_pid(terminal, pid)
    terminal.type('exit\n')
    assert terminal.ends() == 0, terminal.whole
    start('work', 'sh', '-c', 'stty raw; yes 0123456 | head -c 4000000', options=('--spool', '16KiB', '--when-full', 'stop'))
    reader = subprocess.Popen([ctl, 'attach', 'work'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    for _ in range(5):
        upgrade()
    got, _ = reader.communicate()
    assert got == '0123456\n' * 500000, len(got)


def case_replace():
    """Without a keeper: the next broker gets from who is attached what it does not have; without one the key does not detach."""
    pid = start('work', *BASH)
    terminal = attach('work')
    says_pid(terminal, pid)
    old = int(os.environ['BROKER_PID'])
    os.kill(old, signal.SIGKILL)
    says_pid(terminal, pid)
    terminal.type('\x1c')
    terminal.expect('\a')
    says_pid(terminal, pid)
    address = os.environ['PORTD_ADDRESS']
    try:
        os.unlink(address.removeprefix('unix:'))
    except FileNotFoundError:
        pass
    with subprocess.Popen([os.environ['PORTD_BIN'], '--listen', address], stderr=subprocess.DEVNULL) as new:
        until(lambda: os.path.exists(address.removeprefix('unix:')) and 'work/writer' in holds())
        assert holds() == ['work', 'work/process', 'work/writer']
        says_pid(terminal, pid)
        terminal.type('\x1c')
        assert terminal.ends() == 1
        second = attach('work')
        says_pid(second, pid)
        portctl('drop', 'work', 'work/process')
        second.type('\x1c')
        assert second.ends() == 1
        second.expect("'work' is not held any more")
        until(lambda: not is_there(pid))
        new.terminate()


def pipe_of(path):
    try:
        return os.readlink(path)
    except OSError:
        return ''


def case_ends_input():
    """With a keeper: the end of the input arrives, also when the broker dies while it is told."""
    pid = start('work', 'cat', pty=False)
    with subprocess.Popen([ctl, 'attach', 'work'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as one:
        one.stdin.write(b'line\n')
        assert one.stdout.readline() == b'line\n'
        old = broker()
        os.kill(old, signal.SIGSTOP)
        one.stdin.close()
        its, folder = pipe_of('/proc/%d/fd/0' % pid), '/proc/%d/fd' % one.pid
        assert its.startswith('pipe:')
        until(lambda: its not in [pipe_of(folder + '/' + number) for number in os.listdir(folder)])
        os.kill(old, signal.SIGKILL)
        assert one.wait(timeout=LIMIT) == 0
    assert holds() == []


def case_spooled():
    """The broker takes the output of a program nobody is attached to, and each attach begins with it, also after the death of the broker."""
    start('work', 'sh', '-c', 'echo early; while read -r line; do echo "got $line"; [ "$line" != end ] || exit 3; done', options=('--spool', '64KiB'))
    until(lambda: 'early' in portctl('spool', 'work').stdout)
    for word in ('one', 'two'):
        terminal = attach('work')
        terminal.expect('early')
        if word == 'two':
            terminal.expect('got one')
        terminal.type(word + '\n')
        terminal.expect('got ' + word)
        kill_broker()
        terminal.type('again\n')
        terminal.expect('got again')
        terminal.type('\x1c')
        assert terminal.ends() == 1, terminal.whole
    terminal = attach('work')
    terminal.expect('early')
    terminal.type('end\n')
    terminal.expect('got end')
    assert terminal.ends() == 3, terminal.whole
    assert holds() == []


def case_looks_on():
    """Others see what the program prints, and give it nothing."""
    start('work', 'sh', '-c', 'stty -echo; echo begin; read -r line; echo "got $line"; exit 5', options=('--spool', '64KiB'))
    writer = attach('work')
    writer.expect('begin')
    watchers = [attach('work', '--read-only') for _ in range(2)]
    for watcher in watchers:
        watcher.expect('begin')
        until(watcher.is_raw)
        watcher.type('nonsense\n')
    left = attach('work', '--read-only')
    left.expect('begin')
    until(left.is_raw)
    left.type('\x1c')
    assert left.ends() == 1
    kill_broker()
    writer.type('this\n')
    writer.expect('got this')
    for watcher in watchers:
        watcher.expect('got this')
        assert watcher.ends() == 5, watcher.whole
    assert writer.ends() == 5
    start('work', 'cat', pty=False)
    portctl('attach', 'work', '--read-only', code=8)


def case_spooled_full():
    """A spool that stops loses nothing, on a terminal and on pipes; one that drops has the end."""
    for pty_or_not in (True, False):
        script = ('stty raw; ' if pty_or_not else '') + 'yes 0123456 | head -c 4000000'
        start('work', 'sh', '-c', script, pty=pty_or_not, options=('--spool', '16KiB', '--when-full', 'stop'))
        got = portctl('attach', 'work', stdin=subprocess.DEVNULL)
        assert got.stdout == '0123456\n' * 500000, len(got.stdout)
    pid = start('work', 'sh', '-c', 'seq 100000; echo last', pty=False, options=('--spool', '4KiB'))
    until(lambda: not is_there(pid))
    got = portctl('attach', 'work', stdin=subprocess.DEVNULL)
    assert got.stdout.endswith('100000\nlast\n') and len(got.stdout) == 4096, got


def opened(pid):
    """Connections that end just now are none."""
    least = 1 << 20
    for _ in range(20):
        least = min(least, len(os.listdir('/proc/%d/fd' % pid)))
        time.sleep(0.01)  # counted again and again: nothing tells when they have ended
    return least


def case_leaves_nothing():
    """Nothing of a program stays in the broker, whichever way it went."""
    pid = int(os.environ['BROKER_PID'])
    start('work', 'true')
    portctl('attach', 'work', stdin=subprocess.DEVNULL)
    until(lambda: holds() == [])
    count = opened(pid)
    for pty_or_not in (True, False):
        start('work', 'sh', '-c', 'read -r line; exit 2', pty=pty_or_not)
        portctl('attach', 'work', code=2, input='line\n')
    start('work', *BASH)
    for _ in range(3):
        terminal = attach('work')
        terminal.expect('bash')
        until(terminal.is_raw)
        terminal.type('\x1c')
        assert terminal.ends() == 1
    program = hold('work/process')
    portctl('drop', 'work', 'work/process', '--expects', '%d,%d' % (hold('work')['id'], program['id']))
    until(lambda: opened(pid) == count)


def main():
    globals()['case_' + sys.argv[1]]()


main()
