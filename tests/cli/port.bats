# portctl wrap, fd, socket, close, and ports in list, show, wait and remove.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# What the broker holds of the number 5.
copies() { portctl list descriptors -j | jq 'length'; }

@test "wrap fd: one id for each direction, input first" {
  both portctl wrap fd 5 --mode read
  exits 0
  [[ "$output" =~ ^[0-9]+$ ]]
  [ -z "$error" ]
  both portctl wrap fd 5 --mode write,read
  exits 0
  [ "${#lines[@]}" -eq 2 ]
  [ "$(portctl show "${lines[@]}" -j | jq -c '[.[].direction]')" = '["read","write"]' ]
  both portctl wrap fd 5 --mode write,write,text
  [ "${#lines[@]}" -eq 1 ]
  [ "$(portctl show "$output" -j | jq -r '.[0].direction')" = write ]
}

@test "wrap fd: JSON" {
  both portctl wrap fd 5 --mode read --name in -j
  exits 0
  [ "$(jq -c '[.schema, .output, .number, .replaced, (.input > 0)]' <<<"$output")" = "[1,null,5,false,true]" ]
  [ "$(portctl wrap fd 5 --mode read,write -j | jq '[.input, .output] | map(. > 0) | all')" = true ]
}

@test "wrap fd: the name is shown, whatever it is" {
  id=$(portctl wrap fd 5 --mode read --name 'the log')
  [ "$(portctl list ports --columns=id,name --no-legend)" = "$id  the log" ]
  portctl close "$id"
  id=$(portctl wrap fd 5 --mode read)
  [ "$(portctl show "$id" -j | jq -r '.[0].name')" = "" ]
  both portctl wrap fd 5 --mode read --name "$(printf '%256s' x)"
  exits 2
  [ -z "$output" ]
  portctl wrap fd 5 --mode read --name "$(printf '%255s' x)"
  id=$(portctl wrap fd 5 --mode read --name $'a\e[31mb')
  [ "$(portctl show "$id" --columns=name)" = 'name  a?[31mb' ]
}

@test "wrap fd: a direction that it is not open for, and what is no file, are refused" {
  exec 7<"$BATS_TEST_TMPDIR/fifo"
  both portctl wrap fd 7 --mode write
  exits 2
  [ -z "$output" ]
  has "$error" "not open for writing"
  has "$error" "hint: "
  both portctl wrap fd 7 --mode read,regular-file
  exits 2
  both portctl wrap socket 7
  exits 2
  has "$error" "not a socket"
  [ "$(portctl list -j)" = "[]" ]
  both portctl wrap fd 0 --mode read,regular-file </etc/passwd
  exits 0
}

@test "wrap socket: always two; fd and socket tell them apart" {
  both with_sockets "$PORTCTL_BIN" wrap socket 6 --name pair
  exits 0
  [ "${#lines[@]}" -eq 2 ]
  for id in "${lines[@]}"; do
    [ "$(portctl fd "$id")" = 6 ]
    [ "$(portctl socket "$id")" = 6 ]
    [ "$(portctl show "$id" -j | jq -c '.[0] | [.kind, .name, .socket]')" = '["port","pair",true]' ]
  done
  both with_sockets "$PORTCTL_BIN" wrap socket 6 --mode no-close
  exits 0
  both with_sockets "$PORTCTL_BIN" wrap fd 6 --mode read
  exits 0
  [ "$(portctl fd "$output")" = 6 ]
  both portctl socket "$output"
  exits 1
}

@test "fd and socket: a number, or exit code 1" {
  id=$(portctl wrap fd 5 --mode read)
  [ "$(portctl fd "$id")" = 5 ]
  [ "$(portctl fd "$id" -j | jq -c .)" = "{\"schema\":1,\"id\":$id,\"number\":5}" ]
  both portctl socket "$id"
  exits 1
  [ -z "$output$error" ]
  both portctl socket "$id" -j
  exits 1
  [ "$(jq .number <<<"$output")" = null ]
}

