# Whose session portctl joins: the rule of portctl(1), with real wrappers, shells and terminal sessions.

load setup

setup() {
  bats_require_minimum_version 1.5.0
  clean_environment
  start_broker
}
teardown() { usual_teardown; }

# In the scripts below: rule and owner, "reader 4711".
export ASK='"$PORTCTL_BIN" status -j | jq -r "\"\(.session_rule) \(.session_owner_pid)\""'

# Runs a script in a terminal session of its own: exit code, outputs, lines. Its descriptor 5 is an idle fifo, and $C is portctl.
script() {
  [ -p "$BATS_TEST_TMPDIR/fifo" ] || mkfifo "$BATS_TEST_TMPDIR/fifo"
  both setsid -w env C="$PORTCTL_BIN" bash -c 'exec 5<>"$BATS_TEST_TMPDIR/fifo"
'"$1" script "${@:2}"
}

# What the author of a script means who makes something by way of a wrapper: the next call finds it idle, and it fires.
means_it() {
  # shellcheck disable=SC2016
  script 'id=$("$@") || exit
"$C" wait "$id" --timeout 50ms; echo $?
[ "$("$C" sem fd 5 --mode check-read)" = "$id" ] && echo same
echo x >&5; "$C" wait "$id" --timeout 10s | cut -d" " -f2; read -r _ <&5
"$C" sem fd 5 --mode remove; "$C" sem fd 5 --mode check-read; echo $?' "$@"
  exits 0
  [ "$output" = $'124\nsame\nready\n1' ] || { printf '%s\n%s\n%s\n' "$*" "$output" "$error" && false; }
}

@test "--owner and PORTD_SESSION come first, in that order" {
  [ "$(portctl status --owner $$ -j | jq -c '[.session_rule, .session_owner_pid]')" = "[\"option\",$$]" ]
  eval "$(portctl session start --owner $$)"
  [ "$(portctl status -j | jq -c '[.session_rule, .session_owner_pid]')" = "[\"environment\",$$]" ]
  [ "$(portctl status --owner "$BROKER_PID" -j | jq -c '[.session_rule, .session_owner_pid]')" = "[\"option\",$BROKER_PID]" ]
}

@test "wrappers that end with the call" {
  for wrapper in "env" "nice" "timeout 50" "timeout --foreground 50" "setsid -w" "setsid -w timeout 50" "stdbuf -oL" "nohup" \
    "env -i PORTD_ADDRESS=$PORTD_ADDRESS"; do
    # shellcheck disable=SC2086
    means_it $wrapper "$PORTCTL_BIN" semaphore fd 5 --mode read
  done
  # shellcheck disable=SC2016
  means_it bash -c '"$@"; exit $?' x "$PORTCTL_BIN" semaphore fd 5 --mode read
}

@test "xargs, find and make" {
  # shellcheck disable=SC2016
  means_it bash -c 'echo 5 | xargs "$C" semaphore --mode read fd'
  # shellcheck disable=SC2016
  means_it bash -c 'find / -maxdepth 0 -exec "$C" semaphore fd 5 --mode read \;'
  command -v make || skip "needs make"
  printf 'all:\n\t@"$(C)" semaphore fd 5 --mode read\n' >"$BATS_TEST_TMPDIR/Makefile"
  means_it make -s -f "$BATS_TEST_TMPDIR/Makefile"
}

@test "the same user by way of another" {
  command -v setpriv || skip "needs setpriv"
  [ "$(id -u)" -eq 0 ] || skip "only root may become somebody else"
  means_it setpriv --inh-caps=-all "$PORTCTL_BIN" semaphore fd 5 --mode read
  command -v sudo || skip "needs sudo"
  means_it sudo -C 6 -u root env PORTD_ADDRESS="$PORTD_ADDRESS" "$PORTCTL_BIN" semaphore fd 5 --mode read
}

