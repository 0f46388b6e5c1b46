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
  exits 5
  both portctl remove "$id"
  exits 5
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

# What the dry run of a command lists, as ids in $listed; and it changes nothing.
dry() {
  local before after
  before=$(portctl list -j)
  both portctl "$@" --dry-run -j
  after=$(portctl list -j)
  [ "$before" = "$after" ] || { echo "$* has changed something: $after"; return 1; }
  listed=$(jq -c '[.[].id]' <<<"$output")
}

@test "--dry-run lists what would end, and changes nothing" {
  a=$(portctl sem fd 5 --mode read)
  b=$(portctl evt fd 5 --mode read)
  c=$(portctl evt fd 5 --mode write)
  mkfifo "$BATS_TEST_TMPDIR/other"
  exec 6<>"$BATS_TEST_TMPDIR/other"
  d=$(portctl evt fd 6 --mode read)
  dry remove "$a"
  exits 0
  [ "$listed" = "[$a]" ]
  # The other direction of the number ends too.
  dry remove "$c"
  [ "$listed" = "[$b,$c]" ]
  dry remove "$c" "$a" "$c"
  [ "$listed" = "[$a,$b,$c]" ]
  dry remove --all
  [ "$listed" = "[$a,$b,$c,$d]" ]
  # And so it comes.
  portctl remove "$c" --dry-run
  portctl remove "$c"
  [ "$(portctl wait "$b" --timeout 0)" = "$b removed" ]
  dry remove "$c"
  exits 0
  [ "$listed" = "[]" ]
  dry remove --all
  [ "$listed" = "[$a,$d]" ]
  both portctl remove --all --dry-run --columns=id --no-legend
  [ "$output" = "$a
$d" ]
}

@test "--dry-run: what is not there, or of another kind" {
  a=$(portctl sem fd 5 --mode read)
  dry remove 12 "$a"
  exits 5
  [ "$listed" = "[$a]" ]
  [ "$(jq -c '.error | [.code, .exit]' <<<"$error")" = '["not_found",5]' ]
  descriptor=$(portctl list descriptors -j | jq '.[0].id')
  dry remove "$descriptor"
  exits 2
  both portctl remove "$descriptor"
  exits 2
  port=$(portctl wrap fd 5 --mode read)
  for dry in "" --dry-run; do
    refuses remove "$a" "$port" ${dry:+"$dry"}
    has "$message" "$port is a port"
    has "$message" "ports are closed"
  done
  [ "$(portctl show "$a" "$port" -j | jq -c '[.[].registered]')" = "[true,true]" ]
}

@test "the id of a port that does not exist (any more): 5, and the rest is removed" {
  port=$(portctl wrap fd 5 --mode read)
  portctl close "$port"
  portctl release "$port"
  # The low three bits of an id tell its kind: 2 is a port.
  for gone in "$port" 4503599627370498; do
    a=$(portctl sem fd 5 --mode read)
    dry remove "$gone" "$a"
    exits 5
    [ "$listed" = "[$a]" ]
    both portctl remove "$gone" "$a"
    exits 5
    has "$error" "no object $gone"
    [ "$(portctl wait "$a" --timeout 0)" = "$a removed" ]
  done
}

@test "--dry-run of release: all that is there, or nothing" {
  a=$(portctl sem fd 5 --mode read)
  b=$(portctl sem fd 5 --mode write)
  dry release "$a" "$b"
  exits 0
  [ "$listed" = "[$a,$b]" ]
  dry release "$a" 12
  exits 5
  [ "$listed" = "[]" ]
}

@test "remove --all: with --yes, and never without where nobody can be asked" {
  a=$(portctl sem fd 5 --mode read)
  b=$(portctl evt fd 5 --mode write)
  port=$(portctl wrap fd 5 --mode read)
  refuses remove --all
  has "$message" "hint: --yes"
  refuses remove --all </dev/null
  refuses remove --all "$a" --yes
  refuses remove "$a" --yes
  refuses remove --all --yes --dry-run
  refuses release "$a" --yes
  [ "$(portctl sem fd 5 --mode check-read)" = "$a" ]
  both portctl remove --all --yes -j
  exits 0
  [ "$output" = "{\"schema\":1,\"removed\":[$a,$b]}" ]
  [ "$(portctl list -j | jq -c '[.[] | select(.registered) | .id]')" = "[$port]" ]
  both portctl remove --all --yes
  exits 0
  [ -z "$output$error" ]
}

# Runs a command on a terminal of its own, types a line (or hangs up the input with "^D") when it has asked, and prints what
# was written there and the exit code.
answers() {
  python3 -c '
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
data = b""
typed = False
while True:
    try:
        got = os.read(fd, 65536)
    except OSError:
        break
    if not got:
        break
    data += got
    if not typed and data.endswith(b"? [y/N] "):
        typed = True
        os.write(fd, b"\x04" if sys.argv[1] == "^D" else sys.argv[1].encode() + b"\n")
sys.stdout.write(data.decode().replace("\r", ""))
print("exit code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$@"
}

@test "remove --all asks on a terminal" {
  need_terminal
  a=$(portctl sem fd 5 --mode read)
  for no in "" n no maybe ^D; do
    run answers "$no" "$PORTCTL_BIN" remove --all
    has "$output" "remove all semaphores and events of session $(portctl status -j | jq .session), 1 in number? [y/N] "
    has "$output" "nothing was done"
    has "$output" "exit code 1"
    [ "$(portctl sem fd 5 --mode check-read)" = "$a" ]
  done
  # What is for a program is not asked about, and neither what says nothing.
  for form in -j -q; do
    run answers yes "$PORTCTL_BIN" remove --all "$form"
    has "$output" "exit code 2"
  done
  run answers yes bash -c '"$PORTCTL_BIN" remove --all </dev/null'
  has "$output" "exit code 2"
  run answers yes "$PORTCTL_BIN" remove --all --dry-run
  has "$output" "exit code 0"
  [ "$(portctl sem fd 5 --mode check-read)" = "$a" ]
  run answers y "$PORTCTL_BIN" remove --all
  has "$output" "exit code 0"
  [ "$(portctl wait "$a" --timeout 0)" = "$a removed" ]
  # Nothing left, nothing to ask.
  run answers n "$PORTCTL_BIN" remove --all
  [ "$output" = "exit code 0" ]
}

@test "a question has a time limit" {
  need_terminal
  a=$(portctl sem fd 5 --mode read)
  run python3 -c '
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
try:
    while os.read(fd, 65536):
        pass
except OSError:
    pass
print("exit code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$PORTCTL_BIN" remove --all --timeout 300ms
  [ "$output" = "exit code 124" ]
  [ "$(portctl sem fd 5 --mode check-read)" = "$a" ]
}
