// terminal_host.js: a program that hosts a shell on a terminal of npm's node-pty, as editors and agents do, and shows it on its own.
const pty = require('@lydell/node-pty');

const shell = pty.spawn('bash', ['--norc', '--noprofile'], { name: 'xterm', cols: 80, rows: 24 });

process.stdin.setRawMode(true);
process.stdin.on('data', (bytes) => shell.write(bytes.toString()));
shell.onData((text) => process.stdout.write(text));
shell.onExit(({ exitCode }) => process.exit(exitCode));
