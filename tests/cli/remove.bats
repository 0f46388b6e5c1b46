# portctl remove and portctl release.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

@test "remove ends both directions in the table of that object" {
  read_id=$(portctl evt fd 5 --mode read)
  write_id=$(portctl evt fd 5 --mode write)
  semaphore=$(portctl sem fd 5 --mode read)
  both portctl remove "$read_id"
  exits 0
  [ -z "$output$error" ]
  [ "$(portctl wait "$write_id" --timeout 0)" = "$write_id removed" ]
  [ "$(portctl sem fd 5 --mode check-read)" = "$semaphore" ]
}

@test "remove closes the broker's copy before it answers" {
  mkfifo "$BATS_TEST_TMPDIR/end"
  exec 6<>"$BATS_TEST_TMPDIR/end" 7<"$BATS_TEST_TMPDIR/end"
  id=$(portctl sem fd 6 --mode read)
  exec 6>&-
  portctl remove "$id"
  [ "$(portctl list descriptors -j)" = "[]" ]
  # End of file: the broker's copy was the last writer.
  [ -z "$(cat <&7)" ]
}

@test "remove again is done" {
  id=$(portctl sem fd 5 --mode read)
  portctl remove "$id"
  both portctl remove "$id" "$id"
  exits 0
}

@test "remove of several: all that can be, the first failure is the exit code" {
  id=$(portctl sem fd 5 --mode read)
  both portctl remove 12 "$id"
  exits 5
  [ -n "$error" ]
  [ "$(portctl wait "$id" --timeout 0)" = "$id removed" ]
}

@test "remove and release in JSON" {
  id=$(portctl sem fd 5 --mode read)
  [ "$(portctl remove "$id" -j)" = "{\"schema\":1,\"removed\":[$id]}" ]
  [ "$(portctl release "$id" -j)" = "{\"schema\":1,\"released\":[$id]}" ]
  both portctl remove 12 -j
  exits 5
  [ "$output" = '{"schema":1,"removed":[]}' ]
  [ "$(jq -c '[.error.code, .error.exit]' <<<"$error")" = '["not_found",5]' ]
}

@test "release forgets what has fired" {
  id=$(portctl sem fd 5 --mode write)
  portctl show "$id"
  both portctl release "$id"
  exits 0
  [ -z "$output$error" ]
  both portctl show "$id"
  exits 5
  [ "$(portctl list -j)" = "[]" ]
  both portctl release "$id"
  exits 0
}

@test "release of what is registered takes effect when that ends" {
  id=$(portctl sem fd 5 --mode read)
  portctl release "$id"
  [ "$(portctl sem fd 5 --mode check-read)" = "$id" ]
  portctl remove "$id"
  both portctl show "$id"
  exits 5
}

@test "release of an id that never was: 5" {
  both portctl release 12
  exits 5
}

@test "release of more than a page" {
  ids=()
  for ((i = 0; i < 5; i++)); do ids+=("$(portctl sem fd 5 --mode write)"); done
  many=()
  for ((i = 0; i < 60; i++)); do many+=("${ids[@]}"); done
  both portctl release "${many[@]}"
  exits 0
  [ "$(portctl list semaphores -j)" = "[]" ]
}
