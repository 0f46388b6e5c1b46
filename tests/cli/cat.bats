# portctl cat, write and relay: the bytes of ports, by a copy of the descriptor and through the broker.

load setup

setup() {
  usual_setup
  open_fifo
}
teardown() { usual_teardown; }

# Both ways that the bytes can go.
WAYS=("" --through-broker)

# Three megabytes that are not the same anywhere.
some_bytes() { seq 1 440000; }

# The descriptor 7 is an end for reading of a fifo whose other end is 8 alone.
open_ends() {
  rm -f "$BATS_TEST_TMPDIR/ends"
  mkfifo "$BATS_TEST_TMPDIR/ends"
  exec 6<>"$BATS_TEST_TMPDIR/ends" 7<"$BATS_TEST_TMPDIR/ends" 8>"$BATS_TEST_TMPDIR/ends" 6>&-
}

@test "cat: everything until end of file" {
  for way in "${WAYS[@]}"; do
    open_ends
    id=$(portctl wrap fd 7 --mode read)
    some_bytes >&8 3>&- 7<&- &
    exec 7<&- 8>&-
    portctl cat "$id" ${way:+"$way"} >"$BATS_TEST_TMPDIR/got"
    cmp "$BATS_TEST_TMPDIR/got" <(some_bytes)
    portctl close "$id"
  done
}

@test "cat: into a pipe, at which it is spliced, and what is in the pipe comes at once" {
  open_ends
  id=$(portctl wrap fd 7 --mode read)
  exec 6< <(exec "$PORTCTL_BIN" cat "$id" 3>&- 7<&- 8>&-)
  echo one >&8
  read -r line <&6
  [ "$line" = one ]
  echo two >&8
  read -r line <&6
  [ "$line" = two ]
  exec 8>&-
  run ! read -r line <&6
}

@test "cat: a file from the place that it shares with others" {
  echo "one two" >"$BATS_TEST_TMPDIR/file"
  for way in "${WAYS[@]}"; do
    exec 7<"$BATS_TEST_TMPDIR/file"
    id=$(portctl wrap fd 7 --mode read,regular-file)
    read -r -N 4 <&7
    [ "$(portctl cat "$id" ${way:+"$way"})" = two ]
    both portctl cat "$id"
    exits 0
    [ -z "$output" ]
    portctl close "$id"
  done
}

@test "cat: a port that is closed meanwhile ends it: exit code 5" {
  for way in "${WAYS[@]}"; do
    id=$(portctl wrap fd 5 --mode read)
    echo data >&5
    rm -f "$BATS_TEST_TMPDIR/out"
    mkfifo "$BATS_TEST_TMPDIR/out"
    "$PORTCTL_BIN" cat "$id" ${way:+"$way"} >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/error" 3>&- &
    reader=$!
    exec 6<"$BATS_TEST_TMPDIR/out"
    read -r line <&6
    [ "$line" = data ]
    portctl close "$id"
    code=0
    wait "$reader" || code=$?
    [ "$code" -eq 5 ] || { echo "$way: $code"; cat "$BATS_TEST_TMPDIR/error"; false; }
    grep -q closed "$BATS_TEST_TMPDIR/error"
  done
}

@test "cat and write: timed out, 124, and what came before is there" {
  for way in "${WAYS[@]}"; do
    id=$(portctl wrap fd 5 --mode read)
    echo data >&5
    both portctl cat "$id" --timeout 500ms ${way:+"$way"}
    exits 124
    [ "$output" = data ]
    has "$error" "portctl: "
    open_ends
    out=$(portctl wrap fd 8 --mode write)
    # More than a pipe takes, and nobody reads.
    both portctl write "$out" --timeout 500ms ${way:+"$way"} < <(some_bytes 3>&-)
    exits 124
    both portctl write "$out" --timeout 100ms ${way:+"$way"} <&5
    exits 124
  done
}

@test "cat: JSON, a chunk on a line" {
  for way in "${WAYS[@]}"; do
    for text in "" x xy xyz xyzx; do
      open_ends
      id=$(portctl wrap fd 7 --mode read)
      printf %s "$text" >&8
      exec 7<&- 8>&-
      both portctl cat "$id" -j ${way:+"$way"}
      exits 0
      [ "$(jq -j '.data | @base64d' <<<"$output")" = "$text" ]
      [ -z "$text" ] || [ "$(jq -c '[.count, .encoding]' <<<"$output")" = "[${#text},\"base64\"]" ]
    done
  done
}

