# setup.bash: what the tests of portctl share. Each case has a broker of its own on a temporary address, waits for its
# readiness on a pipe, and ends it by its process id. Everything a case makes is in one session, whose owner is the case.
#
# PORTD_BIN and PORTCTL_BIN (or PORTD_DAEMON and PORTCTL, which CTest sets) name the programs.

: "${PORTD_SOURCE:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${PORTD_BIN:=${PORTD_DAEMON:-$PORTD_SOURCE/build/dev/daemon/portd}}"
: "${PORTCTL_BIN:=${PORTCTL:-$PORTD_SOURCE/build/dev/client/portctl/portctl}}"
: "${PORTD_BUILD:=$PORTD_SOURCE/build/dev}"
export PORTD_BIN PORTCTL_BIN

portctl() { "$PORTCTL_BIN" "$@"; }

# Nothing of the caller's surroundings reaches a case.
clean_environment() {
  unset PORTD_SESSION PORTD_DAEMON NO_COLOR CLICOLOR_FORCE FORCE_COLOR XDG_RUNTIME_DIR
  export PORTD_ADDRESS="unix:$BATS_TEST_TMPDIR/portd.sock"
  export TERM=xterm
}

# Descriptor 3 is that of bats, which waits until nobody has it any more.
start_broker() {
  mkfifo "$BATS_TEST_TMPDIR/notify"
  "$PORTD_BIN" --listen "$PORTD_ADDRESS" --notify-fd 9 "$@" 9>"$BATS_TEST_TMPDIR/notify" \
    2>"$BATS_TEST_TMPDIR/portd.log" 3>&- &
  BROKER_PID=$!
  read -r _ <"$BATS_TEST_TMPDIR/notify" || {
    cat "$BATS_TEST_TMPDIR/portd.log"
    return 1
  }
  rm "$BATS_TEST_TMPDIR/notify"
}

stop_broker() {
  [ -n "${BROKER_PID:-}" ] || return 0
  kill "$BROKER_PID" 2>/dev/null || true
  wait "$BROKER_PID" 2>/dev/null || true
  BROKER_PID=
}

join_session() {
  local line
  line=$(portctl session start --owner "$$") || return
  eval "$line"
}

# A fifo, open for both directions as descriptor 5: empty, so not readable, and writable.
open_fifo() {
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  exec 5<>"$BATS_TEST_TMPDIR/fifo"
}

# Runs a command with the two ends of a pair of sockets as descriptors 5 and 6.
with_sockets() {
  python3 -c '
import os, socket, sys
pair = socket.socketpair()
for number, end in zip((5, 6), pair):
    os.dup2(end.fileno(), number)
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

# A server that answers hello with an error of that code, or with bytes, or not at all: then it makes the file fake.sock.asked.
fake_broker() {
  mkfifo "$BATS_TEST_TMPDIR/fake-ready"
  python3 - "$BATS_TEST_TMPDIR/fake.sock" "$BATS_TEST_TMPDIR/fake-ready" "$1" 3>&- <<'PYTHON' &
import socket, struct, sys
path, ready, what = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
kept = []

# Welcomes, and then answers everything with an object that cannot be had.
def serve(client):
    answer = b"\x08\x01\x52\x0b\x08\x01\x18\x0d\x22\x01t\x30\x08\x38\x40"
    while True:
        client.sendall(struct.pack("<IHH", len(answer), 0, 0) + answer)
        request = client.recv(4096)[8:]
        if not request:
            return
        tag = request[2:3] if request[2] < 128 else request[2:4]
        answer = request[:2] + tag + b"\x08\x10\x01\x32\x04text"

open(ready, "w").write("\n")
while True:
    client, _ = server.accept()
    client.recv(4096)
    if what == "hang":
        kept.append(client)
        open(path + ".asked", "w").close()
        continue
    if what == "close":
        client.close()
        continue
    if what == "none":
        serve(client)
    elif what == "garbage":
        client.sendall(b"\xff" * 64)
    else:
        error = bytes([8, int(what)]) + b"\x1a\x04text"
        body = b"\x08\x01\x12" + bytes([len(error)]) + error
        client.sendall(struct.pack("<IHH", len(body), 0, 0) + body)
    client.recv(4096)
    client.close()
PYTHON
  FAKE_PID=$!
  read -r _ <"$BATS_TEST_TMPDIR/fake-ready"
  rm "$BATS_TEST_TMPDIR/fake-ready"
}

end_fake() {
  kill "$FAKE_PID"
  wait "$FAKE_PID" || true
  rm -f "$BATS_TEST_TMPDIR/fake.sock"
}

# A wait in the background says that what it waited for has ended.
ends() {
  local code=0
  wait "$1" || code=$?
  [ "$code" -eq 9 ] || {
    echo "exit code $code, not 9"
    return 1
  }
}

# Waits until a wait is parked at the broker on that object.
until_waited_for() {
  local i
  for ((i = 0; i < 2000; i++)); do
    case $(portctl show "$1" -j) in *'"waiters":'[1-9]*) return ;; esac
    kill -0 "$BROKER_PID" || return
  done
  echo "nobody waits for $1"
  return 1
}

