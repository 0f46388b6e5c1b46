# portctl put, get, take, drop, renew and list holds, and held descriptors by their names in other verbs.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# What is held, in one line: "a=pipe b=regular".
held() { portctl list holds --columns=name,type -j | jq -r 'map("\(.name)=\(.type)") | join(" ")'; }

id_of() { portctl list holds -j | jq -r --arg name "$1" '.[] | select(.name == $name) | .id'; }

# Waits until a session has an object of what is held under that name.
until_watched() {
  local i
  for ((i = 0; i < 2000; i++)); do
    [ "$(portctl list holds -j | jq --arg name "$1" '.[] | select(.name == $name) | .copies')" -gt 0 ] && return
    kill -0 "$BROKER_PID" || return
  done
  echo "nobody watches $1"
  return 1
}

# Listens at a socket file, has the listener held as "web", and is gone.
put_listener() {
  python3 -c '
import os, socket, subprocess, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
subprocess.run([os.environ["PORTCTL_BIN"], "put", "web", "socket", str(listener.fileno())],
               pass_fds=[listener.fileno()], stdout=subprocess.DEVNULL, check=True)' "$1"
}

# A server that knows socket activation: says its name to one client.
SERVER='
import os, socket
assert int(os.environ["LISTEN_PID"]) == os.getpid() and os.environ["LISTEN_FDS"] == "1"
with socket.socket(fileno=3) as listener:
    connection, _ = listener.accept()
    connection.sendall((os.environ["LISTEN_FDNAMES"] + "\n").encode())
    connection.close()
'

connect() {
  python3 -c '
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
print(client.makefile().read(), end="")' "$1"
}

@test "a listener survives its program: the next one accepts, twice, by exec and by get" {
  put_listener "$BATS_TEST_TMPDIR/web"
  for call in "exec --listen-fds web" "get web --listen" "exec --fd 7=web --listen-fds hold:web" "take web --listen"; do
    read -ra words <<<"$call"
    connect "$BATS_TEST_TMPDIR/web" >"$BATS_TEST_TMPDIR/said" 3>&- &
    client=$!
    portctl "${words[@]}" -- python3 -c "$SERVER"
    wait "$client"
    [ "$(cat "$BATS_TEST_TMPDIR/said")" = web ] || { echo "$call"; false; }
  done
  [ -z "$(held)" ]
  # Nobody has it any more.
  run ! connect "$BATS_TEST_TMPDIR/web"
}

