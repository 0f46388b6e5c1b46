# portctl exec: a program with copies of the descriptors of ports, and with nothing else of portctl's.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# bats wants to be told of a program that is not there.
not_found() {
  run -127 --separate-stderr "$@"
  error=$stderr
}

# Files, wrapped as ports: ${ids[i]} is that of the file fI, in which its name stands.
wrap_files() {
  ids=()
  for ((f = 0; f < $1; f++)); do
    echo "f$f" >"$BATS_TEST_TMPDIR/f$f"
    ids+=("$(portctl wrap fd 9 --mode read --name "f$f" 9<"$BATS_TEST_TMPDIR/f$f")")
  done
}

# What a program has: "3=f0 4=f1", from 3 on. The descriptor that reads the folder is no longer there when it is
# looked at.
SHOW='
import os
told = []
for number in sorted(int(name) for name in os.listdir("/proc/self/fd")):
    try:
        path = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        continue
    if number > 2:
        told.append(f"{number}={os.path.basename(path)}")
print(*told)
'

# The same of a program that portctl exec runs with these options. From 3 on, portctl inherits $KEEP at most.
shown() {
  python3 -c '
import os, sys
keep = int(os.environ.get("KEEP", -1))
for number in range(3, 1024):
    if number != keep:
        try:
            os.close(number)
        except OSError:
            pass
os.execv(sys.argv[1], sys.argv[1:])' "$PORTCTL_BIN" exec "$@" -- python3 -c "$SHOW"
}

@test "the wanted numbers, and no other descriptor" {
  wrap_files 3
  [ -z "$(shown)" ]
  [ "$(shown --fd 3="${ids[0]}")" = "3=f0" ]
  [ "$(shown --fd 9="${ids[0]}" --fd=100="${ids[1]}")" = "9=f0 100=f1" ]
  # The first that is free, whatever the order.
  [ "$(shown --fd "${ids[0]}" --fd "${ids[1]}" --fd 3="${ids[2]}")" = "3=f2 4=f0 5=f1" ]
  [ "$(shown --fd "${ids[0]}" --fd "${ids[0]}")" = "3=f0 4=f0" ]
}

@test "numbers under which copies arrive for others" {
  wrap_files 6
  for order in "3 4 5 6 7 8" "8 7 6 5 4 3" "4 5 6 7 8 3" "8 3 4 5 6 7" "4 3 6 5 8 7" "5 7 3 8 4 6" "6 8 4 3 7 5" "10 9 8 7 6 5"; do
    read -ra numbers <<<"$order"
    options=()
    expected=()
    for ((f = 0; f < 6; f++)); do
      options+=(--fd "${numbers[f]}=${ids[f]}")
      expected[numbers[f]]="${numbers[f]}=f$f"
    done
    [ "$(shown "${options[@]}")" = "${expected[*]}" ] || { echo "$order: $(shown "${options[@]}")"; false; }
  done
}

@test "as many as there can be, each in its place" {
  wrap_files 2
  options=()
  expected=()
  for ((n = 3; n < 259; n++)); do
    options+=(--fd "$n=${ids[n % 2]}")
    expected+=("$n=f$((n % 2))")
  done
  [ "$(shown "${options[@]}")" = "${expected[*]}" ]
  refuses exec "${options[@]}" --fd 300="${ids[0]}" -- true
  has "$message" "256"
}

@test "what portctl has inherited goes to the program, unless a copy takes its place" {
  wrap_files 1
  echo inherited >"$BATS_TEST_TMPDIR/inherited"
  exec 7<"$BATS_TEST_TMPDIR/inherited"
  [ "$(KEEP=7 shown --fd 6="${ids[0]}")" = "6=f0 7=inherited" ]
  [ "$(KEEP=7 shown --fd 7="${ids[0]}")" = "7=f0" ]
  # A standard stream that is closed stays closed.
  # shellcheck disable=SC2016
  both bash -c '"$PORTCTL_BIN" exec -- bash -c "[ ! -e /proc/\$\$/fd/0 ]" <&-'
  exits 0
}

