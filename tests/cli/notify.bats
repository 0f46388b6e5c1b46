# What programs store by a notification (sd_notify(3)) at a broker's door for that, and get back with exec. The senders of libsystemd: system/libsystemd.

load setup

setup() {
  [ "$(uname)" = Linux ] || skip "there is such a door on Linux only"
  bats_require_minimum_version 1.5.0
  clean_environment
  export door="$BATS_TEST_TMPDIR/post.sock"
  printf 'door { notify = "unix:%s" }\n' "$door" >"$BATS_TEST_TMPDIR/notify.conf"
  printf 'some text\n' >"$BATS_TEST_TMPDIR/text"
  printf 'other text\n' >"$BATS_TEST_TMPDIR/other"
  start_broker --config "$BATS_TEST_TMPDIR/notify.conf"
}
teardown() { usual_teardown; }

# notify TEXT [FILE]...: with the files open, and returns when that is done.
notify() {
  python3 -c '
import os, select, socket, sys
box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
box.connect(os.environ["door"])
files = [os.open(name, os.O_RDONLY) for name in sys.argv[2:]]
socket.send_fds(box, [sys.argv[1].encode()], files) if files else box.send(sys.argv[1].encode())
end, given = os.pipe()
socket.send_fds(box, [b"BARRIER=1"], [given])
os.close(given)
poll = select.poll()
poll.register(end, 0)
poll.poll()
' "$@"
}

@test "a program's next start has what it stored, as from systemd" {
  notify $'READY=1\nFDSTORE=1\nFDNAME=log' "$BATS_TEST_TMPDIR/text" "$BATS_TEST_TMPDIR/other"
  both portctl list holds -j
  [ "$(jq -r 'map(.name) | join(" ")' <<<"$output")" = "log log:2" ]
  both portctl exec --listen-fds log,log:2 -- bash -c 'echo "$LISTEN_FDS $LISTEN_FDNAMES"; cat <&3; cat <&4'
  exits 0
  [ "$output" = "2 log:log
some text
other text" ]
  both portctl get log:2 log --listen -- bash -c 'echo "$LISTEN_FDNAMES"'
  [ "$output" = log:log ]
  both portctl exec --listen-fds log:2 --preset haproxy -- bash -c 'echo "$FD_LOG_2"'
  [ "$output" = 3 ]
  notify $'FDSTOREREMOVE=1\nFDNAME=log'
  both portctl list holds -j
  [ "$output" = "[]" ]
}

@test "exec --notify: the program is told where, whatever it had" {
  both portctl status -j
  [ "$(jq -r .door_notify <<<"$output")" = "unix:$door" ]
  export -f notify
  NOTIFY_SOCKET=elsewhere both portctl exec --notify -- bash -c 'door=$NOTIFY_SOCKET notify "$1" "$2"' bash $'FDSTORE=1\nFDNAME=log' "$BATS_TEST_TMPDIR/text"
  exits 0
  both portctl exec --notify --listen-fds log -- bash -c 'echo "$NOTIFY_SOCKET"; cat <&3'
  exits 0
  [ "$output" = "$door
some text" ]
}

@test "exec --notify at a broker without such a door runs nothing" {
  stop_broker
  start_broker
  both portctl status -j
  [ "$(jq .door_notify <<<"$output")" = null ]
  both portctl exec --notify -- echo ran
  exits 8
  [ -z "$output" ]
  has "$error" "the broker has no door for notifications"
  has "$error" "door { notify"
}

@test "what is not heeded is in the log" {
  notify FDSTOREREMOVE=1
  stop_broker
  has "$(cat "$BATS_TEST_TMPDIR/portd.log")" "FDSTOREREMOVE=1 without a valid FDNAME"
}

@test "only a socket file; a broker with such a door is not idle" {
  printf 'door { notify = "unix:@name" }\n' >"$BATS_TEST_TMPDIR/bad.conf"
  both "$PORTD_BIN" --check-config --config "$BATS_TEST_TMPDIR/bad.conf"
  exits 2
  has "$error" 'notify = "unix:@name": expected unix: and the path of a socket file'
  stop_broker
  start_broker --config "$BATS_TEST_TMPDIR/notify.conf" --idle-exit 300ms
  "$PORTD_BIN" --listen "unix:$BATS_TEST_TMPDIR/second.sock" --idle-exit 1s 3>&-
  notify $'FDSTORE=1' "$BATS_TEST_TMPDIR/text"
  both portctl get stored --fd 0 -- cat
  [ "$output" = "some text" ]
}