@test "subshells, pipelines, functions and background jobs" {
  script 'make() { "$C" sem fd 5 --mode "$1"; }
a=$(make read)
b=$( (make read; :) )
c=$(make read | cat)
[ "$("$C" evt fd 7 -j --mode read 7<&5 | cat | jq .id | tee "$BATS_TEST_TMPDIR/g")" ]; "$C" wait "$(cat "$BATS_TEST_TMPDIR/g")" --timeout 20ms; echo $?
(make read; :) >"$BATS_TEST_TMPDIR/d"
make read >"$BATS_TEST_TMPDIR/e" & wait
{ make read; } | { read -r f; echo "$f" >"$BATS_TEST_TMPDIR/f"; }
[ "$a" = "$b" ] && [ "$a" = "$c" ] && [ "$a" = "$(cat "$BATS_TEST_TMPDIR/d")" ] &&
  [ "$a" = "$(cat "$BATS_TEST_TMPDIR/e")" ] && [ "$a" = "$(cat "$BATS_TEST_TMPDIR/f")" ] && echo one
("$C" wait "$a" --timeout 20ms); echo $?
"$C" wait "$a" --timeout 20ms | cat; echo "${PIPESTATUS[0]}"'
  exits 0
  [ "$output" = $'124\none\n124\n124' ]
}

@test "a nested shell means its parent's number, and what it opens is its own" {
  script 'a=$("$C" sem fd 5 --mode read)
bash -c '\''[ "$("$C" sem fd 5 --mode read)" = "$0" ] && echo same
  exec 6<>"$BATS_TEST_TMPDIR/fifo"; b=$("$C" evt fd 6 --mode read)
  "$C" wait "$b" --timeout 20ms; echo $?
  bash -c "[ \"\$(\"\$C\" evt fd 6 --mode check-read)\" = $b ] && echo inner"; echo "$b" >"$BATS_TEST_TMPDIR/b"'\'' "$a"
"$C" wait "$a" --timeout 20ms; echo $?'
  exits 0
  [ "$output" = $'same\n124\ninner\n124' ]
}

@test "two scripts side by side, each with a descriptor 5 of its own" {
  mkfifo "$BATS_TEST_TMPDIR/go" "$BATS_TEST_TMPDIR/made"
  # shellcheck disable=SC2016
  setsid -w bash -c 'exec 5<>"$BATS_TEST_TMPDIR/go"; id=$("$PORTCTL_BIN" sem fd 5 --mode read)
    echo "$id" >"$BATS_TEST_TMPDIR/made"; "$PORTCTL_BIN" wait "$id" >"$BATS_TEST_TMPDIR/told"; echo $? >>"$BATS_TEST_TMPDIR/told"' 3>&- &
  other=$!
  read -r theirs <"$BATS_TEST_TMPDIR/made"
  until_waited_for "$theirs"
  script 'id=$("$C" sem fd 5 --mode read); "$C" wait "$id" --timeout 20ms; echo $?; "$C" sem fd 5 --mode remove; "$C" wait "$id"; echo $?'
  exits 0
  has "$output" "removed"
  [ "${lines[0]}" = 124 ]
  [ "${lines[2]}" = 9 ]
  [ "$(portctl show "$theirs" -j | jq '.[0].registered')" = true ]
  echo x >"$BATS_TEST_TMPDIR/go"
  wait "$other"
  [ "$(cat "$BATS_TEST_TMPDIR/told")" = "$theirs ready
0" ]
}

@test "it lives as long as the last of those that it is for" {
  mkfifo "$BATS_TEST_TMPDIR/go" "$BATS_TEST_TMPDIR/fifo"
  # The inner shell has the descriptor and ends; the outer one takes the id.
  # shellcheck disable=SC2016
  both setsid -w bash -c 'id=$(bash -c '\''exec 5<>"$BATS_TEST_TMPDIR/fifo"; "$PORTCTL_BIN" sem fd 5 --mode read; :'\'')
    "$PORTCTL_BIN" wait "$id" --timeout 20ms; echo $?; echo "$id"'
  exits 0
  [ "${lines[0]}" = 124 ]
  for ((i = 0; i < 2000; i++)); do
    both portctl show "${lines[1]}"
    [ "$status" -eq 5 ] && return
  done
  false
}