@test "cat: datagrams, an empty one among them" {
  run python3 - <<'PYTHON'
import os, socket, subprocess
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
ctl = os.environ["PORTCTL_BIN"]
wrap = subprocess.run([ctl, "wrap", "socket", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                      capture_output=True, text=True, check=True)
reading, writing = wrap.stdout.split()
theirs.close()
for text in (b"one", b"", b"two"):
    ours.send(text)
cat = subprocess.Popen([ctl, "cat", reading], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
got = b""
while len(got) < 6:
    got += os.read(cat.stdout.fileno(), 100)
print(got.decode())
subprocess.run([ctl, "write", writing], input=b"three", check=True)
print(ours.recv(100).decode())
subprocess.run([ctl, "close", reading], check=True)
print(cat.wait())
PYTHON
  has "$output" "$(printf 'onetwo\nthree\n5')"
}

@test "write: everything, and the port stays open" {
  for way in "${WAYS[@]}"; do
    open_ends
    id=$(portctl wrap fd 8 --mode write)
    exec 8>&-
    cat <&7 >"$BATS_TEST_TMPDIR/got" 3>&- &
    reader=$!
    exec 7<&-
    both portctl write "$id" ${way:+"$way"} < <(some_bytes 3>&-)
    exits 0
    [ -z "$output$error" ]
    [ "$(echo end | portctl write "$id" -j ${way:+"$way"} | jq -c '[.schema, .count]')" = "[1,4]" ]
    portctl close "$id"
    wait "$reader"
    cmp "$BATS_TEST_TMPDIR/got" <(some_bytes; echo end)
  done
}

@test "write: nobody reads any more: 125, and no death by signal" {
  for way in "${WAYS[@]}"; do
    open_ends
    id=$(portctl wrap fd 8 --mode write)
    exec 7<&-
    both portctl write "$id" ${way:+"$way"} <<<x
    exits 125
    [ -z "$output" ]
    has "$error" "pipe"
    exec 8>&-
    portctl close "$id"
  done
}

@test "write: why the port cannot be written, and what to do, by either way" {
  some_bytes >"$BATS_TEST_TMPDIR/file"
  for way in "${WAYS[@]}"; do
    open_ends
    id=$(portctl wrap fd 8 --mode write)
    exec 7<&-
    both portctl write "$id" ${way:+"$way"} <"$BATS_TEST_TMPDIR/file"
    exits 125
    has "$error" "cannot write the port: Broken pipe"
    has "$error" "hint: "
    exec 8>&-
    portctl close "$id"
  done
}

@test "cat: a file is not read while it is written" {
  for way in "${WAYS[@]}"; do
    for form in --quiet --json; do
      echo data >"$BATS_TEST_TMPDIR/file"
      exec 9<"$BATS_TEST_TMPDIR/file"
      id=$(portctl wrap fd 9 --mode read)
      code=0
      portctl cat "$id" $form ${way:+"$way"} --timeout 20s >>"$BATS_TEST_TMPDIR/file" 2>"$BATS_TEST_TMPDIR/error" || code=$?
      [ "$code" -eq 2 ] || { echo "$way $form: $code"; cat "$BATS_TEST_TMPDIR/error"; false; }
      grep -q "standard output" "$BATS_TEST_TMPDIR/error"
      [ "$(cat "$BATS_TEST_TMPDIR/file")" = data ]
      # What has been read is not read again.
      read -r -N 5 <&9
      portctl cat "$id" ${way:+"$way"} >>"$BATS_TEST_TMPDIR/file"
      exec 9<&-
      portctl close "$id"
    done
  done
}

@test "cat: standard output that takes nothing is 125" {
  for way in "${WAYS[@]}"; do
    for form in --quiet --json; do
      id=$(portctl wrap fd 0 --mode read </etc/passwd)
      code=0
      portctl cat "$id" $form ${way:+"$way"} >/dev/full 2>"$BATS_TEST_TMPDIR/error" || code=$?
      [ "$code" -eq 125 ]
      grep -q "cannot write" "$BATS_TEST_TMPDIR/error"
      portctl close "$id"
    done
  done
}

@test "cat, write: what cannot be: the wrong direction, closed, no port, nothing" {
  mapfile -t ids < <(portctl wrap fd 5 --mode read,write)
  for call in "cat ${ids[1]}" "write ${ids[0]}" "cat $(portctl sem fd 5 --mode read)"; do
    read -ra words <<<"$call"
    both portctl "${words[@]}" </dev/null
    exits 2
    [ -z "$output" ]
  done
  has "$(portctl cat "${ids[1]}" 2>&1)" "portctl write"
  both portctl cat 18
  exits 5
  portctl close "${ids[@]}"
  both portctl cat "${ids[0]}"
  exits 5
  has "$error" "closed"
  for verb in cat write; do
    refuses "$verb"
    refuses "$verb" hold:
    refuses "$verb" 18 26
    refuses "$verb" fd:0
  done
}

# Runs a command with a listening socket as descriptor 7.
listening() {
  python3 -c '
import os, socket, sys
kind, path, *command = sys.argv[1:]
if kind == "tcp":
    server = socket.create_server(("127.0.0.1", 0))
else:
    server = socket.socket(socket.AF_UNIX, getattr(socket, kind))
    server.bind(path)
    server.listen()
os.dup2(server.fileno(), 7)
os.execvp(command[0], command)' "$@"
}

@test "cat, write, relay: a socket that listens has no bytes: exit code 2, and nothing is read" {
  for kind in tcp SOCK_STREAM SOCK_SEQPACKET; do
    mapfile -t ids < <(listening $kind "$BATS_TEST_TMPDIR/$kind" "$PORTCTL_BIN" wrap socket 7)
    for way in "${WAYS[@]}"; do
      [ "$kind$way" != SOCK_SEQPACKET--through-broker ] || continue # of those the broker does not tell it
      for call in "cat ${ids[0]}" "cat ${ids[0]} --json" "write ${ids[1]}" "relay ${ids[0]}"; do
        echo kept >"$BATS_TEST_TMPDIR/file"
        read -ra words <<<"$call"
        exec 9<"$BATS_TEST_TMPDIR/file"
        both portctl "${words[@]}" --timeout 20s ${way:+"$way"} <&9
        exits 2
        has "$output$error" "the port's socket listens"
        [ "$(cat <&9)" = kept ]
        exec 9<&-
      done
    done
    portctl close "${ids[@]}"
  done
}

@test "cat, write: the flags of the descriptor are as they were; nothing stays at the broker" {
  flags() { sed -n 's/^flags:[[:space:]]*//p' "/proc/self/fdinfo/5"; }
  before=$(flags)
  mapfile -t ids < <(portctl wrap fd 5 --mode read,write)
  for way in "${WAYS[@]}"; do
    echo data | portctl write "${ids[1]}" ${way:+"$way"}
    both portctl cat "${ids[0]}" --timeout 300ms ${way:+"$way"}
    [ "$output" = data ]
    [ "$(flags)" = "$before" ]
  done
  portctl close "${ids[@]}"
  [ "$(portctl list descriptors -j)" = "[]" ]
}

# The other end of a socket that is wrapped as ${ids[@]}: it sends back what it gets (echo), or ends its own half first.
open_peer() {
  mkfifo "$BATS_TEST_TMPDIR/made" "$BATS_TEST_TMPDIR/heard"
  python3 - "$BATS_TEST_TMPDIR/made" "$BATS_TEST_TMPDIR/heard" "$1" 3>&- <<'PYTHON' &
import os, socket, subprocess, sys
made, heard, what = sys.argv[1:]
ours, theirs = socket.socketpair()
ids = subprocess.run([os.environ["PORTCTL_BIN"], "wrap", "socket", str(theirs.fileno())],
                     pass_fds=[theirs.fileno()], capture_output=True, text=True, check=True).stdout
theirs.close()
open(made, "w").write(ids)
if what == "echo":
    while data := ours.recv(65536):
        ours.sendall(data)
    ours.close()
elif what == "first":
    ours.sendall(b"bye\n")
    ours.shutdown(socket.SHUT_WR)
    got = b""
    while not got.endswith(b"end\n"):
        got += ours.recv(65536)
    open(heard, "wb").write(got)
    ours.close()
PYTHON
  PEER_PID=$!
  mapfile -t ids <"$BATS_TEST_TMPDIR/made"
}

@test "relay: both ways at once; the end of standard input is told when asked for" {
  for way in "${WAYS[@]}"; do
    open_peer echo
    portctl relay "${ids[1]}" --shutdown ${way:+"$way"} < <(some_bytes 3>&-) >"$BATS_TEST_TMPDIR/got"
    cmp "$BATS_TEST_TMPDIR/got" <(some_bytes)
    wait "$PEER_PID"
    portctl close "${ids[@]}"
    rm "$BATS_TEST_TMPDIR/made" "$BATS_TEST_TMPDIR/heard"
  done
}

@test "relay: the ports of another session of the user" {
  for way in "${WAYS[@]}"; do
    for session in "$(portctl session start --owner $$ --new | sed -n "s/.*PORTD_SESSION='*\\([^';]*\\).*/\\1/p")" ""; do
      open_peer echo
      PORTD_SESSION=$session both portctl relay "${ids[1]}" --shutdown ${way:+"$way"} <<<hello
      exits 0
      [ "$output" = hello ]
      wait "$PEER_PID"
      portctl close "${ids[0]}"
      PORTD_SESSION=$session both portctl relay "${ids[1]}" ${way:+"$way"} </dev/null
      exits 2
      has "$error" "no open port for the other direction"
      portctl close "${ids[1]}"
      rm "$BATS_TEST_TMPDIR/made" "$BATS_TEST_TMPDIR/heard"
    done
  done
}

