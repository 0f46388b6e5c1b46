# portctl cat, write and relay: how they end when a connection is reset, when the port's session or the broker ends, and packets of any length.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() {
  usual_teardown
}

WAYS=("" --through-broker)

# Runs a case of flow.py.
flow() { python3 "$BATS_TEST_DIRNAME/flow.py" "$1"; }

# All lines that have that beginning have this end, and there are so many of them.
all_end() {
  local lines
  lines=$(grep -- "$2" <<<"$output")
  [ "$(wc -l <<<"$lines")" -eq "$1" ] || {
    printf '%s lines, not %s, begin with %s\n%s\n' "$(wc -l <<<"$lines")" "$1" "$2" "$output"
    return 1
  }
  ! grep -v -- "$3\$" <<<"$lines"
}

@test "cat, relay: a connection that is reset is a failed read, into anything, by either way" {
  run -0 flow reset
  for make in tcp unix; do
    all_end 15 "^$make.*, before:" ": 125 - cannot read the port: Connection reset by peer 0"
    all_end 15 "^$make.*, after bytes:" ": 125 text cannot read the port: Connection reset by peer 0"
    all_end 15 "^$make.*, meanwhile:" ": 125 text cannot read the port: Connection reset by peer 0"
  done
}

@test "write, relay: standard input that is reset is a failed read, into anything, by either way" {
  run -0 flow reset_input
  all_end 16 "" ": 125 text cannot read standard input: Connection reset by peer 0"
}

@test "relay: standard input that fails ends both directions, also where nothing ends the other one" {
  run -0 flow one_way
  all_end 4 "^read" ": 125 answer cannot read standard input: Connection reset by peer 0"
  all_end 4 "^write" ": 125 answer cannot write the port: Broken pipe [04]"
  all_end 4 "^full" ": 125 - cannot write the port: Broken pipe [0-9]*"
}

@test "relay: the deadline, and nothing is under way: nothing is said of standard input" {
  run -0 flow late
  all_end 64 "" ": 124 whole \(timed out\|the deadline has passed\)"
}

@test "cat: errors of UDP and the hang-up of a terminal are failed reads" {
  need_terminal
  run -0 flow refused
  all_end 6 "^udp" ": 125 cannot read the port: Connection refused 0"
  all_end 6 "^terminal" ": 125 cannot read the port: Input/output error 0"
}

# Starts portctl with these arguments, which copies the fifo; returns when it has copied a line. Its standard output is descriptor 6.
start_copy() {
  rm -f "$BATS_TEST_TMPDIR/out"
  mkfifo "$BATS_TEST_TMPDIR/out"
  "$PORTCTL_BIN" "$@" --timeout 2min <"$BATS_TEST_TMPDIR/nothing" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/error" 3>&- 5>&- 8>&- &
  COPY=$!
  exec 6<"$BATS_TEST_TMPDIR/out"
  goes_on
}

# It copies what is written now.
goes_on() {
  local line
  echo data >&5
  read -r line <&6
  [ -n "$line" ]
}

# It ends with that exit code, and an error that says this, or (-) none.
copy_ends() {
  local code=0
  wait "$COPY" || code=$?
  exec 6<&-
  [ "$code" -eq "$1" ] || {
    echo "exit code $code, not $1"
    cat "$BATS_TEST_TMPDIR/error"
    return 1
  }
  if [ "$2" = - ]; then [ ! -s "$BATS_TEST_TMPDIR/error" ]; else grep -q -- "$2" "$BATS_TEST_TMPDIR/error"; fi
}

# Standard input of the copies: a fifo into which nothing is written.
open_nothing() {
  mkfifo "$BATS_TEST_TMPDIR/nothing"
  exec 8<>"$BATS_TEST_TMPDIR/nothing"
}