# $1 shells, one in the other, all with descriptor 5. The innermost makes an object, in a way of $2, then ends the others. When the broker
# has noticed all their ends, which the end of a session of each tells, it uses the object: "124".
only_innermost_left() {
  cat >"$BATS_TEST_TMPDIR/nest" <<'SHELL'
if [ "$1" -gt 1 ]; then
  echo $$ >>"$BATS_TEST_TMPDIR/outer"
  bash "$0" "$(($1 - 1))" "$2"
  exit
fi
mapfile -t outer <"$BATS_TEST_TMPDIR/outer"
for pid in "${outer[@]}"; do "$C" session start --owner "$pid" >/dev/null; done
others() { "$C" session list -j | jq "map(select(.id != $mine and (.owner_pid | IN($(IFS=,; echo "${outer[*]}"))))) | length"; }
case $2 in
read) id=$("$C" sem fd 5 --mode read) ;;
wrapped) # the reader is neither among the innermost nor among the outermost
  w="timeout 50"
  id=$($w $w $w $w $w $w "$C" sem fd 5 --mode read)
  ;;
left) "$C" sem fd 5 --mode read && read -r id <"$BATS_TEST_TMPDIR/id" ;; # all have this standard output, so none is the reader
esac
mine=$("$C" show "$id" -j | jq '.[0].session')
before=$(others)
kill -9 "${outer[@]}"
for ((i = 0; i < 2000; i++)); do
  [ "$(others)" -eq 0 ] && break
done
code=0
"$C" wait "$id" --timeout 1ms || code=$?
[ "$before" -eq "${#outer[@]}" ] || code="$before sessions, not ${#outer[@]}"
echo "$i $code" >"$BATS_TEST_TMPDIR/result"
SHELL
  rm -f "$BATS_TEST_TMPDIR"/{outer,result}
  mkfifo "$BATS_TEST_TMPDIR/result"
  setsid -w env C="$PORTCTL_BIN" bash -c 'exec 5<>"$BATS_TEST_TMPDIR/fifo"; . "$BATS_TEST_TMPDIR/nest"' "$BATS_TEST_TMPDIR/nest" "$1" "$2" >"$BATS_TEST_TMPDIR/id" 2>/dev/null 3>&- &
  read -r turns code <"$BATS_TEST_TMPDIR/result"
  wait $! 2>/dev/null || true
  [ "$code" = 124 ] && [ "$turns" -lt 2000 ] || { echo "$1 $2: $code, $turns turns" && false; }
}

@test "more holders than a hello names: the innermost is one of the owners" {
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  for depth in 8 9 14; do
    for way in read wrapped left; do
      only_innermost_left "$depth" "$way"
    done
  done
}

@test "more holders than a hello names: the outermost is one of the owners, and the number is its" {
  # shellcheck disable=SC2016
  script 'nest() { if [ "$1" -gt 0 ]; then bash -c "$(declare -f nest); nest \$1 \"\$2\"; :" nest "$(($1 - 1))" "$2"; else eval "$2"; fi; }
a=$("$C" sem fd 5 --mode read)
[ "$(nest 12 "\"\$C\" sem fd 5 --mode check-read")" = "$a" ] && echo found
b=$(nest 12 "\"\$C\" evt fd 5 --mode read")
[ "$("$C" evt fd 5 --mode check-read)" = "$b" ] && echo kept
"$C" wait "$a" "$b" --timeout 1ms; echo $?
[ "$("$C" show "$a" "$b" -j | jq "map(.session) | unique | length")" = 1 ] && echo one'
  exits 0
  [ "$output" = $'found\nkept\n124\none' ] || { echo "$output$error" && false; }
}

@test "a number that only portctl has is nobody's" {
  script 'a=$("$C" evt fd 7 --mode read 7<&5); b=$("$C" evt fd 7 --mode read 7<&5)
[ "$a" != "$b" ] && echo two
"$C" evt fd 7 --mode check-read 7<&5; echo $?
"$C" evt fd 7 --mode check-read; echo $?
"$C" evt fd 7 --mode remove 7<&5
"$C" wait "$a" "$b" --timeout 20ms; echo $?
"$C" remove "$a"; "$C" wait "$a" | cut -d" " -f2
"$C" wait "$b" --timeout 20ms; echo $?'
  exits 0
  [ "$output" = $'two\n1\n1\n124\nremoved\n124' ]
}