@test "close: says nothing, closes the copy, and a second time is done too" {
  mapfile -t ids < <(portctl wrap fd 5 --mode read,write)
  [ "$(copies)" -eq 1 ]
  both portctl close "${ids[0]}"
  exits 0
  [ -z "$output$error" ]
  [ "$(copies)" -eq 1 ]
  [ "$(portctl show "${ids[@]}" -j | jq -c '[.[].registered]')" = "[false,true]" ]
  both portctl close "${ids[@]}" -j
  exits 0
  [ "$(jq -c .closed <<<"$output")" = "[${ids[0]},${ids[1]}]" ]
  [ "$(copies)" -eq 0 ]
  both portctl close "${ids[@]}"
  exits 0
}

@test "close: the other end sees end of file when it returns" {
  mkfifo "$BATS_TEST_TMPDIR/end"
  exec 6<>"$BATS_TEST_TMPDIR/end" 7<"$BATS_TEST_TMPDIR/end" 8>"$BATS_TEST_TMPDIR/end" 6>&-
  id=$(portctl wrap fd 8 --mode write)
  exec 8>&-
  both portctl wait fd:7 --timeout 0
  exits 124
  portctl close "$id"
  [ "$(portctl wait fd:7)" = "fd:7 hang-up" ]
}

@test "close: the last port fires the semaphores of its number" {
  mapfile -t ids < <(portctl wrap fd 5 --mode read,write)
  semaphore=$(portctl sem fd 5 --mode read)
  evt=$(portctl evt fd 5 --mode read)
  portctl close "${ids[0]}"
  both portctl wait "$semaphore" --timeout 0
  exits 124
  portctl close "${ids[1]}"
  [ "$(portctl wait "$semaphore")" = "$semaphore port-closed" ]
  both portctl wait "$evt" --timeout 0
  exits 124
}

@test "close: one that is not there is told, the others are closed" {
  id=$(portctl wrap fd 5 --mode read)
  both portctl close 18 "$id" -j
  exits 5
  [ "$(jq -c .closed <<<"$output")" = "[$id]" ]
  has "$error" "18"
  [ "$(copies)" -eq 0 ]
}

@test "wait: readable for an input port, writable for an output port, closed" {
  mapfile -t ids < <(portctl wrap fd 5 --mode read,write)
  [ "$(portctl wait "${ids[@]}")" = "${ids[1]} ready" ]
  both portctl wait "${ids[0]}" --timeout 0
  exits 124
  echo x >&5
  [ "$(portctl wait --all "${ids[@]}")" = "$(printf '%s ready\n' "${ids[@]}")" ]
  read -r _ <&5
  portctl wait "${ids[0]}" >"$BATS_TEST_TMPDIR/answer" 3>&- &
  waiter=$!
  until_waited_for "${ids[0]}"
  portctl close "${ids[0]}"
  ends "$waiter"
  [ "$(<"$BATS_TEST_TMPDIR/answer")" = "${ids[0]} port-closed" ]
}

@test "list ports, and ports in the list of all" {
  id=$(portctl wrap fd 5 --mode read --name log)
  semaphore=$(portctl sem fd 5 --mode read)
  [ "$(portctl list ports -j | jq -c '[.[].id]')" = "[$id]" ]
  [ "$(portctl list -j | jq -c '[.[].kind] | sort')" = '["descriptor","port","semaphore"]' ]
  [ "$(portctl list semaphores -j | jq -c '[.[].id]')" = "[$semaphore]" ]
  [ "$(portctl list ports --columns=number,direction,name,socket --no-legend)" = "5  read  log  no" ]
  descriptor=$(portctl list descriptors -j | jq '.[0].id')
  [ "$(portctl show "$id" -j | jq -c '.[0] | [.number, .direction, .registered, .descriptor]')" = \
    "[5,\"read\",true,$descriptor]" ]
}

