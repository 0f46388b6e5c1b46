# portctl upgrade: another broker takes over, while others work.

load setup

setup() {
  clean_environment
  printf '' >"$BATS_TEST_TMPDIR/portd.conf"
}
teardown() { usual_teardown; }

pid() { portctl status -j | jq .pid; }

@test "another broker has all that there was" {
  start_broker --keeper yes
  join_session
  open_fifo
  id=$(portctl semaphore fd 5 --mode read)
  portctl put bell fd 5
  before=$(pid)
  portctl wait "$id" >"$BATS_TEST_TMPDIR/waits" &
  waits=$!
  until [ "$(portctl show "$id" -j | jq '.[0].waiters // .objects[0].waiters')" = 1 ]; do sleep 0.05; done
  both portctl upgrade
  exits 0
  [ "$output" = "upgraded: portd $(portctl version -j | jq -r .portctl), pid $(pid)" ]
  [ -z "$error" ]
  [ "$(pid)" != "$before" ]
  echo ding >&5
  wait "$waits"
  [ "$(cat "$BATS_TEST_TMPDIR/waits")" = "$id ready" ]
  portctl wait bell
  both portctl upgrade -j
  exits 0
  [ "$(jq -c '[.schema, .pid]' <<<"$output")" = "[1,$(pid)]" ]
}

@test "a program that cannot take over leaves the one that runs" {
  start_broker --keeper yes --config "$BATS_TEST_TMPDIR/portd.conf"
  before=$(pid)
  printf 'no = 1\n' >"$BATS_TEST_TMPDIR/portd.conf"
  both portctl upgrade
  exits 125
  has "$error" "ended before it began"
  has "$error" "this one goes on"
  [ "$(pid)" = "$before" ]
  both portctl upgrade -j
  exits 125
  [ "$(jq -r .error.code <<<"$error")" = system ]
  refuses upgrade now
}

@test "without a keeper, without a broker, and by others: nothing is replaced" {
  both portctl upgrade
  exits 3
  [ ! -e "$BATS_TEST_TMPDIR/portd.sock" ]
  start_broker
  both portctl upgrade
  exits 8
  has "$error" "has no keeper"
  need_other_user
  serve_everybody
  both as_other upgrade
  exits 4
  has "$error" "needs the right admin"
}
