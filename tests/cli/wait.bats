# portctl wait: ids, descriptors, both.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# The session is as it was: nothing that the wait made is left.
session_is() {
  [ "$(portctl list -j | jq -c '[.[] | select(.kind != "descriptor") | .id] | sort')" = "$1" ]
}

@test "a descriptor: target and cause on a line" {
  both portctl wait --fd 5 --mode write
  exits 0
  [ "$output" = "fd:5 ready" ]
  [ -z "$error" ]
  both portctl wait fd:5 --mode write
  [ "$output" = "fd:5 ready" ]
}

@test "nothing in time: 124, and nothing on standard output" {
  both portctl wait fd:5 --timeout 20ms
  exits 124
  [ -z "$output" ]
  has "$error" "in time"
  both portctl wait fd:5 --timeout 0 -q
  exits 124
  [ -z "$output$error" ]
  both portctl wait fd:5 --timeout 0 -j
  exits 124
  [ "$output" = "[]" ]
  [ "$(jq -c '[.error.code, .error.exit]' <<<"$error")" = '["timeout",124]' ]
}

@test "nothing is read from the descriptor" {
  echo data >&5
  portctl wait fd:5
  portctl wait fd:5
  read -r line <&5
  [ "$line" = data ]
}

@test "without a mode: until readable" {
  both portctl wait fd:5 --timeout 0
  exits 124
  echo x >&5
  [ "$(portctl wait fd:5)" = "fd:5 ready" ]
}

@test "modes go to the descriptors named since the one before; a single one to all" {
  both portctl wait --fd 5 --mode read --fd 5 --mode write -j
  exits 0
  [ "$(jq -c '[.[].mode]' <<<"$output")" = '["write"]' ]
  both portctl wait fd:5 --mode write fd:5 -j
  [ "$(jq -c '[.[].mode]' <<<"$output")" = '["write","write"]' ]
  both portctl wait --mode write fd:5 -j
  [ "$(jq -c '[.[].mode]' <<<"$output")" = '["write"]' ]
  echo x >&5
  both portctl wait --fd 5 --fd 5 --mode read fd:5 --mode write --all -j
  [ "$(jq -c '[.[].mode]' <<<"$output")" = '["read","read","write"]' ]
}

