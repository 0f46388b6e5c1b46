# portctl put --spool and spool.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# Waits until it has that text at its end.
until_spooled() {
  local i
  for ((i = 0; i < 1000; i++)); do
    [ "$(portctl spool log 2>/dev/null | tail -n 1)" = "$1" ] && return
  done
  echo "the spool never ends with $1"
  return 1
}

@test "what came is printed again and again, and in parts" {
  portctl put log fd 5 --spool 4KiB
  echo one >&5
  until_spooled one
  echo two >&5
  until_spooled two
  [ "$(portctl spool log --from 4)" = two ]
  [ "$(portctl spool log --from 1 -j | jq -r '"\(.position) \(.count) \(.data) \(.lost) \(.gaps | length) \(.end)"')" = "1 7 $(printf 'ne\ntwo\n' | base64) 0 0 false" ]
  [ "$(portctl list holds --columns=name,spool -j | jq -c '.[]')" = '{"name":"log","spool":4096}' ]
}

@test "--follow prints to the end" {
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  seq 1000 >"$BATS_TEST_TMPDIR/pipe" &
  writer=$!
  portctl put log fd 0 --spool 64KiB <"$BATS_TEST_TMPDIR/pipe"
  [ "$(timeout 20 "$PORTCTL_BIN" spool log --follow | sha256sum)" = "$(seq 1000 | sha256sum)" ]
  wait "$writer"
}

@test "a full spool that stops goes on when it is acknowledged" {
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  seq 20000 >"$BATS_TEST_TMPDIR/pipe" &
  writer=$!
  portctl put log fd 0 --spool 4KiB --when-full stop <"$BATS_TEST_TMPDIR/pipe"
  [ "$(timeout 30 "$PORTCTL_BIN" spool log --follow --acknowledge | sha256sum)" = "$(seq 20000 | sha256sum)" ]
  wait "$writer"
}

@test "what is lost is told" {
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  seq 20000 >"$BATS_TEST_TMPDIR/pipe" &
  writer=$!
  portctl put log fd 0 --spool 4KiB <"$BATS_TEST_TMPDIR/pipe"
  wait "$writer"
  until_spooled 20000
  run --separate-stderr portctl spool log --from 0
  [ "$status" = 0 ]
  [ "${#output}" -lt 4096 ]
  [[ $stderr == *" bytes are not kept any more"* ]]
}

@test "bad input is refused" {
  run portctl put log fd 5 --spool 4095
  [ "$status" = 2 ]
  run portctl put log fd 5 --spool 65MiB
  [ "$status" = 2 ]
  run portctl put log fd 5 --spool 4KiB --when-full wait
  [ "$status" = 2 ]
  run portctl put log fd 5 --when-full stop
  [ "$status" = 2 ]
  run portctl put log fd 0 --spool 4KiB </dev/null
  [ "$status" = 8 ]
  run portctl spool log
  [ "$status" = 5 ]
  portctl put log fd 5
  run portctl spool log
  [ "$status" = 8 ]
  portctl drop log
  portctl put log fd 5 --spool 4KiB
  run portctl spool log --from 1
  [ "$status" = 2 ] || [ "$status" = 125 ] || [ "$status" = 1 ]
  run portctl get log -- true
  [ "$status" != 0 ]
  [[ $output == *"has a spool"* ]]
  portctl get log --raw -- true
  run portctl cat log
  [ "$status" = 8 ]
  run portctl spool log --follow --timeout 100ms
  [ "$status" = 124 ]
}
