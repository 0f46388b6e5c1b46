# The exit codes, each as far as it can be reached, and: what prints an error never exits with 0.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# A hello that is refused with code $1 of the protocol is exit code $2, of every verb that connects.
refused_hello() {
  fake_broker "$1"
  for call in "list" "wait fd:5" "semaphore fd 5 --mode read" "ping" "status" "version" "session start" "remove 8"; do
    read -ra words <<<"$call"
    both portctl --address "unix:$BATS_TEST_TMPDIR/fake.sock" "${words[@]}"
    exits "$2" || { echo "$call, code $1"; end_fake; false; }
    [ -z "$output" ]
    [ -n "$error" ]
  done
  end_fake
}

@test "0 and 1: yes and no" {
  portctl sem fd 5 --mode read
  both portctl sem fd 5 --mode check-write
  exits 1
}

@test "2: refused as it is" { refused_hello 1 2; }
@test "4: denied" { refused_hello 2 4; }
@test "5: not found" { refused_hello 3 5; }
@test "6: limit" { refused_hello 4 6; }
@test "7: version" { refused_hello 5 7; }
@test "8: unsupported" { refused_hello 6 8; }
@test "5: closed" { refused_hello 9 5; }
@test "6: too complex" { refused_hello 11 6; }
@test "7: descriptors lost on their way" { refused_hello 12 7; }
@test "125: a system call of the broker" { refused_hello 13 125; }
@test "7: garbled" { refused_hello 14 7; }

@test "3: nobody is there, or hangs up" {
  both portctl list --address "unix:$BATS_TEST_TMPDIR/nobody.sock"
  exits 3
  has "$error" "nobody.sock"
  has "$error" "hint: "
  fake_broker close
  both portctl list --address "unix:$BATS_TEST_TMPDIR/fake.sock"
  end_fake
  exits 3
}

@test "7: nonsense instead of an answer" {
  fake_broker garbage
  both portctl list --address "unix:$BATS_TEST_TMPDIR/fake.sock"
  end_fake
  exits 7
  [ -z "$output" ]
  [ -n "$error" ]
}

@test "124: the deadline is that of the whole call" {
  fake_broker hang
  for call in "list" "ping" "version" "session start" "wait fd:5" "sem fd 5 --mode read"; do
    read -ra words <<<"$call"
    both portctl --address "unix:$BATS_TEST_TMPDIR/fake.sock" --timeout 50ms "${words[@]}"
    exits 124 || { end_fake; false; }
    [ -z "$output" ]
  done
  end_fake
}

@test "6: the broker has no room, and says so" {
  stop_broker
  rm -f "$BATS_TEST_TMPDIR/portd.sock"
  (ulimit -n 830 && start_broker && echo "$BROKER_PID" >"$BATS_TEST_TMPDIR/pid")
  BROKER_PID=$(cat "$BATS_TEST_TMPDIR/pid")
  join_session
  free=$(portctl status -j | jq .descriptors_free)
  run python3 - "$free" <<'PYTHON'
import os, subprocess, sys
# Each pipe end is a descriptor of its own at the broker.
kept, code, error = [], 0, ""
for number in range(100, 100 + int(sys.argv[1]) + 1):
    ends = os.pipe()
    os.dup2(ends[0], number)
    kept += ends
    done = subprocess.run([os.environ["PORTCTL_BIN"], "semaphore", "fd", str(number), "--mode", "read"],
                          pass_fds=[number], capture_output=True, text=True)
    os.close(number)
    if done.returncode != 0:
        print(done.returncode, done.stdout, done.stderr)
        break
PYTHON
  [[ "$output" =~ ^6\ \ portctl: ]] || { echo "$output"; false; }
}

