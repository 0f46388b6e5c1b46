# portctl.exe against portd.exe. A program of Windows (holder_win.c) has the handles and runs portctl, which inherits them; where portctl needs none, it is run
# from here. Elsewhere than on Windows all of them run in wine.

load setup

if [ "${OS:-}" = Windows_NT ]; then
  in_wine=()
  path() { cygpath -w "$1"; }
else
  in_wine=(wine)
  path() { printf 'Z:%s\n' "${1//\//\\}"; }
fi

# In wine a program sometimes never begins. One that is not over in a minute is ended, and started once more.
LIMIT=60

start() {
  local code=0
  timeout -s KILL $LIMIT "${in_wine[@]}" "$@" || code=$?
  [ "$code" -eq 137 ] || return "$code"
  echo "not over in $LIMIT seconds: $*" >&2
  timeout -s KILL $LIMIT "${in_wine[@]}" "$@"
}

portctl() { start "$PORTCTL_BIN" "$@"; }

# BROKER_PID is that of the program. False: it does not listen in time.
begin_broker() {
  local i
  (exec 3>&- && exec "${in_wine[@]}" "$PORTD_BIN" --listen "$PORTD_ADDRESS" 2>"$BATS_TEST_TMPDIR/portd.log") &
  BROKER_PID=$!
  for ((i = 0; i < 20 * LIMIT; i++)); do
    ! grep -q listening "$BATS_TEST_TMPDIR/portd.log" 2>/dev/null || return 0
    kill -0 "$BROKER_PID" || break
    sleep 0.05
  done
  cat "$BATS_TEST_TMPDIR/portd.log"
  kill -KILL "$BROKER_PID" || true
  return 1
}

setup() {
  bats_require_minimum_version 1.5.0
  unset PORTD_SESSION PORTD_DAEMON NO_COLOR
  export PORTD_ADDRESS="npipe:portd-test-$BATS_TEST_NUMBER-$$"
  begin_broker || begin_broker
  coproc HOLDER { exec 3>&- && exec "${in_wine[@]}" "$PORTD_HOLDER" "$(path "$PORTCTL_BIN")" 2>/dev/null; }
  TO_HOLDER=${HOLDER[1]} FROM_HOLDER=${HOLDER[0]}
}

# It ends what it has started.
leave_holder() {
  local i pid=${HOLDER_PID:-}
  [ -n "${TO_HOLDER:-}" ] || return 0
  exec {TO_HOLDER}>&-
  TO_HOLDER=
  for ((i = 0; i < 200; i++)); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.05
  done
  kill -KILL "$pid" || true
}

teardown() {
  leave_holder
  stop_broker
}

# The answer to a command: its words are in the variables of these names.
holder() { # COMMAND [NAME...]
  printf '%s\n' "$1" >&"$TO_HOLDER"
  shift
  answer=failed
  read -r -t "$LIMIT" answer <&"$FROM_HOLDER" || true
  case "$answer" in failed*)
    echo "holder: $answer"
    return 1
    ;;
  esac
  [ $# -eq 0 ] || read -r "$@" <<<"$answer"
}

# As `both`: $status, $output, $error.
run_in() { # run ARG...; runin HANDLE ARG...
  local line
  output='' error='' status=
  printf '%s\n' "$*" >&"$TO_HOLDER"
  while [ -z "$status" ]; do
    line=''
    read -r -t $((3 * LIMIT)) line <&"$FROM_HOLDER" || true
    case "$line" in
    '>'*) output+=${output:+$'\n'}${line#>} ;;
    '!'*) error+=${error:+$'\n'}${line#!} ;;
    =*) status=${line#=} ;;
    *)
      echo "holder: $line"
      return 1
      ;;
    esac
  done
}
held() { run_in run "$@"; }

# Until a read is parked at the broker.
until_reading() {
  until [ "$(portctl stats -j | jq '[.[] | select(.name == "requests_in_flight").value] | add')" -gt 0 ]; do sleep 0.05; done
}

@test "usage, no broker, and what Windows has not: the exit codes are the same" {
  both portctl --version
  exits 0
  [[ "$output" = "portctl "* ]]
  refuses bogus
  refuses wrap fd 0
  both portctl status --address npipe:portd-nobody
  exits 3
  has "$error" "no such pipe"
  both portctl list --address fd:3
  [ "$status" -ne 0 ]
  held exec --fd 5=1 -- cmd /c exit
  exits 8
  has "$error" "standard streams"
  held exec --listen-fds 1 -- cmd /c exit
  exits 8
  held call ping --receive 7 -- cmd /c exit
  exits 8
  held exec -- x.bat
  exits 126
  held exec -- no-such-program
  exits 127
}

