# portctl show NAME, list holds --look and repair: what is told of what is held, and what other programs have done to it.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# Holds a listener at a port of the system's choice as "web"; prints the port.
put_listener() {
  python3 -c '
import os, socket, subprocess
listener = socket.create_server(("127.0.0.1", 0))
subprocess.run([os.environ["PORTCTL_BIN"], "put", "web", "socket", str(listener.fileno())],
               pass_fds=[listener.fileno()], stdout=subprocess.DEVNULL, check=True)
print(listener.getsockname()[1])'
}

# Another program gets a copy, and does that to it.
elsewhere() { # NAME PYTHON
  portctl get "$1" -- python3 -c "
import fcntl, os, socket
$2"
}

shut() { elsewhere "$1" 'socket.socket(fileno=3).shutdown(socket.SHUT_RDWR)'; }
flip() { elsewhere "$1" 'fcntl.fcntl(3, fcntl.F_SETFL, fcntl.fcntl(3, fcntl.F_GETFL) ^ os.O_NONBLOCK)'; }

of() { portctl show "$1" -j | jq -c ".[0] | $2"; }

@test "a listener: text and JSON, alone and in the list" {
  port=$(put_listener)
  both portctl show web
  exits 0
  [ -z "$error" ]
  has "$output" "127.0.0.1:$port"
  grep -Eqx 'poison +-' <<<"$output"
  grep -Eqx 'accepting +yes' <<<"$output"
  grep -Eqx 'flags at put +read,write' <<<"$output"
  [ "$(of web '[.name, .type, .poison, .local, .peer, .path, .flags, .accepting, .accepting_at_put, .accept_queue, .offset, .receivers, .watchers]')" = \
    "[\"web\",\"tcp-listener\",[],{\"family\":\"inet\",\"host\":\"127.0.0.1\",\"port\":$port},null,null,[\"read\",\"write\"],true,true,0,null,[],[]]" ]
  [ "$(portctl list holds --look --columns=name,poison,local,accept_queue --no-legend)" = "web  -  127.0.0.1:$port  0" ]
  [ "$(portctl list holds --look -j | jq -c 'map(del(.age_us))')" = "$(portctl show web -j | jq -c 'map(del(.age_us))')" ]
  # Without --look the system is not asked.
  [ "$(portctl list holds -j | jq -c '.[0] | [.gets, .got_us, has("poison")]')" = '[0,null,false]' ]
}

@test "who has got copies, and who watches" {
  portctl put pipe fd 5
  portctl get pipe -- true
  portctl get pipe -- true
  id=$(portctl evt hold pipe --mode read)
  session=$(portctl show "$id" -j | jq '.[0].session')
  [ "$(of pipe '[.gets, (.receivers | map([.uid, .times])), (.watchers | map([.session, .uid, .pid]))]')" = \
    "[2,[[\"$(id -u)\",1],[\"$(id -u)\",1]],[[$session,\"$(id -u)\",$$]]]" ]
  portctl show pipe | grep -Eq "^receivers +uid $(id -u), pid [0-9]+, times 1, .* ago$"
  portctl show pipe | grep -Eqx "watchers +session $session, uid $(id -u), pid $$"
}

@test "what others have done, and repair" {
  port=$(put_listener)
  both portctl repair web
  exits 0
  [ -z "$output$error" ]
  both portctl repair web --verbose
  exits 0
  has "$error" "nothing is to be repaired"
  shut web
  flip web
  [ "$(of web .poison)" = '["not-listening","flags"]' ]
  [ "$(portctl list holds --look --columns=poison --no-legend)" = "not-listening,flags" ]
  [ "$(portctl repair web)" = not-listening ]
  python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))"
  [ "$(of web .poison)" = '["flags"]' ]
  both portctl repair web
  exits 8
  has "$error" "--flags"
  [ "$(portctl repair web --flags -j)" = '{"schema":1,"name":"web","repaired":["flags"],"left":[]}' ]
  [ "$(of web '[.poison, .flags == .flags_at_put]')" = '[[],true]' ]
}

@test "a file: its path and position, which is not set back" {
  printf 'one\ntwo\n' >"$BATS_TEST_TMPDIR/file"
  portctl put file fd 7 7<>"$BATS_TEST_TMPDIR/file"
  [ "$(of file '[.path, .offset, .offset_at_put, .poison]')" = "[\"$BATS_TEST_TMPDIR/file\",0,0,[]]" ]
  elsewhere file 'os.lseek(3, 4, os.SEEK_SET)'
  [ "$(of file '[.offset, .offset_at_put, .poison]')" = '[4,0,["offset"]]' ]
  both portctl repair file --flags
  exits 8
  has "$error" "never set back"
  [ "$(of file .offset)" = 4 ]
}

@test "a Unix listener cannot listen again, and the hint says what to do" {
  portctl put web listen "unix:$BATS_TEST_TMPDIR/web"
  [ "$(of web '[.poison, .local.host]')" = "[[],\"$BATS_TEST_TMPDIR/web\"]" ]
  shut web
  [ "$(of web .poison)" = '["not-listening"]' ]
  both portctl repair web
  exits 8
  has "$error" "in place of this one"
}

@test "names and ids" {
  portctl put 12 fd 5 2>/dev/null || portctl put hold:12 fd 5
  [ "$(portctl show hold:12 -j | jq -r '.[0].name')" = 12 ]
  both portctl show nothing
  exits 5
  [ -z "$output" ]
  both portctl show hold:12 nothing
  exits 5
  [ -z "$output" ]
  both portctl repair nothing
  exits 5
  both portctl show 12
  exits 5
  both portctl show nothing --of 4711
  [ "$status" -eq 5 ]
}
