# portctl list and portctl show: tables, columns, kinds.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

@test "an empty list is a heading, or an empty array" {
  both portctl list
  exits 0
  [ "${#lines[@]}" -eq 1 ]
  has "$output" "ID  KIND"
  both portctl list --no-legend
  exits 0
  [ -z "$output" ]
  [ "$(portctl list -j)" = "[]" ]
  both portctl list --json=lines
  [ -z "$output" ]
}

@test "what was made is listed, by kind" {
  semaphore=$(portctl sem fd 5 --mode read)
  evt=$(portctl evt fd 5 --mode write)
  [ "$(portctl list -j | jq -c '[.[].kind] | sort')" = '["descriptor","evt","semaphore"]' ]
  [ "$(portctl list semaphores -j | jq '.[].id')" = "$semaphore" ]
  [ "$(portctl list sems -j | jq '.[].id')" = "$semaphore" ]
  [ "$(portctl list evts -j | jq '.[].id')" = "$evt" ]
  [ "$(portctl list descriptors -j | jq -c '.[] | [.number, .kind]')" = '[5,"descriptor"]' ]
  [ "$(portctl list -j | jq -c '[.[].number] | unique')" = "[5]" ]
}

@test "several kinds are one list, as they were made, whatever their order and how often they are named" {
  semaphore=$(portctl sem fd 5 --mode read)
  evt=$(portctl evt fd 5 --mode write)
  port=$(portctl wrap fd 5 --mode read)
  [ "$(portctl list evts sems -j | jq -c '[.[].id]')" = "[$semaphore,$evt]" ]
  [ "$(portctl list ports sems ports -j | jq -c '[.[].id]')" = "[$semaphore,$port]" ]
  [ "$(portctl list evts ports semaphores descriptors -j)" = "$(portctl list -j)" ]
  [ "$(portctl list semaphores evts --columns=kind,id --no-legend)" = "semaphore  $semaphore
evt        $evt" ]
  refuses list sessions evts
  has "$message" "together"
  refuses list evts sessions --columns=id
  [ "$(portctl list sessions sessions -j | jq length)" -ge 1 ]
}

@test "the fields of a semaphore" {
  id=$(portctl sem fd 5 --mode read)
  descriptor=$(portctl list descriptors -j | jq '.[0].id')
  [ "$(portctl show "$id" -j | jq -c '.[0] | [.id, .kind, .number, .direction, .registered, .cause, .waiters, .descriptor]')" = \
    "[$id,\"semaphore\",5,\"read\",true,null,0,$descriptor]" ]
  echo x >&5
  portctl wait "$id"
  [ "$(portctl show "$id" -j | jq -c '.[0] | [.registered, .cause, .descriptor]')" = '[false,"ready",null]' ]
}

@test "columns: chosen, in that order, in text and in JSON" {
  id=$(portctl sem fd 5 --mode read)
  [ "$(portctl list semaphores --columns=direction,id --no-legend)" = "read  $id" ]
  [ "$(portctl list semaphores --columns=handle --no-legend)" = "no" ]
  [ "$(portctl list semaphores --columns=number,kind -j)" = '[{"number":5,"kind":"semaphore"}]' ]
  [ "$(portctl list semaphores --columns number,kind | head -n 1)" = "NUMBER  KIND" ]
}

@test "columns are aligned, without tabs and trailing blanks" {
  portctl sem fd 5 --mode read
  portctl evt fd 5 --mode read
  portctl list >"$BATS_TEST_TMPDIR/table"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/table")" -eq 4 ]
  run ! grep -q "$(printf '\t')" "$BATS_TEST_TMPDIR/table"
  run ! grep -q ' $' "$BATS_TEST_TMPDIR/table"
  at=$(head -n 1 "$BATS_TEST_TMPDIR/table" | grep -bo KIND | cut -d: -f1)
  [ "$(tail -n +2 "$BATS_TEST_TMPDIR/table" | cut -c$((at + 1))- | grep -cE '^(descriptor|semaphore|evt) ')" -eq 3 ]
}