@test "a pipe: a semaphore fires, check finds it, remove ends it" {
  holder pipe from to
  held semaphore fd "$from" --mode read
  exits 0
  id=$output
  held semaphore fd "$from" --mode check-read
  [ "$output" = "$id" ]
  held wait "$id" --timeout 0
  exits 124
  holder "write $to hello"
  held wait "$id" --timeout 10s
  [ "$output" = "$id ready" ]
  held semaphore fd "$from" --mode check-read
  exits 1
  held semaphore fd "$from" --mode read
  [ "$output" != "$id" ]
  held semaphore fd "$from" --mode remove
  exits 0
}

@test "waits for an event, a process and a socket, and not for what would lose its signal" {
  holder event event
  held wait "fd:$event" --timeout 0
  exits 124
  holder "set $event"
  held wait "fd:$event" --timeout 10s
  [ "$output" = "fd:$event ready" ]
  holder process process
  held wait "fd:$process" --timeout 0
  exits 124
  holder "end $process"
  held wait "fd:$process" --timeout 10s
  exits 0
  holder tcp one other
  held wait "socket:$one" --timeout 0
  exits 124
  held wait "socket:$one" --mode write --timeout 10s
  [ "$output" = "socket:$one ready" ]
  holder "write $other x"
  held wait "socket:$one" --timeout 10s
  exits 0
  holder auto auto
  held wait "fd:$auto" --timeout 0 -j
  exits 1
  [ "$(jq -c '.[0] | [.unsupported, .cause]' <<<"$output")" = '[true,null]' ]
}

@test "an overlapped pipe" {
  holder named one other
  held wait "fd:$one" --timeout 0
  exits 124
  holder "write $other bytes"
  held wait "fd:$one" --timeout 10s
  exits 0
  held wrap fd "$one" --mode read
  id=$output
  held cat "$id" --timeout 500ms
  exits 124
  [ "$output" = bytes ]
}

@test "a number that is reused for another object: replaced" {
  holder event event
  held semaphore fd "$event" --mode read
  id=$output
  holder "close $event"
  holder event again
  [ "$again" = "$event" ] || skip "the system has given the handle another value"
  held semaphore fd "$again" --mode read -j
  [ "$(jq .replaced <<<"$output")" = true ]
  held wait "$id" --timeout 10s
  exits 9
  has "$output" replaced
}

@test "cat and write, by a copy and through the broker" {
  local way
  holder pipe from to
  held wrap fd "$from" --mode read
  input=$output
  held wrap fd "$to" --mode write
  out=$output
  printf 'from a file\n' >"$BATS_TEST_TMPDIR/file"
  for way in '' --through-broker; do
    holder "write $to some\\sbytes\\n"
    # shellcheck disable=SC2086
    held cat "$input" --timeout 500ms $way
    exits 124
    [ "$output" = "some bytes" ]
  done
  portctl write "$out" <"$BATS_TEST_TMPDIR/file"
  holder "read $from"
  [ "$answer" = 'from\sa\sfile\n' ]
  both portctl write "$out" --through-broker <"$BATS_TEST_TMPDIR/file"
  exits 8
  holder named one other
  held wrap fd "$other" --mode write
  portctl write "$output" --through-broker <"$BATS_TEST_TMPDIR/file"
  holder "read $one"
  [ "${answer:0:4}" = from ]
}

@test "nothing is taken when cat ends, and the end of the pipe is the end" {
  holder pipe from to
  held wrap fd "$from" --mode read
  id=$output
  held cat "$id" --timeout 100ms
  exits 124
  holder "write $to kept"
  holder "close $to"
  held cat "$id" --timeout 10s
  exits 0
  [ "$output" = kept ]
}

@test "sockets: ports, addresses, relay with shutdown" {
  holder tcp one other
  held wrap socket "$one" --name web
  exits 0
  input=${output%%$'\n'*}
  held list ports -j
  [ "$(jq -c '[.[] | [.number, .socket, .name, .direction]]' <<<"$output")" = \
    "[[$one,true,\"web\",\"read\"],[$one,true,\"web\",\"write\"]]" ]
  held call addresses "{\\\"id\\\":$input}"
  [ "$(jq -r '.local.host' <<<"$output")" = 127.0.0.1 ]
  for way in '' --through-broker; do
    holder "write $other answer"
    printf 'question' >"$BATS_TEST_TMPDIR/question"
    # shellcheck disable=SC2086
    both portctl relay "$input" --timeout 2s $way <"$BATS_TEST_TMPDIR/question"
    exits 124
    [ "$output" = answer ]
    holder "read $other"
    [ "$answer" = question ]
  done
  both portctl relay "$input" --shutdown --timeout 2s <"$BATS_TEST_TMPDIR/question"
  holder "read $other"
  held wait "socket:$other" --timeout 10s
  has "$output" half-close
}

@test "cat, write: a socket that listens has no bytes: exit code 2" {
  holder listener listener
  held wrap socket "$listener"
  exits 0
  mapfile -t ids < <(tr -d '\r' <<<"$output")
  for way in '' --through-broker; do
    for call in "cat ${ids[0]}" "write ${ids[1]}"; do
      # shellcheck disable=SC2086
      both portctl $call --timeout 20s $way </dev/null
      exits 2
      has "$error" "the port's socket listens"
    done
  done
}

