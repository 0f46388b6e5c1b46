# JSON: every verb, one contract.

load setup

setup() {
  usual_setup
  open_fifo
  ID=$(portctl sem fd 5 --mode read)
  PORT=$(portctl wrap fd 5 --mode read)
  portctl put held fd 5
  put_terminal screen
  OUT=$(portctl wrap fd 6 --mode write 6>"$BATS_TEST_TMPDIR/written")
}
teardown() { usual_teardown; }

# All that can be asked: what it prints in JSON is JSON, with the exit code of the text.
each_call() {
  cat <<CALLS
semaphore fd 5 --mode read
semaphore fd 5 --mode check-read
semaphore fd 5 --mode check-write
semaphore fd 0 --mode read
semaphore fd 77 --mode remove
evt fd 5 --mode read
evt fd 5 --mode check-write
wrap fd 5 --mode read,write
wrap fd 5 --mode read --name x
wrap socket 5
fd $PORT
fd 18
write $OUT
cat 18
write 18
relay 18
exec --fd 3=$PORT -- true
exec --fd 3=18 -- true
exec --fd 3=held -- true
put held fd 5
put other fd 5 --expects 8
put nothing listen nowhere
run held -- true
attach nothing
get held -- true
get nothing -- true
take nothing -- true
renew held --forever
renew nothing --ttl 5s
drop held --expects 8
drop nothing
list holds
list holds --of 4711
list holds --look
show held
show nothing
repair held
repair nothing --flags
resize held 80x24
resize screen 80x24
resize nothing 80x24
wait held --timeout 0
wait held --mode write
wait nothing
wait nothing --allow-missing
semaphore hold held --mode read
evt hold held --mode check-read
wrap hold held --mode read,write
write held
socket $PORT
close $PORT
close 18
list ports
show $PORT
wait $PORT --timeout 0
wait fd:5 --mode write
wait fd:5 --timeout 0
wait $ID --timeout 0
wait 8
wait 8 --allow-missing
wait $PORT $ID --count 2 --timeout 0
list
list semaphores
list evts
list descriptors
list ports evts
list sessions
show $ID
show 8
ping
reload
upgrade
why a-name get
spool a-name
ping --count 2
status
stats
monitor --after 0 --count 1
monitor --timeout 0
monitor --session 13
version
call ping
call show {"ids":[$ID]}
call show {"ids":[18]}
call show {"id":18}
call --list
completion bash
completion candidates cat x
session list
session start --owner $$
session end 13
release 8
remove 8
remove 8 --dry-run
remove --all
remove --all --dry-run
close --all --dry-run
release $ID --dry-run
release 8 --dry-run
remove --all --yes
close --all --yes
help
help wait
help fds
--version
wait --help
CALLS
}

@test "every verb is among the calls of this file" {
  diff <(each_call | cut -d ' ' -f 1 | grep -v '^-' | sort -u) <(portctl help -j | jq -r '.verbs[].name' | sort)
}

# Whether the answers of the five forms are JSON, those of the last line by line, and whether the errors name that exit code.
are_json() { # CODE ANSWER*5 ERROR*5
  local code=$1
  shift
  jq -n -e --argjson code "$code" '$ARGS.positional as $texts
    | [$texts[0:4][] | select(. != "") | fromjson], [$texts[4] / "\n" | .[] | select(. != "") | fromjson]
    | $code <= 1 or $code == 9 or ([$texts[5:][] | fromjson | .error.exit == $code] | all)' --args "$@" >/dev/null
}

@test "every verb takes --json, in all forms" {
  while read -ra call; do
    both portctl "${call[@]}" </etc/passwd
    code=$status answers=() errors=()
    for form in -j --json --json=short --json=lines --json=pretty; do
      both portctl "${call[0]}" "$form" "${call[@]:1}" </etc/passwd
      exits "$code" || { echo "${call[*]} $form"; false; }
      [ "$form" = --json=pretty ] || [ "$form" = --json=lines ] || [ "${#lines[@]}" -le 1 ]
      [ "$form" = --json=lines ] && line_by_line=$output || answers+=("$output")
      errors+=("$error")
    done
    are_json "$code" "${answers[@]}" "$line_by_line" "${errors[@]}" ||
      { printf '%s\n' "${call[*]}" "${answers[@]}" "$line_by_line" "${errors[@]}"; false; }
  done < <(each_call)
}

@test "objects have a schema; keys are snake_case; numbers are integers" {
  while read -ra call; do
    both portctl "${call[0]}" -j "${call[@]:1}" </etc/passwd
    [ -n "$output" ] || continue
    [ "$(jq -c '[if type == "object" then .schema == 1 or has("name") or has("seq") else true end,
      [.. | objects | keys[] | select(test("^[a-z][a-z0-9_]*$") | not)], [.. | numbers | select(floor != .)]]' <<<"$output")" = '[true,[],[]]' ] ||
      { echo "${call[*]}: $output"; false; }
  done < <(each_call)
}

@test "ids go through jq unchanged" {
  [ "$(portctl list semaphores -j | jq '.[0].id')" = "$ID" ]
  [ "$(portctl sem fd 5 --mode read -j | jq .id)" = "$ID" ]
  [ "$ID" -lt $((1 << 53)) ]
}

@test "an error is one object on one line of standard error" {
  both portctl show 8 --json=pretty
  exits 5
  [ -z "$output" ]
  [ "$(wc -l <<<"$error")" -eq 1 ]
  [ "$(jq -c '.error | [.code, .exit, (.message | length > 0)]' <<<"$error")" = '["not_found",5,true]' ]
  both portctl sem fd 7 --mode read -j 7<&-
  exits 2
  [ "$(jq -c '.error | [.code, (.hint | length > 0)]' <<<"$error")" = '["usage",true]' ]
}

@test "a name that another user has chosen cannot control the terminal" {
  name=$'a\x1b[2J\x7f\xc2\x85\xd8\x9c\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xc3\xa9"\\'
  port=$(portctl wrap fd 5 --mode read --name "$name")
  for call in "list ports" "show $port" "monitor --once" "call list"; do
    for form in -j --json=pretty --json=lines; do
      read -ra words <<<"$call"
      both portctl "${words[@]}" $form
      exits 0
      answer=$output
      run ! env LC_ALL=C grep -P '[\x1b\x7f]|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]' <<<"$answer"
      [ "${words[0]}" = monitor ] || jq -e -s --arg name "$name" '[.. | .name? | select(. == $name)] | length > 0' <<<"$answer"
    done
  done
}

@test "notes with --verbose are objects" {
  both portctl list -jv
  exits 0
  [ "$(jq -r .note <<<"$error" | grep -c connected)" -eq 1 ]
}

@test "the place of -j does not matter" {
  expected=$(portctl list semaphores -j)
  [ "$(portctl -j list semaphores)" = "$expected" ]
  [ "$(portctl list -j semaphores)" = "$expected" ]
  [ "$(portctl --json=short list semaphores)" = "$expected" ]
  both portctl list nonsense -qj
  exits 2
  jq -e .error <<<"$error"
}
