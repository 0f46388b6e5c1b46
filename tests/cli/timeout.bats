# --timeout is a limit for the whole call: also where standard output is full, a port endless, or standard input never ends.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# Ends it if the limit does not.
limited() { timeout -s KILL 60 "$@"; }

# Runs it with such a standard output (stuck.py).
stuck() {
  local kind=$1
  shift
  both limited python3 "$BATS_TEST_DIRNAME/stuck.py" "$kind" "$PORTCTL_BIN" --timeout 500ms "$@" </dev/null
  exits 124 || { echo "$kind: $*"; return 1; }
}

@test "a full standard output: each verb ends, exit code 124" {
  id=$(portctl evt fd 5 --mode write)
  mapfile -t ports < <(portctl wrap fd 5 --mode read,write)
  echo data >&5
  for call in "list" "list -j" "show $id" "status" "stats --openmetrics" "monitor --after 0" "monitor --once -j" "wait $id" "wait fd:5 --mode write" \
    "help" "version" "completion bash" "session list" "session start" "sem fd 5 --mode write" "remove --all --dry-run" "ping --count 3" "call ping" \
    "cat ${ports[0]}" "relay ${ports[0]}" "write ${ports[1]} -j"; do
    read -ra words <<<"$call"
    stuck pipe "${words[@]}"
    has "$error" "timed out" || { echo "$call"; false; }
  done
}

@test "a full standard output that is a terminal or a socket, or does not block, or is standard error, too" {
  need_terminal
  id=$(portctl wrap fd 5 --mode read)
  for kind in nonblocking socket terminal both-pipe both-terminal; do
    for call in list "monitor --after 0" help "cat $id -j"; do
      echo data >&5
      read -ra words <<<"$call"
      stuck $kind "${words[@]}"
    done
  done
}

@test "a full standard output: of the bytes of a port those that were read and not written are told" {
  for way in "" --through-broker; do
    id=$(portctl wrap fd 5 --mode read)
    echo data >&5
    both limited python3 "$BATS_TEST_DIRNAME/stuck.py" pipe "$PORTCTL_BIN" cat "$id" --timeout 2s -j ${way:+"$way"} # enough to read it
    exits 124
    [ "$(jq -r '.error | "\(.code) \(.exit)"' <<<"$error")" = "timeout 124" ]
    has "$error" "5 bytes that had been read from the port were not written"
  done
}

# A write for which there is too little room waits, whatever poll says. What interrupts it is a signal.
@test "a standard output with little room: a call ends, also if the caller has blocked signals" {
  id=$(portctl wrap fd 5 --mode read)
  for call in "stats --openmetrics" "cat $id -j"; do
    for blocked in "" SIGALRM; do
      head -c 8000 /dev/zero >&5
      read -ra words <<<"$call"
      both limited python3 -c '
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.Signals[name] for name in sys.argv[1].split()])
os.execvp(sys.argv[2], sys.argv[2:])' "$blocked" python3 "$BATS_TEST_DIRNAME/stuck.py" page "$PORTCTL_BIN" --timeout 500ms "${words[@]}" </dev/null
      exits 124 || { echo "$call, blocked: $blocked"; false; }
    done
  done
}

@test "a full standard output that is read in time: nothing is lost, and the answer is whole" {
  both limited python3 "$BATS_TEST_DIRNAME/full.py" "$PORTCTL_BIN" stats --openmetrics --timeout 1h
  exits 0
  [ "${lines[-1]}" = "# EOF" ]
}

@test "a full standard error: a usage error ends, wherever --timeout is" {
  for call in "--timeout 500ms bogus" "bogus --timeout=500ms" "list --bogus --timeout 500ms" "list --columns bogus --timeout 500ms"; do
    read -ra words <<<"$call"
    both limited python3 "$BATS_TEST_DIRNAME/stuck.py" both-pipe "$PORTCTL_BIN" "${words[@]}" </dev/null
    exits 2 || { echo "$call"; false; }
  done
}

# Whether the timer that a caller has set before it became portctl is still there for the program that portctl becomes.
@test "the timer that interrupts a write is not left to the program of exec" {
  both limited "$PORTCTL_BIN" exec --timeout 100ms -- python3 -c '
import signal
print(signal.getitimer(signal.ITIMER_REAL))'
  exits 0
  [ "$output" = "(0.0, 0.0)" ]
}

@test "an endless port ends: cat and relay, by either way, in text and in JSON" {
  exec 6<>/dev/zero
  mapfile -t zeros < <(portctl wrap fd 6 --mode read,write)
  python3 -c '
import os, socket, sys
ours, theirs = socket.socketpair()
os.dup2(theirs.fileno(), 8)
if os.fork() == 0:
    theirs.close()
    os.close(8)
    try:
        while True:
            ours.send(b"x" * 65536)
    except OSError:
        os._exit(0)
ours.close()
theirs.close()
os.execvp(sys.argv[1], sys.argv[1:])' bash -c '"$PORTCTL_BIN" wrap socket 8 >"$1"' bash "$BATS_TEST_TMPDIR/ids" 3>&-
  mapfile -t sockets <"$BATS_TEST_TMPDIR/ids"
  for port in "${zeros[0]}" "${sockets[0]}"; do
    for way in "" --through-broker; do
      for form in "" --json; do
        for verb in cat relay; do
          for input in /dev/null /dev/zero; do
            [ $verb = relay ] || [ $input = /dev/null ] || continue
            code=0
            limited "$PORTCTL_BIN" $verb "$port" --timeout 50ms ${way:+"$way"} ${form:+"$form"} <$input 2>"$BATS_TEST_TMPDIR/error" >/dev/null || code=$?
            [ "$code" -eq 124 ] || { echo "$verb $way $form $input: $code"; cat "$BATS_TEST_TMPDIR/error"; false; }
          done
        done
      done
    done
  done
  portctl close "${sockets[@]}" "${zeros[@]}"
}

@test "a standard input that never ends: call" {
  both limited "$PORTCTL_BIN" call ping - --timeout 50ms <&5
  exits 124
  has "$error" "standard input did not end in time"
  both limited "$PORTCTL_BIN" call ping - --timeout 1h <<<'{}'
  exits 0
}