@test "125: standard output is full, and that is said" {
  for call in "list" "version" "help" "status" "ping" "sem fd 5 --mode read" "wait fd:5 --mode write" "wait fd:5 --mode write --one" "--version" "list -j" \
    "stats --openmetrics" "completion bash" "monitor" "monitor --after 0 -j" "monitor --once --after 0 -j" "call ping"; do
    read -ra words <<<"$call"
    code=0
    portctl "${words[@]}" >/dev/full 2>"$BATS_TEST_TMPDIR/error" || code=$?
    [ "$code" -eq 125 ] || { echo "$call: $code"; false; }
    grep -q "cannot write the answer: No space left on device" "$BATS_TEST_TMPDIR/error" || { echo "$call: $(cat "$BATS_TEST_TMPDIR/error")"; false; }
  done
}

@test "125: standard output is closed, and nothing else takes its number" {
  both bash -c '"$PORTCTL_BIN" status >&-'
  exits 125
  [ -n "$error" ]
  both bash -c '"$PORTCTL_BIN" sem fd 5 --mode check-read 0<&- 2>&-'
  exits 1
}

@test "a reader that has gone: death by SIGPIPE, or 125 where that is ignored" {
  code=$(
    set +e
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    exec 8<>"$BATS_TEST_TMPDIR/pipe" 9>"$BATS_TEST_TMPDIR/pipe" 8<&-
    portctl status >&9 2>/dev/null
    echo $?
  )
  [ "$code" -eq 141 ]
  code=$(
    set +e
    trap '' PIPE
    exec 8<>"$BATS_TEST_TMPDIR/pipe" 9>"$BATS_TEST_TMPDIR/pipe" 8<&-
    "$PORTCTL_BIN" status >&9 2>/dev/null
    echo $?
  )
  [ "$code" -eq 125 ]
}

# Starts a call, waits until it is connected, sends Ctrl-C, and looks at the exit code of the shell's wait. What a shell
# without job control starts in the background ignores the signal, unless it is told not to.
interrupted() {
  local call code=0
  env --default-signal=INT "$PORTCTL_BIN" "$@" </dev/null >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/error" 3>&- &
  call=$!
  until [ "$(portctl status -j | jq .connections)" -ge 2 ]; do kill -0 "$call"; done
  kill -INT "$call"
  wait "$call" || code=$?
  [ "$code" -eq 130 ] || { echo "$*: $code $(cat "$BATS_TEST_TMPDIR/error")"; return 1; }
  [ ! -s "$BATS_TEST_TMPDIR/error" ]
  until [ "$(portctl status -j | jq .connections)" -eq 1 ]; do :; done
}

@test "130: Ctrl-C ends wait, cat, relay and monitor" {
  id=$(portctl evt fd 5 --mode read)
  mapfile -t ports < <(portctl wrap fd 5 --mode read,write)
  for call in "wait $id" "wait $id ${ports[0]} --count 2" "wait $id fd:5 --all" "wait fd:5" "cat ${ports[0]}" "cat ${ports[0]} -j" \
    "cat ${ports[0]} --through-broker" "relay ${ports[1]}" "relay ${ports[1]} --through-broker" "monitor" "monitor -j --session $PORTD_SESSION"; do
    read -ra words <<<"$call"
    interrupted "${words[@]}"
  done
  # Nothing of them is left at the broker.
  [ "$(portctl status -j | jq .waits)" -eq 0 ]
  [ "$(portctl show "$id" -j | jq '.[0].waiters')" -eq 0 ]
}

@test "130 for write, whose input says nothing" {
  out=$(portctl wrap fd 5 --mode write)
  mkfifo "$BATS_TEST_TMPDIR/silent"
  exec 6<>"$BATS_TEST_TMPDIR/silent"
  env --default-signal=INT "$PORTCTL_BIN" write "$out" <&6 3>&- &
  call=$!
  until [ "$(portctl status -j | jq .connections)" -ge 2 ]; do kill -0 "$call"; done
  kill -INT "$call"
  code=0
  wait "$call" || code=$?
  [ "$code" -eq 130 ]
}

@test "128 + n: a signal ends the program of exec" {
  port=$(portctl wrap fd 5 --mode read)
  for signal in TERM KILL HUP; do
    code=0
    portctl exec --fd 7="$port" -- env --default-signal=TERM,HUP bash -c "kill -$signal \$\$" || code=$?
    [ "$code" -eq $((128 + $(kill -l "$signal"))) ]
  done
}