@test "show: a line for each field, a block for each id" {
  id=$(portctl sem fd 5 --mode read)
  evt=$(portctl evt fd 5 --mode read)
  both portctl show "$id" "$evt"
  exits 0
  grep -qE "^id +$id\$" <<<"$output"
  grep -qE "^id +$evt\$" <<<"$output"
  grep -qE "^registered +yes\$" <<<"$output"
  [ "$(portctl show "$id" "$evt" -j | jq -c '[.[].id]')" = "[$id,$evt]" ]
  [ "$(portctl show "$id" --columns=direction)" = "direction  read" ]
}

@test "show: an id that is not there, 5 and nothing shown" {
  id=$(portctl sem fd 5 --mode read)
  both portctl show "$id" 12
  exits 5
  [ -z "$output" ]
  has "$error" "12"
}

@test "more than a page" {
  ids=()
  for ((i = 0; i < 3; i++)); do ids+=("$(portctl sem fd 5 --mode write)"); done
  many=()
  for ((i = 0; i < 100; i++)); do many+=("${ids[@]}"); done
  [ "$(portctl show "${many[@]}" -j | jq length)" -eq 300 ]
}

@test "JSON: short in a pipe, pretty when asked, lines" {
  portctl sem fd 5 --mode read
  [ "$(portctl list -j | wc -l)" -eq 1 ]
  [ "$(portctl list --json=short)" = "$(portctl list -j)" ]
  [ "$(portctl list --json=pretty | wc -l)" -gt 10 ]
  [ "$(portctl list --json=pretty | jq -c .)" = "$(portctl list -j)" ]
  [ "$(portctl list --json=lines | wc -l)" -eq 2 ]
  [ "$(portctl list --json=lines | jq -cs .)" = "$(portctl list -j)" ]
}

# Runs a command on a terminal of that many columns and prints what it wrote there.
on_terminal() {
  python3 -c '
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])
data = b""
while True:
    try:
        got = os.read(fd, 65536)
    except OSError:
        break
    if not got:
        break
    data += got
sys.stdout.write(data.decode().replace("\r", ""))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$@"
}

@test "on a terminal: colour, pretty JSON, lines that are cut unless --full" {
  need_terminal
  id=$(portctl sem fd 5 --mode read)
  bold=$(printf '\033[1m')
  has "$(on_terminal 200 "$PORTCTL_BIN" list)" "$bold"
  [ "$(on_terminal 200 "$PORTCTL_BIN" list -j | wc -l)" -gt 10 ]
  [ "$(on_terminal 20 "$PORTCTL_BIN" list --color never | awk '{ print length }' | sort -n | tail -n 1)" -eq 20 ]
  has "$(on_terminal 20 "$PORTCTL_BIN" list --full)" "DESCRIPTOR"
  has "$(on_terminal 20 "$PORTCTL_BIN" list --columns=id --no-legend)" "$id"
}

@test "colour: NO_COLOR, TERM=dumb, CLICOLOR_FORCE, FORCE_COLOR, the option wins" {
  need_terminal
  escape=$(printf '\033')
  coloured() { case "$("$@")" in *"$escape"*) return 0 ;; esac; return 1; }
  coloured on_terminal 200 "$PORTCTL_BIN" list
  run ! coloured portctl list
  NO_COLOR=1 run ! coloured on_terminal 200 "$PORTCTL_BIN" list
  NO_COLOR='' coloured on_terminal 200 "$PORTCTL_BIN" list
  TERM=dumb run ! coloured on_terminal 200 "$PORTCTL_BIN" list
  CLICOLOR_FORCE=1 coloured portctl list
  FORCE_COLOR=1 coloured portctl list
  FORCE_COLOR=0 run ! coloured portctl list
  NO_COLOR=1 coloured portctl list --color=always
  run ! coloured on_terminal 200 "$PORTCTL_BIN" list --color=never
  run ! coloured portctl list -j --color=always
}