@test "cat, relay: the port's session ends: exit code 5, by either way" {
  local mine=$PORTD_SESSION
  open_nothing
  for way in "${WAYS[@]}"; do
    for call in cat "cat --json" relay; do
      for joined in same other; do
        eval "$(portctl session start --owner "$$")"
        id=$(portctl wrap fd 5 --mode read,write | head -n 1)
        session=$PORTD_SESSION
        [ "$joined" = same ] || export PORTD_SESSION=$mine
        # shellcheck disable=SC2086
        start_copy $call "$id" ${way:+"$way"}
        portctl session end "$session"
        copy_ends 5 "port"
        echo kept >&5
        read -r line <&5
        [ "$line" = kept ]
      done
    done
  done
  export PORTD_SESSION=$mine
}

@test "cat: the session that it has joined ends, and not that of the port: it goes on, and ends with the port" {
  local mine=$PORTD_SESSION
  open_nothing
  id=$(portctl wrap fd 5 --mode read)
  for form in --quiet --json; do
    eval "$(portctl session start --owner "$$")"
    start_copy cat "$id" $form
    portctl session end
    export PORTD_SESSION=$mine
    goes_on
    goes_on
    kill -0 "$COPY"
    portctl close "$id"
    copy_ends 5 "port $id is closed"
    id=$(portctl wrap fd 5 --mode read)
  done
}

@test "cat, relay: the broker ends: with a copy of the descriptor they go on until the end, also if another broker comes" {
  open_nothing
  for how in KILL TERM; do
    for call in cat relay; do
      rm -f "$BATS_TEST_TMPDIR/fifo"
      open_fifo
      id=$(portctl wrap fd 5 --mode read,write | head -n 1)
      start_copy "$call" "$id"
      kill -s "$how" "$BROKER_PID"
      wait "$BROKER_PID" || true
      [ "$call" = relay ] || goes_on
      start_broker
      join_session
      # A relay has not missed a broker that was killed, so it asks this one, which says that the port does not exist.
      while [ "$how $call" = "KILL relay" ] &&
        ! portctl monitor --once --after 0 --columns=event,pid --no-legend | grep -q "^connected  *$COPY *$"; do
        goes_on
      done
      goes_on
      kill "$COPY"
      copy_ends 143 -
    done
  done
}

# Ends the broker. At its address there is a server then that accepts and does not answer.
replace_broker() {
  rm -f "$BATS_TEST_TMPDIR/fake.sock.asked"
  fake_broker hang
  mv "$BATS_TEST_TMPDIR/fake.sock" "${PORTD_ADDRESS#unix:}"
  kill -KILL "$BROKER_PID"
  wait "$BROKER_PID" || true
}

is_asked() { [ -e "$BATS_TEST_TMPDIR/fake.sock.asked" ]; }

return_broker() {
  end_fake
  rm "${PORTD_ADDRESS#unix:}"
  start_broker
  join_session
}

@test "cat, relay: the broker ends, and who listens in its place does not answer: with a copy they go on until the end" {
  open_nothing
  for call in cat "cat --json" relay; do
    id=$(portctl wrap fd 5 --mode read,write | head -n 1)
    # shellcheck disable=SC2086
    start_copy $call "$id"
    replace_broker
    until is_asked; do goes_on; done
    goes_on
    kill "$COPY"
    copy_ends 143 -
    return_broker
  done
}

@test "cat, relay: one signal ends them while they ask who listens in the broker's place and does not answer" {
  open_nothing
  for call in cat "cat --json" relay; do
    id=$(portctl wrap fd 5 --mode read,write | head -n 1)
    # shellcheck disable=SC2086
    start_copy $call "$id"
    replace_broker
    { until is_asked || ! kill -0 "$COPY"; do :; done && kill "$COPY"; } 3>&- &
    signaller=$!
    while goes_on; do :; done
    copy_ends 143 -
    wait "$signaller"
    return_broker
    rm "$BATS_TEST_TMPDIR/fifo"
    open_fifo
  done
}

@test "cat, relay: through the broker: that ends, and who listens in its place does not answer: exit code 3" {
  open_nothing
  for call in cat relay; do
    id=$(portctl wrap fd 5 --mode read,write | head -n 1)
    start_copy "$call" "$id" --through-broker
    replace_broker
    copy_ends 3 "connection"
    is_asked
    return_broker
  done
}