@test "put prints the id of each; the list shows them" {
  both portctl put log fd 5 hold:12 socket 5
  exits 0
  [ -z "$error" ]
  [ "${#lines[@]}" -eq 2 ]
  [ "${lines[0]}" -ne "${lines[1]}" ]
  [ "$(portctl list holds -j | jq -c '[.[] | [.name, .id, .type, .owner, .ttl_us, .process, .copies, .put_by]]')" = \
    "[[\"log\",${lines[0]},\"pipe\",\"$(id -u)\",null,null,0,\"$(id -u)\"],[\"12\",${lines[1]},\"pipe\",\"$(id -u)\",null,null,0,\"$(id -u)\"]]" ]
  [ "$(portctl list holds --columns=name,id --no-legend)" = "log  ${lines[0]}
12   ${lines[1]}" ]
  portctl list holds | head -n 1 | grep -q '^NAME '
  [ "$(portctl put web fd 5 -j | jq -c 'del(.put[0].id)')" = '{"schema":1,"put":[{"name":"web"}]}' ]
  [ "$(portctl drop web hold:12 -j)" = '{"schema":1,"dropped":["web","12"]}' ]
  [ "$(portctl renew log --ttl 1h -j)" = '{"schema":1,"renewed":["log"]}' ]
  [ "$(held)" = "log=pipe" ]
  both portctl drop log
  exits 0
  [ -z "$output$error" ]
}

@test "a name that is taken: 1, its id, and nothing is put" {
  id=$(portctl put a fd 5)
  both portctl put b fd 5 a fd 5
  exits 1
  [ -z "$output" ]
  has "$error" "$id"
  has "$error" "--expects"
  [ "$(held)" = "a=pipe" ]
  both portctl -j put a fd 5
  exits 1
  [ "$(jq -c '.error | [.code, .exit]' <<<"$error")" = '["exists",1]' ]
  [ "$(id_of a)" = "$id" ]
}

@test "compare and swap: who expects what is held replaces it, who does not changes nothing" {
  echo file >"$BATS_TEST_TMPDIR/file"
  first=$(portctl put a fd 5)
  second=$(portctl put a fd 7 --expects "$first" 7<"$BATS_TEST_TMPDIR/file")
  [ "$(held)" = "a=regular" ]
  both portctl put a fd 5 --expects "$first"
  exits 1
  has "$error" "$second"
  both portctl put a fd 5 --expects 0
  exits 1
  both portctl put b fd 5 --expects "$first"
  exits 5
  portctl put b fd 5 --expects 0
  both portctl put a fd 5 b fd 5 --expects "$second,$second"
  exits 1
  [ "$(held)" = "a=regular b=pipe" ]
  for call in "get a -- true" "take a -- true" "drop a"; do
    read -ra words <<<"${call/ a/ a --expects $first}"
    both portctl "${words[@]}"
    exits 1
    has "$error" "$second"
  done
  [ "$(id_of a)" = "$second" ]
  [ "$(portctl get a --expects "$second" --fd 0 -- cat)" = file ]
  portctl drop a b --expects "$second,$(id_of b)"
  [ -z "$(held)" ]
}

@test "several: all or none" {
  portctl put a fd 5 b fd 5
  both portctl drop a nothing b
  exits 5
  has "$error" "nothing"
  both portctl renew a nothing --ttl 1h
  exits 5
  both portctl take a nothing -- touch "$BATS_TEST_TMPDIR/ran"
  exits 5
  both portctl get nothing a -- touch "$BATS_TEST_TMPDIR/ran"
  exits 5
  [ ! -e "$BATS_TEST_TMPDIR/ran" ]
  [ "$(held)" = "a=pipe b=pipe" ]
  [ "$(portctl list holds -j | jq -c '[.[].ttl_us]')" = "[null,null]" ]
  many=()
  for ((i = 0; i < 252; i++)); do many+=("n$i" fd 5); done
  [ "$(portctl put "${many[@]}" | wc -l)" -eq 252 ]
  [ "$(portctl get n{0..251} -- bash -c 'echo /proc/self/fd/{3..254} | xargs ls -d | wc -l')" -eq 252 ]
}

# What a program has from 3 on: "3=a 4=b", without those that portctl has inherited.
SHOW='
import os
print(*(f"{number}={os.path.basename(os.readlink(f'"'/proc/self/fd/{number}'"'))}" for number in map(int, sorted(os.listdir("/proc/self/fd"), key=int))
        if number > 2 and os.path.lexists(f"/proc/self/fd/{number}")))'

shown() {
  python3 -c '
import os, sys
os.closerange(3, 1024)
os.execv(sys.argv[1], sys.argv[1:])' "$PORTCTL_BIN" "$@" -- python3 -c "$SHOW"
}

@test "get: the numbers, and nothing else of portctl's" {
  for name in a b c; do
    echo "$name" >"$BATS_TEST_TMPDIR/$name"
    portctl put "$name" fd 7 7<"$BATS_TEST_TMPDIR/$name"
  done
  [ "$(shown get a b c)" = "3=a 4=b 5=c" ]
  [ "$(shown get a b c --fd 5 --fd 4 --fd 3)" = "3=c 4=b 5=a" ]
  [ "$(shown get a b c --fd 4)" = "3=b 4=a 5=c" ]
  [ "$(shown exec --fd 4=a --fd b --fd 3=c)" = "3=c 4=a 5=b" ]
  [ "$(shown exec --fd a --fd a)" = "3=a 4=a" ]
  [ "$(shown take c)" = "3=c" ]
  [ "$(held)" = "a=regular b=regular" ]
  portctl put out fd 7 7>"$BATS_TEST_TMPDIR/out"
  portctl exec --stdin a --stdout out -- cat
  [ "$(cat "$BATS_TEST_TMPDIR/out")" = a ]
}

@test "names and ports together; LISTEN_FDNAMES has both, in order" {
  port=$(portctl wrap fd 5 --mode read --name port)
  portctl put "a b~" fd 5 4=x fd 5 a,b fd 5 -- hold:-x fd 5
  # shellcheck disable=SC2016
  show='echo "$LISTEN_FDS $((LISTEN_PID == $$)) $LISTEN_FDNAMES"'
  [ "$(portctl exec --listen-fds "a b~,$port,4=x" -- bash -c "$show")" = "3 1 a b~:port:4=x" ]
  [ "$(portctl get a,b hold:-x --listen -- bash -c "$show")" = "2 1 a,b:-x" ]
  [ "$(portctl exec --fd 9=hold:4=x -- bash -c '[ -e /proc/$$/fd/9 ] && echo yes')" = yes ]
}

@test "a name that LISTEN_FDNAMES cannot have is refused, and nothing is taken" {
  for name in a:b ü $'a\nb' $'a\x7f'; do
    portctl put "$name" fd 5
    for call in exec get take; do
      words=("$call" "$name" --listen -- true)
      [ "$call" != exec ] || words=(exec --listen-fds "$name" -- true)
      refuses "${words[@]}"
      has "$message" LISTEN_FDNAMES
    done
    # Where names are not told they may be any.
    portctl exec --fd 3="hold:$name" -- true
    portctl exec --listen-fds "hold:$name" --preset nginx -- true
    portctl drop "$name"
  done
}

# What Python finds of the listener that is held under a name: it gets a connection, and who made it.
LISTENER='
import fcntl, os, socket, sys
listener = socket.socket(fileno=3)
assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
assert fcntl.fcntl(3, fcntl.F_GETFL) & os.O_NONBLOCK == 0
at = listener.getsockname()
clients = []
for _ in range(200):
    clients.append(socket.socket(listener.family))
    clients[-1].connect(at)
for _ in clients:
    listener.accept()
if listener.family != socket.AF_UNIX:
    assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
print(at[0] if isinstance(at, tuple) else at if isinstance(at, str) else at.decode().replace("\0", "@"))'

# A TCP port where nobody listens.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

@test "put makes listeners: TCP, a socket file, an abstract name" {
  port=$(free_port)
  both portctl put four listen "127.0.0.1:$port" file listen "unix:$BATS_TEST_TMPDIR/made" abstract listen "unix:@portd-$$-$port" pipe fd 5
  exits 0
  [ "${#lines[@]}" -eq 4 ]
  [ "$(portctl get four -- python3 -c "$LISTENER")" = 127.0.0.1 ]
  [ "$(portctl get file -- python3 -c "$LISTENER")" = "$BATS_TEST_TMPDIR/made" ]
  [ "$(portctl get abstract -- python3 -c "$LISTENER")" = "@portd-$$-$port" ]
  if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
    portctl put six listen "[::1]:$port"
    [ "$(portctl get six -- python3 -c "$LISTENER")" = ::1 ]
  fi
  # Nobody but the broker has it: the port is free when it is dropped, and can be had again.
  portctl drop four
  portctl put four listen "127.0.0.1:$port"
  [ "$(portctl put new listen "unix:$BATS_TEST_TMPDIR/new" -j | jq -c 'del(.put[0].id)')" = '{"schema":1,"put":[{"name":"new"}]}' ]
}

@test "a listener that cannot be made, or not be held, leaves nothing" {
  port=$(free_port)
  portctl put web listen "127.0.0.1:$port"
  both portctl put other listen "127.0.0.1:$port"
  exits 125
  has "$error" "127.0.0.1:$port"
  has "$error" "portctl list holds"
  both portctl -j put first listen "unix:$BATS_TEST_TMPDIR/first" other listen "127.0.0.1:$port"
  exits 125
  [ "$(jq -r .error.code <<<"$error")" = system ]
  [ ! -e "$BATS_TEST_TMPDIR/first" ]
  both portctl put web listen "unix:$BATS_TEST_TMPDIR/second"
  exits 1
  [ ! -e "$BATS_TEST_TMPDIR/second" ]
  touch "$BATS_TEST_TMPDIR/file"
  both portctl put other listen "unix:$BATS_TEST_TMPDIR/file"
  exits 125
  [ -f "$BATS_TEST_TMPDIR/file" ]
  both portctl put other listen "unix:$BATS_TEST_TMPDIR/no/folder"
  exits 125
  both portctl --address "unix:$BATS_TEST_TMPDIR/nobody" put other listen "unix:$BATS_TEST_TMPDIR/third"
  exits 3
  [ ! -e "$BATS_TEST_TMPDIR/third" ]
  [ "$(held)" = "web=$(portctl list holds -j | jq -r '.[0].type')" ]
  for address in 80 :80 localhost:80 127.0.0.1 127.0.0.1: 127.0.0.1:0 127.0.0.1:65536 127.0.0.1:1x ::1:80 '[::1]' '[::1:80' '[127.0.0.1]:80' '[]:80' \
    unix: unix:@ "unix:$(printf 'x%.0s' {1..108})"; do
    refuses put other listen "$address"
    has "$message" "listen $address"
  done
  refuses put other listen
}

@test "take: a program that is not there, or may not be run, takes nothing" {
  portctl put a fd 5
  run -127 portctl take a -- no-such-program-anywhere
  run -127 portctl take a -- ./no-such-program
  run -126 portctl take a -- "$BATS_TEST_TMPDIR"
  echo true >"$BATS_TEST_TMPDIR/script"
  run -126 portctl take a -- "$BATS_TEST_TMPDIR/script"
  [ "$(held)" = "a=pipe" ]
  run -127 portctl get a -- no-such-program-anywhere
  both portctl take a -- bash -c 'exit 42'
  exits 42
  both portctl take a -- true
  exits 5
  [ -z "$(held)" ]
}

@test "take: of several one alone runs its program" {
  portctl put a fd 5
  for ((i = 0; i < 8; i++)); do
    portctl take a -- bash -c "echo ran >>'$BATS_TEST_TMPDIR/ran'" 2>>"$BATS_TEST_TMPDIR/errors" 3>&- &
  done
  for job in $(jobs -p); do
    [ "$job" = "$BROKER_PID" ] || wait "$job" || true
  done
  [ "$(wc -l <"$BATS_TEST_TMPDIR/ran")" -eq 1 ]
  [ "$(grep -c 'nothing is held as "a"' "$BATS_TEST_TMPDIR/errors")" -eq 7 ]
}

@test "a time to live: it is dropped, and a wait for it ends with 9" {
  portctl put a fd 5 b fd 5 --ttl 1h
  portctl renew b --forever
  portctl wait a >"$BATS_TEST_TMPDIR/said" 3>&- 5>&- &
  waiting=$!
  until_watched a
  portctl renew a --ttl 10ms
  ends "$waiting"
  [ "$(cat "$BATS_TEST_TMPDIR/said")" = "a expired" ]
  [ "$(held)" = "b=pipe" ]
  portctl put a fd 5 --ttl 10ms
  both portctl wait a --allow-missing
  exits 9
  [ "$(portctl list holds -j | jq '.[0].ttl_us')" = null ]
  portctl renew b --ttl 1h
  [ "$(portctl list holds -j | jq '.[0].ttl_us > 3500000000')" = true ]
}

@test "a process: it is dropped when that ends" {
  sleep infinity 3>&- 5>&- &
  process=$!
  portctl put a fd 5 b fd 5 --process "$process"
  [ "$(portctl list holds -j | jq -c '[.[].process]')" = "[$process,$process]" ]
  portctl renew b --process "$BROKER_PID" --ttl 1d
  portctl wait hold:a >"$BATS_TEST_TMPDIR/said" 3>&- 5>&- &
  waiting=$!
  until_watched a
  kill "$process"
  wait "$process" || true
  ends "$waiting"
  [ "$(cat "$BATS_TEST_TMPDIR/said")" = "hold:a expired" ]
  [ "$(held)" = "b=pipe" ]
}

@test "a hang-up: it is dropped then, and not before; what tells of none is refused" {
  mkfifo "$BATS_TEST_TMPDIR/line"
  exec 6<>"$BATS_TEST_TMPDIR/line" 7<"$BATS_TEST_TMPDIR/line" 8>"$BATS_TEST_TMPDIR/line"
  exec 6>&-
  portctl put a fd 7 b fd 7 --hang-up
  [ "$(portctl list holds -j | jq -c '[.[].hang_up]')" = "[true,true]" ]
  portctl renew b --forever
  [ "$(portctl list holds -j | jq -c '[.[].hang_up]')" = "[true,false]" ]
  [ "$(portctl list holds --columns=name,hang_up --no-legend)" = "a  yes
b  no" ]
  echo bytes >&8
  [ "$(held)" = "a=pipe b=pipe" ]
  exec 8>&-
  for ((i = 0; i < 500; i++)); do
    [ "$(held)" = "a=pipe b=pipe" ] || break
    sleep 0.01
  done
  [ "$(held)" = "b=pipe" ]
  portctl renew b --hang-up --ttl 1h # it has hung up already
  for ((i = 0; i < 500; i++)); do
    [ -n "$(held)" ] || break
    sleep 0.01
  done
  [ -z "$(held)" ]
  exec 7<&- 7</dev/null
  both portctl put c fd 7 --hang-up
  exits 8
  has "$error" "character"
  [ -z "$(held)" ]
  both portctl renew c --forever --hang-up
  exits 2
}

@test "drop, take and replacing wake those who wait by name; a wait by name and id together" {
  semaphore=$(portctl semaphore fd 5 --mode read)
  for how in "drop a:removed" "take a -- true:removed" "put a fd 7 --expects:replaced"; do
    id=$(portctl put a fd 5)
    evt=$(portctl evt hold a --mode read)
    portctl wait a "$semaphore" >"$BATS_TEST_TMPDIR/said" 3>&- 5>&- &
    waiting=$!
    until_waited_for "$evt"
    read -ra words <<<"${how%:*}"
    [ "${words[0]}" != put ] || words+=("$id")
    portctl "${words[@]}" 7</dev/null >"$BATS_TEST_TMPDIR/put"
    ends "$waiting"
    [ "$(cat "$BATS_TEST_TMPDIR/said")" = "a ${how##*:}" ]
    # The event of the session that was waited for is gone with what was held.
    both portctl show "$evt"
    exits 5
  done
}

@test "wait by name: ready, mode, and what it leaves behind" {
  portctl put a fd 5
  both portctl wait a --timeout 0
  exits 124
  [ "$(portctl wait a --mode write)" = "a ready" ]
  [ "$(portctl wait a fd:5 --mode write --all --columns=target,mode --no-legend)" = "a write
fd:5 write" ]
  echo x >&5
  [ "$(portctl wait hold:a -j)" = '[{"target":"hold:a","mode":"read","cause":"ready"}]' ]
  [ "$(portctl list holds -j | jq '.[0].copies')" -eq 0 ]
  [ "$(portctl list -j)" = "[]" ]
  both portctl wait nothing
  exits 5
  has "$error" "portctl list holds"
  [ "$(portctl wait a nothing --allow-missing --count 2 --columns=cause)" = "ready
missing" ] || [ "$?" -eq 9 ]
  portctl put dev fd 7 7</dev/null
  portctl wait dev
}

@test "a second wait by name in one session is not ended by the end of the first" {
  semaphore=$(portctl semaphore fd 5 --mode read)
  portctl put a fd 5
  evt=$(portctl evt hold a --mode read)
  portctl wait a "$semaphore" >"$BATS_TEST_TMPDIR/said" 3>&- 5>&- &
  waiting=$!
  until_waited_for "$evt"
  both portctl wait a "$semaphore" --timeout 0
  exits 124
  echo x >&5
  wait "$waiting"
  has "$(cat "$BATS_TEST_TMPDIR/said")" ready
}

@test "semaphores, events and ports of what is held" {
  portctl put a fd 5
  semaphore=$(portctl semaphore hold a --mode read)
  [ "$(portctl semaphore hold hold:a --mode check-read)" = "$semaphore" ]
  [ "$(portctl semaphore hold a --mode check-read -j | jq -c .)" = "{\"schema\":1,\"id\":$semaphore,\"hold\":\"a\",\"unsupported\":false}" ]
  both portctl evt hold a --mode check-read
  exits 1
  evt=$(portctl evt hold a --mode write)
  mapfile -t ports < <(portctl wrap hold a --mode read,write)
  [ "$(portctl list semaphores evts ports -j | jq -c '[.[] | [.id, .number, .hold, .hold_owner]]')" = \
    "[[$semaphore,null,\"a\",\"$(id -u)\"],[$evt,null,\"a\",\"$(id -u)\"],[${ports[0]},null,\"a\",\"$(id -u)\"],[${ports[1]},null,\"a\",\"$(id -u)\"]]" ]
  [ "$(portctl list ports -j | jq -r '.[0].name')" = a ]
  both portctl fd "${ports[0]}"
  exits 1
  both portctl fd "${ports[0]}" --owner "$BROKER_PID"
  exits 1
  [ -z "$output" ]
  [ "$(portctl semaphore hold a --mode remove -j | jq .found)" = true ]
  [ "$(portctl semaphore hold a --mode remove -j | jq .found)" = false ]
  portctl drop a
  both portctl wait "$evt"
  exits 9
  has "$output" removed
  both portctl cat "${ports[0]}"
  exits 5
  for call in "semaphore hold a --mode read" "evt hold a --mode check-read" "wrap hold a --mode read"; do
    read -ra words <<<"$call"
    both portctl "${words[@]}"
    exits 5
    has "$error" 'nothing is held as "a"'
  done
}

@test "cat, write and relay by name, with a copy and through the broker" {
  for how in "" --through-broker; do
    portctl put in fd 7 7< <(echo hello)
    [ "$(portctl cat in ${how:+"$how"})" = hello ]
    portctl put out fd 7 7>"$BATS_TEST_TMPDIR/out"
    echo there | portctl write hold:out ${how:+"$how"}
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = there ]
    with_sockets bash -c '"$PORTCTL_BIN" put pair socket 5 >/dev/null; exec 5>&-; cat <&6 >"$BATS_TEST_TMPDIR/got" & echo back >&6
      echo forth | "$PORTCTL_BIN" relay pair --shutdown '"$how"' --timeout 5s; "$PORTCTL_BIN" drop pair; wait' >"$BATS_TEST_TMPDIR/relayed" 2>"$BATS_TEST_TMPDIR/error" || true
    has "$(cat "$BATS_TEST_TMPDIR/relayed")" back
    has "$(cat "$BATS_TEST_TMPDIR/got")" forth
    portctl drop in out
    both portctl cat in
    exits 5
  done
  [ "$(portctl list ports -j)" = "[]" ]
}

@test "end of file comes when the last copy is dropped" {
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  exec 7<>"$BATS_TEST_TMPDIR/pipe"
  exec 8<"$BATS_TEST_TMPDIR/pipe" 9>"$BATS_TEST_TMPDIR/pipe" 7>&-
  portctl put writer fd 9
  exec 9>&-
  both portctl wait fd:8 --timeout 0
  exits 124
  portctl drop writer
  [ "$(portctl wait fd:8)" = "fd:8 hang-up" ]
}

@test "what another user has is another user's" {
  need_other_user
  serve_everybody
  portctl put a fd 5
  both as_other put a fd 0 </dev/null
  exits 0
  [ "$(as_other list holds -j | jq -c '[.[] | [.name, .owner]]')" = '[["a","1000"]]' ]
  [ "$(held)" = "a=pipe" ]
  for call in "get a --of root -- true" "take a --of 0 -- true" "drop a --of root" "renew a --of root --forever" "put b fd 0 --of root" \
    "wait a --of root" "cat a --of 0" "exec --fd a --of root -- true" "semaphore hold a --of root --mode check-read" "list holds --of root"; do
    read -ra words <<<"$call"
    both as_other "${words[@]}" </dev/null
    exits 4
    has "$error" "lacks the right" || { echo "$call"; false; }
  done
  [ "$(held)" = "a=pipe" ]
  [ "$(portctl list holds --of 1000 -j | jq -r '.[].owner')" = 1000 ]
}

@test "as many as a user may have: 6" {
  stop_broker
  unset PORTD_SESSION
  printf 'quota {\n  descriptors = 8\n}\n' >"$BATS_TEST_TMPDIR/conf"
  start_broker --config "$BATS_TEST_TMPDIR/conf"
  portctl put a fd 5 b fd 5
  both portctl put c fd 5 d fd 5 e fd 5 f fd 5 g fd 5 h fd 5 i fd 5
  exits 6
  has "$error" "descriptors"
  [ "$(held)" = "a=pipe b=pipe" ]
}

@test "a broker that holds nothing says so: 8" {
  fake_broker none
  failed=0
  for call in "put a fd 5" "get a -- true" "take a -- true" "drop a" "renew a --forever" "list holds" "wait a" "cat a" "write a" "relay a" \
    "exec --fd a -- true" "semaphore hold a --mode read" "evt hold a --mode check-read" "wrap hold a --mode read"; do
    read -ra words <<<"$call"
    both portctl --address "unix:$BATS_TEST_TMPDIR/fake.sock" "${words[@]}" --timeout 5s </dev/null
    [ "$status" -eq 8 ] && has "$error" '"hold"' || { echo "$call: $status $error"; failed=1; }
  done
  end_fake
  [ "$failed" -eq 0 ]
}

@test "a name that another has chosen cannot control the terminal" {
  portctl put $'a\x1b[2J\nb' fd 5
  for call in "list holds" "completion candidates -- drop"; do
    read -ra words <<<"$call"
    both portctl "${words[@]}"
    exits 0
    run ! grep -P '\x1b' <<<"$output"
  done
  [ "$(portctl list holds -j | jq -r '.[0].name')" = $'a\x1b[2J\nb' ]
  both portctl put $'\xff' fd 5
  exits 2
}

@test "completion of names, and of ids for --expects" {
  portctl put web fd 5 hold:77 fd 5 hold:fd:3 fd 5
  [ "$(portctl completion candidates -- drop '' | cut -f 1 | tr '\n' ' ')" = "web hold:77 hold:fd:3 " ]
  [ "$(portctl completion candidates -- exec --fd 4=w | cut -f 1)" = "4=web" ]
  [ "$(portctl completion candidates -- wait w | cut -f 1)" = web ]
  [ "$(portctl completion candidates -- put new l | cut -f 1)" = listen ]
  [ "$(portctl completion candidates -- exec --preset '' | cut -f 1 | tr '\n' ' ')" = "nginx haproxy " ]
  [ "$(portctl completion candidates -- semaphore hold w | cut -f 1)" = web ]
  [ "$(portctl completion candidates -- put web fd 5 --expects '' | cut -f 1 | sort)" = "$(portctl list holds -j | jq -r '.[].id' | sort)" ]
}

@test "no descriptor is left in the broker" {
  count() { find "/proc/$BROKER_PID/fd" -mindepth 1 | wc -l; }
  portctl list holds >/dev/null
  before=$(count)
  portctl put a fd 5 b fd 5
  portctl evt hold a --mode read
  portctl wait a b --mode write
  portctl get a b -- true
  portctl take a -- true
  portctl drop b
  portctl list holds
  [ "$(count)" -eq "$before" ] || [ "$(count)" -eq $((before - 1)) ]
}
