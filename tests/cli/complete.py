"""Types command lines at a real shell and presses Tab.

    complete.py SHELL FOLDER    SHELL is bash, zsh or fish; FOLDER has the completion scripts as the build makes them

Each line of standard input is typed with a Tab behind it and then entered; the words that the shell made of it are printed,
separated by "|". The completion scripts run the program portctl that PATH has; what is entered runs a function of that name.
"""
import os
import pty
import select
import signal
import sys
import tempfile

PROMPT, DONE = b'TYPE>', b'ENTERED'

START = {
    'bash': (['bash', '--noprofile', '--norc', '-i'], '''
unset PROMPT_COMMAND
source {folder}/portctl.bash
portctl() {{ printf '%s\\n' "$@" >{fifo}; echo ENT''ERED; }}
PS1='TYPE''>'
'''),
    'zsh': (['zsh', '-f', '-i'], '''
cp {folder}/portctl.zsh {home}/_portctl
fpath=({home} $fpath)
autoload -Uz compinit && compinit -D -u
portctl() {{ printf '%s\\n' "$@" >{fifo}; echo ENT''ERED }}
PROMPT='TYPE''>'
'''),
    'fish': (['fish', '--no-config', '-i'], '''
source {folder}/portctl.fish
function portctl; printf '%s\\n' $argv >{fifo}; echo ENT''ERED; end
function fish_prompt; echo -n 'TYPE''>'; end
'''),
}


class Shell:
    def __init__(self, name, folder, home):
        self.fifo = os.path.join(home, 'entered')
        os.mkfifo(self.fifo)
        command, start = START[name]
        environment = {**os.environ, 'HOME': home, 'TERM': 'xterm', 'INPUTRC': '/dev/null'}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environment)
        self.seen = b''
        for line in start.format(folder=folder, fifo=self.fifo, home=home).strip().split('\n'):
            self.send(line + '\r')
        self.expect(PROMPT)

    def send(self, text):
        os.write(self.terminal, text.encode())

    def read(self):
        if not select.select([self.terminal], [], [], 30)[0]:
            sys.exit(f'the shell says nothing more: {self.seen!r}')
        try:
            self.seen += os.read(self.terminal, 65536)
        except OSError:
            sys.exit(f'the shell has ended: {self.seen!r}')

    def expect(self, text):
        while text not in self.seen:
            self.read()
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def complete(self, line):
        fifo = os.open(self.fifo, os.O_RDWR)
        self.send(line + '\t')
        self.send('\r')
        self.expect(DONE)
        words = os.read(fifo, 65536).decode()
        os.close(fifo)
        self.expect(PROMPT)
        return words.rstrip('\n').replace('\n', '|')

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def main():
    name, folder = sys.argv[1:]
    with tempfile.TemporaryDirectory() as home:
        shell = Shell(name, folder, home)
        try:
            for line in sys.stdin:
                print(shell.complete(line.rstrip('\n')), flush=True)
        finally:
            shell.end()


main()
