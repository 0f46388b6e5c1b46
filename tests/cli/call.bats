# portctl call: any request of the protocol, in JSON.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

@test "every method of the schema is there, with its members" {
  both portctl call --list -j
  exits 0
  expected=$(sed -n '/^message Request /,/^}/p' "$PORTD_SOURCE/proto/portd.proto" | sed -nE 's/^    [A-Za-z]+ ([a-z_]+) = [0-9]+;$/\1/p')
  [ "$(jq -r '.[].method' <<<"$output")" = "$expected" ]
  [ "$(jq -r '.[] | select(.method == "wait") | .takes' <<<"$output")" = \
    "ids: [uint64], all: bool, limit_us: uint64, one: bool" ]
  [ "$(jq -r '.[] | select(.method == "ping") | .takes' <<<"$output")" = "" ]
  both portctl call --list
  grep -qE '^port_dup +id: uint64 +-$' <<<"$output"
  refuses call ping --list
}

@test "a request in the session of the owner, and its reply" {
  id=$(portctl semaphore fd 5 --mode read)
  both portctl call list '{"kind": "KIND_SEMAPHORE"}'
  exits 0
  [ "$(jq -c '[.schema, .more, (.items | length), .items[0].id, .items[0].kind, .items[0].number, .items[0].registered]' <<<"$output")" = \
    "[1,false,1,$id,\"KIND_SEMAPHORE\",5,true]" ]
  [ "$(portctl call ping)" = '{"schema":1}' ]
  [ "$(portctl call ping '{}' --json=pretty | wc -l)" -gt 1 ]
  [ "$(portctl call status | jq .session.id)" = "$(portctl status -j | jq .session)" ]
  # What is absent: a message null, numbers 0, texts "", and of a oneof nothing.
  in=$(portctl wrap fd 5 --mode read)
  [ "$(portctl call port_to_socket "{\"id\": $in}")" = '{"schema":1,"found":false,"number":0}' ]
}

@test "a second connection joins and leaves" {
  portctl call ping
  until [ "$(portctl call status | jq .session.connections)" -eq 2 ]; do :; done
}

@test "JSON from standard input, and none" {
  [ "$(echo '{"kind": 5}' | portctl call list - | jq '.items | length')" -ge 1 ]
  [ "$(portctl call list | jq '.items | length')" -eq 0 ]
  both portctl call list - </dev/null
  exits 2
  both portctl call list - < <(head -c 300000 /dev/zero | tr '\0' ' ')
  exits 2
  has "$error" "longer"
  both portctl call list - < <(head -c 10 /dev/zero)
  exits 2
  both portctl call list - <"$BATS_TEST_TMPDIR"
  exits 2
  has "$error" "cannot read"
}

@test "numbers, texts, enums, names in both forms" {
  id=$(portctl semaphore fd 5 --mode read)
  show() { portctl call show "{\"ids\": [$1]}" | jq '.items[0].id'; }
  for form in "$id" "\"$id\"" "$id.0"; do [ "$(show "$form")" = "$id" ] || { echo "$form"; false; }; done
  for mode in '"MODE_CHECK_READ"' 3; do
    [ "$(portctl call file_descriptor_to_semaphore "{\"number\": 5, \"mode\": $mode}" | jq .id)" = "$id" ]
  done
  for name in limit_us limitUs; do
    both portctl call wait "{\"ids\": [$id], \"$name\": 0}"
    exits 0
    [ "$output" = '{"schema":1,"ready":[]}' ]
  done
  [ "$(portctl call wait "{\"ids\": [$id, \"$id\"], \"limit_us\": \"0\", \"all\": true, \"one\": null}")" = '{"schema":1,"ready":[]}' ]
  echo data >&5
  [ "$(portctl call wait "{\"ids\": [$id]}" | jq -c '.ready')" = "[{\"id\":$id,\"cause\":\"CAUSE_READY\"}]" ]
}

@test "numbers from 2^53 on are strings both ways, and arrive exactly" {
  # A file whose offsets may be as large as numbers are.
  out=$(python3 -c '
import os, subprocess
file = os.memfd_create("x")
print(subprocess.run([os.environ["PORTCTL_BIN"], "wrap", "fd", str(file), "--mode", "read,regular-file"], pass_fds=[file],
                     capture_output=True, text=True, check=True).stdout)')
  for number in 0 9007199254740991 '"9007199254740992"' '"9007199254740993"' '"9223372036854775807"'; do
    [ "$(portctl call position "{\"id\": $out, \"to\": $number}")" = "{\"schema\":1,\"offset\":$number}" ] || {
      echo "$number: $(portctl call position "{\"id\": $out, \"to\": $number}")"
      false
    }
  done
}

@test "a number that JSON's readers cannot have is refused, and the string is named" {
  refuses call wait '{"ids": [], "limit_us": 18446744073709551615}'
  has "$message" "string of digits"
  id=$(portctl sem fd 5 --mode read)
  portctl remove "$id"
  portctl call wait "{\"ids\": [$id], \"limit_us\": \"18446744073709551615\"}" | jq -e '.ready | length == 1'
}

@test "bytes are base64, of either alphabet" {
  mapfile -t ids < <(portctl wrap fd 5 --mode read,write)
  for text in x xy xyz '>>>???'; do
    for data in "$(base64 <<<"$text")" "$(base64 <<<"$text" | tr '+/' '-_' | tr -d =)"; do
      [ "$(portctl call write "{\"id\": ${ids[1]}, \"data\": \"$data\"}" | jq .count)" -eq $((${#text} + 1)) ]
      [ "$(portctl call read "{\"id\": ${ids[0]}, \"most\": 100}" | jq -r .data | base64 -d)" = "$text" ]
    done
  done
  for data in '"x"' '"xx="' '"x==="' '"xy=="' '"x y="' '"====" ' 7 '"xxxx===="'; do
    refuses call write "{\"id\": ${ids[1]}, \"data\": $data}"
    has "$message" "base64"
  done
  # 60 KiB at once: what the method write may be as long as, and others may not.
  exec 8>"$BATS_TEST_TMPDIR/long"
  long=$(portctl wrap fd 8 --mode write)
  head -c 61440 /dev/urandom | base64 -w 0 >"$BATS_TEST_TMPDIR/data"
  [ "$(printf '{"id": %s, "data": "%s"}' "$long" "$(<"$BATS_TEST_TMPDIR/data")" | portctl call write - | jq .count)" -eq 61440 ]
  [ "$(base64 -w 0 "$BATS_TEST_TMPDIR/long")" = "$(<"$BATS_TEST_TMPDIR/data")" ]
  both portctl call hello - < <(printf '{"token": "%s"}' "$(<"$BATS_TEST_TMPDIR/data")")
  exits 2
  has "$error" "too long"
}

@test "JSON that is no such request: refused, and the member is named" {
  refuses call list '{"kinds": 1}'
  has "$message" "did you mean 'kind'?"
  refuses call list '{"colour": 1}'
  has "$message" "'colour'"
  has "$message" "kind: Kind"
  refuses call ping '{"x": 1}'
  refuses call list '{"kind": "KIND_NOTHING"}'
  has "$message" "KIND_SEMAPHORE"
  refuses call wait '{"ids": [8, {"id": 8}]}'
  has "$message" "ids[1]"
  refuses call wait '{"ids": 8}'
  has "$message" "a list"
  for number in -1 1.5 1e30 true '"x"' '"-1"' '""' '"1 "' '[]' '"18446744073709551616"'; do
    refuses call show "{\"ids\": [$number]}"
    has "$message" "ids[0]"
  done
  refuses call show '{"ids": [18446744073709551615]}'
  refuses call read '{"id": 18, "most": 4294967296}'
  has "$message" "uint32"
  refuses call file_descriptor_to_semaphore '{"number": "-9223372036854775809"}'
  refuses call wait '{"ids": [8], "all": "yes"}'
  refuses call file_descriptor_to_port '{"name": 5}'
  refuses call file_descriptor_to_port '{"name": "a\u0000b"}'
  refuses call list '{"kind": 1, "kind": 2}'
  refuses call hello '{"owner_pids": [1, 2, 3], "ownerPids": []}'
  has "$message" "given twice"
  for text in '' '[]' '7' 'null' '{' '{"kind": }' '{} {}' '{"kind": 1,}'; do refuses call list "$text"; done
}

@test "a command line that is none" {
  refuses call
  has "$message" "--list"
  refuses call nothing
  refuses call pinng
  has "$message" "did you mean 'ping'?"
  refuses call id
  refuses call list '{"kind":' '1}'
  refuses call ping --attach x
  exec 7<&-
  refuses call ping --attach 7
  has "$message" "descriptor 7 is not open"
  refuses call ping --receive x -- true
  refuses call ping --receive 3
  refuses call ping -- true
  refuses call ping --receive 3 --receive 3 -- true
  refuses call ping --columns=method
}

@test "what the broker refuses: the code of portctl, the member, the hint" {
  both portctl call show '{"ids": [8]}'
  exits 5
  [ -z "$output" ]
  both portctl call show '{"ids": []}'
  exits 2
  both portctl call -j file_descriptor_to_semaphore '{"number": 5, "mode": "MODE_READ"}'
  [ "$status" -ne 0 ]
  jq -e .error.message <<<"$error"
  both portctl call file_descriptor_to_semaphore '{"number": 5, "mode": 77}' --attach 5
  exits 2
  has "$error" "mode"
  # A descriptor that the method does not take.
  both portctl call ping --attach 5
  exits 7
}

@test "descriptors that go with the request" {
  both portctl call file_descriptor_to_semaphore '{"number": 77, "mode": "MODE_READ"}' --attach 5
  exits 0
  id=$(jq .id <<<"$output")
  [ "$(portctl show "$id" -j | jq '.[0].number')" -eq 77 ]
  echo data >&5
  [ "$(portctl wait "$id" --timeout 10s)" = "$id ready" ]
}

@test "descriptors that come with the reply go to a program, or are closed with a note" {
  id=$(portctl semaphore fd 5 --mode read)
  both portctl call handle "{\"id\": $id}"
  exits 0
  [ "$(jq -r .form <<<"$output")" = FORM_EVENTFD ]
  has "$error" "the reply had 1 descriptor:"
  echo data >&5
  portctl call handle "{\"id\": $id}" --receive 7 -- python3 -c '
import select
poll = select.poll()
poll.register(7, select.POLLIN)
assert poll.poll(10000)'
  in=$(portctl wrap fd 5 --mode read)
  [ "$(portctl call port_dup "{\"id\": $in}" --receive 0 -- head -n 1)" = data ]
  both portctl call port_dup "{\"id\": $in}" --receive 0 --json -- true
  [ "$output" = '{"schema":1}' ]
  both portctl call port_dup "{\"id\": $in}" --receive 3 --receive 4 -- true
  exits 7
  both portctl call ping --receive 3 -- true
  exits 7
  both portctl call port_dup "{\"id\": $in}" --receive 3 -- "$BATS_TEST_TMPDIR"
  exits 126
  # The program works in the same session.
  [ "$(portctl call port_dup "{\"id\": $in}" --receive 3 -- "$PORTCTL_BIN" status -j | jq .session)" = "$(portctl status -j | jq .session)" ]
}

@test "hello speaks for itself" {
  [ "$(portctl call hello '{"version_min": 1, "version_max": 1}' | jq -c '[.version, .joined]')" = '[1,false]' ]
  [ "$(portctl call hello "{\"version_min\": 1, \"version_max\": 1, \"token\": \"$PORTD_SESSION\"}" | jq .session)" = \
    "$(portctl status -j | jq .session)" ]
  both portctl call hello '{"version_min": 9, "version_max": 9}'
  exits 7
  both portctl call hello
  exits 7
}

@test "--timeout, no broker, standard output that takes nothing" {
  id=$(portctl semaphore fd 5 --mode read)
  both portctl call wait "{\"ids\": [$id]}" --timeout 50ms
  exits 124
  code=0
  portctl call ping >/dev/full 2>"$BATS_TEST_TMPDIR/error" || code=$?
  [ "$code" -eq 125 ]
  in=$(portctl wrap fd 5 --mode read)
  code=0
  portctl call port_dup "{\"id\": $in}" --receive 3 -j -- touch "$BATS_TEST_TMPDIR/ran" >/dev/full 2>"$BATS_TEST_TMPDIR/error" || code=$?
  [ "$code" -eq 125 ]
  [ ! -e "$BATS_TEST_TMPDIR/ran" ]
  both portctl call ping --address "unix:$BATS_TEST_TMPDIR/nobody"
  exits 3
}
