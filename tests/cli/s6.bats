# The tools of s6-fdholder, unchanged, at a broker's door for them.

load setup

setup() {
  command -v s6-fdholder-store >/dev/null || skip "s6 is not installed (scripts/install-deps --test)"
  bats_require_minimum_version 1.5.0
  clean_environment
  export door="$BATS_TEST_TMPDIR/s6.sock"
  printf 'door { s6 = "unix:%s" }\n' "$door" >"$BATS_TEST_TMPDIR/s6.conf"
  printf 'some text\n' >"$BATS_TEST_TMPDIR/text"
  start_broker --config "$BATS_TEST_TMPDIR/s6.conf"
}
teardown() { usual_teardown; }

store() { s6-fdholder-store "$@" <"$BATS_TEST_TMPDIR/text"; }

# What it would exit with, and its last words.
fails() {
  both "$@"
  exits 1 || exits 111
}

@test "store, list, retrieve and delete" {
  store "$door" one
  store -d 0 "$door" two
  both s6-fdholder-list "$door"
  exits 0
  [ "$output" = "one
two" ]
  both s6-fdholder-retrieve "$door" one cat
  exits 0
  [ "$output" = "some text" ]
  s6-fdholder-delete "$door" one
  both s6-fdholder-list "$door"
  [ "$output" = two ]
  s6-fdholder-retrieve -D "$door" two true
  both s6-fdholder-list "$door"
  exits 0
  [ -z "$output" ]
}

@test "what is wrong is said as by s6-fdholderd" {
  store "$door" one
  fails store "$door" one
  has "$error" "Device or resource busy"
  fails s6-fdholder-retrieve "$door" none true
  has "$error" "No such file or directory"
  fails s6-fdholder-delete "$door" none
  has "$error" "No such file or directory"
  fails s6-fdholder-retrieve "$door" @12345/one true
  [ "$(id -u)" = 12345 ] || has "$error" "Operation not permitted"
  fails s6-fdholder-getdump "$door" true
  has "$error" "Operation not permitted"
  fails env S6_FD#=1 S6_FD_0=0 S6_FDID_0=set S6_FDLIMIT_0=@6000000000000000000000000 s6-fdholder-setdump "$door"
  has "$error" "Operation not permitted"
  both s6-fdholder-list "$door"
  [ "$output" = one ]
}

@test "portctl sees what s6 stores, and the other way round" {
  store "$door" theirs
  store -T 3600000 "$door" timed
  portctl put ours fd 5 5<"$BATS_TEST_TMPDIR/text"
  both portctl list holds -j
  [ "$(jq -r 'map(.name) | join(" ")' <<<"$output")" = "theirs timed ours" ]
  [ "$(jq '.[0].ttl_us' <<<"$output")" = null ]
  [ "$(jq '.[1].ttl_us' <<<"$output")" -gt 3500000000 ]
  both s6-fdholder-retrieve "$door" ours cat
  [ "$output" = "some text" ]
  both portctl get theirs --fd 0 -- cat
  [ "$output" = "some text" ]
}

@test "with a keeper it outlives the broker" {
  local i
  stop_broker
  start_broker --config "$BATS_TEST_TMPDIR/s6.conf" --keeper yes
  store "$door" kept
  kill -KILL "$(pgrep -P "$BROKER_PID")"
  for ((i = 0; i < 2000; i++)); do
    s6-fdholder-list "$door" >/dev/null 2>&1 && break
  done
  both s6-fdholder-retrieve "$door" kept cat
  exits 0
  [ "$output" = "some text" ]
}

# The second broker, which has as long, is gone by then.
@test "a broker with a door is not idle" {
  stop_broker
  start_broker --config "$BATS_TEST_TMPDIR/s6.conf" --idle-exit 300ms
  "$PORTD_BIN" --listen "unix:$BATS_TEST_TMPDIR/second.sock" --idle-exit 1s 3>&-
  both s6-fdholder-list "$door"
  exits 0
}