@test "1: a wait for what can have no event" {
  local fake="unix:$BATS_TEST_TMPDIR/fake.sock"
  fake_broker none
  both portctl --address "$fake" wait fd:5 --timeout 0
  exits 1 || { end_fake; false; }
  [ -z "$output" ]
  has "$error" "fd:5: none"
  both portctl --address "$fake" wait fd:5 --timeout 0 -j
  exits 1 || { end_fake; false; }
  [ -z "$error" ]
  [ "$(jq -c '.[0] | [.target, .cause, .unsupported, .reason]' <<<"$output")" = '["fd:5",null,true,"text"]' ]
  both portctl --address "$fake" evt fd 5 --mode read
  exits 1 || { end_fake; false; }
  both portctl --address "$fake" sem fd 5 --mode read -j
  exits 1 || { end_fake; false; }
  [ "$(jq -c '[.id, .unsupported]' <<<"$output")" = '[null,true]' ]
  end_fake
}

@test "0: a wait for what a semaphore cannot be had of, and for what is nested deep" {
  # Files that are always ready are that, for a wait: only semaphores cannot be had of them.
  both portctl wait fd:7 7</etc/passwd
  exits 0
  [ "$output" = "fd:7 ready" ]
  both portctl sem fd 7 --mode read 7</etc/passwd
  exits 1
  # Epoll descriptors in each other, as deep as the kernel allows.
  # shellcheck disable=SC2016
  in_epolls() {
    python3 -c '
import errno, os, select, sys
end = os.eventfd(1)
kept = []
while True:
    os.set_inheritable(end, True) # what nobody has open any more leaves its epoll
    around = select.epoll()
    try:
        around.register(end, select.EPOLLIN)
    except OSError as error:
        assert error.errno == errno.ELOOP
        break
    kept.append(around)
    end = around.fileno()
os.dup2(end, 77)
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
  }
  both in_epolls "$PORTCTL_BIN" wait fd:77 --timeout 30s
  exits 0
  [ "$output" = "fd:77 ready" ]
  both in_epolls "$PORTCTL_BIN" evt fd 77 --mode read
  exits 0
  id=$(portctl evt fd 5 --mode read)
  both in_epolls "$PORTCTL_BIN" wait "$id" fd:77 --timeout 30s
  exits 0
}

@test "descriptors: a call leaves none behind at the broker" {
  portctl status -j >/dev/null
  before=$(find "/proc/$BROKER_PID/fd" -maxdepth 1 -mindepth 1 | wc -l)
  for ((i = 0; i < 20; i++)); do
    portctl wait fd:5 --mode write
    portctl evt fd 5 --mode read
    portctl evt fd 5 --mode remove
  done
  until [ "$(portctl status -j | jq .connections)" -eq 1 ]; do :; done
  [ "$(find "/proc/$BROKER_PID/fd" -maxdepth 1 -mindepth 1 | wc -l)" -le "$before" ]
}

@test "what prints an error exits with an error: words at random" {
  # shellcheck disable=SC2207
  words=($(portctl help -j | jq -r '.verbs[].name') fd socket 5 0 77 8 18 x fd:5 fd:9 read write start end list --mode --fd
    --all --any --one 5ms -j -q --new --columns=id --count 2 --owner -- - {} true "3=18" bash --list --through-broker --yes --dry-run
    --allow-missing evts parent)
  RANDOM=4711
  for ((round = 0; round < 300; round++)); do
    call=(--timeout 200ms)
    for ((w = RANDOM % 6; w >= 0; w--)); do call+=("${words[RANDOM % ${#words[@]}]}"); done
    both portctl "${call[@]}" 9<&- </dev/null
    case "$error" in
    *"portctl: "* | *'"error"'*) [ "$status" -ne 0 ] || { echo "${call[*]}: 0 and $error"; false; } ;;
    esac
    [ "$status" -ne 0 ] || [ -z "$error" ]
    [ "$status" -lt 9 ] || [ "$status" -ge 124 ] || { echo "${call[*]}: $status $error"; false; }
  done
}
