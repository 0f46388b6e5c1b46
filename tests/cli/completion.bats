# portctl completion: the candidates, and what bash, zsh and fish make of them.

load setup

setup() { usual_setup; }
teardown() { usual_teardown; }

# The candidates for a line, without their descriptions, on one line.
candidates() { portctl completion candidates -- "$@" | cut -f 1 | tr '\n' ' '; }

verbs() { portctl help --json | jq -r '.verbs[].name'; }

@test "all verbs, all options of each, and those of every verb" {
  [ "$(candidates '')" = "$(verbs | tr '\n' ' ')" ]
  [ "$(candidates sem)" = "semaphore " ]
  every=$(portctl help -j | jq -r '.options[] | "--\(.name)"')
  [ "$(candidates --)" = "$(tr '\n' ' ' <<<"$every")" ]
  for verb in $(verbs); do
    own=$(portctl help "$verb" -j | jq -r '.options[] | "--\(.name)"')
    [ "$(candidates "$verb" -)" = "$(printf '%s\n' ${own:+"$own"} "$every" | tr '\n' ' ')" ] || { echo "$verb"; false; }
  done
  [ "$(candidates --timeout 5s --user stat)" = "stats status " ] || [ "$(candidates --timeout 5s --user stat)" = "status stats " ]
  [ "$(candidates -q sem fd 0 --mo)" = "--mode " ]
}

@test "descriptions are there, and in JSON" {
  portctl completion candidates -- sem | grep -qP '^semaphore\t.'
  [ "$(portctl completion candidates -j -- wrap s)" = '[{"value":"socket","description":null}]' ]
  [ "$(portctl completion candidates -j -- nonsense '')" = '[]' ]
}

@test "words and values; the parser takes each of them" {
  [ "$(candidates wrap '')" = "fd socket hold " ]
  [ "$(candidates list s)" = "semaphores sessions " ]
  [ "$(candidates session '')" = "start end list " ]
  [ "$(candidates completion '')" = "bash zsh fish " ]
  [ "$(candidates help ex)" = "exec exit-codes " ]
  [ "$(candidates call pin)" = "ping " ]
  [ "$(candidates list --color '')" = "auto always never " ]
  [ "$(candidates list --owner '')" = "parent session-leader " ]
  [ "$(candidates list --json=)" = "--json=short --json=pretty --json=lines " ]
  [ "$(candidates --json=l)" = "--json=lines " ]
  [ "$(candidates list --columns id,nu)" = "id,number " ]
  [ "$(candidates wrap fd 0 --mode read,w)" = "read,write " ]
  [ "$(candidates wrap fd 0 --mode=read,w)" = "--mode=read,write " ]
  [ "$(candidates list semaphores '')" = "semaphores evts ports descriptors " ]
  [ "$(candidates list evts ports s)" = "semaphores " ]
  [ "$(candidates list --timeout '')" = "" ]
  for mode in $(candidates semaphore fd 5 --mode '') $(candidates evt fd 5 --mode ''); do
    both portctl semaphore fd 5 --mode "$mode" 5<&0
    [ "$status" -le 1 ] || { echo "$mode"; false; }
  done
  for color in $(candidates --color ''); do portctl --version --color "$color"; done
  for json in $(candidates --json=); do portctl --version "$json"; done
  for kind in $(candidates list ''); do portctl list "$kind"; done
  for method in $(candidates call ''); do
    both portctl call "$method" '{"no_such_member": 1}'
    has "$error" "no_such_member"
  done
}

@test "ids of the session, those that make sense" {
  open_fifo
  sem=$(portctl semaphore fd 5 --mode read)
  mapfile -t ids < <(portctl wrap fd 5 --mode read,write --name log)
  descriptor=$(portctl list descriptors -j | jq '.[0].id')
  [ "$(candidates cat '')" = "${ids[0]} " ]
  [ "$(candidates write '')" = "${ids[1]} " ]
  [ "$(candidates close "${ids[0]}" '' | wc -w)" -eq 2 ]
  [ "$(candidates remove '')" = "$sem " ]
  [ "$(candidates wait '' | wc -w)" -eq 3 ]
  has " $(candidates show '')" " $descriptor "
  [ "$(candidates exec --fd 7="${ids[0]}" --fd 8=)" = "8=${ids[0]} 8=${ids[1]} " ]
  [ "$(candidates exec --listen-fds "${ids[0]},")" = "${ids[0]},${ids[0]} ${ids[0]},${ids[1]} " ]
  has " $(candidates session end '')" " $(portctl status -j | jq .session) "
  portctl completion candidates -- cat '' | grep -qP '^\d+\tport, read, log$'
  # Ids are those of all sessions; the broker is the one that the line means.
  [ "$(candidates cat --owner "$BROKER_PID" '')" = "${ids[0]} " ]
  [ -z "$(candidates --address "unix:$BATS_TEST_TMPDIR/nobody" cat '')" ]
  address=$PORTD_ADDRESS
  [ "$(PORTD_ADDRESS=unix:/nobody candidates --address "$address" cat '')" = "${ids[0]} " ]
}

@test "what the shell knows itself" {
  [ "$(candidates exec -- '')" = ":command " ]
  [ "$(candidates exec --fd 3=8 -- cat '')" = ":file " ]
  [ -z "$(candidates list -- '')" ]
}