@test "check and remove of a number that is not open" {
  script 'a=$("$C" evt fd 5 --mode read); exec 6<&5 5<&-
[ "$("$C" evt fd 5 --mode check-read)" = "$a" ] && echo found
[ "$(timeout 50 bash -c '\''"$C" evt fd 5 --mode check-read; exit $?'\'')" = "$a" ] && echo found
"$C" evt fd 9 --mode check-read; echo $?
"$C" evt fd 5 --mode remove; echo $?
"$C" wait "$a" | cut -d" " -f2
"$C" evt fd 5 --mode check-read; echo $?'
  exits 0
  [ "$output" = $'found\nfound\n1\n0\nremoved\n1' ]
}

# The call has no owner: it is refused when it would make something, and says what to do.
is_ownerless() {
  exits 2
  [ -z "$output" ]
  has "$error" "--owner"
  has "$error" "--ttl"
  has "$error" "session start"
}

@test "no owner: an error for what makes something, and for that alone" {
  both setsid -w "$PORTCTL_BIN" evt fd 0 --mode read </dev/zero
  is_ownerless
  both setsid -w "$PORTCTL_BIN" session start
  is_ownerless
  both setsid -w "$PORTCTL_BIN" evt fd 0 --mode read --ttl 1min </dev/zero
  exits 0
  [ "$(portctl wait "$output" --timeout 10s)" = "$output ready" ]
  both setsid -w "$PORTCTL_BIN" evt fd 0 --mode read --owner $$ </dev/zero
  exits 0
  [ "$(portctl wait "$output" --timeout 10s)" = "$output ready" ]
  id=$output
  for call in "list" "show $id" "wait $id" "sem fd 0 --mode remove" "remove $id" "status"; do
    # shellcheck disable=SC2086
    both setsid -w "$PORTCTL_BIN" $call
    exits 0
  done
  both setsid -w "$PORTCTL_BIN" evt fd 0 --mode check-read
  exits 1
  [ "$(portctl list sessions -j | jq length)" -le 3 ]
}

@test "no owner: in a pid namespace of its own" {
  unshare --pid --fork true || skip "needs the right to make namespaces"
  both setsid -w unshare --pid --fork "$PORTCTL_BIN" sem fd 0 --mode read </dev/zero
  is_ownerless
}

@test "no owner: a leader whose main thread has ended" {
  both setsid -w python3 -c '
import ctypes, os, subprocess, sys, threading
def work():
    while open("/proc/self/stat").read().rsplit(")", 1)[1].split()[0] != "Z":
        pass
    done = subprocess.run([os.environ["PORTCTL_BIN"], "sem", "fd", "0", "--mode", "read"])
    os._exit(done.returncode)
threading.Thread(target=work).start()
ctypes.CDLL(None).pthread_exit(None)' </dev/zero
  is_ownerless
}

@test "where files cannot be compared by the kernel" {
  cat >"$BATS_TEST_TMPDIR/blind" <<'PYTHON'
import ctypes, os, platform, struct, sys
kcmp = {"x86_64": 312, "aarch64": 272}[platform.machine()]
code = b"".join(struct.pack("HBBI", *step) for step in (
    (0x20, 0, 0, 0), (0x15, 0, 1, kcmp), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)))
buffer = ctypes.create_string_buffer(code)
program = struct.pack("HL", 4, ctypes.addressof(buffer))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])
PYTHON
  case $(uname -m) in x86_64 | aarch64) ;; *) skip "knows no number of kcmp here" ;; esac
  means_it timeout 50 python3 "$BATS_TEST_TMPDIR/blind" "$PORTCTL_BIN" semaphore fd 5 --mode read
}

@test "status tells which session and why" {
  # shellcheck disable=SC2016
  script 'x=$(eval "$ASK"); echo "$x"; eval "$ASK" | cat; echo $$'
  exits 0
  [ "${lines[0]}" = "reader ${lines[2]}" ]
  [ "${lines[1]}" = "ancestor ${lines[2]}" ]
}

# A script that makes a port, and a program of exec that makes a semaphore from its descriptor, by way of a wrapper. Prints the script's
# pid, and the two ids.
cat_exec_script() {
  cat <<'SCRIPT'
exec 6<>"$BATS_TEST_TMPDIR/fifo"
port=$("$C" wrap fd 6 --mode read)
echo $$ "$port"
$1 "$C" exec --fd 4="$port" -- bash -c '"$C" status -j | jq -r .session_rule,.session_existed | tr "\n" " "; echo
"$C" list ports --mine --columns=id --no-legend; "$C" semaphore fd 4 --mode read; :'
"$C" exec --listen-fds "$port" -- true
"$C" list sessions --no-legend --columns=owner_pid | tr "\n" " "; echo
SCRIPT
}

