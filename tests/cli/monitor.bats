# portctl monitor. Where "now" is comes from --once, so that no case depends on who is first.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# The number of the last notice; what happens to the portctl that tells it comes after that.
last() { portctl monitor --once -j | tail -n 1 | jq .seq; }

# Only what has to do with the session of the case.
watch() { portctl monitor --session "$PORTD_SESSION" "$@"; }

# Waits until a file has so many lines.
until_lines() {
  local i
  for ((i = 0; i < 2000; i++)); do
    [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ] && return
    kill -0 "$BROKER_PID" || return
    portctl ping >/dev/null
  done
  cat "$1"
  return 1
}

@test "what has happened is told in its order" {
  seq=$(last)
  id=$(portctl sem fd 5 --mode write)
  # A worker closes the copy.
  until watch --after "$seq" --once -j | jq -r .event | grep -x closed; do kill -0 "$BROKER_PID"; done
  both watch --after "$seq" --once -j
  exits 0
  [ -z "$error" ]
  [ "$(jq -r 'select(.kind) | "\(.event) \(.kind) \(.number) \(.direction) \(.cause)"' <<<"$output")" = \
    "made descriptor 5 null null
made semaphore 5 write null
fired semaphore 5 write ready
closed descriptor 5 null null" ]
  [ "$(jq -r 'select(.event == "fired") | .id' <<<"$output")" = "$id" ]
  [ "$(jq -r 'select(.event == "fired") | .session' <<<"$output")" = "${PORTD_SESSION%%.*}" ]
  [ "$(jq -rs 'map(.seq) | . == sort and (unique | length) == length' <<<"$output")" = true ]
}

@test "JSON is an object on a line, whatever the form" {
  seq=$(last)
  portctl evt fd 5 --mode read
  for form in -j --json=short --json=pretty --json=lines; do
    both watch --after "$seq" --once "$form"
    exits 0
    [ "${#lines[@]}" -ge 3 ]
    for line in "${lines[@]}"; do jq -e 'type == "object" and .seq and .time_us and .event' <<<"$line" >/dev/null; done
  done
  [ "$(watch --after "$seq" --count 2 -j --columns=event,kind)" = '{"event":"connected"}
{"event":"made","kind":"descriptor"}' ]
}

@test "for people: a heading, then a line for each" {
  seq=$(last)
  portctl sem fd 5 --mode read
  both watch --after "$seq" --once
  exits 0
  grep -qE '^TIME +EVENT +KIND +ID +NUMBER +DIRECTION +CAUSE +SESSION +UID +CODE +METHOD$' <<<"${lines[0]}"
  grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6} +made +semaphore +[0-9]+ +5 +read +- ' <<<"$output"
  both watch --after "$seq" --count 1 --no-legend --columns=event,pid
  [[ "$output" =~ ^connected\ +[0-9]+$ ]]
}

@test "for people: the heading is there before anything happens, once" {
  watch >"$BATS_TEST_TMPDIR/told" 3>&- &
  watcher=$!
  until_lines "$BATS_TEST_TMPDIR/told" 1
  portctl sem fd 5 --mode read
  until_lines "$BATS_TEST_TMPDIR/told" 5
  [ "$(grep -c TIME "$BATS_TEST_TMPDIR/told")" -eq 1 ]
  [[ $(head -n 1 "$BATS_TEST_TMPDIR/told") == TIME* ]]
  kill "$watcher"
  wait "$watcher" || true
  both watch -j --timeout 20ms
  [ -z "$output" ]
  both watch --no-legend --timeout 20ms
  [ -z "$output" ]
}

@test "for people: each column begins in one place" {
  seq=$(last)
  portctl sem fd 5 --mode read
  portctl sem fd 5 --mode remove
  both portctl show 8
  both watch --after "$seq" --once
  [ "$(grep -c disconnected <<<"$output")" -ge 3 ]
  has "$output" not_found
  awk 'NR == 1 { n = split($0, names, / +/); for (i = 1; i <= n; i++) at[i] = index($0 " ", names[i] " ") }
    { for (i = 2; i <= n; i++) if (substr($0, at[i] - 2, 2) != "  " || substr($0, at[i], 1) == " ") { print; exit 1 } }' <<<"$output"
}

@test "for people: a line has room in the terminal, unless all of it is wanted" {
  need_terminal
  seq=$(last)
  portctl sem fd 5 --mode read
  for columns in 80 40; do
    both python3 "$PORTD_SOURCE/tests/cli/terminal.py" "$columns" "$PORTCTL_BIN" monitor --session "$PORTD_SESSION" --after "$seq" --once --color never
    exits 0
    [ "${#lines[@]}" -ge 5 ]
    for line in "${lines[@]}"; do
      [ "${#line}" -eq "$columns" ]
      [[ $line == *"~" ]]
    done
  done
  both python3 "$PORTD_SOURCE/tests/cli/terminal.py" 80 "$PORTCTL_BIN" monitor --session "$PORTD_SESSION" --after "$seq" --once --full
  [ "${#lines[0]}" -gt 80 ]
  run ! grep '~' <<<"$output"
}

@test "it follows, and each line is there at once" {
  seq=$(last)
  watch -j --after "$seq" >"$BATS_TEST_TMPDIR/told" 3>&- &
  watcher=$!
  portctl sem fd 5 --mode read
  until_lines "$BATS_TEST_TMPDIR/told" 4 # connected, made, made, disconnected
  portctl sem fd 5 --mode remove
  until_lines "$BATS_TEST_TMPDIR/told" 8
  [ "$(jq -r 'select(.kind == "semaphore") | "\(.event) \(.cause)"' "$BATS_TEST_TMPDIR/told")" = "made null
ended removed" ]
  kill "$watcher"
  wait "$watcher" || true
}

@test "the end of its session ends it: 0" {
  seq=$(last)
  watch -j --after "$seq" >"$BATS_TEST_TMPDIR/told" 3>&- &
  watcher=$!
  portctl evt fd 5 --mode read
  portctl session end
  wait "$watcher"
  [ "$(tail -n 1 "$BATS_TEST_TMPDIR/told" | jq -c '[.event, .kind, .cause]')" = '["ended","session","expired"]' ]
  # It can be told again, and then there is nothing.
  both watch --once -j
  exits 0
  [ "$(tail -n 1 <<<"$output" | jq -r .event)" = ended ]
  both watch
  exits 5
  [ -z "$output" ]
}

@test "--count ends it: 0; --timeout: 124" {
  seq=$(last)
  portctl evt fd 5 --mode read
  both portctl monitor --after "$seq" --count 2 -j
  exits 0
  [ "${#lines[@]}" -eq 2 ]
  both watch --timeout 500ms
  exits 124
  [[ "$output" == TIME* ]]
  [ "$(wc -l <<<"$output")" -eq 1 ]
  has "$error" "timed out"
  both watch --timeout 0 -q --no-legend
  exits 124
  [ -z "$output$error" ]
  both portctl monitor --timeout 20ms -j
  exits 124
  [ "$(jq -c '[.error.code, .error.exit]' <<<"$error")" = '["timeout",124]' ]
}

@test "--since" {
  portctl evt fd 5 --mode read
  both portctl monitor --since 1h --once -j
  exits 0
  [ "$(jq -r 'select(.kind == "evt") | .event' <<<"$output")" = made ]
  both portctl monitor --since 0 --once -j
  exits 0
  [ "$(jq -r 'select(.kind == "evt") | .event' <<<"$output")" = "" ]
}

@test "what is lost is told" {
  # Six things happen in each, and the last 4096 are kept.
  for ((i = 0; i < 750; i++)); do portctl sem fd 5 --mode write >/dev/null; done
  both portctl monitor --after 1 --once -j
  exits 0
  [ "$(head -n 1 <<<"$output" | jq -c '[.event, .count > 0]')" = '["lost",true]' ]
  [ "$(tail -n +2 <<<"$output" | jq -r .event | grep -c lost)" -eq 0 ]
  both portctl monitor --after 1 --count 1 --no-legend --columns=event,count
  [[ "${lines[0]}" =~ ^lost\ +[0-9]+$ ]]
  has "$error" "were lost"
}

@test "a reader that has gone ends it, although nothing happens" {
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  seq=$(last)
  watch -j --after "$seq" >"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/error" 3>&- &
  watcher=$!
  exec 7<"$BATS_TEST_TMPDIR/pipe"
  portctl evt fd 5 --mode read 7<&-
  read -r line <&7
  exec 7<&-
  code=0
  wait "$watcher" || code=$?
  [ "$code" -eq 141 ]
  [ "$(jq -r .event <<<"$line")" = connected ]
  [ ! -s "$BATS_TEST_TMPDIR/error" ]
}

@test "a reader that has gone, and SIGPIPE is ignored: 125, and that is said" {
  mkfifo "$BATS_TEST_TMPDIR/unread"
  for form in "" -j; do
    exec 8<>"$BATS_TEST_TMPDIR/unread" 7>"$BATS_TEST_TMPDIR/unread" 8<&-
    code=0
    (trap '' PIPE; exec "$PORTCTL_BIN" monitor ${form:+"$form"} >&7 2>"$BATS_TEST_TMPDIR/error") || code=$?
    exec 7>&-
    [ "$code" -eq 125 ]
    grep -q "cannot write the answer: Broken pipe" "$BATS_TEST_TMPDIR/error" || { echo "$form: $(cat "$BATS_TEST_TMPDIR/error")"; false; }
  done
}

@test "Ctrl-C: 130, and what was told is whole" {
  seq=$(last)
  watch -j --after "$seq" >"$BATS_TEST_TMPDIR/told" 3>&- &
  watcher=$!
  portctl evt fd 5 --mode read
  until_lines "$BATS_TEST_TMPDIR/told" 3
  # Bash starts what is in the background with SIGINT ignored, so another process sends it to one of its own.
  both python3 -c '
import os, signal, subprocess
watcher = subprocess.Popen([os.environ["PORTCTL_BIN"], "monitor", "-j", "--after", "0"], stdout=subprocess.PIPE,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
watcher.stdout.readline()
watcher.send_signal(signal.SIGINT)
code = watcher.wait()
print(128 - code if code < 0 else code)'
  [ "$output" = 130 ]
  kill "$watcher"
  wait "$watcher" || true
  jq -e . "$BATS_TEST_TMPDIR/told" >/dev/null
}

@test "the broker ends: 3" {
  seq=$(last)
  watch -j --after "$seq" >"$BATS_TEST_TMPDIR/told" 2>"$BATS_TEST_TMPDIR/error" 3>&- &
  watcher=$!
  portctl evt fd 5 --mode read
  until_lines "$BATS_TEST_TMPDIR/told" 3
  kill -KILL "$BROKER_PID"
  code=0
  wait "$watcher" || code=$?
  [ "$code" -eq 3 ]
  [ "$(jq -r .error.code "$BATS_TEST_TMPDIR/error")" = disconnected ]
}

@test "no broker: 3, and none is started" {
  stop_broker
  both portctl monitor
  exits 3
  [ -z "$output" ]
}

@test "refusals are told with method and code" {
  seq=$(last)
  both portctl show 8
  [ "$(watch --after "$seq" --once -j | jq -c 'select(.event == "refused") | [.method, .code]')" = \
    '["show","not_found"]' ]
}

@test "it says nothing of its own session" {
  "$PORTCTL_BIN" monitor --once -j >"$BATS_TEST_TMPDIR/told" 3>&- &
  own=$!
  wait "$own"
  "$PORTCTL_BIN" monitor --once -j >"$BATS_TEST_TMPDIR/later" 3>&-
  [ "$(jq "select(.pid == $own)" "$BATS_TEST_TMPDIR/told")" = "" ]
  [ "$(jq -r "select(.pid == $own) | .event" "$BATS_TEST_TMPDIR/later" | head -n 1)" = connected ]
}

@test "the command line" {
  refuses monitor x
  refuses monitor --count 0
  refuses monitor --count many
  refuses monitor --after x
  refuses monitor --since yesterday
  refuses monitor --since 1h --after 5
  refuses monitor --session x
  refuses monitor --session 0
  for rest in .garbage . .0123 ".${PORTD_SESSION#*.}0" ".${PORTD_SESSION#*.}.1"; do
    refuses monitor --session "${PORTD_SESSION%%.*}$rest" --once
  done
  both portctl monitor --columns=nonsense
  exits 2
  both portctl monitor --after 9007199254740990 --once
  exits 2
  has "$error" "cursor"
}