@test "nothing is told that goes wrong, and no broker is started" {
  for line in nonsense "nonsense --" "list --nonsense x --" "cat cat cat cat" "--mode" "=" ": =" "wait = = ="; do
    read -ra words <<<"$line"
    both portctl completion candidates -- "${words[@]}" ''
    exits 0
    [ -z "$error" ]
  done
  both portctl completion candidates
  exits 0
  stop_broker
  both portctl completion candidates -- cat ''
  exits 0
  [ -z "$output$error" ]
  export XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/run" PORTD_DAEMON="$PORTD_BIN"
  mkdir -m 700 "$XDG_RUNTIME_DIR"
  unset PORTD_ADDRESS PORTD_SESSION
  both portctl completion candidates -- cat ''
  exits 0
  [ -z "$output$error" ]
  [ ! -e "$XDG_RUNTIME_DIR/portd" ]
}

@test "a broker that does not answer is not waited for" {
  run python3 -c '
import os, socket, subprocess, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
done = subprocess.run([os.environ["PORTCTL_BIN"], "--address", "unix:" + sys.argv[1], "completion", "candidates", "--", "cat", ""],
                      env={**os.environ, "PORTD_ADDRESS": "unix:" + sys.argv[1]}, capture_output=True, timeout=60)
print(done.returncode, done.stdout, done.stderr)' "$BATS_TEST_TMPDIR/silent.sock"
  [ "$output" = "0 b'' b''" ]
}

@test "what bash has cut at = and : is put together" {
  [ "$(candidates list --json = l)" = "lines " ]
  [ "$(candidates list --json =)" = "short pretty lines " ]
  [ "$(candidates --address unix : /x sem)" = "semaphore " ]
  [ "$(candidates wrap fd 0 --mode = read,w)" = "read,write " ]
}

@test "the scripts are what the build installs; in JSON; others are refused" {
  for shell in bash zsh fish; do
    portctl completion "$shell" | cmp - "$PORTD_BUILD/client/portctl/portctl.$shell"
    [ "$(portctl completion "$shell" -j | jq -r '.shell, .script')" = "$(echo "$shell"; portctl completion "$shell")" ]
  done
  refuses completion
  refuses completion ksh
  refuses completion bash zsh
}

# Lets a shell find the program as portctl.
need_shell() {
  command -v "$1" >/dev/null || skip "$1 is not installed"
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  ln -sf "$PORTCTL_BIN" "$BATS_TEST_TMPDIR/bin/portctl"
}

# A shell without files of its own runs the line that the help has for it, and then another one.
takes() {
  need_shell "$1"
  line=$(portctl help completion | sed -n "s/^$1  *//p")
  [ -n "$line" ]
  both env HOME="$BATS_TEST_TMPDIR" PATH="$BATS_TEST_TMPDIR/bin:$PATH" "${@:3}" -c "$line
$2"
  exits 0
  has "$output" _portctl
  [ -z "$error" ]
}

@test "bash takes it by the line of the help" { takes bash "complete -p portctl" bash --noprofile --norc; }
# shellcheck disable=SC2016
@test "zsh takes it by the line of the help" { takes zsh 'echo $_comps[portctl]' zsh -f; }
@test "fish takes it by the line of the help" { takes fish "complete -c portctl" fish --no-config; }

@test "fish finds what is installed where the help says" {
  need_shell fish
  share=$BATS_TEST_TMPDIR/share
  mkdir -p "$share/fish/vendor_completions.d"
  cp "$PORTD_BUILD/client/portctl/portctl.fish" "$share/fish/vendor_completions.d/portctl.fish"
  found() { env HOME="$BATS_TEST_TMPDIR" PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$@" fish -c "complete -C 'portctl semaph'"; }
  [ -z "$(found XDG_DATA_DIRS=/usr/share | grep semaphore)" ] || skip "portctl is installed below /usr"
  has "$(found XDG_DATA_DIRS="$share:/usr/share")" semaphore
}

# What a shell makes of the lines of standard input: see complete.py.
types() {
  need_shell "$1"
  ln -s /bin/true "$BATS_TEST_TMPDIR/bin/only-one-such-program"
  PATH="$BATS_TEST_TMPDIR/bin:$PATH" python3 "$PORTD_SOURCE/tests/cli/complete.py" "$1" "$PORTD_BUILD/client/portctl" 3>&-
}

# The same for every shell, each line with what is to come of it.
completes_all() {
  need_terminal
  open_fifo
  id=$(portctl wrap fd 5 --mode read --name "a name: with b")
  touch "$BATS_TEST_TMPDIR/some-file"
  cat >"$BATS_TEST_TMPDIR/expected" <<LINES
portctl semaph=semaphore
portctl sem fd 0 --mode check-w=sem|fd|0|--mode|check-write
portctl list --json%l=list|--json%lines
portctl list --no-l=list|--no-legend
portctl wrap fd 0 --mode read,wr=wrap|fd|0|--mode|read,write
portctl cat =cat|$id
portctl exec --fd 4%=exec|--fd|4%$id
portctl exec -- only-one-such=exec|--|only-one-such-program
portctl exec -- cat $BATS_TEST_TMPDIR/some-f=exec|--|cat|$BATS_TEST_TMPDIR/some-file
portctl help exit=help|exit-codes
portctl --owner $$ stats --openm=--owner|$$|stats|--openmetrics
LINES
  cut -d = -f 1 "$BATS_TEST_TMPDIR/expected" | tr % = >"$BATS_TEST_TMPDIR/lines"
  cut -d = -f 2 "$BATS_TEST_TMPDIR/expected" | tr % = >"$BATS_TEST_TMPDIR/wanted"
  types "$1" <"$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/got"
  diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got"
}

@test "bash completes" { completes_all bash; }
@test "zsh completes" { completes_all zsh; }
@test "fish completes" { completes_all fish; }
