# portctl wait --one and other short programs: one activity wakes one of them, and is passed on if that one could not tell.

load setup

setup() {
  usual_setup
  open_fifo
  id=$(portctl evt fd 5 --mode read)
  pids=()
}
teardown() {
  [ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  usual_teardown
}

# Until that is so many: waits that are parked on $id, connections (that of the one who asks is one).
until_so_many() {
  local i n
  for ((i = 0; i < 2000; i++)); do
    case $1 in
    waits) n=$(portctl show "$id" -j | jq '.[0].waiters') ;;
    connections) n=$(portctl status -j | jq .connections) ;;
    esac
    [ "$n" -eq "$2" ] && return
    kill -0 "$BROKER_PID" || return
  done
  echo "$n $1, not $2"
  return 1
}

# Starts a wait with that standard output, as the next one in line.
wait_into() {
  "${@:2}" >"$1" 3>&- 6>&- &
  pids+=($!)
  until_so_many waits "${#pids[@]}"
}

wait_one() { wait_into "$1" "$PORTCTL_BIN" wait "$id" --one; }

# The answer in that file.
has_answer() { [ "$(cat "$1")" = "$id ready" ]; }

# When only the waits from that one on are connected, none of them has an answer.
others_wait() {
  local i
  until_so_many connections "$((${#pids[@]} - $1 + 1))"
  until_so_many waits "$((${#pids[@]} - $1))"
  for ((i = $1; i < ${#pids[@]}; i++)); do [ ! -s "$BATS_TEST_TMPDIR/$i" ] || return; done
}

@test "one activity ends one portctl, a second activity one more" {
  for i in 0 1 2 3 4; do wait_one "$BATS_TEST_TMPDIR/$i"; done
  for i in 0 1 2 3 4; do
    echo x >&5 # and nobody reads it
    wait "${pids[i]}"
    has_answer "$BATS_TEST_TMPDIR/$i"
    others_wait "$((i + 1))"
  done
}

@test "the same with portctl call" {
  for i in 0 1 2; do
    wait_into "$BATS_TEST_TMPDIR/$i" "$PORTCTL_BIN" call wait "{\"ids\":[$id],\"one\":true}"
  done
  for i in 0 1 2; do
    echo x >&5
    wait "${pids[i]}"
    [ "$(jq -r '.ready[0].cause' "$BATS_TEST_TMPDIR/$i")" = CAUSE_READY ]
    # Such a call has two connections.
    until_so_many connections "$((2 * (2 - i) + 1))"
    until_so_many waits "$((2 - i))"
    [ "$i" -eq 2 ] || [ ! -s "$BATS_TEST_TMPDIR/$((i + 1))" ]
  done
}

@test "a portctl that is killed while it waits takes nothing" {
  for i in 0 1 2; do wait_one "$BATS_TEST_TMPDIR/$i"; done
  kill -9 "${pids[0]}"
  others_wait 1
  echo x >&5
  wait "${pids[1]}"
  has_answer "$BATS_TEST_TMPDIR/1"
  others_wait 2
}

@test "a portctl that is killed before it could tell passes it on" {
  # A pipe that is full: portctl has its answer, and cannot write it.
  mkfifo "$BATS_TEST_TMPDIR/full"
  exec 6<>"$BATS_TEST_TMPDIR/full"
  python3 -c '
import os
os.set_blocking(6, False)
for size in 65536, 1:
    try:
        while True:
            os.write(6, bytes(size))
    except BlockingIOError:
        pass
os.set_blocking(6, True)'
  for signal in KILL INT; do
    pids=()
    wait_into "$BATS_TEST_TMPDIR/full" env --default-signal=INT "$PORTCTL_BIN" wait "$id" --one
    wait_one "$BATS_TEST_TMPDIR/1"
    wait_one "$BATS_TEST_TMPDIR/2"
    echo x >&5
    until_so_many waits 2
    [ ! -s "$BATS_TEST_TMPDIR/1" ]
    kill -s "$signal" "${pids[0]}"
    wait "${pids[1]}"
    has_answer "$BATS_TEST_TMPDIR/1"
    others_wait 2
    kill "${pids[2]}"
    wait "${pids[0]}" "${pids[2]}" || true
    until_so_many connections 1
    read -r _ <&5
    rm "$BATS_TEST_TMPDIR"/[12]
  done
}

@test "a portctl that cannot write its answer passes it on" {
  mkfifo "$BATS_TEST_TMPDIR/unread"
  exec 6<>"$BATS_TEST_TMPDIR/unread"
  wait_one "$BATS_TEST_TMPDIR/unread"
  # shellcheck disable=SC2016
  wait_into "$BATS_TEST_TMPDIR/unread" bash -c 'trap "" PIPE; exec "$PORTCTL_BIN" "$@"' - wait "$id" --one
  wait_into /dev/full "$PORTCTL_BIN" wait "$id" --one
  wait_one "$BATS_TEST_TMPDIR/3"
  wait_one "$BATS_TEST_TMPDIR/4"
  exec 6>&- # nobody reads it any more
  echo x >&5
  wait "${pids[3]}"
  has_answer "$BATS_TEST_TMPDIR/3"
  others_wait 4
  code=0
  wait "${pids[0]}" || code=$?
  [ "$code" -eq 141 ] # SIGPIPE
  for i in 1 2; do
    code=0
    wait "${pids[i]}" || code=$?
    [ "$code" -ne 0 ]
  done
}