@test "standard input, output and error" {
  wrap_files 2
  out=$(portctl wrap fd 9 --mode write 9>"$BATS_TEST_TMPDIR/out")
  err=$(portctl wrap fd 9 --mode write 9>"$BATS_TEST_TMPDIR/err")
  both portctl exec --stdin "${ids[0]}" --stdout "$out" --stderr "$err" -- bash -c 'cat; echo talk >&2'
  exits 0
  [ -z "$output$error" ]
  [ "$(cat "$BATS_TEST_TMPDIR/out") $(cat "$BATS_TEST_TMPDIR/err")" = "f0 talk" ]
  # Why a program does not run is told where portctl's own standard error is.
  not_found portctl exec --stdin "${ids[0]}" --stdout "$out" --stderr "$err" -- "$BATS_TEST_TMPDIR/nothing"
  has "$error" "nothing"
  [ "$(cat "$BATS_TEST_TMPDIR/err")" = talk ]
  both portctl exec --fd 2="$err" --fd 0="${ids[1]}" -- bash -c 'cat >&2'
  exits 0
  [ "$(cat "$BATS_TEST_TMPDIR/err")" = "$(printf 'talk\nf1')" ]
}

@test "the program is the same process, and the shared file is the same one" {
  both bash -c 'echo $$; exec "$PORTCTL_BIN" exec -- bash -c "echo \$\$"'
  exits 0
  [ "${lines[0]}" = "${lines[1]}" ]
  id=$(portctl wrap fd 5 --mode write)
  portctl exec --fd 4="$id" -- bash -c 'echo hello >&4'
  read -r line <&5
  [ "$line" = hello ]
}

@test "the copy is as the descriptor was opened, whatever the port's direction" {
  id=$(portctl wrap fd 5 --mode read)
  portctl exec --fd 4="$id" -- bash -c 'echo hello >&4'
  read -r line <&5
  [ "$line" = hello ]
  wrap_files 1
  both portctl exec --fd 4="${ids[0]}" -- bash -c 'cat <&4; echo hello >&4'
  exits 1
  [ "$output" = f0 ]
}

# A server as socket activation wants it, in Python: it checks all that sd_listen_fds(3) checks.
SERVER='
import os, socket, sys
assert int(os.environ["LISTEN_PID"]) == os.getpid(), "LISTEN_PID"
names = os.environ["LISTEN_FDNAMES"].split(":")
assert len(names) == int(os.environ["LISTEN_FDS"]), "LISTEN_FDS"
for number, name in enumerate(names, 3):
    with socket.socket(fileno=number) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1, "no listener"
        connection, _ = listener.accept()
        connection.sendall(f"{name}\n".encode())
        connection.close()
'

# Listens at a socket file, wraps the listener and closes its own; prints the input port. Arguments: file, name, and
# whether accept is to block.
wrap_listener() {
  python3 -c '
import os, socket, subprocess, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
listener.setblocking(len(sys.argv) < 4)
print(subprocess.run([os.environ["PORTCTL_BIN"], "wrap", "socket", str(listener.fileno()), "--name", sys.argv[2]],
                     pass_fds=[listener.fileno()], capture_output=True, text=True, check=True).stdout.split()[0])' "$@"
}

connect() {
  python3 -c '
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
print(client.makefile().read(), end="")' "$1"
}

@test "socket activation: a server that knows it runs unmodified, twice, and no connection is lost between" {
  web=$(wrap_listener "$BATS_TEST_TMPDIR/web" web)
  for round in 1 2; do
    connect "$BATS_TEST_TMPDIR/web" >"$BATS_TEST_TMPDIR/said" 3>&- &
    client=$!
    portctl exec --listen-fds "$web" -- python3 -c "$SERVER"
    wait "$client"
    [ "$(cat "$BATS_TEST_TMPDIR/said")" = web ] || { echo "round $round"; false; }
  done
}

