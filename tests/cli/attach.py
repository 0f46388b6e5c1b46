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
LIMIT = 15


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
        time.sleep(0.01)


def portctl(*words, code=0, **how):
    got = subprocess.run([ctl, *words], capture_output=True, text=True, timeout=LIMIT, **how)
    assert got.returncode == code, (words, got)
    return got


def holds():
    return sorted(one['name'] for one in json.loads(portctl('list', 'holds', '-j').stdout))


def hold(name):
    return next(one for one in json.loads(portctl('list', 'holds', '-j').stdout) if one['name'] == name)


def start(name, *words, pty=True):
    """Starts it, not attached; its process id."""
    return int(portctl('run', name, *(['--pty'] if pty else []), '--detach', '--', *words, stdin=subprocess.DEVNULL).stdout)


def attach(name, *options, **how):
    return Terminal(ctl, 'attach', name, *options, **how)


def is_there(pid):
    try:
        with open('/proc/%d/stat' % pid, encoding='utf-8') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


BASH = ('bash', '--norc', '--noprofile')


def says_pid(terminal, pid):
    terminal.type('echo pid=$$.\n')
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


def main():
    for name in sys.argv[1:]:
        globals()['case_' + name]()


main()
