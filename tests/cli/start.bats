# The user's broker starts by itself, but not for those that only look.

load setup

setup() {
  bats_require_minimum_version 1.5.0
  clean_environment
  unset PORTD_ADDRESS
  export XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/run" PORTD_DAEMON="$PORTD_BIN"
  mkdir -m 700 "$XDG_RUNTIME_DIR"
  if portctl ping --system 2>/dev/null; then skip "a system's broker runs here"; fi
}

teardown() {
  pid=$(portctl status -j 2>/dev/null | jq .pid) || return 0
  if [ -n "$pid" ]; then kill "$pid"; fi
}

@test "status, ping and version start none" {
  both portctl status
  exits 3
  both portctl ping
  exits 3
  both portctl version
  exits 0
  [ ! -e "$XDG_RUNTIME_DIR/portd/portd.sock" ]
}

@test "others do, and find the same one again" {
  both portctl session list
  exits 0
  [ -z "$error" ]
  pid=$(portctl status -j | jq .pid)
  portctl list
  [ "$(portctl status -j | jq .pid)" = "$pid" ]
  [ "$(portctl status -j | jq -r .address)" = "unix:$XDG_RUNTIME_DIR/portd/portd.sock" ]
  [ "$(portctl ping --user | wc -l)" -eq 1 ]
}

@test "a wait on a descriptor alone does, too" {
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  exec 5<>"$BATS_TEST_TMPDIR/fifo"
  [ "$(portctl wait fd:5 --mode write)" = "fd:5 ready" ]
  portctl status
}

@test "none is started where the command line or PORTD_ADDRESS names one" {
  both portctl list --user
  exits 3
  both portctl list --system
  exits 3
  both portctl list --address "unix:$XDG_RUNTIME_DIR/portd/portd.sock"
  exits 3
  PORTD_ADDRESS="unix:$XDG_RUNTIME_DIR/portd/portd.sock" both portctl list
  exits 3
  [ ! -e "$XDG_RUNTIME_DIR/portd/portd.sock" ]
}

@test "a broker that cannot be started: 3" {
  PORTD_DAEMON=/nonexistent/portd both portctl list
  exits 3
  has "$error" "portctl: "
  has "$error" "set PORTD_DAEMON"
  PORTD_DAEMON=/bin/false both portctl list
  exits 3
  XDG_RUNTIME_DIR=/nonexistent both portctl list
  exits 3
  has "$error" "its directory cannot be created: No such file"
  has "$error" "XDG_RUNTIME_DIR"
  both portctl status
  exits 3
  has "$error" "most other verbs, such as list, start one on demand"
}

@test "a broker that is started and ends: the reason is never empty" {
  # shellcheck disable=SC2016 # another shell's
  for what in "exit 0" "exit 3" 'kill -9 $$' "echo >&3; exit 4" 'echo >&3; kill -9 $$' \
    'echo $$ >>"${0%/*}/pids"; exec 3>&-; exec sleep 600'; do
    printf '#!/bin/sh\n%s\n' "$what" >"$BATS_TEST_TMPDIR/ends"
    chmod +x "$BATS_TEST_TMPDIR/ends"
    PORTD_DAEMON="$BATS_TEST_TMPDIR/ends" both portctl list
    exits 3
    has "$error" "starting the user's broker: $BATS_TEST_TMPDIR/ends "
    case $what in
    *sleep*)
      xargs kill <"$BATS_TEST_TMPDIR/pids"
      has "$error" "closed its notify descriptor before it was ready, and may be running"
      ;;
    echo*) has "$error" "has said that it is ready, and then: no such socket" ;;
    kill*) has "$error" "exited before it was ready by signal 9" ;;
    *) has "$error" "exited before it was ready with status ${what#exit }" ;;
    esac
  done
}

@test "a broker that is started and whose queue is full until the deadline: 124" {
  cat >"$BATS_TEST_TMPDIR/full" <<'END'
#!/usr/bin/env python3
import os, signal, socket, sys
path = os.environ["XDG_RUNTIME_DIR"] + "/portd/portd.sock"
server, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(0)
client.connect(path)
print(os.getpid(), file=open(os.path.dirname(sys.argv[0]) + "/full.pid", "w"))
os.write(3, b"\n")
os.close(3)
signal.pause()
END
  chmod +x "$BATS_TEST_TMPDIR/full"
  PORTD_DAEMON="$BATS_TEST_TMPDIR/full" both portctl list --timeout 2s
  kill "$(<"$BATS_TEST_TMPDIR/full.pid")"
  exits 124
  has "$error" "has said that it is ready, and then: "
}

