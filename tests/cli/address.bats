# Addresses: a name without a file, a connection and a listener that are inherited.

load setup

setup() {
  usual_setup
  open_fifo
  NAME="unix:@portd-test-$BATS_TEST_NUMBER-$$"
}
teardown() {
  [ -z "${GIVEN:-}" ] || kill "$GIVEN" 2>/dev/null || true
  usual_teardown
}

# Runs a command with a connection to the broker (or, with "listen", a listening socket at that path) as descriptor 7.
with_socket() {
  python3 -c '
import os, socket, sys
what, path = sys.argv[1:3]
end = socket.socket(socket.AF_UNIX)
if what == "listen":
    end.bind(path)
    end.listen()
else:
    end.connect(path)
os.dup2(end.fileno(), 7)
end.close()
os.execvp(sys.argv[3], sys.argv[3:])' "$@"
}

@test "a name: everything works as with a path, and nothing is left of it" {
  stop_broker
  export PORTD_ADDRESS=$NAME
  unset PORTD_SESSION
  start_broker
  join_session
  [ "$(portctl status -j | jq -r .address)" = "$NAME" ]
  id=$(portctl sem fd 5 --mode read)
  echo x >&5
  [ "$(portctl wait "$id")" = "$id ready" ]
  [ "$(portctl exec -- bash -c 'echo "$PORTD_ADDRESS"; "$PORTCTL_BIN" list semaphores -j | jq ".[].id"')" = "$NAME
$id" ]
  # Another broker finds it taken; when the first has gone nobody is there.
  both "$PORTD_BIN" --listen "$NAME"
  exits 1
  has "$error" "another program is listening there, perhaps a broker"
  stop_broker
  both portctl ping
  exits 3
  has "$error" "nobody listens"
}

@test "a name: the broker's own connections are known" {
  stop_broker
  export PORTD_ADDRESS=$NAME
  unset PORTD_SESSION
  start_broker
  join_session
  run python3 -c '
import os, socket, subprocess, sys
end = socket.socket(socket.AF_UNIX)
end.connect("\0" + sys.argv[1])
done = subprocess.run([os.environ["PORTCTL_BIN"], "sem", "fd", str(end.fileno()), "--mode", "read"],
                      pass_fds=[end.fileno()], capture_output=True, text=True)
print(done.returncode, done.stdout, done.stderr)' "${NAME#unix:@}"
  has "$output" "2  portctl: the descriptor is a connection to this broker"
}

@test "a path: whom its file mode keeps out is denied, which is not the same as nobody there" {
  need_other_user
  unset PORTD_SESSION
  for verb in ping list version "call ping" "call hello"; do
    # shellcheck disable=SC2086 # two words
    both as_other $verb
    exits 4
    has "$error" "ermission denied"
  done
  stop_broker
  both portctl ping
  exits 3
}

@test "a name: other users are turned away unless --mode lets them in" {
  need_other_user
  stop_broker
  export PORTD_ADDRESS=$NAME
  unset PORTD_SESSION
  start_broker
  both as_other ping
  exits 4
  has "$error" "--mode 0666"
  stop_broker
  start_broker --mode 0666
  both as_other ping
  exits 0
}

@test "what is no name" {
  both portctl ping --address unix:@
  exits 2
  has "$error" "the name after"
  both portctl ping --address "unix:@$(printf 'n%.0s' {1..107})"
  exits 2
  has "$error" "too long"
}

@test "an inherited connection serves one call" {
  path=${PORTD_ADDRESS#unix:}
  [ "$(with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 status -j | jq -r .address)" = fd:7 ]
  [ "$(PORTD_ADDRESS=fd:7 with_socket connect "$path" "$PORTCTL_BIN" status -j | jq -r .address)" = fd:7 ]
  both with_socket connect "$path" bash -c '"$PORTCTL_BIN" --address fd:7 ping >&2 && "$PORTCTL_BIN" --address fd:7 ping'
  exits 3
  has "$error" "an inherited connection serves one call"
  both portctl --address fd:7 ping 7<&-
  exits 3
  has "$error" "hint: pass portctl a connection"
  both portctl --address fd:5 ping
  exits 3
  both portctl --address fd:x ping
  has "$error" "fd:x: "
  exits 2
}

# Both ways to name the broker, one after the other: over the path, and as an inherited connection.
both_ways() {
  local path=${PORTD_ADDRESS#unix:}
  both portctl "$@"
  path_status=$status path_output=$output
  both with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 "$@"
}

@test "an inherited connection: each verb works as with a path, also where the owners have no session" {
  unset PORTD_SESSION
  for has_session in no yes; do
    [ "$has_session" = no ] || portctl sem fd 5 --mode write >/dev/null
    for call in "list" "list --mine" "list sessions" "stats --columns=name" "ping -q" "version" "remove --all --dry-run" "wait fd:5 --mode write" "monitor --once --columns=event --count 1" \
      "call ping" "call list" "call list {\"kind\":\"KIND_EVT\"}" "call hello {\"version_min\":1,\"version_max\":1}" "show 4294967304" "sem fd 5 --mode check-read" "evt fd 5 --mode remove" "session list"; do
      read -ra words <<<"$call"
      both_ways "${words[@]}"
      [ "$status" = "$path_status" ] || { echo "$has_session, $call: $status, not $path_status: $error"; false; }
    done
    both_ways status -j
    exits 0
    [ "$(jq .session_owner_pid <<<"$output")" != null ]
    both with_socket connect "${PORTD_ADDRESS#unix:}" "$PORTCTL_BIN" --address fd:7 session end
    exits 0
    # The sessions that the calls over inherited connections have made for the owners.
    portctl list sessions -j | jq '.[] | select(.owner_pid != null) | .id' | while read -r id; do portctl session end "$id" -q; done
  done
}

@test "an inherited connection: ids, numbers and ports of the owners' session are found" {
  unset PORTD_SESSION
  path=${PORTD_ADDRESS#unix:}
  id=$(portctl sem fd 5 --mode read)
  mapfile -t ports < <(portctl wrap fd 5 --mode read,write)
  for call in "sem fd 5 --mode read" "sem fd 5 --mode check-read"; do
    read -ra words <<<"$call"
    both with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 "${words[@]}"
    exits 0
    [ "$output" = "$id" ]
  done
  both with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 list --mine -j
  [ "$(jq length <<<"$output")" -eq "$(portctl list --mine -j | jq length)" ]
  both with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 call check '{"id": "'"$id"'"}'
  [ "$status" -ne 3 ]
  echo text | with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 write "${ports[1]}"
  both with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 wait "$id"
  exits 0
  both with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 cat "${ports[0]}" --through-broker --timeout 300ms
  exits 124
  [ "$output" = text ]
  both with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 remove "$id"
  exits 0
}

@test "an inherited connection: what needs two, or the numbers of several processes, says so" {
  unset PORTD_SESSION
  path=${PORTD_ADDRESS#unix:}
  mapfile -t ports < <(portctl wrap fd 5 --mode read,write)
  both with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 relay "${ports[0]}" --through-broker </dev/null
  exits 8
  has "$error" "needs two connections"
  both with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 sem fd 99 --mode check-read
  exits 8
  has "$error" "descriptor 99 is not open in portctl"
}

@test "exec with an inherited connection: the program is not told of what it does not have" {
  path=${PORTD_ADDRESS#unix:}
  out=$(portctl wrap fd 6 --mode write 6>"$BATS_TEST_TMPDIR/written")
  # shellcheck disable=SC2016
  both with_socket connect "$path" "$PORTCTL_BIN" --address fd:7 exec --fd 8="$out" -- \
    bash -c 'echo "${PORTD_ADDRESS-none} ${PORTD_SESSION-none}"; echo x >&8; : <&7'
  [ "${lines[0]}" = "none none" ]
  has "$error" "7: Bad file descriptor"
  [ "$(cat "$BATS_TEST_TMPDIR/written")" = x ]
}

@test "portd --listen: what is there already is left alone, and named for what it is" {
  path=$BATS_TEST_TMPDIR/taken.sock
  mkfifo "$path.lock"
  listen_fails() {
    both timeout 10 "$PORTD_BIN" --listen "unix:$path"
    exits 1
    has "$error" "cannot listen on unix:$path: $1"
    [ ! -e "$path" ]
  }
  listen_fails "what has that name with .lock added is not an empty file"
  has "$error" "move it away"
  [ -p "$path.lock" ]
  rm "$path.lock"
  mkdir "$path.lock"
  listen_fails "what has that name with .lock added is not an empty file"
  rmdir "$path.lock"
  echo data >"$path.lock"
  listen_fails "what has that name with .lock added is not an empty file"
  [ "$(cat "$path.lock")" = data ]
  if [ "$(id -u)" -eq 0 ]; then
    : >"$path.lock"
    chown 1000 "$path.lock"
    listen_fails "the lock file, of that name with .lock added, belongs to another user"
    [ -e "$path.lock" ]
  fi
  rm "$path.lock"
  # A program that is no broker.
  both with_socket listen "$path" "$PORTD_BIN" --listen "unix:$path"
  exits 1
  has "$error" "another program is listening there, perhaps a broker"
  [ -S "$path" ]
}

@test "a broker whose lock file is replaced by somebody's file leaves that alone when it stops" {
  path=${PORTD_ADDRESS#unix:}
  echo data >"$path.lock"
  stop_broker
  [ "$(cat "$path.lock")" = data ]
  [ ! -e "$path" ]
}

@test "portd --listen fd:N: an inherited listener, which is left where it is" {
  mkfifo "$BATS_TEST_TMPDIR/ready"
  with_socket listen "$BATS_TEST_TMPDIR/given.sock" "$PORTD_BIN" --listen fd:7 --notify-fd 9 \
    9>"$BATS_TEST_TMPDIR/ready" 2>"$BATS_TEST_TMPDIR/given.log" 3>&- &
  starter=$!
  read -r _ <"$BATS_TEST_TMPDIR/ready"
  GIVEN=$(portctl --address "unix:$BATS_TEST_TMPDIR/given.sock" status --owner $$ -j | jq .pid)
  kill "$GIVEN"
  wait "$starter"
  [ -S "$BATS_TEST_TMPDIR/given.sock" ]
  both "$PORTD_BIN" --listen fd:5
  exits 1
  both "$PORTD_BIN" --listen fd:7 7<&-
  exits 1
  both "$PORTD_BIN" --listen fd:
  exits 2
  has "$error" "the number after fd: is missing"
}