@test "relay: one half that has ended leaves the other open" {
  for way in "${WAYS[@]}"; do
    open_peer first
    mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
    exec 6<>"$BATS_TEST_TMPDIR/in"
    "$PORTCTL_BIN" relay "${ids[0]}" ${way:+"$way"} <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&- 6>&- &
    relay=$!
    exec 7<"$BATS_TEST_TMPDIR/out"
    read -r line <&7
    [ "$line" = bye ]
    seq 1 1000 >&6
    kill -0 "$relay"
    echo end >&6
    cmp "$BATS_TEST_TMPDIR/heard" <(seq 1 1000; echo end)
    exec 6>&- 7<&-
    wait "$relay"
    wait "$PEER_PID"
    portctl close "${ids[@]}"
    rm "$BATS_TEST_TMPDIR"/{made,heard,in,out}
  done
}

@test "relay: in time, closed meanwhile, one direction alone" {
  for way in "${WAYS[@]}"; do
    open_peer echo
    echo hello >&5
    both portctl relay "${ids[0]}" --timeout 500ms ${way:+"$way"} <&5
    exits 124
    [ "$output" = hello ]
    mkfifo "$BATS_TEST_TMPDIR/out"
    "$PORTCTL_BIN" relay "${ids[0]}" ${way:+"$way"} <&5 >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/error" 3>&- &
    relay=$!
    exec 7<"$BATS_TEST_TMPDIR/out"
    echo again >&5
    read -r line <&7
    [ "$line" = again ]
    portctl close "${ids[0]}"
    code=0
    wait "$relay" || code=$?
    [ "$code" -eq 5 ]
    both portctl relay "${ids[1]}" ${way:+"$way"} </dev/null
    exits 2
    has "$error" "other direction"
    portctl close "${ids[1]}"
    wait "$PEER_PID"
    exec 7<&-
    rm "$BATS_TEST_TMPDIR"/{made,heard,out}
  done
  refuses relay
}

