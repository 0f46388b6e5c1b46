# Whose session portctl joins: the rule of portctl(1), with real process groups and terminal sessions.

load setup

setup() {
  bats_require_minimum_version 1.5.0
  clean_environment
  start_broker
}
teardown() { usual_teardown; }

# In the scripts below: rule and owner, "group-leader 4711".
export ASK='"$PORTCTL_BIN" status -j | jq -r "\"\(.session_rule) \(.session_owner_pid)\""'

@test "--owner and PORTD_SESSION come first, in that order" {
  [ "$(portctl status --owner $$ -j | jq -c '[.session_rule, .session_owner_pid]')" = "[\"option\",$$]" ]
  eval "$(portctl session start --owner $$)"
  [ "$(portctl status -j | jq -c '[.session_rule, .session_owner_pid]')" = "[\"environment\",$$]" ]
  [ "$(portctl status --owner "$BROKER_PID" -j | jq -c '[.session_rule, .session_owner_pid]')" = "[\"option\",$BROKER_PID]" ]
}

@test "a script that leads its process group owns the session, also from subshells" {
  both setsid -w bash -c 'eval "$ASK"; (x=$( (eval "$ASK"); : ); echo "$x"); echo "group-leader $$"'
  exits 0
  [ "${#lines[@]}" -eq 3 ]
  [ "${lines[0]}" = "${lines[2]}" ]
  [ "${lines[1]}" = "${lines[2]}" ]
}

@test "with job control every command leads its own group: the session leader owns" {
  both setsid -w bash -c 'set -m; "$PORTCTL_BIN" status -j >"$BATS_TEST_TMPDIR/status" & wait; set +m
    jq -r "\"\(.session_rule) \(.session_owner_pid)\"" "$BATS_TEST_TMPDIR/status"; echo "session-leader $$"'
  exits 0
  [ "${lines[0]}" = "${lines[1]}" ]
}

@test "a neighbour in a pipeline leads the group and is no ancestor: the session leader owns" {
  both setsid -w bash -c 'set -m; true | "$PORTCTL_BIN" status -j >"$BATS_TEST_TMPDIR/status" & wait; set +m
    jq -r "\"\(.session_rule) \(.session_owner_pid)\"" "$BATS_TEST_TMPDIR/status"; echo "session-leader $$"'
  exits 0
  [ "${lines[0]}" = "${lines[1]}" ]
}

@test "portctl is never its own owner" {
  both setsid -w "$PORTCTL_BIN" status -j
  exits 0
  [ "$(jq -r .session_rule <<<"$output")" = parent ]
}

@test "where the leaders have gone the parent owns" {
  mkfifo "$BATS_TEST_TMPDIR/go" "$BATS_TEST_TMPDIR/done"
  # The session leader ends; the subshell, which is not a leader of anything, goes on.
  setsid -w bash -c '(read -r _ <"$BATS_TEST_TMPDIR/go"
    "$PORTCTL_BIN" status -j >"$BATS_TEST_TMPDIR/status"
    echo "$BASHPID" >"$BATS_TEST_TMPDIR/done") & exit 0' 3>&-
  echo >"$BATS_TEST_TMPDIR/go"
  read -r parent <"$BATS_TEST_TMPDIR/done"
  [ "$(jq -c '[.session_rule, .session_owner_pid]' "$BATS_TEST_TMPDIR/status")" = "[\"parent\",$parent]" ]
}

# Runs a script in an interactive shell that another interactive shell has started, on a terminal of their own.
in_nested_shell() {
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  echo 'echo $$ >inner; outer=$(ps -o sid= $$); echo $outer >outer' >"$BATS_TEST_TMPDIR/script"
  cat >>"$BATS_TEST_TMPDIR/script"
  (
    cd "$BATS_TEST_TMPDIR" || exit
    INNER=$(cat script) python3 -c '
import pty, sys
pty.spawn(["bash", "--norc", "-ic", "bash --norc -ic \"$INNER\" 5<>fifo; :"], stdin_read=lambda fd: b"")' \
      >"$BATS_TEST_TMPDIR/terminal" </dev/null
  )
  inner=$(cat "$BATS_TEST_TMPDIR/inner")
  outer=$(cat "$BATS_TEST_TMPDIR/outer")
  [ "$inner" -ne "$outer" ]
}