@test "any and all" {
  both portctl wait --fd 5 --mode read --fd 5 --mode write --any
  exits 0
  both portctl wait --fd 5 --mode read --fd 5 --mode write --all --timeout 0
  exits 124
  [ -z "$output" ]
  echo x >&5
  both portctl wait --fd 5 --mode read --fd 5 --mode write --all
  exits 0
  [ "$output" = "fd:5 ready
fd:5 ready" ]
}

@test "descriptors alone do not touch the session" {
  portctl wait fd:5 --mode write
  [ "$(portctl list -j)" = "[]" ]
  PORTD_SESSION=ended both portctl wait fd:5 --mode write
  exits 0
}

@test "an id: as written, with the cause" {
  id=$(portctl sem fd 5 --mode read)
  both portctl wait "$id" --timeout 0
  exits 124
  echo x >&5
  [ "$(portctl wait "$id")" = "$id ready" ]
  [ "$(portctl wait "$id" -j | jq -c '.[0]')" = "{\"target\":\"$id\",\"id\":$id,\"cause\":\"ready\"}" ]
}

@test "a wait sleeps until another process makes it ready" {
  id=$(portctl evt fd 5 --mode read)
  portctl wait "$id" >"$BATS_TEST_TMPDIR/answer" 3>&- &
  waiter=$!
  until_waited_for "$id"
  echo x >&5
  wait "$waiter"
  [ "$(cat "$BATS_TEST_TMPDIR/answer")" = "$id ready" ]
}

@test "remove wakes a wait" {
  id=$(portctl sem fd 5 --mode read)
  portctl wait "$id" >"$BATS_TEST_TMPDIR/answer" 3>&- &
  waiter=$!
  until_waited_for "$id"
  portctl remove "$id"
  ends "$waiter"
  [ "$(cat "$BATS_TEST_TMPDIR/answer")" = "$id removed" ]
}

@test "ids and descriptors in one wait; what was made is removed" {
  id=$(portctl sem fd 5 --mode read)
  both portctl wait "$id" fd:5 --mode write
  exits 0
  [ "$output" = "fd:5 ready" ]
  session_is "[$id]"
  echo x >&5
  both portctl wait fd:5 "$id" --all
  exits 0
  [ "$output" = "fd:5 ready
$id ready" ]
  session_is "[$id]"
  both portctl wait "$id" fd:5 --mode read --all --timeout 0
  exits 0
  read -r _ <&5
  both portctl wait "$id" fd:5 --mode read --all --timeout 0
  exits 124
  session_is "[$id]"
}

@test "a descriptor in a wait with ids leaves what the session has for its number alone" {
  id=$(portctl evt fd 5 --mode read)
  semaphore=$(portctl sem fd 5 --mode read)
  echo x >&5
  mkfifo "$BATS_TEST_TMPDIR/other"
  exec 6<>"$BATS_TEST_TMPDIR/other"
  both portctl wait "$id" fd:5 --mode write 5<&6
  exits 0
  has "$output" "$id ready"
  [ "$(portctl evt fd 5 --mode check-read)" = "$id" ]
  session_is "[$semaphore,$id]" || session_is "[$id,$semaphore]"
}

@test "an id that is not there: 5, at once, and nothing is left behind" {
  both portctl wait 8
  exits 5
  has "$error" "fd:8"
  both portctl wait 4294967304
  exits 5
  run ! has "$error" "fd:"
  both portctl wait 4503599627370499 fd:5 --mode write
  exits 5
  [ -z "$output" ]
  [ "$(portctl list -j)" = "[]" ]
}

@test "the id of a descriptor is nothing to wait for" {
  portctl sem fd 5 --mode read
  descriptor=$(portctl list descriptors -j | jq '.[0].id')
  both portctl wait "$descriptor" --timeout 0
  [ "$status" -eq 2 ] || exits 5
  [ -n "$error" ]
}

@test "a released semaphore is no object" {
  id=$(portctl sem fd 5 --mode write)
  portctl release "$id"
  both portctl wait "$id"
  exits 5
  [ -z "$output" ]
}

@test "the same target twice is two lines" {
  id=$(portctl sem fd 5 --mode write)
  [ "$(portctl wait "$id" "$id")" = "$id ready
$id ready" ]
}

@test "256 targets" {
  targets=()
  for ((i = 0; i < 256; i++)); do targets+=(fd:5); done
  [ "$(portctl wait --mode write "${targets[@]}" | wc -l)" -eq 256 ]
}

@test "the session ends while a wait sleeps: expired" {
  id=$(portctl sem fd 5 --mode read)
  portctl wait "$id" >"$BATS_TEST_TMPDIR/answer" 3>&- &
  waiter=$!
  until_waited_for "$id"
  portctl session end
  ends "$waiter"
  [ "$(cat "$BATS_TEST_TMPDIR/answer")" = "$id expired" ]
}

@test "the broker ends while a wait sleeps: 3, nothing on standard output" {
  id=$(portctl sem fd 5 --mode read)
  portctl wait "$id" >"$BATS_TEST_TMPDIR/answer" 2>"$BATS_TEST_TMPDIR/error" 3>&- &
  waiter=$!
  until_waited_for "$id"
  kill -KILL "$BROKER_PID"
  code=0
  wait "$waiter" || code=$?
  [ "$code" -eq 3 ]
  [ ! -s "$BATS_TEST_TMPDIR/answer" ]
  [ -s "$BATS_TEST_TMPDIR/error" ]
}

@test "ready, half-close and hang-up are told apart" {
  # 6 has a line in it, has shut down its writing side, is closed.
  [ "$(with_sockets bash -c 'echo x >&6; exec "$PORTCTL_BIN" wait socket:5')" = "socket:5 ready" ]
  [ "$(with_sockets python3 -c '
import os, socket
end = socket.socket(fileno=6)
end.shutdown(socket.SHUT_WR)
os.execv(os.environ["PORTCTL_BIN"], ["portctl", "wait", "--socket", "5", "--mode", "read"])')" = "socket:5 half-close" ]
  [ "$(with_sockets bash -c 'exec 6>&-; exec "$PORTCTL_BIN" wait socket:5 --mode write')" = "socket:5 hang-up" ]
}

# Another fifo, as descriptor 6.
open_second() {
  mkfifo "$BATS_TEST_TMPDIR/second"
  exec 6<>"$BATS_TEST_TMPDIR/second"
}

@test "--count: so many at once" {
  open_second
  a=$(portctl evt fd 5 --mode read)
  b=$(portctl evt fd 6 --mode read)
  c=$(portctl evt fd 5 --mode write)
  both portctl wait "$a" "$b" "$c" --count 2 --timeout 0
  exits 124
  [ -z "$output" ]
  has "$error" "1 of 2 targets became ready in time"
  both portctl wait "$a" "$b" "$c" --count 2 --timeout 0 -j
  exits 124
  [ "$output" = "[]" ]
  echo x >&6
  both portctl wait "$a" "$b" "$c" --count 2
  exits 0
  [ "$output" = "$b ready
$c ready" ]
  # All that are ready then are answered, as ever.
  [ "$(portctl wait "$a" "$b" "$c" --count 1)" = "$output" ]
  echo x >&5
  [ "$(portctl wait "$a" "$b" "$c" --count 2 | wc -l)" -eq 3 ]
  [ "$(portctl wait "$a" "$b" "$c" --count 3 -j | jq -c '[.[].id]')" = "[$a,$b,$c]" ]
}

@test "--count: one after the other; what goes idle again counts, and is not waited for any more" {
  open_second
  a=$(portctl evt fd 5 --mode read)
  b=$(portctl evt fd 6 --mode read)
  echo x >&5
  portctl wait "$a" "$b" --count 2 >"$BATS_TEST_TMPDIR/answer" 3>&- &
  waiter=$!
  until_waited_for "$b"
  [ "$(portctl show "$a" -j | jq '.[0].waiters')" -eq 0 ]
  read -r _ <&5
  [ ! -s "$BATS_TEST_TMPDIR/answer" ]
  echo x >&6
  wait "$waiter"
  [ "$(cat "$BATS_TEST_TMPDIR/answer")" = "$a ready
$b ready" ]
  # Not so with --all: they are never ready at once.
  read -r _ <&6
  echo x >&5
  both portctl wait "$a" "$b" --all --timeout 0
  exits 124
}

@test "--count with descriptors and ids; nothing is left" {
  id=$(portctl sem fd 5 --mode read)
  portctl wait fd:5 "$id" fd:5 --mode write --count 3 >"$BATS_TEST_TMPDIR/answer" 3>&- &
  waiter=$!
  until_waited_for "$id"
  portctl remove "$id"
  ends "$waiter"
  [ "$(cat "$BATS_TEST_TMPDIR/answer")" = "fd:5 ready
$id removed
fd:5 ready" ]
  session_is "[$id]"
  both portctl wait fd:5 socket:5 --mode write --count 2
  exits 0
}

@test "--count: the session ends, the broker ends" {
  open_second
  a=$(portctl evt fd 5 --mode write)
  b=$(portctl evt fd 6 --mode read)
  portctl wait "$a" "$b" --count 2 >"$BATS_TEST_TMPDIR/answer" 3>&- &
  waiter=$!
  until_waited_for "$b"
  portctl session end
  ends "$waiter"
  [ "$(cat "$BATS_TEST_TMPDIR/answer")" = "$a ready
$b expired" ]
  unset PORTD_SESSION
  join_session
  a=$(portctl evt fd 5 --mode write)
  b=$(portctl evt fd 6 --mode read)
  portctl wait "$a" "$b" --count 2 >"$BATS_TEST_TMPDIR/answer" 2>"$BATS_TEST_TMPDIR/error" 3>&- &
  waiter=$!
  until_waited_for "$b"
  kill -KILL "$BROKER_PID"
  code=0
  wait "$waiter" || code=$?
  [ "$code" -eq 3 ]
  [ ! -s "$BATS_TEST_TMPDIR/answer" ]
}

@test "--allow-missing: an id that is not there is an answer, and counts as ended" {
  gone=$(portctl evt fd 5 --mode write)
  portctl evt fd 5 --mode remove
  portctl release "$gone"
  a=$(portctl evt fd 5 --mode write)
  b=$(portctl evt fd 5 --mode read)
  both portctl wait "$gone"
  exits 5
  both portctl wait "$gone" --allow-missing
  exits 9
  [ "$output" = "$gone missing" ]
  [ -z "$error" ]
  [ "$(portctl wait "$gone" 8 --allow-missing --all -j)" = \
    "[{\"target\":\"$gone\",\"id\":$gone,\"cause\":\"missing\"},{\"target\":\"8\",\"id\":8,\"cause\":\"missing\"}]" ]
  # Any: those that are ready now are told with it, and others not waited for.
  [ "$(portctl wait "$b" "$gone" --allow-missing)" = "$gone missing" ]
  [ "$(portctl wait "$a" "$gone" "$b" --allow-missing)" = "$a ready
$gone missing" ]
  both portctl wait "$b" "$gone" --all --allow-missing --timeout 0
  exits 124
  [ -z "$output" ]
  both portctl wait "$b" "$gone" --count 2 --allow-missing --timeout 0
  exits 124
  has "$error" "1 of 2"
  both portctl wait "$b" "$gone" fd:5 --mode write --count 2 --allow-missing
  exits 9
  [ "$output" = "$gone missing
fd:5 ready" ]
  echo x >&5
  [ "$(portctl wait "$b" "$gone" --all --allow-missing)" = "$b ready
$gone missing" ]
  # What is there is no error, and what is no target stays one.
  [ "$(portctl wait "$a" --allow-missing)" = "$a ready" ]
  both portctl wait "$(portctl list descriptors -j | jq '.[0].id')" 8 --allow-missing --timeout 0
  [ "$status" -eq 2 ]
  session_is "[$a,$b]" || session_is "[$b,$a]"
}

@test "--timeout infinity" {
  both portctl wait fd:5 --mode write --timeout infinity
  exits 0
}

@test "columns" {
  [ "$(portctl wait fd:5 --mode write --columns=cause,target,mode)" = "ready fd:5 write" ]
  [ "$(portctl wait fd:5 --mode write --columns=cause -j)" = '[{"cause":"ready"}]' ]
  [ "$(portctl wait fd:5 fd:5 --mode write --json=lines --columns=cause)" = '{"cause":"ready"}
{"cause":"ready"}' ]
}

@test "0 if it can be used, 9 if it has ended" {
  a=$(portctl evt fd 5 --mode write)
  b=$(portctl evt fd 5 --mode read)
  s=$(portctl sem fd 5 --mode read)
  port=$(portctl wrap fd 5 --mode read -j | jq .input)
  portctl sem fd 5 --mode remove
  portctl close "$port"
  for gone in "$s removed" "$port port-closed"; do
    both portctl wait "${gone% *}"
    exits 9
    [ "$output" = "$gone" ]
    [ -z "$error" ]
    both portctl wait "${gone% *}" "$a" # any: one can
    exits 0
    both portctl wait "${gone% *}" "$b" # any: none can
    exits 9
    both portctl wait "${gone% *}" "$a" --all # all: one has ended
    exits 9
    both portctl wait "${gone% *}" -j
    exits 9
    [ "$(jq -r '.[0].cause' <<<"$output")" = "${gone#* }" ]
  done
  mkfifo "$BATS_TEST_TMPDIR/ends"
  sleep infinity >"$BATS_TEST_TMPDIR/ends" 3>&- &
  writer=$!
  exec 6<"$BATS_TEST_TMPDIR/ends"
  kill "$writer"
  both portctl wait fd:6 # a hang-up is to be read
  exits 0
  [ "$output" = "fd:6 hang-up" ]
}

@test "an event whose descriptor the broker cannot watch any more: unsupported, whatever the time limit" {
  python3 - <<'PYTHON'
import os, select, subprocess
ctl = os.environ["PORTCTL_BIN"]
epoll, (own, other) = select.epoll(), os.pipe()
epoll.register(own, select.EPOLLIN)
run = lambda *words: subprocess.run([ctl, *words], capture_output=True, text=True, pass_fds=[epoll.fileno()])
made = run("evt", "fd", str(epoll.fileno()), "--mode", "read")
assert made.returncode == 0, made
with open("/proc/self/mounts") as mounts:
    epoll.register(mounts.fileno(), select.EPOLLPRI)
    os.write(other, b"x")
    for limit in [], ["--timeout", "30s"], ["--timeout", "0"], ["--timeout", "150ms"]:
        waited = run("wait", made.stdout.strip(), *limit)
        assert waited.returncode == 8 and not waited.stdout and "cannot watch" in waited.stderr, waited
    epoll.unregister(mounts.fileno())
assert run("wait", made.stdout.strip()).returncode == 0
PYTHON
}