@test "remove refuses ports, and does nothing then" {
  id=$(portctl wrap fd 5 --mode read)
  semaphore=$(portctl sem fd 5 --mode read)
  refuses remove "$semaphore" "$id"
  has "$message" "ports are closed"
  [ "$(portctl show "$semaphore" "$id" -j | jq -c '[.[].registered]')" = "[true,true]" ]
}

@test "close --all and --dry-run" {
  mapfile -t ids < <(portctl wrap fd 5 --mode read,write)
  other=$(portctl wrap fd 5 --mode read)
  semaphore=$(portctl sem fd 5 --mode read)
  portctl close "$other"
  both portctl close "${ids[1]}" "$other" --dry-run --columns=id --no-legend
  exits 0
  [ "$output" = "${ids[1]}" ]
  both portctl close --all --dry-run -j
  [ "$(jq -c '[.[].id]' <<<"$output")" = "[${ids[0]},${ids[1]}]" ]
  refuses close --all
  has "$message" "hint: --yes"
  refuses close "$semaphore" --dry-run
  [ "$(portctl show "${ids[@]}" "$semaphore" -j | jq -c '[.[].registered]')" = "[true,true,false]" ]
  both portctl close --all --yes -j
  exits 0
  [ "$output" = "{\"schema\":1,\"closed\":[${ids[0]},${ids[1]}]}" ]
  [ "$(portctl list ports -j | jq -c '[.[].registered] | unique')" = "[false]" ]
}

@test "what is no port" {
  semaphore=$(portctl sem fd 5 --mode read)
  for verb in fd socket close; do
    refuses "$verb" "$semaphore"
    has "$message" "not a port, its kind is semaphore"
  done
  both portctl fd 18
  exits 5
  # All are looked at before anything is done.
  port=$(portctl wrap fd 5 --mode read)
  refuses close "$port" "$semaphore"
  [ "$(portctl show "$port" -j | jq '.[0].registered')" = true ]
}

# Ids of all kinds that do not exist (any more), or for another user: the verbs say nothing of their kind.
@test "fd, socket, close and exec: an id of another kind that does not exist" {
  evt=$(portctl evt fd 5 --mode read)
  semaphore=$(portctl sem fd 5 --mode read)
  descriptor=$(portctl list descriptors -j | jq '.[0].id')
  portctl remove "$evt" "$semaphore"
  portctl release "$evt" "$semaphore"
  both portctl show "$descriptor"
  exits 5
  # The low three bits of an id tell its kind: 4 is an event, 5 a session.
  for id in "$evt" "$semaphore" "$descriptor" 4503599627370500 4503599627370501; do
    for call in "fd $id" "socket $id" "close $id" "close $id --dry-run" "exec --fd $id -- true" "exec --stdin $id -- true" \
      "exec --listen-fds $id -- true"; do
      # shellcheck disable=SC2086
      both portctl $call
      exits 5
      has "$error" "no object $id: it no longer exists"
    done
  done
  port=$(portctl wrap fd 5 --mode read)
  both portctl close "$evt" "$port"
  exits 5
  [ "$(portctl show "$port" -j | jq '.[0].registered')" = false ]
}

@test "fd, close, exec and remove: another user's ids" {
  need_other_user
  serve_everybody
  unset PORTD_SESSION
  join_session
  semaphore=$(portctl sem fd 5 --mode read)
  port=$(portctl wrap fd 5 --mode read)
  for call in "fd $semaphore" "close $semaphore" "close $port" "exec --fd $semaphore -- true" "remove $port"; do
    # shellcheck disable=SC2086
    PORTD_SESSION='' both as_other $call
    exits 5
    has "$error" "belongs to another user"
  done
}

@test "a number that comes back with another file: the port keeps its own" {
  id=$(portctl wrap fd 5 --mode read)
  mkfifo "$BATS_TEST_TMPDIR/other"
  echo x >&5
  exec 5<>"$BATS_TEST_TMPDIR/other"
  semaphore=$(portctl sem fd 5 --mode read)
  other=$(portctl wrap fd 5 --mode read)
  both portctl wait "$id" "$other" "$semaphore" --timeout 1s
  [ "$output" = "$id ready" ]
}
