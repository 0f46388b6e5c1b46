# portctl evt: ready exactly while the descriptor is.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

@test "the same one until it is removed, ready or not" {
  id=$(portctl evt fd 5 --mode read)
  echo x >&5
  [ "$(portctl wait "$id")" = "$id ready" ]
  [ "$(portctl evt fd 5 --mode read)" = "$id" ]
  portctl evt fd 5 --mode remove
  [ "$(portctl evt fd 5 --mode read)" != "$id" ]
}

@test "level: ready while there is something to read" {
  id=$(portctl evt fd 5 --mode read)
  both portctl wait "$id" --timeout 0
  exits 124
  echo x >&5
  [ "$(portctl wait "$id" --timeout 0)" = "$id ready" ]
  [ "$(portctl wait "$id" --timeout 0)" = "$id ready" ]
  read -r _ <&5
  both portctl wait "$id" --timeout 0
  exits 124
}

@test "events and semaphores are apart" {
  semaphore=$(portctl sem fd 5 --mode read)
  both portctl evt fd 5 --mode check-read
  exits 1
  evt=$(portctl evt fd 5 --mode read)
  [ "$evt" != "$semaphore" ]
  portctl evt fd 5 --mode remove
  [ "$(portctl sem fd 5 --mode check-read)" = "$semaphore" ]
}

@test "remove makes both directions ready for ever" {
  read_id=$(portctl evt fd 5 --mode read)
  write_id=$(portctl evt fd 5 --mode write)
  both portctl evt fd 5 --mode remove
  exits 0
  [ -z "$output$error" ]
  [ "$(portctl wait "$read_id" "$write_id" --all)" = "$read_id removed
$write_id removed" ]
}

@test "a regular file has one, always ready" {
  id=$(portctl evt fd 0 --mode read </etc/passwd)
  [ "$(portctl wait "$id" --timeout 0)" = "$id ready" ]
}

@test "a socket" {
  id=$(with_sockets "$PORTCTL_BIN" evt socket 5 --mode write)
  [ "$(portctl wait "$id" --timeout 0)" = "$id hang-up" ]
}

@test "JSON" {
  both portctl evt fd 5 --mode read -j
  exits 0
  [ "$(jq -c '[.schema, .created, .number, .unsupported]' <<<"$output")" = "[1,true,5,false]" ]
}