@test "socket activation: several, in order, with safe names; other options make way" {
  wrap_files 1
  first=$(wrap_listener "$BATS_TEST_TMPDIR/one" "a:b c
ü~")
  second=$(wrap_listener "$BATS_TEST_TMPDIR/two" "")
  third=$(wrap_listener "$BATS_TEST_TMPDIR/three" "$(printf 'x%.0s' {1..255})")
  # shellcheck disable=SC2016
  both portctl exec --fd "${ids[0]}" --listen-fds "$second,$first" --listen-fds "$third" -- \
    bash -c 'echo "$LISTEN_FDS $((LISTEN_PID == $$)) $LISTEN_FDNAMES"; cat <&6'
  exits 0
  [ "${lines[0]}" = "3 1 unknown:a_b c___~:$(printf 'x%.0s' {1..255})" ]
  [ "${lines[1]}" = f0 ]
  LISTEN_PIDFDID=1 both portctl exec --listen-fds "$first" -- env
  grep -q '^LISTEN_FDS=1$' <<<"$output"
  run ! grep '^LISTEN_PIDFDID=1$' <<<"$output"
}

@test "socket activation: the process's own number too, where processes have one" {
  port=$(wrap_listener "$BATS_TEST_TMPDIR/web" web)
  # Where pidfds have no file system of their own all have the same inode.
  [ "$(LISTEN_PIDFDID=1 portctl exec --listen-fds "$port" -- python3 -c '
import os
own, other = (str(os.stat(os.pidfd_open(pid)).st_ino) for pid in (os.getpid(), os.getppid()))
print(os.environ.get("LISTEN_PIDFDID") == (own if own != other else None))')" = True ]
}

# The variables that tell a program of listeners.
TOLD='import os
print(*sorted(f"{k}={v}" for k, v in os.environ.items() if k == "NGINX" or k.startswith("LISTEN_") or k.startswith("FD_")))'

@test "presets: nginx has a list of numbers, HAProxy a variable for each; nothing of socket activation" {
  web=$(wrap_listener "$BATS_TEST_TMPDIR/one" "web")
  other=$(wrap_listener "$BATS_TEST_TMPDIR/two" "a:b-9")
  export LISTEN_FDS=1 LISTEN_FDNAMES=old LISTEN_PIDFDID=1 LISTEN_PID=$$ NGINX=9
  [ "$(portctl exec --listen-fds "$web,$other" --preset nginx --fd "$web" -- python3 -c "$TOLD")" = "NGINX=3;4;" ]
  unset NGINX
  [ "$(portctl exec --preset haproxy --listen-fds "$other" --listen-fds "$web" -- python3 -c "$TOLD")" = "FD_A_B_9=3 FD_WEB=4" ]
  # Each is the listener of its name.
  [ "$(portctl exec --preset haproxy --listen-fds "$other,$web" -- python3 -c '
import os, socket
print(*(os.path.basename(socket.socket(fileno=int(os.environ[name])).getsockname()) for name in ("FD_WEB", "FD_A_B_9")))')" = "one two" ]
}

@test "presets that cannot be" {
  web=$(wrap_listener "$BATS_TEST_TMPDIR/one" web)
  alike=$(wrap_listener "$BATS_TEST_TMPDIR/two" WEB)
  unnamed=$(wrap_listener "$BATS_TEST_TMPDIR/three" "")
  refuses exec --listen-fds "$web" --preset apache -- true
  has "$message" nginx
  refuses exec --fd "$web" --preset nginx -- true
  has "$message" --listen-fds
  refuses exec --listen-fds "$web,$alike" --preset haproxy -- true
  has "$message" FD_WEB
  refuses exec --listen-fds "$web,$web" --preset haproxy -- true
  refuses exec --listen-fds "$unnamed" --preset haproxy -- true
  has "$message" "without a name"
  [ "$(portctl exec --listen-fds "$web,$alike,$unnamed" --preset nginx -- python3 -c "$TOLD")" = "NGINX=3;4;5;" ]
}

@test "socket activation: a second broker at a listener that the first one holds" {
  port=$(wrap_listener "$BATS_TEST_TMPDIR/second.sock" portd nonblocking)
  mkfifo "$BATS_TEST_TMPDIR/ready"
  "$PORTCTL_BIN" exec --listen-fds "$port" -- "$PORTD_BIN" --notify-fd 9 9>"$BATS_TEST_TMPDIR/ready" \
    2>"$BATS_TEST_TMPDIR/second.log" 3>&- 5>&- &
  second=$!
  read -r _ <"$BATS_TEST_TMPDIR/ready" || { cat "$BATS_TEST_TMPDIR/second.log"; false; }
  pid=$(portctl --address "unix:$BATS_TEST_TMPDIR/second.sock" status --owner $$ -j | jq .pid)
  kill "$second"
  wait "$second" || true
  [ "$pid" -eq "$second" ]
}

@test "portctl called by the program is in the same session, whatever leads its process group" {
  unset PORTD_SESSION
  # The job of a shell with job control leads a group of its own: without PORTD_SESSION the program would be the owner.
  # shellcheck disable=SC2016
  script='"$PORTCTL_BIN" status -j; "$PORTCTL_BIN" exec -- bash -c "(\"\$PORTCTL_BIN\" status -j)"'
  both setsid -w bash -c "set -m; { $script; } >\"\$BATS_TEST_TMPDIR/said\" & wait" 3>&- 5>&-
  [ "$(jq -s '.[0].session == .[1].session' "$BATS_TEST_TMPDIR/said")" = true ]
  [ "$(jq -rs '.[1].session_rule' "$BATS_TEST_TMPDIR/said")" = environment ]
  # The session that --owner names is the one that the program finds.
  joined=$(portctl status --owner $$ -j | jq .session)
  [ "$(portctl exec --owner $$ -- "$PORTCTL_BIN" status -j | jq .session)" = "$joined" ]
}

@test "portctl called by the program finds the broker that the command line named" {
  address=$PORTD_ADDRESS
  unset PORTD_ADDRESS
  [ "$(portctl --address "$address" exec -- "$PORTCTL_BIN" status -j | jq -r .address)" = "$address" ]
}

@test "125, 126, 127, and the code of the program" {
  both portctl exec -- bash -c 'exit 42'
  exits 42
  both portctl exec -- "$BATS_TEST_TMPDIR"
  exits 126
  [ -n "$error" ]
  echo 'echo script' >"$BATS_TEST_TMPDIR/script"
  both portctl exec -- "$BATS_TEST_TMPDIR/script"
  exits 126
  chmod +x "$BATS_TEST_TMPDIR/script"
  [ "$(portctl exec -- "$BATS_TEST_TMPDIR/script")" = script ]
  not_found portctl exec -- no-such-program-anywhere
  has "$error" "no-such-program-anywhere"
  not_found portctl -j exec -- no-such-program-anywhere
  [ "$(jq -c '.error | [.code, .exit]' <<<"$error")" = '["no_program",127]' ]
  id=$(portctl wrap fd 5 --mode read)
  both portctl exec --fd 2147483647="$id" -- true
  exits 125
  has "$error" "2147483647"
}

@test "what fails at the broker: the program does not run" {
  both portctl exec --fd 3=18 -- touch "$BATS_TEST_TMPDIR/ran"
  exits 5
  id=$(portctl wrap fd 5 --mode read)
  portctl close "$id"
  both portctl exec --fd 3="$id" -- touch "$BATS_TEST_TMPDIR/ran"
  exits 5
  both portctl exec --address "unix:$BATS_TEST_TMPDIR/nobody" -- touch "$BATS_TEST_TMPDIR/ran"
  exits 3
  [ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "ids of what is no port: refused, and what to do" {
  for call in "semaphore fd 5 --mode read" "evt fd 5 --mode read"; do
    read -ra words <<<"$call"
    id=$(portctl "${words[@]}")
    refuses exec --fd 3="$id" -- true
    has "$message" "${words[0]}"
    has "$message" "portctl wait"
  done
  refuses exec --stdin "$(portctl list descriptors -j | jq '.[0].id')" -- true
  has "$message" "portctl list ports"
  refuses exec --listen-fds "$(portctl session list -j | jq '.[0].id')" -- true
}

@test "a command line that is none" {
  id=$(portctl wrap fd 5 --mode read)
  refuses exec
  refuses exec --
  refuses exec true
  has "$message" "--"
  refuses exec true -- true
  refuses exec --fd 3="$id"
  refuses exec --fd ="$id" -- true
  refuses exec --fd 3= -- true
  refuses exec --fd 3=0 -- true
  refuses exec --fd 2147483648="$id" -- true
  refuses exec --fd 3="$id" --fd 3="$id" -- true
  has "$message" "assigned twice"
  refuses exec --fd 3="$id" --listen-fds "$id" -- true
  refuses exec --fd 0="$id" --stdin "$id" -- true
  refuses exec --listen-fds "$id," -- true
  refuses exec --stdin "$id" --stdin "$id" -- true
  refuses exec --count 3 -- true
}

@test "options behind -- are the program's" {
  [ "$(portctl exec -- echo --json -h --help --fd)" = "--json -h --help --fd" ]
  [ "$(portctl exec -- echo -- --)" = "-- --" ]
}