@test "a shell inside an interactive shell: a command on its own and one in \$(...) have two owners" {
  in_nested_shell <<'SCRIPT'
"$PORTCTL_BIN" status -j >alone
x=$("$PORTCTL_BIN" status -j); echo "$x" >substituted
id=$("$PORTCTL_BIN" sem fd 5 --mode write); "$PORTCTL_BIN" wait "$id" --timeout 0 2>error; echo $? >code
SCRIPT
  [ "$(jq -c '[.session_rule, .session_owner_pid]' "$BATS_TEST_TMPDIR/alone")" = "[\"session-leader\",$outer]" ]
  [ "$(jq -c '[.session_rule, .session_owner_pid]' "$BATS_TEST_TMPDIR/substituted")" = "[\"group-leader\",$inner]" ]
  [ "$(cat "$BATS_TEST_TMPDIR/code")" -eq 5 ]
  has "$(cat "$BATS_TEST_TMPDIR/error")" "hint: an id means something in its own session"
}

@test "the ways out: session start, or the owner by name" {
  in_nested_shell <<'SCRIPT'
id=$("$PORTCTL_BIN" sem fd 5 --mode write --owner $$); "$PORTCTL_BIN" wait "$id" --timeout 0 --owner $$ >number
id=$("$PORTCTL_BIN" sem fd 5 --mode write --owner session-leader); "$PORTCTL_BIN" wait "$id" --timeout 0 --owner session-leader >leader
"$PORTCTL_BIN" status --owner session-leader -j >status
eval "$("$PORTCTL_BIN" session start)"
id=$("$PORTCTL_BIN" sem fd 5 --mode write); "$PORTCTL_BIN" wait "$id" --timeout 0 >started
"$PORTCTL_BIN" status -j >own
SCRIPT
  for way in number leader started; do grep -q ' ready$' "$BATS_TEST_TMPDIR/$way" || { echo "$way"; false; }; done
  [ "$(jq -c '[.session_rule, .session_owner_pid]' "$BATS_TEST_TMPDIR/status")" = "[\"option\",$outer]" ]
  [ "$(jq -c '[.session_rule, .session_owner_pid]' "$BATS_TEST_TMPDIR/own")" = "[\"environment\",$inner]" ]
}

@test "--owner by name" {
  [ "$(portctl status --owner "pid:$$" -j | jq -c '[.session_rule, .session_owner_pid]')" = "[\"option\",$$]" ]
  both bash -c '"$PORTCTL_BIN" status --owner parent -j | jq .session_owner_pid; echo $$'
  exits 0
  [ "${lines[0]}" = "${lines[1]}" ]
  both setsid -w bash -c '"$PORTCTL_BIN" status --owner session-leader -j | jq .session_owner_pid; echo $$'
  exits 0
  [ "${lines[0]}" = "${lines[1]}" ]
  # portctl is never its own owner, also when that is what the name means.
  both setsid -w "$PORTCTL_BIN" status --owner session-leader
  exits 2
  has "$error" "portctl itself"
}

@test "names of processes with blanks and brackets do not matter" {
  cp "$(command -v bash)" "$BATS_TEST_TMPDIR/a) S 1 (b"
  both setsid -w "$BATS_TEST_TMPDIR/a) S 1 (b" -c '(eval "$ASK"); echo "group-leader $$"'
  exits 0
  [ "${lines[0]}" = "${lines[1]}" ]
}

@test "what is made in one call is there in the next, and gone with the script" {
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  both setsid -w bash -c 'exec 5<>"$BATS_TEST_TMPDIR/fifo"; id=$("$PORTCTL_BIN" sem fd 5 --mode read)
    echo x >&5; "$PORTCTL_BIN" wait "$id" --timeout 10s; "$PORTCTL_BIN" status -j | jq .session'
  exits 0
  has "${lines[0]}" " ready"
  eval "$(portctl session start --owner $$)"
  # The broker learns of the end of a process a moment later.
  for ((i = 0; i < 2000; i++)); do
    [ "$(portctl session list -j | jq --argjson id "${lines[1]}" 'map(select(.id == $id)) | length')" -eq 0 ] && return
  done
  false
}

@test "an owner that does not exist" {
  bash -c 'exit 0' &
  gone=$!
  wait "$gone"
  both portctl list --owner "$gone"
  [ "$status" -ne 0 ]
  [ "$status" -ne 1 ]
  [ -z "$output" ]
  [ -n "$error" ]
}

@test "--verbose tells which session was joined and why" {
  both portctl list --owner $$ -v
  exits 0
  has "$error" "session"
  has "$error" "(option)"
  has "$error" "$PORTD_ADDRESS"
}
