# portctl cat where the handle of a port is a hint: the broker is Linux's with the handles of macOS and the BSDs.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# How many requests the broker has received.
requests() { portctl stats -j | jq '[.[] | select(.name == "requests") | .value] | add'; }

# Everything that it writes is on the descriptor 6.
start_cat() {
  mkfifo "$BATS_TEST_TMPDIR/out"
  "$PORTCTL_BIN" cat "$id" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/error" 3>&- 5>&- &
  READER=$!
  exec 6<"$BATS_TEST_TMPDIR/out"
}

@test "cat: what comes later comes, and a port that is closed meanwhile ends it" {
  for way in "" --json; do
    id=$(portctl wrap fd 5 --mode read)
    start_cat ${way:+"$way"}
    for i in 1 2 3 4 5; do
      echo "line $i" >&5
      read -r line <&6
      [ -n "$way" ] || [ "$line" = "line $i" ]
    done
    [ "$(portctl show "$id" -j | jq -r '.[0].handle')" = true ]
    portctl close "$id"
    code=0
    wait "$READER" || code=$?
    [ "$code" -eq 5 ] || { echo "$way: $code"; cat "$BATS_TEST_TMPDIR/error"; false; }
    grep -q closed "$BATS_TEST_TMPDIR/error"
    exec 6<&-
    rm "$BATS_TEST_TMPDIR/out"
  done
}

# Each time that nothing is left it looks at the port and arms the handle: two requests for a line, and some to begin with.
@test "cat: asks the broker a few times only" {
  id=$(portctl wrap fd 5 --mode read)
  start_cat
  before=$(requests)
  for i in $(seq 50); do
    echo "line $i" >&5
    read -r line <&6
  done
  after=$(requests)
  [ $((after - before)) -lt 200 ] || { echo "$before, $after"; false; }
  portctl close "$id"
  wait "$READER" || true
}

@test "cat: goes on when the broker is killed" {
  id=$(portctl wrap fd 5 --mode read)
  start_cat
  echo one >&5
  read -r line <&6
  kill -9 "$BROKER_PID"
  wait "$BROKER_PID" || true
  BROKER_PID=
  echo two >&5
  read -r line <&6
  [ "$line" = two ]
  kill "$READER"
  wait "$READER" || true
}

# The broker is one, too, to which nothing tells its file.
@test "portd: a keeper starts brokers by its own path and never by a name" {
  stop_broker
  code=0
  timeout 60 bash -c 'exec -a no-such-portd "$PORTD_BIN" --listen "$PORTD_ADDRESS" --keeper yes' \
    2>"$BATS_TEST_TMPDIR/error" 3>&- || code=$?
  [ "$code" -eq 1 ]
  grep -q "start portd by its path" "$BATS_TEST_TMPDIR/error" || { cat "$BATS_TEST_TMPDIR/error"; false; }
  start_broker --keeper yes
  (unset PORTD_SESSION && portctl status)
}