@test "cat: the connection alone is lost: a port of a private session is found again" {
  run -0 flow lost_connection
  all_end 1 "^cat :" ": 5 at the end port [0-9]* is closed 0"
  all_end 1 "^cat --through-broker:" ": 3 before .*connection.* 0"
}

@test "cat: through the broker, the broker's end is exit code 3; so is a lost connection that was inherited" {
  open_nothing
  id=$(portctl wrap fd 5 --mode read)
  connect='
import os, socket, sys
end = socket.socket(socket.AF_UNIX)
end.connect(os.environ["PORTD_ADDRESS"].removeprefix("unix:"))
os.dup2(end.fileno(), 7)
os.execv(sys.argv[1], [sys.argv[1], "--address", "fd:7", *sys.argv[2:]])'
  program=$PORTCTL_BIN
  PORTCTL_BIN=python3 start_copy -c "$connect" "$program" cat "$id"
  portctl session end
  copy_ends 3 "connection"
  unset PORTD_SESSION
  join_session
  id=$(portctl wrap fd 5 --mode read)
  start_copy cat "$id" --through-broker
  kill -KILL "$BROKER_PID"
  wait "$BROKER_PID" || true
  copy_ends 3 "connection"
}

@test "cat: a port whose bytes never stop coming is closed, or its session ends: exit code 5" {
  local mine=$PORTD_SESSION
  for form in --quiet --json; do
    for how in close end; do
      eval "$(portctl session start --owner "$$")"
      id=$(portctl wrap fd 7 --mode read 7</dev/zero)
      "$PORTCTL_BIN" cat "$id" $form --timeout 60s > >(head -c 1 >"$BATS_TEST_TMPDIR/first"; exec cat >/dev/null) 2>"$BATS_TEST_TMPDIR/error" 3>&- &
      COPY=$!
      until [ -s "$BATS_TEST_TMPDIR/first" ]; do kill -0 "$COPY"; done
      if [ $how = close ]; then portctl close "$id"; else portctl session end; fi
      copy_ends 5 "port"
      rm "$BATS_TEST_TMPDIR/first"
      export PORTD_SESSION=$mine
    done
  done
}

@test "cat, relay: packets longer than a chunk are copied whole; what the broker cuts off is an error, and told in JSON" {
  run -0 flow packets
  for name in SEQPACKET DGRAM; do
    for words in cat relay; do
      all_end 1 "^$name, $words:" ": 0 whole 150004   0 -"
      all_end 1 "^$name, $words --through" ": 125 begun 65536  cannot read the port: a datagram was too long to be read whole 84464 next"
    done
    all_end 1 "^$name, cat --json:" ": 0 whole 150004 \[(150000, None), (4, None)\]  0 -"
    all_end 1 "^$name, cat --json --through" ": 125 begun 65536 \[(65536, 150000)\] cannot read the port: a datagram was too long to be read whole 84464 next"
  done
}

@test "cat, relay: packets are passed on one by one, an empty one, too, by either way" {
  run -0 flow packets_on
  all_end 8 "" ": 0 whole  0"
}

@test "write: packets of standard input are copied whole, and an empty one is no end" {
  run -0 flow packets_in
  all_end 12 "" ": 0 whole  0"
}

@test "write: a packet that is too long to be sent is told, and not cut" {
  [ "$(id -u)" -eq 0 ] || skip "needs root: buffers beyond the limit"
  run -0 flow packet_too_long
  all_end 1 "^write of 100000 --through" ": 125 0 cannot write the port: a datagram of 100000 bytes is longer than the broker writes (65536) 100000"
  all_end 1 "^write of 100000 :" ": 0 100000  0"
  all_end 1 "^write of 1000000 :" ": 125 0 cannot write the port: Message too long 1000000"
}

@test "cat: a packet of megabytes is copied whole" {
  [ "$(id -u)" -eq 0 ] || skip "needs root: buffers beyond the limit"
  run -0 flow packet_of_root
  [ "$output" = "0 3000005  0" ]
}