# What is in a file, without the newlines at its end, in the variable of that name. No process is started for it.
contents() {
  local text
  IFS= read -r -d '' text <"$2" || true
  while [[ $text == *$'\n' ]]; do text=${text%$'\n'}; done
  printf -v "$1" %s "$text"
}

# Runs a command and keeps its exit code and both outputs apart: $status, $output (and its $lines), $error. As the run of bats does, with one
# process instead of many: some cases run a thousand commands.
both() {
  local -
  set +T
  status=0
  ("$@") >"$BATS_TEST_TMPDIR/both.out" 2>"$BATS_TEST_TMPDIR/both.err" || status=$?
  contents output "$BATS_TEST_TMPDIR/both.out"
  contents error "$BATS_TEST_TMPDIR/both.err"
  # shellcheck disable=SC2034
  lines=()
  [ -z "$output" ] || mapfile -t lines <<<"$output"
}

# A command line that is refused: exit code 2, nothing on standard output, the same in JSON, and no broker is asked.
refuses() {
  local -
  set +T
  both portctl "$@"
  exits 2
  [ -z "$output" ]
  has "$error" "portctl: "
  message=$error
  both portctl --json "$@"
  exits 2
  [ -z "$output" ]
  has "$error" '"code":"usage","exit":2'
}

# The last one run had this exit code; says what it said if not.
exits() {
  # shellcheck disable=SC2154
  if [ "$status" != "${1:?}" ]; then
    printf 'exit code %s, not %s\nstdout: %s\nstderr: %s\n' "$status" "$1" "$output" "${error-}"
    return 1
  fi
}

# Whether text contains something.
has() {
  case "$1" in
  *"$2"*) return 0 ;;
  esac
  printf 'no "%s" in: %s\n' "$2" "$1"
  return 1
}

# Where no terminal can be made the case is skipped.
need_terminal() {
  python3 -c 'import os; os.openpty()' 2>/dev/null || skip "needs a terminal: /dev/ptmx, and /dev/pts mounted"
}

# Holds the master of a new terminal under that name.
put_terminal() {
  python3 -c '
import os, subprocess, sys
master, slave = os.openpty()
subprocess.run([os.environ["PORTCTL_BIN"], "put", sys.argv[1], "fd", str(master)], pass_fds=[master], stdout=subprocess.DEVNULL, check=True)' "$1"
}

# Makes as_other run portctl as another user; without the right to do so the case is skipped.
need_other_user() {
  [ "$(id -u)" -eq 0 ] || skip "needs root"
  as_other() { setpriv --reuid 1000 --regid 1000 --clear-groups "$PORTCTL_BIN" "$@"; }
  chmod a+rx "$BATS_TEST_TMPDIR"
  as_other --version >/dev/null || skip "the program is out of another user's reach"
}

# The case's broker is replaced by one for every user, at a name that others can reach.
serve_everybody() {
  stop_broker
  export PORTD_ADDRESS="unix:@portd-test-all-$BATS_TEST_NUMBER-$$"
  unset PORTD_SESSION
  start_broker --mode 0666
}

usual_setup() {
  bats_require_minimum_version 1.5.0
  clean_environment
  start_broker "$@"
  join_session
}

usual_teardown() {
  stop_broker
}
