# portctl semaphore: one-shot, one for each number and direction.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

@test "read prints one id, and the same one again" {
  both portctl semaphore fd 5 --mode read
  exits 0
  [[ "$output" =~ ^[0-9]+$ ]]
  [ -z "$error" ]
  [ "$(portctl semaphore fd 5 --mode read)" = "$output" ]
  [ "$(portctl sem fd 5 --mode=read)" = "$output" ]
  [ "$(portctl sem --mode read fd 5)" = "$output" ]
}

@test "write is another one" {
  read_id=$(portctl sem fd 5 --mode read)
  write_id=$(portctl sem fd 5 --mode write)
  [ "$read_id" != "$write_id" ]
  # It was ready at once, so it has fired and the next one is new.
  [ "$(portctl show "$write_id" -j | jq -r '.[0].cause')" = ready ]
  [ "$(portctl sem fd 5 --mode write)" != "$write_id" ]
}

@test "the socket call has the same table" {
  id=$(portctl sem fd 5 --mode read)
  [ "$(portctl sem socket 5 --mode check-read)" = "$id" ]
  [ "$(portctl sem socket 5 --mode read)" = "$id" ]
  id=$(with_sockets "$PORTCTL_BIN" sem socket 5 --mode read)
  [ "$(portctl wait "$id")" = "$id hang-up" ]
}

@test "check makes nothing: exit code 1, no word" {
  both portctl sem fd 5 --mode check-read
  exits 1
  [ -z "$output$error" ]
  [ "$(portctl list -j)" = "[]" ]
  id=$(portctl sem fd 5 --mode read)
  [ "$(portctl sem fd 5 --mode check-read)" = "$id" ]
  both portctl sem fd 5 --mode check-write
  exits 1
  echo x >&5
  portctl wait "$id"
  both portctl sem fd 5 --mode check-read
  exits 1
}

@test "check and remove need no open descriptor" {
  id=$(portctl sem fd 5 --mode read)
  exec 5<&-
  [ "$(portctl sem fd 5 --mode check-read)" = "$id" ]
  portctl sem fd 5 --mode remove
  both portctl sem fd 5 --mode check-read
  exits 1
}

@test "remove prints nothing, answers 0, fires both directions" {
  read_id=$(portctl sem fd 5 --mode read)
  both portctl sem fd 5 --mode remove
  exits 0
  [ -z "$output$error" ]
  [ "$(portctl wait "$read_id" --timeout 0)" = "$read_id removed" ]
  both portctl sem fd 5 --mode remove
  exits 0
  both portctl sem fd 4711 --mode remove
  exits 0
}

@test "remove says when it can have found nothing: the number is nobody's" {
  exec 8<&5
  id=$("$PORTCTL_BIN" sem fd 7 --mode read 7<&8)
  # Passed in this call, and not at all. (A redirection of the function portctl is one of the shell.)
  for passed in 7 9; do
    both eval "\"\$PORTCTL_BIN\" sem fd 7 --mode remove $passed<&8"
    exits 0
    [ -z "$output" ]
    has "$error" "nothing was removed"
    has "$error" "portctl remove ID"
    both eval "\"\$PORTCTL_BIN\" evt fd 7 --mode remove -q $passed<&8"
    exits 0
    [ -z "$output$error" ]
    both eval "\"\$PORTCTL_BIN\" sem fd 7 --mode remove -j $passed<&8"
    [ -z "$error" ]
    [ "$(jq .found <<<"$output")" = false ]
  done
  both portctl wait "$id" --timeout 0
  exits 124
  portctl remove "$id"
  both portctl wait "$id" --timeout 0
  exits 9
  # A number that a process has: the registration is over, or there was none yet.
  [ "$(portctl sem fd 5 --mode remove -j | jq .found)" = false ]
  portctl sem fd 5 --mode read
  [ "$(portctl sem fd 5 --mode remove -j | jq .found)" = true ]
  both portctl sem fd 5 --mode remove
  exits 0
  [ -z "$output$error" ]
}

@test "a regular file can have none: exit code 1, the reason on standard error" {
  both portctl sem fd 0 --mode read </etc/passwd
  exits 1
  [ -z "$output" ]
  has "$error" "none: "
  both portctl sem fd 0 --mode read -q </etc/passwd
  exits 1
  [ -z "$output$error" ]
  both portctl sem fd 0 --mode read -j </etc/passwd
  exits 1
  [ -z "$error" ]
  [ "$(jq -c '[.id, .unsupported, .schema, (.reason | length > 0)]' <<<"$output")" = "[null,true,1,true]" ]
}

@test "JSON" {
  [ "$(portctl sem fd 5 --mode check-read -j | jq -c '[.id, .unsupported]')" = "[null,false]" ]
  both portctl sem fd 5 --mode read -j
  exits 0
  id=$(portctl sem fd 5 --mode check-read)
  [ "$(jq -c '[.schema, .id, .created, .replaced, .unsupported]' <<<"$output")" = "[1,$id,true,false,false]" ]
  [ "$(portctl sem fd 5 --mode read -j | jq -c '[.id, .created]')" = "[$id,false]" ]
  [ "$(portctl sem fd 5 --mode remove -j | jq -c .id)" = null ]
}

@test "a number that comes back with another open file" {
  id=$(portctl sem fd 5 --mode read)
  mkfifo "$BATS_TEST_TMPDIR/other"
  exec 5<>"$BATS_TEST_TMPDIR/other"
  both portctl sem fd 5 --mode read -j
  exits 0
  [ "$(jq .replaced <<<"$output")" = true ]
  [ "$(jq .id <<<"$output")" != "$id" ]
  [ "$(portctl wait "$id")" = "$id replaced" ]
}

@test "end of file fires; the causes" {
  mkfifo "$BATS_TEST_TMPDIR/end"
  exec 6<>"$BATS_TEST_TMPDIR/end" 7<"$BATS_TEST_TMPDIR/end"
  id=$(portctl sem fd 7 --mode read)
  exec 6>&-
  [ "$(portctl wait "$id")" = "$id hang-up" ]
}
