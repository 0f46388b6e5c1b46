# portctl run and attach: programs that outlive who started them.

load setup

setup() {
  need_terminal
  clean_environment
}
teardown() { usual_teardown; }

# A case of attach.py, against a broker of its own.
attaches() {
  start_broker
  BROKER_PID=$BROKER_PID python3 "$BATS_TEST_DIRNAME/attach.py" "$@" 3>&-
}

# A case of attach.py, against a broker with a keeper. The process ids of what the keeper runs are not those of the case.
kept() {
  start_broker --keeper yes
  python3 "$BATS_TEST_DIRNAME/attach.py" "$@" 3>&-
}

# The exit status of a program that somebody else has waited for.
need_status() {
  local major minor
  IFS=. read -r major minor _ <<<"$(uname -r)"
  [ "$major" -gt 6 ] || { [ "$major" -eq 6 ] && [ "${minor%%[!0-9]*}" -ge 15 ]; } || skip "needs Linux 6.15"
}

@test "run attaches: a terminal of its own, its size, its exit status" { attaches run; }

@test "the key detaches, and attach comes back to the same program" {
  need_status
  attaches detach
}

@test "signals and hang-ups end portctl alone, and give the terminal back" { attaches signals; }

@test "one is attached: a second one is refused, or takes over and the first is told" {
  need_status
  attaches steal
}

@test "the exit status is for everybody, also after the process was reaped" {
  need_status
  attaches status
}

@test "what cannot run, a name that is taken, and oneself: nothing is started" {
  need_status
  attaches refused "$BATS_TEST_TMPDIR"
}

@test "no byte of the output is lost, and a program that does not read stops nobody" {
  need_status
  attaches full
}

@test "on pipes: input, its end, output, and the exit status" {
  need_status
  attaches pipes
}

@test "bash outlives kill -9 of who started it, of the broker, and of both" {
  need_status
  kept survive bash --norc --noprofile
}

@test "vim does, too" {
  need_status
  command -v vim >/dev/null || skip "needs vim"
  kept survive vim -u NONE
}

@test "a host of terminals made with node-pty does, too" {
  need_status
  if [ -z "${PORTD_NODE_MODULES-}" ] || ! command -v node >/dev/null; then skip "needs node, and PORTD_NODE_MODULES with @lydell/node-pty"; fi
  NODE_PATH=$PORTD_NODE_MODULES kept survive node "$BATS_TEST_DIRNAME/terminal_host.js"
}

@test "a terminal goes on over upgrades of the broker, and no byte of its output is lost" {
  need_status
  kept upgrade
}

@test "without a keeper the next broker gets it back from who is attached" { attaches replace; }

@test "on pipes: the end of the input arrives, also when the broker dies meanwhile" {
  need_status
  kept ends_input
}

@test "a spool: output that nobody has seen, over the death of the broker" {
  need_status
  kept spooled
}

@test "others look on" {
  need_status
  kept looks_on
}

@test "a spool that stops loses nothing, and one that drops has the end" {
  need_status
  attaches spooled_full
}

@test "nothing of it stays in the broker" {
  need_status
  attaches leaves_nothing
}

@test "the command line" {
  refuses run
  refuses run work
  refuses run work --pty --
  refuses run work other -- true
  refuses run "$(printf '%0248d' 0)" -- true
  refuses run work --detach-key x -- true
  refuses run work --redraw often -- true
  refuses attach
  refuses attach work other
  refuses attach work --detach-key ctrl-1
  refuses attach work --steal --wait
  refuses attach work --read-only --wait
  start_broker
  both portctl attach work
  exits 5
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  exec 5<>"$BATS_TEST_TMPDIR/fifo"
  portctl put work fd 5 work/process fd 5
  both portctl attach work --wait --timeout 0
  exits 124
  both portctl run work -j --detach -- true
  exits 1
  [ "$(jq -r .error.code <<<"$error")" = exists ]
  both portctl run other -j -- sleep 1000 3>&-
  exits 0
  [ "$(jq -r .name <<<"$output")" = other ]
  pid=$(jq .pid <<<"$output")
  [ "$(ps -o args= -p "$pid")" = "sleep 1000" ]
  kill "$pid"
}
