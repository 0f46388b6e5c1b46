# portctl cat, write and relay, ended by SIGINT, SIGTERM or SIGHUP: no byte is lost untold.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

WAYS=("" --through-broker)

# Ends it as stop.py does, by the first of the signals. Every byte that was taken has come, or is said to be lost; nothing is said without a loss.
stop() {
  local code taken got said name=${3%%,*}
  read -r code taken got lost said < <(python3 "$BATS_TEST_DIRNAME/stop.py" "$@")
  echo "$*: $code, taken $taken, got $got, lost $lost"
  [ "$code" = "-$(kill -l "$name")" ]
  [ "$taken" -gt 0 ]
  [ "$taken" -eq $((got + lost)) ]
  [ $((lost > 0)) -eq $((said > 0)) ]
}

@test "write: ended by a signal, the offset of a file is moved back to what was accepted" {
  for way in "${WAYS[@]}"; do
    for name in SIGINT SIGTERM SIGHUP; do
      for end in pipe socket; do
        stop write file $name $end ${way:+"$way"}
        [ "$lost" -eq 0 ]
      done
    done
  done
}

@test "write: ended by a signal, what a pipe had given and the port did not take is counted" {
  for name in SIGINT SIGTERM SIGHUP; do
    stop write pipe $name pipe
    [ "$lost" -eq 0 ] # spliced from one to the other
    stop write pipe $name pipe --through-broker
    [ "$lost" -gt 0 ]
    stop write socket $name socket --through-broker
  done
}

@test "cat: ended by a signal, what the port had given and standard output did not take is counted" {
  for way in "${WAYS[@]}"; do
    for name in SIGINT SIGTERM SIGHUP; do
      stop cat pipe $name pipe ${way:+"$way"}
      [ "$lost" -eq 0 ]
      for from in file pipe; do
        stop cat $from $name socket ${way:+"$way"}
        [ "$lost" -le 131072 ]
        stop cat $from $name pipe ${way:+"$way"} --json # of a chunk, which is more text than the pipe takes, no byte counts as written
        [ "$lost" -gt 0 ]
      done
    done
  done
  # About every second time portctl has not read yet the reply that counts what the broker has spliced.
  for _ in {1..6}; do
    stop cat pipe SIGTERM socket --through-broker
    [ "$lost" -gt 0 ]
  done
}

@test "relay: ended by a signal, what the port had given and standard output did not take is counted" {
  for way in "${WAYS[@]}"; do
    stop relay socket SIGTERM socket ${way:+"$way"}
    stop relay socket SIGTERM pipe ${way:+"$way"} --json
    [ "$lost" -gt 0 ]
  done
}

# Ends a relay as reset.py does. Every byte that was taken from standard input was accepted by the port, or is said to be lost; a file is put back.
ended() {
  read -r code taken got lost told < <(python3 "$BATS_TEST_DIRNAME/reset.py" "$@" 2>"$BATS_TEST_TMPDIR/said")
  echo "$*: $code, taken $taken, got $got, lost $lost, $told; $(cat "$BATS_TEST_TMPDIR/said")"
  [ "$1" != file ] || [ "$lost" -eq 0 ]
  [ "$1" = file ] || [ "$lost" -gt 0 ]
  [ "$taken" -eq $((got + lost)) ]
  [ "$2" != tcp ] || [ "$got" -gt 0 ] # a part of what was read
}

@test "relay: a connection that is reset, what standard input had given and the port did not take is counted" {
  for form in "" --json; do
    for from in pipe socket file; do
      for how in shut reset tcp; do
        ended $from $how --through-broker ${form:+"$form"}
        [ "$code" -eq 125 ]
        [ -z "$form" ] || [ "$told" -eq 125 ]
      done
    done
    ended pipe closed --through-broker ${form:+"$form"}
    [ "$code" -eq 5 ]
  done
}

@test "relay: ended by a signal, what standard input had given and the port did not take is counted" {
  for from in pipe socket file; do
    ended $from signal --through-broker
    [ "$code" -eq -15 ]
  done
  ended pipe signal --through-broker --json
  [ "$told" -eq 143 ]
}

@test "relay: ended by its deadline, what standard input had given and the port did not take is counted" {
  for from in pipe socket file; do
    ended $from late --through-broker --timeout 2s # enough to read it
    [ "$code" -eq 124 ]
  done
  ended pipe late --through-broker --timeout 2s --json
  [ "$told" -eq 124 ]
}

@test "a reader that has gone: the error in JSON has the code that shells report, and what was lost" {
  for from in pipe socket; do
    ended $from broken --through-broker
    [ "$code" -eq -13 ]
    ended $from broken --through-broker --json
    [ "$code" -eq -13 ]
    [ "$told" -eq 141 ]
  done
  # Where SIGPIPE is ignored or blocked portctl exits.
  id=$(portctl wrap fd 5 --mode read)
  for way in "" --through-broker; do
    for ignored in no yes blocked; do
      expected=$([ $ignored = no ] && echo 141 || echo 125)
      echo data >&5
      code=$(
        set +e
        rm -f "$BATS_TEST_TMPDIR/gone"
        mkfifo "$BATS_TEST_TMPDIR/gone"
        exec 8<>"$BATS_TEST_TMPDIR/gone" 9>"$BATS_TEST_TMPDIR/gone" 8<&-
        python3 -c '
import os, signal, sys
signal.signal(signal.SIGPIPE, signal.SIG_IGN if sys.argv[1] == "yes" else signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK if sys.argv[1] == "blocked" else signal.SIG_UNBLOCK, [signal.SIGPIPE])
os.execvp(sys.argv[2], sys.argv[2:])' $ignored "$PORTCTL_BIN" cat "$id" -j ${way:+"$way"} >&9 2>"$BATS_TEST_TMPDIR/said"
        echo $?
      )
      [ "$code" -eq "$expected" ]
      [ "$(jq .error.exit "$BATS_TEST_TMPDIR/said")" -eq "$code" ]
    done
  done
}