@test "what a program of exec makes belongs to the script" {
  cat_exec_script >"$BATS_TEST_TMPDIR/inner"
  for wrapper in "" "timeout 50" "timeout --foreground 50" "xargs -a /dev/null"; do
    # The leader of the terminal session has no part in it, and outlives the script.
    script 'bash "$BATS_TEST_TMPDIR/inner" "$1" | tee "$BATS_TEST_TMPDIR/told"
      semaphore=$(sed -n 4p "$BATS_TEST_TMPDIR/told")
      code=0; "$C" wait "$semaphore" --timeout 50s >/dev/null 2>&1 || code=$?; echo "$code"; echo $$' "$wrapper"
    exits 0
    read -r pid port <<<"${lines[0]}"
    [ "${lines[1]}" = "environment true " ] || { printf "%s: %s\n%s" "$wrapper" "$output" "$error" && false; }
    [ "${lines[2]}" = "$port" ]
    has " ${lines[4]}" " $pid "
    [[ " ${lines[4]}" != *" ${lines[6]} "* ]]
    [ "${lines[5]}" = 9 ] || [ "${lines[5]}" = 5 ] || { printf '%s: %s\n' "$wrapper" "$output" && false; }
  done
}

@test "what a program of exec makes belongs to the script, also to one that leads its terminal session" {
  for wrapper in "" "timeout 50"; do
    script "$(cat_exec_script)" "$wrapper"
    exits 0
    read -r pid port <<<"${lines[0]}"
    [ "${lines[1]}" = "environment true " ] || { printf "%s: %s\n%s" "$wrapper" "$output" "$error" && false; }
    [ "${lines[2]}" = "$port" ]
    has " ${lines[4]}" " $pid "
  done
}

# A wrapper is a job of the shell with job control, or a process group of its own below a script that leads a terminal session.
@test "exec below a leader with a terminal: the session is that of the leader, through a wrapper too" {
  need_terminal
  cat >"$BATS_TEST_TMPDIR/shell" <<'SHELL'
PS1=
for wrapper in "" "timeout 50" "xargs -a /dev/null"; do
  $wrapper "$C" exec -- bash -c '"$C" semaphore fd 6 --mode read 6<>"$BATS_TEST_TMPDIR/fifo" >"$BATS_TEST_TMPDIR/id"; :'
  code=0; "$C" wait "$(cat "$BATS_TEST_TMPDIR/id")" --timeout 1ms >/dev/null 2>&1 || code=$?; echo "$code"
  $wrapper "$C" exec -- bash -c '"$C" status -j | jq -cM "[.session_rule, .session_existed, .session_owner_pid]"; :'
done
echo $$
SHELL
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  for kind in -i +i; do
    both env C="$PORTCTL_BIN" python3 "$PORTD_SOURCE/tests/cli/terminal.py" 200 bash --noprofile --norc $kind -c '. "$BATS_TEST_TMPDIR/shell"; :'
    exits 0
    for i in 0 1 2; do
      [ "${lines[2 * i]}" = 124 ] || { echo "$output" && false; }
      [ "${lines[2 * i + 1]}" = "[\"environment\",true,${lines[6]}]" ] || { echo "$output" && false; }
    done
  done
}

@test "list: all sessions of the user, --mine the own one" {
  script 'id=$("$C" sem fd 5 --mode read)
[ "$("$C" list --mine -j | jq -c "map(select(.kind == \"semaphore\").id)")" = "[$id]" ] && echo mine
eval "$("$C" session start)"
[ "$("$C" list --mine -j)" = "[]" ] && echo none
[ "$("$C" list sems -j | jq -c "map(.id)")" = "[$id]" ] && echo all
"$C" list sessions --mine; echo $?'
  exits 0
  [ "$output" = $'mine\nnone\nall\n2' ]
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
  both setsid -w "$BATS_TEST_TMPDIR/a) S 1 (b" -c 'x=$(eval "$ASK"); echo "$x"; echo "reader $$"'
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
