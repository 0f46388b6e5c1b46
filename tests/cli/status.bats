# portctl status, ping, version.

load setup

setup() { usual_setup; }
teardown() { usual_teardown; }

@test "status" {
  both portctl status
  exits 0
  [ -z "$error" ]
  for key in address broker protocol pid uptime engine identity session "session rule" "session owner pid" quotas; do
    grep -qE "^$key +[^ ]" <<<"$output" || { echo "$key"; false; }
  done
  has "$output" "$PORTD_ADDRESS"
}

@test "status in JSON" {
  both portctl status -j
  exits 0
  [ "$(jq -c '[.schema, .address, .pid, .protocol, .session_rule, .session_owner_pid, .session_existed]' <<<"$output")" = \
    "[1,\"$PORTD_ADDRESS\",$BROKER_PID,1,\"environment\",$$,true]" ]
  [ "$(jq -r '.quotas[] | select(.name == "sessions") | .used' <<<"$output")" -ge 1 ]
  [ "$(jq -r '[.quotas[] | select(.used > .limit)] | length' <<<"$output")" -eq 0 ]
  [ "$(jq '[.. | numbers | select(floor != .)] | length' <<<"$output")" -eq 0 ]
}

@test "status counts" {
  open_fifo
  portctl sem fd 5 --mode read
  [ "$(portctl status -j | jq -c '[.descriptors, .objects, .session_objects]')" = "[1,1,1]" ]
  [ "$(portctl status --columns=descriptors,objects)" = "descriptors  1
objects      1" ]
  portctl wrap fd 5 --mode read,write
  [ "$(portctl status -j | jq -c '[.descriptors, .objects, .session_objects]')" = "[1,3,3]" ]
}

@test "status of another user counts what that user has" {
  need_other_user
  serve_everybody
  open_fifo
  portctl sem fd 5 --mode read
  [ "$(portctl status -j | jq -c '[.descriptors, .objects]')" = "[1,1]" ]
  # The connections of the clients before it may not be closed yet.
  for ((i = 0; i < 200; i++)); do
    both as_other status -j
    exits 0
    counts=$(jq -c '[.connections, .objects, .waits]' <<<"$output")
    [[ $counts = \[[2-9],0,0\] ]] || break
  done
  [ "$counts" = "[1,0,0]" ] || { echo "$counts"; false; }
  both as_other status
  exits 0
  grep -qE "^quotas +[^ ]" <<<"$output"
}

@test "a broker that is stopped says what it still held" {
  open_fifo
  portctl sem fd 5 --mode read
  portctl wrap fd 5 --mode read,write
  stop_broker
  grep -q 'session still held descriptors; .* client="portctl" descriptors=1 semaphores=1 evts=0 ports=2$' "$BATS_TEST_TMPDIR/portd.log"
  grep -q 'stopped; .* descriptors=1 objects=3 ' "$BATS_TEST_TMPDIR/portd.log"
}

@test "asking where there is no session is no line in the log" {
  stop_broker
  start_broker
  unset PORTD_SESSION
  [ "$(portctl status -j | jq .session_existed)" = false ]
  portctl list
  stop_broker
  grep -q stopped "$BATS_TEST_TMPDIR/portd.log"
  ! grep 'connection ended' "$BATS_TEST_TMPDIR/portd.log"
}

@test "ping" {
  both portctl ping
  exits 0
  [ -z "$error" ]
  [[ "$output" =~ ^[0-9]+\ us$ ]]
  both portctl ping --count 3
  [ "${#lines[@]}" -eq 3 ]
  both portctl ping --count=5 -j
  [ "$(jq -c '[.schema, .count, (.round_trips_us | length), .min_us <= .max_us, .address]' <<<"$output")" = \
    "[1,5,5,true,\"$PORTD_ADDRESS\"]" ]
}

@test "ping joins no session and leaves none" {
  before=$(portctl session list -j | jq length)
  PORTD_SESSION=nonsense portctl ping
  [ "$(portctl session list -j | jq length)" -eq "$before" ]
}

@test "version" {
  both portctl version
  exits 0
  grep -qE '^libportd +[0-9.]+$' <<<"$output"
  grep -qE '^broker +[0-9.]+$' <<<"$output"
  [ "$(portctl version -j | jq -c '[.schema, .protocol, .address]')" = "[1,1,\"$PORTD_ADDRESS\"]" ]
}

@test "without a broker: ping and status 3, version tells" {
  stop_broker
  for verb in ping status; do
    both portctl "$verb"
    exits 3
    [ -z "$output" ]
    has "$error" "$PORTD_ADDRESS"
  done
  both portctl version
  exits 0
  [ -z "$error" ]
  grep -qE '^broker +-$' <<<"$output"
  has "$output" "reason"
  [ "$(portctl version -j | jq -c '[.broker, .protocol, (.reason | length > 0)]')" = "[null,null,true]" ]
}

@test "--address and --system and --user win over PORTD_ADDRESS" {
  address=$PORTD_ADDRESS
  export PORTD_ADDRESS="unix:$BATS_TEST_TMPDIR/nobody.sock"
  both portctl ping
  exits 3
  both portctl ping --address "$address"
  exits 0
  mkdir -m 700 "$BATS_TEST_TMPDIR/run" "$BATS_TEST_TMPDIR/run/portd"
  ln -s "$BATS_TEST_TMPDIR/portd.sock" "$BATS_TEST_TMPDIR/run/portd/portd.sock"
  XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/run" both portctl ping --user
  exits 0
  XDG_RUNTIME_DIR='' TMPDIR="$BATS_TEST_TMPDIR" both portctl ping --user
  exits 3
  has "$error" "$BATS_TEST_TMPDIR/portd-$(id -u)/portd.sock"
}

# They all come while the broker is held, and the queue of its listener is shorter: the others wait for room.
@test "200 at once are all served" {
  local pid pids=()
  kill -STOP "$BROKER_PID"
  for _ in {1..200}; do
    portctl --timeout 60s ping >/dev/null 2>>"$BATS_TEST_TMPDIR/errors" 3>&- &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    while [[ $(cat "/proc/$pid/stat") == *") "[!SZ]" "* ]]; do sleep 0.01; done
  done
  kill -CONT "$BROKER_PID"
  for pid in "${pids[@]}"; do
    wait "$pid"
  done
  [ ! -s "$BATS_TEST_TMPDIR/errors" ]
}
