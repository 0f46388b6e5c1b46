# portctl resize: the size of a held terminal.

load setup

setup() {
  need_terminal
  usual_setup
  open_fifo
  put_terminal screen
}
teardown() { usual_teardown; }

size() { portctl get screen --fd 0 -- stty size; }

@test "a terminal has the size, in text and JSON" {
  both portctl resize screen 101x33
  exits 0
  [ -z "$output$error" ]
  [ "$(size)" = "33 101" ]
  [ "$(portctl resize screen 65535x1 -j)" = '{"schema":1,"name":"screen","columns":65535,"rows":1}' ]
  [ "$(size)" = "1 65535" ]
  [ "$(portctl resize screen 100x30 --of "$(id -u)" -j | jq .columns)" -eq 100 ]
}

@test "the program on it is told" {
  portctl run work --pty --detach -- python3 -c '
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
print("begun", flush=True)
signal.sigwait([signal.SIGWINCH])
print(*os.get_terminal_size(), flush=True)' 3>&-
  portctl get work -- bash -c 'read -r <&3'
  portctl resize work 77x22
  [ "$(portctl get work -- bash -c 'read -r line <&3; echo "$line"' | tr -d '\r')" = "77 22" ]
}

@test "what is no terminal, what is not held" {
  portctl put pipe fd 5
  both portctl resize pipe 80x24
  exits 8
  has "$error" "no terminal (pipe)"
  both portctl resize nothing 80x24
  exits 5
  [ "$(portctl call resize_hold '{"name":"screen","rows":0,"columns":1}' 2>&1 >/dev/null | grep -c 'expected 1 to 65535 rows')" -eq 1 ]
  [ "$(portctl call resize_hold '{"name":"screen","rows":1,"columns":65536}' 2>&1 >/dev/null | grep -c 'expected 1 to 65535 columns')" -eq 1 ]
}
