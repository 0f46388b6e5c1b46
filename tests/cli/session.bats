# portctl session: start, end, list, and joining by PORTD_SESSION.

load setup

setup() {
  bats_require_minimum_version 1.5.0
  clean_environment
  start_broker
  open_fifo
}
teardown() { usual_teardown; }

session() { portctl status -j | jq .session; }

@test "start prints shell code that makes later calls join" {
  both portctl session start --owner $$
  exits 0
  [ -z "$error" ]
  [[ "$output" =~ ^PORTD_SESSION=[A-Za-z0-9_.:+/=-]+\;\ export\ PORTD_SESSION$ ]]
  eval "$output"
  first=$(session)
  [ "$(session)" = "$first" ]
  id=$(portctl sem fd 5 --mode read)
  # The same from a process that is in no way related.
  [ "$(setsid -w "$PORTCTL_BIN" list semaphores -j | jq '.[].id')" = "$id" ]
}

@test "start in JSON" {
  both portctl session start --owner $$ -j
  exits 0
  [ "$(jq -c '[.schema, .owner_pid, .rule, .existed]' <<<"$output")" = "[1,$$,\"option\",false]" ]
  PORTD_SESSION=$(jq -r .token <<<"$output")
  export PORTD_SESSION
  [ "$(session)" = "$(jq .session <<<"$output")" ]
}

@test "each start is another session; --join is the owner's" {
  one=$(portctl session start --owner $$ -j | jq .session)
  two=$(portctl session start --owner $$ -j | jq .session)
  new=$(portctl session start --owner $$ --new -j | jq .session)
  [ "$one" != "$two" ]
  [ "$two" != "$new" ]
  joined=$(portctl session start --owner $$ --join -j)
  [ "$(portctl session start --owner $$ --join -j | jq -c '[.session, .existed]')" = "[$(jq .session <<<"$joined"),true]" ]
}

@test "--join is what is joined without PORTD_SESSION, not what start has made" {
  own=$(portctl status --owner $$ -j | jq .session)
  id=$(portctl evt fd 5 --mode read --owner $$)
  [ "$(portctl show "$id" -j | jq '.[0].session')" = "$own" ] || own=$(portctl show "$id" -j | jq '.[0].session')
  eval "$(portctl session start --owner $$)"
  [ "$(session)" != "$own" ]
  [ "$(portctl session start --owner $$ --join -j | jq -c '[.session, .existed]')" = "[$own,true]" ]
}

@test "start does not join what PORTD_SESSION names" {
  eval "$(portctl session start --owner $$)"
  first=$(session)
  eval "$(portctl session start --owner $$)"
  [ "$(session)" != "$first" ]
}

@test "the session ends with its owner" {
  sleep infinity 3>&- &
  owner=$!
  eval "$(portctl session start --owner "$owner")"
  id=$(portctl sem fd 5 --mode read)
  portctl wait "$id" >"$BATS_TEST_TMPDIR/answer" 3>&- &
  waiter=$!
  until_waited_for "$id"
  kill "$owner"
  ends "$waiter"
  [ "$(cat "$BATS_TEST_TMPDIR/answer")" = "$id expired" ]
  both portctl list
  exits 5
  has "$error" "unset PORTD_SESSION"
}

@test "the session ends when its time is up" {
  eval "$(portctl session start --owner $$ --ttl 2s)"
  [ "$(portctl status -j | jq '.session_ttl_us > 0 and .session_ttl_us <= 2000000')" = true ]
  id=$(portctl sem fd 5 --mode read)
  both portctl wait "$id"
  exits 9
  [ "$output" = "$id expired" ]
}

@test "--ttl is for a session that does not exist yet" {
  eval "$(portctl session start --owner $$)"
  both portctl list --ttl 5s
  exits 2
  has "$error" "session start --ttl"
}

@test "end: this one, by id, by token" {
  eval "$(portctl session start --owner $$)"
  both portctl session end
  exits 0
  [ -z "$output$error" ]
  both portctl session end
  exits 5
  unset PORTD_SESSION

  id=$(portctl session start --owner $$ -j | jq .session)
  [ "$(portctl session end "$id" -j)" = "{\"schema\":1,\"ended\":$id}" ]
  both portctl session end "$id"
  exits 5

  token=$(portctl session start --owner $$ -j | jq -r .token)
  portctl session end "$token"
  PORTD_SESSION=$token both portctl list
  exits 5
}

@test "end: a session that was never there" {
  both portctl session end 13
  exits 5
  both portctl session end no-such-token
  exits 5
  both portctl session end --owner $$
  exits 5
  has "$error" "no session to end"
}

@test "list: which is ours, whose they are" {
  eval "$(portctl session start --owner $$)"
  portctl sem fd 5 --mode read
  both portctl session list -j
  exits 0
  [ "$(jq -c '.[] | select(.current) | [.owner_pid, .client, .uid, .connections, .objects, .descriptors]' <<<"$output")" = \
    "[$$,\"portctl\",$(id -u),1,1,1]" ]
  [ "$(portctl list sessions -j | jq -c '[.[].id]')" = "$(jq -c '[.[].id]' <<<"$output")" ]
  has "$(portctl session list)" "OWNER_PID"
  [ "$(portctl session list --columns=owner_pid,current --no-legend)" = "$$  yes" ] ||
    [ "$(portctl session list --columns=owner_pid,current --no-legend | grep -c "^$$ *yes$")" -eq 1 ]
}

@test "ids mean the same in all sessions of a user" {
  eval "$(portctl session start --owner $$)"
  first=$(session)
  id=$(portctl sem fd 5 --mode read)
  eval "$(portctl session start --owner $$)"
  [ "$(portctl list --mine -j)" = "[]" ]
  [ "$(portctl list sems -j | jq -c '.[] | [.id, .session]')" = "[$id,$first]" ]
  [ "$(portctl show "$id" -j | jq '.[0].session')" = "$first" ]
  both portctl wait "$id" --timeout 0
  exits 124
  both portctl sem fd 5 --mode check-read # numbers are looked up in the session alone
  exits 1
  portctl remove "$id"
  both portctl wait "$id"
  exits 9
  portctl release "$id"
  both portctl wait "$id"
  exits 5
}

@test "the number of a port of another session" {
  eval "$(portctl session start --owner $$)"
  port=$(portctl wrap fd 5 --mode read -j | jq .input)
  eval "$(portctl session start --owner $$)"
  [ "$(portctl fd "$port")" = 5 ]
  both portctl socket "$port"
  exits 1
}

@test "a token that is none" {
  PORTD_SESSION=nonsense both portctl list
  exits 5
  has "$error" "names no session"
  has "$error" "unset PORTD_SESSION"
  PORTD_SESSION='' both portctl list --owner $$
  exits 0
}