# Each address once, and nothing about the fields of the library.
told_once() {
  [ "$(grep -o 'unix:[^ ]*/portd.sock' <<<"$error" | sort | uniq -d)" = "" ] || { echo "$error"; return 1; }
  case $error in *portd_options*) echo "$error" && return 1 ;; esac
}

@test "a directory that others can use: said once, named, and what to set" {
  mkdir -m 777 "$BATS_TEST_TMPDIR/open"
  chmod 777 "$BATS_TEST_TMPDIR/open"
  for call in list status; do
    XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/open" both portctl $call
    exits 3
    told_once
    has "$error" "$BATS_TEST_TMPDIR/open does not belong to this user alone"
    has "$error" "to a directory of this user"
    run ! grep "start one with" <<<"$error"
    run ! grep "start one on demand" <<<"$error"
  done
  mkdir -m 755 "$BATS_TEST_TMPDIR/run/portd"
  both portctl list
  exits 3
  told_once
  has "$error" "$BATS_TEST_TMPDIR/run/portd does not belong to this user alone"
  # The root directory is root's, so that nobody else can make one there.
  if [ "$(id -u)" -ne 0 ]; then
    XDG_RUNTIME_DIR=/proc both portctl list
    exits 3
    has "$error" "can create a directory"
  fi
}

@test "hints are about what a shell can do" {
  both portctl status
  exits 3
  told_once
  both portctl list --user
  has "$error" "without --user it is started on demand"
  for verb in "status" "ping" "stats" "monitor --once"; do
    # shellcheck disable=SC2086 # words
    both portctl $verb --user
    exits 3
    has "$error" "most other verbs, such as list, start it on demand, without --user"
    # shellcheck disable=SC2086
    both portctl $verb --address "unix:$XDG_RUNTIME_DIR/none.sock"
    has "$error" "portd --listen unix:$XDG_RUNTIME_DIR/none.sock', or use another address"
    # shellcheck disable=SC2086
    PORTD_ADDRESS="unix:$XDG_RUNTIME_DIR/none.sock" both portctl $verb
    has "$error" "portd --listen unix:$XDG_RUNTIME_DIR/none.sock', or unset PORTD_ADDRESS"
    # What cannot be started is not promised.
    # shellcheck disable=SC2086
    XDG_RUNTIME_DIR=/nonexistent both portctl $verb
    has "$error" "set XDG_RUNTIME_DIR"
    run ! grep "on demand" <<<"$error"
    # shellcheck disable=SC2086
    XDG_RUNTIME_DIR=relative TMPDIR="$BATS_TEST_TMPDIR" both portctl $verb --user
    has "$error" "unix:$BATS_TEST_TMPDIR/portd-$(id -u)/portd.sock: no such socket"
  done
  both portctl list --system
  has "$error" "systemctl enable --now portd.socket"
  has "$error" "portd --mode 0666"
  PORTD_DAEMON=/nonexistent/portd both portctl list
  told_once
}

@test "many at once start one" {
  for ((i = 0; i < 8; i++)); do
    portctl status -j --timeout 20s >/dev/null 2>&1 3>&- &
    portctl session list --timeout 20s -j >"$BATS_TEST_TMPDIR/list.$i" 3>&- &
    waiters[i]=$!
  done
  for waiter in "${waiters[@]}"; do wait "$waiter"; done
  wait
  [ "$(cat "$BATS_TEST_TMPDIR"/list.* | jq -cs '[.[][] | .uid] | unique')" = "[$(id -u)]" ]
  portctl status
}

@test "of two that were started because one was needed the second has nothing to do" {
  portctl list
  address=$(portctl status -j | jq -r .address)
  both "$PORTD_BIN" --listen "$address" --idle-exit 60s
  exits 0
  has "$error" "another program is already listening, perhaps a broker"
  both "$PORTD_BIN" --listen "$address"
  exits 1
  portctl ping
}

@test "a session that was made for later keeps the broker until it ends" {
  export PORTD_ADDRESS=unix:$BATS_TEST_TMPDIR/kept
  for lifetime in "" "--ttl 1h"; do
    "$PORTD_BIN" --listen "$PORTD_ADDRESS" --idle-exit 500ms 3>&- &
    broker=$!
    until portctl ping -q 2>/dev/null; do :; done
    # shellcheck disable=SC2086
    eval "$(portctl session start --owner $$ $lifetime)"
    "$PORTD_BIN" --listen "unix:$BATS_TEST_TMPDIR/other" --idle-exit 600ms 3>&- # it leaves later
    portctl session list
    portctl session end
    unset PORTD_SESSION
    wait "$broker"
  done
}