@test "write: its answer to a reader that has gone ends it as any other does" {
  out=$(portctl wrap fd 5 --mode write)
  for way in "" --through-broker; do
    code=$(
      set +e
      mkfifo "$BATS_TEST_TMPDIR/gone$way"
      exec 8<>"$BATS_TEST_TMPDIR/gone$way" 9>"$BATS_TEST_TMPDIR/gone$way" 8<&-
      echo text | env --default-signal=PIPE "$PORTCTL_BIN" write "$out" -j ${way:+"$way"} >&9 2>/dev/null
      echo $?
    )
    [ "$code" -eq 141 ]
  done
}

@test "cat, write: signals that come together, as from timeout(1), are one" {
  stop write file SIGINT,SIGTERM pipe --through-broker
  stop write pipe SIGHUP,SIGTERM pipe --through-broker
  stop cat file SIGHUP,SIGINT pipe --json
}

@test "write: ended by a signal, the error in JSON has the code that shells report" {
  run -143 python3 - "$PORTCTL_BIN" <<'PYTHON'
import json, os, select, signal, subprocess, sys
reader, writer = os.pipe()
given, giving = os.pipe()
os.set_blocking(giving, False)
os.set_blocking(writer, False)
os.write(writer, bytes(60000)) # nobody reads it
os.write(giving, bytes(50000))
port = subprocess.run([sys.argv[1], "wrap", "fd", str(writer), "--mode", "write"], pass_fds=[writer], capture_output=True, text=True,
                      check=True).stdout.strip()
write = subprocess.Popen([sys.argv[1], "write", port, "--through-broker", "--json"], stdin=given, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
waits = select.poll()
waits.register(writer, select.POLLOUT)
while waits.poll(0) and write.poll() is None: # until it is full
    pass
write.terminate()
output, error = write.communicate()
error = json.loads(error)["error"]
assert (output, error["code"]) == ("", "interrupted") and "were not written" in error["message"], (output, error)
assert write.returncode == -signal.SIGTERM
sys.exit(error["exit"])
PYTHON
}

@test "cat: a signal that was ignored at the start stays so" {
  for way in "${WAYS[@]}"; do
    rm -f "$BATS_TEST_TMPDIR/ends"
    mkfifo "$BATS_TEST_TMPDIR/ends"
    exec 6<>"$BATS_TEST_TMPDIR/ends" 7<"$BATS_TEST_TMPDIR/ends" 8>"$BATS_TEST_TMPDIR/ends" 6>&-
    id=$(portctl wrap fd 7 --mode read)
    exec 6< <(trap '' HUP INT TERM; exec "$PORTCTL_BIN" cat "$id" ${way:+"$way"} 3>&- 7<&- 8>&-)
    pid=$!
    echo one >&8
    read -r line <&6
    [ "$line" = one ]
    for name in HUP INT TERM; do
      kill -s $name "$pid"
    done
    echo two >&8
    read -r line <&6
    [ "$line" = two ]
    exec 8>&-
    wait "$pid"
  done
}

@test "cat: a signal ends it, whichever request it interrupts" {
  for number in 1 2 3 4; do
    for how in "--through-broker" "--through-broker --json" ""; do
      [ $number -lt 4 ] || [ "$how" = "--through-broker" ] || continue # only this one makes four
      read -ra options <<<"$how"
      id=$(portctl wrap fd 5 --mode read)
      code=$(timeout -s KILL 60 python3 "$BATS_TEST_DIRNAME/early.py" $number "$PORTCTL_BIN" cat "$id" "${options[@]}")
      [ "$code" = -15 ] || { echo "$number: $how: $code"; false; }
    done
  done
}

@test "cat: a second signal ends it, whatever it waits for" {
  mkfifo "$BATS_TEST_TMPDIR/full" "$BATS_TEST_TMPDIR/out"
  exec 8<>"$BATS_TEST_TMPDIR/full" 9<>"$BATS_TEST_TMPDIR/out"
  head -c 65536 /dev/zero >&8
  some=$BATS_TEST_TMPDIR/some
  head -c 1000000 /dev/zero >"$some"
  exec 7<"$some"
  id=$(portctl wrap fd 7 --mode read)
  # Standard error has no room for what there is to say: it would wait for ever.
  "$PORTCTL_BIN" cat "$id" --json >&9 2>&8 3>&- &
  pid=$!
  read -r -N 1 _ <&9
  while kill -s TERM "$pid" 2>/dev/null; do :; done
  code=0
  wait "$pid" || code=$?
  [ "$code" -eq 143 ]
}
