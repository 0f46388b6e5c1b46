# What holds for every verb, whatever it does: exit codes, where things are printed, and that no error is silent. A verb
# that comes later has to be added to the calls below.

load setup

setup() {
  usual_setup --keeper yes
  open_fifo
  ID=$(portctl sem fd 5 --mode read)
  mapfile -t PORTS < <(portctl wrap fd 5 --mode read,write)
  OTHER=$(portctl session start --owner $$ -j | jq .session)
  portctl put held fd 5
  put_terminal screen
  FILE=$(portctl wrap fd 6 --mode read 6</etc/passwd)
}
teardown() { usual_teardown; }

# A call of each verb that works, its standard input being empty.
each_call() {
  cat <<CALLS
semaphore fd 5 --mode read
evt fd 5 --mode read
wait fd:5 --mode write
wait ${PORTS[1]}
wait ${PORTS[1]} $ID --count 1
wait $ID 8 --allow-missing
wrap fd 5 --mode read
fd ${PORTS[0]}
socket ${PORTS[0]}
cat $FILE
cat $FILE --through-broker
write ${PORTS[1]}
relay ${PORTS[1]} --timeout 5s
exec --fd 7=${PORTS[0]} -- true
exec --fd 7=held -- true
put other fd 5
put taken fd 5
get held -- true
renew held other --ttl 1h
put kept fd 5 --spool 4KiB
spool kept
take taken -- true
run program -- true
attach program --wait
wait held --mode write
evt hold held --mode read
wrap hold held --mode write
list holds
list holds --look
show held
repair held
resize screen 80x24
drop other
close ${PORTS[0]} --dry-run
close --all --dry-run
close ${PORTS[0]}
close --all --yes
list
list sessions
list semaphores evts
show $ID
remove --all --dry-run
remove $ID
remove --all --yes
release $ID --dry-run
release $ID
status
stats
stats --openmetrics
monitor --once
monitor --after 0 --count 2
ping
reload
upgrade
why a-name get
session start --owner $$
session list
session end $OTHER
call ping
call --list
completion bash
version
help
help wait
CALLS
}

# Those that ask no broker, or for which none is an answer.
asks_nobody() {
  case "$1" in
  completion* | help* | version | "call --list") return 0 ;;
  esac
  return 1
}

# A form that a call does not have, and says so.
is_refused() {
  [ "$1 $2" = "stats --openmetrics -j" ]
}

# Those that print nothing. What cat and relay print is there once: cat.bats sees to it. A name can be put once, here in JSON.
says_nothing() {
  case "$1 ${2-}" in
  exec* | cat* | "spool "* | relay* | get* | take* | attach*) return 0 ;;
  *-j | *--dry-run*) return 1 ;;
  put* | run* | write* | drop* | renew* | repair* | resize* | close* | remove* | release* | "socket "* | "session end"*) return 0 ;;
  esac
  return 1
}

@test "every verb is among the calls of this file" {
  diff <(each_call | cut -d ' ' -f 1 | sort -u) <(portctl help -j | jq -r '.verbs[].name' | sort)
}

# Runs each call with these options, text and JSON, and judges: the exit code $1 and an error (0: none).
each_ends() {
  local code=$1 call words form
  shift
  while read -r call; do
    read -ra words <<<"$call"
    for form in -q -j; do
      is_refused "$call" "$form" && continue
      both portctl "$@" "$form" "${words[@]}" </dev/null
      if asks_nobody "$call" && [ "$status" -eq 0 ]; then
        [ -z "$error" ] || { echo "$call $form: $error"; return 1; }
        continue
      fi
      exits "$code" || { echo "$call $form"; return 1; }
      [ -z "$output" ] || { echo "$call $form: $output"; return 1; }
      [ -n "$error" ] || { echo "$call $form: no error"; return 1; }
      [ "$form" = -q ] || [ "$(jq .error.exit <<<"$error")" -eq "$code" ] || { echo "$call: $error"; return 1; }
    done
  done < <(each_call)
}

@test "nobody is there: 3" {
  each_ends 3 --address "unix:$BATS_TEST_TMPDIR/nobody.sock"
}

@test "the broker refuses every client: 4" {
  fake_broker 2
  failed=0
  each_ends 4 --address "unix:$BATS_TEST_TMPDIR/fake.sock" || failed=1
  end_fake
  [ "$failed" -eq 0 ]
}

@test "the broker hangs up: 3, or 7" {
  fake_broker close
  failed=0
  each_ends 3 --address "unix:$BATS_TEST_TMPDIR/fake.sock" || failed=1
  end_fake
  [ "$failed" -eq 0 ]
}

@test "the broker says nothing: 124, when timed out" {
  fake_broker hang
  failed=0
  each_ends 124 --address "unix:$BATS_TEST_TMPDIR/fake.sock" --timeout 50ms || failed=1
  end_fake
  [ "$failed" -eq 0 ]
}

@test "an option that is none, and words that are too many: 2, on standard error, in JSON as well" {
  for verb in $(portctl help -j | jq -r '.verbs[].name'); do
    refuses "$verb" --no-such-option
    has "$message" "--no-such-option"
    case "$verb" in
    completion) refuses "$verb" bash x ;;
    wait) refuses "$verb" x y fd:z ;; # any word may be a name
    *) refuses "$verb" x y z x y z ;;
    esac
  done
}

@test "standard output that takes nothing: 125" {
  while read -r call; do
    read -ra words <<<"$call"
    for form in "" -j; do
      if says_nothing "$call" "$form" || is_refused "$call" "$form"; then continue; fi
      code=0
      portctl ${form:+"$form"} "${words[@]}" </dev/null >/dev/full 2>"$BATS_TEST_TMPDIR/error" || code=$?
      [ "$code" -eq 125 ] || { echo "$call $form: $code"; false; }
      grep -q "cannot write .*: No space left on device" "$BATS_TEST_TMPDIR/error" || { echo "$call $form: $(cat "$BATS_TEST_TMPDIR/error")"; false; }
    done
  done < <(each_call)
}

@test "without anything wrong: answers on standard output, nothing else on standard error" {
  while read -r call; do
    read -ra words <<<"$call"
    both portctl "${words[@]}" </dev/null
    case "$call:$status" in
    "relay"*:124) [ -n "$error" ] ;;
    *:0 | socket*:1 | "wait"*:9) [ -z "$error" ] ;;
    *) echo "$call: $status $error" && false ;;
    esac
  done < <(each_call)
}