@test "the standard streams are bytes" {
  printf 'a\r\nb\nc\032d\0e' >"$BATS_TEST_TMPDIR/bytes"
  id=$(portctl wrap fd 0 --mode read --ttl 1min <"$BATS_TEST_TMPDIR/bytes")
  portctl cat "$id" >"$BATS_TEST_TMPDIR/copy"
  cmp "$BATS_TEST_TMPDIR/bytes" "$BATS_TEST_TMPDIR/copy"
  [ -z "$(portctl list -j | tr -dc '\r')" ]
}

@test "words are UTF-8, and no patterns" {
  id=$(portctl wrap fd 0 --mode read --name 'grün *' --ttl 1min <"$BATS_TEST_FILENAME")
  [ "$(portctl show "$id" -j | jq -r '.[0].name')" = 'grün *' ]
  held wrap fd 0 --mode
  exits 2
}

@test "text mode: line ends are translated both ways, also between two reads" {
  holder named from to
  held wrap fd "$from" --mode read,text
  input=$output
  held wrap fd "$to" --mode write,text
  out=$output
  portctl cat "$input" >"$BATS_TEST_TMPDIR/copy" &
  until_reading
  holder "write $to one\\r"
  until grep -q one "$BATS_TEST_TMPDIR/copy"; do sleep 0.05; done
  until_reading
  holder "write $to \\ntwo\\rx\\n"
  until grep -q x "$BATS_TEST_TMPDIR/copy"; do sleep 0.05; done
  printf 'three\nfour\r\n' >"$BATS_TEST_TMPDIR/file"
  portctl write "$out" <"$BATS_TEST_TMPDIR/file"
  holder "close $to"
  held close "$out"
  wait $!
  # What went in as three CR LF came out as LF; the CR CR LF keeps one CR.
  printf 'one\ntwo\rx\nthree\nfour\r\n' | cmp - "$BATS_TEST_TMPDIR/copy"
}

@test "whose session: the process that has the handle" {
  holder event event
  held status -j
  [ "$(jq -r .session_rule <<<"$output")" = reader ]
  owner=$(jq .session_owner_pid <<<"$output")
  # The command processor writes to the same output as portctl: it reads nothing, and ends before the objects are used.
  run_in runcmd status -j
  [ "$(jq .session_owner_pid <<<"$output")" = "$owner" ]
  held semaphore fd "$event" --mode read
  id=$output
  held show "$id" -j
  session=$(jq '.[0].session' <<<"$output")
  held show "$session" -j
  [ "$(jq '.[0].owner_pid' <<<"$output")" = "$owner" ]
  run_in runcmd semaphore fd "$event" --mode check-read
  [ "$output" = "$id" ]
  leave_holder
  until [ "$(portctl list sessions -j | jq "[.[] | select(.id == $session)] | length")" = 0 ]; do sleep 0.05; done
  both portctl wait "$id" --timeout 0
  exits 5
}

@test "exec: standard input of the program, its exit code, and the session" {
  printf 'no command\n' >"$BATS_TEST_TMPDIR/input"
  holder "file $(path "$BATS_TEST_TMPDIR/input")" file
  held wrap fd "$file" --mode read
  held exec --stdin "$output" -- "$(path "$PORTD_HOLDER")" x
  exits 0
  [ "$output" = "failed: no such command" ]
  held exec -- cmd /c exit 7
  exits 7
  held exec -- cmd /c "if not defined PORTD_SESSION exit 3"
  exits 0
}

# Its copy waits in the read: the handle that tells of a close has been given out.
until_armed() {
  until [ "$(portctl show "$1" -j | jq '.[0].handle')" = true ]; do sleep 0.05; done
}

@test "the example: a loop that waits for the broker" {
  run start "$PORTD_EXAMPLE" "$(path "$PORTCTL_BIN")" --version
  [ "$status" -eq 0 ]
  has "$output" portctl
  has "$output" ready
}

@test "Ctrl-C ends cat in order, and nothing is taken" {
  holder pipe from to
  held wrap fd "$from" --mode read
  id=$output
  holder "begin cat $id"
  until_armed "$id"
  holder "press c"
  run_in finish
  exits 130
  holder "begin cat $id --through-broker"
  until_reading
  holder "press c"
  run_in finish
  exits 130
  holder "write $to kept"
  holder "close $to"
  held cat "$id"
  [ "$output" = kept ]
}

@test "Ctrl-Break" {
  skip "wine sends none"
}

@test "monitor, stats and JSON" {
  holder event event
  held evt fd "$event" --mode read
  held monitor --once -j
  exits 0
  has "$output" '"event":"made"'
  jq . <<<"$output" >/dev/null
  both portctl stats -j
  exits 0
  jq . <<<"$output" >/dev/null
}