@test "relay: standard input that goes nowhere is told, by either way" {
  for way in "${WAYS[@]}"; do
    # The other end of the pair takes nothing any more, and has said all that it had to say.
    mapfile -t ids < <(python3 -c '
import os, socket, subprocess, sys
ours, theirs = socket.socketpair()
print(subprocess.run([sys.argv[1], "wrap", "socket", str(theirs.fileno())], pass_fds=[theirs.fileno()], capture_output=True,
                     text=True, check=True).stdout, end="")
theirs.close()
ours.sendall(b"bye")' "$PORTCTL_BIN")
    both portctl relay "${ids[0]}" ${way:+"$way"} < <(some_bytes 3>&-)
    exits 125
    [ "$output" = bye ]
    has "$error" "pipe"
    # With a copy nothing is read that cannot be written: it is spliced out of the pipe that standard input is.
    [ -z "$way" ] || has "$error" "had been read from standard input were not written"
  done
}

@test "relay: datagrams" {
  run python3 - <<'PYTHON'
import os, socket, subprocess
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
ctl = os.environ["PORTCTL_BIN"]
wrap = subprocess.run([ctl, "wrap", "socket", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                      capture_output=True, text=True, check=True)
reading, writing = wrap.stdout.split()
theirs.close()
relay = subprocess.Popen([ctl, "relay", reading], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
for text in (b"one", b"two"):
    relay.stdin.write(text)
    relay.stdin.flush()
    print(ours.recv(100).decode())
ours.send(b"three")
print(os.read(relay.stdout.fileno(), 100).decode())
subprocess.run([ctl, "close", reading], check=True)
print(relay.wait())
PYTHON
  [ "$output" = "$(printf 'one\ntwo\nthree\n5')" ]
}

# Reads a fifo empty without waiting.
drain() {
  python3 -c '
import os, sys
end = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
try:
    while data := os.read(end, 65536):
        sys.stdout.buffer.write(data)
except BlockingIOError:
    pass' "$1"
}

@test "write: what a file had given and the port did not take is there for the next" {
  some_bytes >"$BATS_TEST_TMPDIR/file"
  for way in "${WAYS[@]}"; do
    open_ends
    out=$(portctl wrap fd 8 --mode write)
    exec 9<"$BATS_TEST_TMPDIR/file"
    both portctl write "$out" --timeout 300ms ${way:+"$way"} <&9
    exits 124
    run ! grep "not written" <<<"$error"
    { drain "$BATS_TEST_TMPDIR/ends"; cat <&9; } | cmp - "$BATS_TEST_TMPDIR/file"
    exec 9<&-
    portctl close "$out"
  done
}

@test "write: what a pipe had given and the port did not take is counted" {
  for way in "${WAYS[@]}"; do
    open_ends
    out=$(portctl wrap fd 8 --mode write)
    # 50,000 bytes more than a pipe takes. They are all in the pipe of standard input or on their way when it ends.
    rm -f "$BATS_TEST_TMPDIR/in"
    mkfifo "$BATS_TEST_TMPDIR/in"
    exec 9<>"$BATS_TEST_TMPDIR/in"
    head -c 60000 /dev/zero >&8
    head -c 50000 /dev/zero >&9
    both portctl write "$out" --timeout 300ms ${way:+"$way"} <&9
    exits 124
    lost=$(sed -n 's/.*; \([0-9]*\) bytes that had been read from standard input were not written.*/\1/p' <<<"$error")
    taken=$(($(drain "$BATS_TEST_TMPDIR/ends" | wc -c) - 60000))
    left=$(drain "$BATS_TEST_TMPDIR/in" | wc -c)
    [ $((taken + left + ${lost:-0})) -eq 50000 ] || { echo "$way: $taken taken, $left left, lost ${lost:-0}"; false; }
    exec 9>&-
    portctl close "$out"
  done
}

# Until more than so many bytes lie in a fifo.
until_more() { # FIFO BYTES
  python3 -c '
import array, fcntl, os, sys, termios, time
end = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
count = array.array("i", [0])
while count[0] <= int(sys.argv[2]):
    time.sleep(0.01)  # asked again and again: nothing tells how much lies in a pipe
    fcntl.ioctl(end, termios.FIONREAD, count)' "$@"
}

@test "write: through the broker, what its end has left in the pipe is counted" {
  open_ends
  out=$(portctl wrap fd 8 --mode write)
  mkfifo "$BATS_TEST_TMPDIR/in"
  exec 9<>"$BATS_TEST_TMPDIR/in"
  head -c 60000 /dev/zero >&8
  head -c 50000 /dev/zero >&9
  "$PORTCTL_BIN" write "$out" --through-broker <&9 2>"$BATS_TEST_TMPDIR/error" 3>&- &
  writer=$!
  until_more "$BATS_TEST_TMPDIR/ends" 60000
  kill -KILL "$BROKER_PID"
  code=0
  wait "$writer" || code=$?
  [ "$code" -eq 3 ] || { cat "$BATS_TEST_TMPDIR/error"; false; }
  lost=$(sed -n 's/.*; \([0-9]*\) bytes that had been read from standard input were not written.*/\1/p' "$BATS_TEST_TMPDIR/error")
  taken=$(($(drain "$BATS_TEST_TMPDIR/ends" | wc -c) - 60000))
  left=$(drain "$BATS_TEST_TMPDIR/in" | wc -c)
  [ "$lost" -gt 0 ]
  [ $((taken + left + lost)) -eq 50000 ] || { echo "$taken taken, $left left, lost $lost"; false; }
}

@test "cat: what the port had given and standard output did not take is counted" {
  some_bytes >"$BATS_TEST_TMPDIR/file"
  for way in "${WAYS[@]}"; do
    for form in --quiet --json; do
      exec 9<"$BATS_TEST_TMPDIR/file"
      id=$(portctl wrap fd 9 --mode read)
      code=0
      portctl cat "$id" $form ${way:+"$way"} >/dev/full 2>"$BATS_TEST_TMPDIR/error" || code=$?
      [ "$code" -eq 125 ]
      [ "$(wc -l <"$BATS_TEST_TMPDIR/error")" -eq 1 ]
      lost=$(sed -n 's/.*; \([0-9]*\) bytes that had been read from the port were not written.*/\1/p' "$BATS_TEST_TMPDIR/error")
      [ "$(cat <&9 | wc -c)" -eq $(($(wc -c <"$BATS_TEST_TMPDIR/file") - lost)) ]
      exec 9<&-
      portctl close "$id"
    done
  done
}

@test "cat: through the broker, what is in the pipe comes at once, and what comes later" {
  open_ends
  id=$(portctl wrap fd 7 --mode read)
  exec 6< <(exec "$PORTCTL_BIN" cat "$id" --through-broker 3>&- 7<&- 8>&-)
  echo one >&8
  read -r line <&6
  [ "$line" = one ]
  echo two >&8
  read -r line <&6
  [ "$line" = two ]
  portctl close "$id"
  run ! read -r line <&6
}

@test "cat: through the broker, a reply that comes before the bytes that it counts is no end" {
  open_ends
  id=$(portctl wrap fd 7 --mode read)
  echo one >&8
  exec 8>&- 7<&-
  python3 "$BATS_TEST_DIRNAME/late.py" "$PORTCTL_BIN" cat "$id" --through-broker >"$BATS_TEST_TMPDIR/got"
  [ "$(cat "$BATS_TEST_TMPDIR/got")" = one ]
}

# How often bytes were moved by a pipe.
splices() { portctl stats | awk '/method=splice/ { print $NF }'; }

@test "cat, write: through the broker bytes go by a pipe, and in chunks where that cannot be" {
  open_ends
  id=$(portctl wrap fd 7 --mode read)
  out=$(portctl wrap fd 8 --mode write)
  echo one | portctl write "$out" --through-broker
  before=$(splices)
  [ "$before" -gt 0 ]
  portctl close "$out"
  exec 8>&- 7<&-
  [ "$(portctl cat "$id" --through-broker)" = one ]
  [ "$(splices)" -gt "$before" ]
  some_bytes >"$BATS_TEST_TMPDIR/file"
  exec 7<"$BATS_TEST_TMPDIR/file" 8>"$BATS_TEST_TMPDIR/copy"
  id=$(portctl wrap fd 7 --mode read)
  out=$(portctl wrap fd 8 --mode write)
  portctl cat "$id" --through-broker | portctl write "$out" --through-broker
  cmp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/copy"
}

@test "cat, relay: a Unix socket that the broker does not splice for another user goes in chunks" {
  need_other_user
  serve_everybody
  python3 - <<'PYTHON'
import os, re, socket, subprocess, threading
ctl, whole = os.environ["PORTCTL_BIN"], bytes(range(251)) * 8000

def portctl(*arguments, **more):
    return subprocess.run([ctl, *arguments], user=1000, group=1000, extra_groups=[], check=True, stdout=subprocess.PIPE, **more).stdout

def say(end):
    end.sendall(whole)
    end.shutdown(socket.SHUT_WR)

# The user owns none of the processes around it.
os.environ["PORTD_SESSION"] = re.search("PORTD_SESSION=([^; ]+)", portctl("session", "start", "--ttl", "1h").decode()).group(1)
for verb in "cat", "relay":
    ours, theirs = socket.socketpair()
    port = portctl("wrap", "socket", str(ours.fileno()), pass_fds=[ours.fileno()]).decode().split()
    thread = threading.Thread(target=say, args=[theirs])
    thread.start()
    got = portctl(verb, port[0], "--through-broker", stdin=subprocess.DEVNULL)
    thread.join()
    assert got == whole, f"{verb}: {len(got)} bytes"
PYTHON
}

@test "cat: through the broker, what a pipe had given and standard output did not take is counted" {
  open_ends
  id=$(portctl wrap fd 7 --mode read)
  head -c 60000 /dev/zero >&8
  code=0
  portctl cat "$id" --through-broker >/dev/full 2>"$BATS_TEST_TMPDIR/error" || code=$?
  [ "$code" -eq 125 ]
  lost=$(sed -n 's/.*; \([0-9]*\) bytes that had been read from the port were not written.*/\1/p' "$BATS_TEST_TMPDIR/error")
  left=$(drain "$BATS_TEST_TMPDIR/ends" | wc -c)
  [ $((left + ${lost:-0})) -eq 60000 ] || { echo "$left left, lost ${lost:-0}"; false; }
}

@test "cat: through the broker, a full pipe that is open for both directions takes nothing that it does not keep" {
  open_ends
  id=$(portctl wrap fd 7 --mode read)
  head -c 60000 /dev/zero >&8
  mkfifo "$BATS_TEST_TMPDIR/full"
  exec 6<>"$BATS_TEST_TMPDIR/full"
  head -c 65536 /dev/zero >&6
  code=0
  portctl cat "$id" --through-broker --timeout 100ms >&6 2>"$BATS_TEST_TMPDIR/error" || code=$?
  exec 6>&-
  [ "$code" -eq 124 ]
  [ "$(drain "$BATS_TEST_TMPDIR/ends" | wc -c)" -eq 60000 ] || { cat "$BATS_TEST_TMPDIR/error"; false; }
}

# Runs portctl cat through the broker at a socket that a thread fills: first TCP's, then Unix'.
with_full_sockets() {
  python3 -c '
import os, socket, subprocess, sys, threading
def pairs():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield socket.create_connection(server.getsockname()), server.accept()[0]
    yield socket.socketpair()
portctl, sink = os.environ["PORTCTL_BIN"], sys.argv[1]
for own, other in pairs():
    def fill():
        try:
            while True: other.sendall(bytes(1 << 20))
        except OSError:
            pass
    thread = threading.Thread(target=fill)
    thread.start()
    port = subprocess.run([portctl, "wrap", "fd", str(own.fileno()), "--mode", "read"], pass_fds=[own.fileno()],
                          capture_output=True, text=True, check=True).stdout.strip()
    with open(sink, "wb") as out:
        print(subprocess.run([portctl, "cat", port, "--through-broker"], stdout=out, stderr=subprocess.PIPE, text=True).stderr, flush=True)
    subprocess.run([portctl, "close", port], check=True)
    own.shutdown(socket.SHUT_RDWR)
    thread.join()' "$1"
}

@test "cat: through the broker, a file or device that is full loses no more than the manual says" {
  open_ends
  id=$(portctl wrap fd 7 --mode read)
  head -c 50000000 /dev/zero >&8 2>/dev/null 3>&- 7<&- &
  writer=$!
  code=0
  portctl cat "$id" --through-broker >/dev/full 2>"$BATS_TEST_TMPDIR/error" || code=$?
  [ "$code" -eq 125 ]
  with_full_sockets /dev/full >>"$BATS_TEST_TMPDIR/error"
  (ulimit -f 300; with_full_sockets "$BATS_TEST_TMPDIR/limited") >>"$BATS_TEST_TMPDIR/error"
  kill "$writer"
  wait "$writer" || true
  cat "$BATS_TEST_TMPDIR/error"
  mapfile -t losses < <(sed -n 's/.*; \([0-9]*\) bytes that had been read from the port were not written.*/\1/p' "$BATS_TEST_TMPDIR/error")
  [ "${#losses[@]}" -eq 5 ]
  for lost in "${losses[@]}"; do
    [ "$lost" -gt 0 ]
    [ "$lost" -le $((320 * 1024)) ]
  done
}

@test "cat: through the broker, what has come by the deadline is written" {
  open_ends
  id=$(portctl wrap fd 7 --mode read)
  printf abc >&8
  both portctl cat "$id" --through-broker --timeout 200ms
  exits 124
  [ "$output" = abc ]
}

# The reader of standard output goes while there is more than it takes: how cat ended, how many bytes the port has given, how many of them lie
# in standard output, and how many it says are lost.
reader_goes() {
  python3 - "$@" <<'PYTHON'
import array, fcntl, os, re, select, socket, subprocess, sys, termios
what, *options = sys.argv[1:]

def lies(end):
    count = array.array("i", [0])
    fcntl.ioctl(end, termios.FIONREAD, count)
    return count[0]

source, full = os.pipe()
fcntl.fcntl(full, 1031, 1 << 20) # F_SETPIPE_SZ
total = os.write(full, bytes(1000000))
ctl = os.environ["PORTCTL_BIN"]
port = subprocess.run([ctl, "wrap", "fd", str(source), "--mode", "read"], pass_fds=[source], capture_output=True, text=True,
                      check=True).stdout.strip()
if what == "socket":
    ours, theirs = socket.socketpair()
    ends = ours.detach(), theirs.detach()
else:
    ends = os.pipe()
cat = subprocess.Popen([ctl, "cat", port, *options], stdout=ends[1], stderr=subprocess.PIPE, text=True)
waits = select.poll()
waits.register(ends[1], select.POLLOUT)
while lies(ends[0]) == 0 or waits.poll(0): # until it is full
    pass
got = lies(ends[0])
os.close(ends[1])
os.close(ends[0])
error = cat.communicate()[1]
lost = re.search(r"; (\d+) bytes that had been read from the port were not written", error)
print(cat.returncode, total - lies(source), got, lost.group(1) if lost else 0, len(error))
PYTHON
}

@test "cat: the reader of standard output goes: from a pipe into a pipe nothing is lost, and it ends by SIGPIPE" {
  for way in "${WAYS[@]}"; do
    read -r code taken got lost said < <(reader_goes pipe ${way:+"$way"})
    [ "$code $lost $said $taken" = "-13 0 0 $got" ] || { echo "$way: $code, taken $taken, got $got, lost $lost"; false; }
  done
}

@test "cat: the reader of standard output goes: what it took from the port and did not write is counted" {
  for form in --quiet --json; do
    read -r code taken got lost said < <(reader_goes "$([ $form = --json ] && echo pipe || echo socket)" --through-broker $form)
    echo "$form: $code, taken $taken, got $got, lost $lost"
    [ "$code" -eq -13 ]
    [ "$lost" -gt 0 ]
    [ "$lost" -le 131072 ]
    if [ "$form" = --json ]; then # of the first chunk, which is more text than the pipe takes, no byte counts as written
      [ "$taken" -eq "$lost" ]
    else # a socket that is not writable takes some more
      [ "$taken" -ge $((got + lost)) ]
    fi
  done
}

# Runs a command with a file as descriptor 7, open with O_DIRECT; or skips the case.
directly() {
  local file=$1 way=$2
  shift 2
  python3 -c '
import os, sys
try:
    number = os.open(sys.argv[1], getattr(os, sys.argv[2]) | os.O_DIRECT)
except OSError:
    sys.exit(77)
os.dup2(number, 7)
os.set_inheritable(7, True)
os.execvp(sys.argv[3], sys.argv[3:])' "$file" "$way" "$@"
}

# Eight times, since where memory lies is different each time.
@test "cat, write: files that are open with O_DIRECT, by either way, in text and in JSON" {
  head -c 262144 /dev/urandom >"$BATS_TEST_TMPDIR/file"
  directly "$BATS_TEST_TMPDIR/file" O_RDONLY true || skip "no O_DIRECT in $BATS_TEST_TMPDIR"
  for way in "${WAYS[@]}"; do
    for ((i = 0; i < 8; i++)); do
      id=$(directly "$BATS_TEST_TMPDIR/file" O_RDONLY "$PORTCTL_BIN" wrap fd 7 --mode read)
      portctl cat "$id" ${way:+"$way"} >"$BATS_TEST_TMPDIR/got"
      cmp "$BATS_TEST_TMPDIR/got" "$BATS_TEST_TMPDIR/file"
      portctl close "$id"
      id=$(directly "$BATS_TEST_TMPDIR/file" O_RDONLY "$PORTCTL_BIN" wrap fd 7 --mode read)
      portctl cat "$id" --json ${way:+"$way"} >"$BATS_TEST_TMPDIR/chunks"
      jq -r .data "$BATS_TEST_TMPDIR/chunks" | while read -r data; do base64 -d <<<"$data"; done | cmp - "$BATS_TEST_TMPDIR/file"
      portctl close "$id"
      : >"$BATS_TEST_TMPDIR/got"
      id=$(directly "$BATS_TEST_TMPDIR/got" O_WRONLY "$PORTCTL_BIN" wrap fd 7 --mode write)
      [ "$(portctl write "$id" --json ${way:+"$way"} <"$BATS_TEST_TMPDIR/file" | jq .count)" -eq 262144 ]
      cmp "$BATS_TEST_TMPDIR/got" "$BATS_TEST_TMPDIR/file"
      portctl close "$id"
    done
  done
}

@test "cat: --timeout ends it also where bytes never stop coming" {
  id=$(portctl wrap fd 5 --mode read 5</dev/zero)
  for way in "" --through-broker --json "--json --through-broker"; do
    # shellcheck disable=SC2086
    run -124 portctl cat "$id" $way --timeout 300ms >/dev/null
  done
}
