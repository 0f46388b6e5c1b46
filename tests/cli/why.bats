# portctl why, and rules in the configuration.

load setup

setup() {
  bats_require_minimum_version 1.5.0
  clean_environment
  unset PORTD_CONFIG PORTD_LOG_LEVEL CONFIGURATION_DIRECTORY
  config=$BATS_TEST_TMPDIR/portd.conf
}
teardown() { usual_teardown; }

@test "yes and no, and why" {
  printf 'rule "watchers" {\n  owner = 4001\n  names = { "web/*" }\n  users = { 4002 }\n  rights = { "watch" }\n}\n' >"$config"
  start_broker --config "$config"
  me=$(id -u)
  both portctl why web/a get
  exits 0
  [ "$output" = "yes: uid $me has get to \"web/a\" of uid $me without a rule" ]
  both portctl why web/a watch --of 4001 --uid 4002
  exits 0
  [ "$output" = 'yes: rule "watchers" grants watch to "web/a" of uid 4001 to uid 4002' ]
  both portctl why hold:web/a watch --of 4001 --uid 4003 -j
  exits 1
  [ -z "$error" ]
  [ "$output" = '{"schema":1,"allowed":false,"right":"watch","name":"web/a","rule":"watchers","reason":"uid 4003 lacks watch to \"web/a\" of uid 4001: rule \"watchers\" grants it to others; \"4003\" in its users would add this one"}' ]
  both portctl why web/a drop --of 4001 --uid 4002
  exits 1
  [ "$output" = 'no: uid 4002 lacks drop to "web/a" of uid 4001: no rule grants it; one in portd.conf with users = { "4002" } and rights = { "drop" } would' ]
  both portctl why admin -j
  exits 0
  [ "$(jq -c '[.allowed, .right, .name, .rule]' <<<"$output")" = '[true,"admin",null,null]' ]
}

@test "groups count as they are named" {
  printf 'rule "group" { owner = 4001 names = "*" groups = { 4005 } rights = "put" }\n' >"$config"
  start_broker --config "$config"
  both portctl why x put --of 4001 --uid 4002
  exits 1
  both portctl why x put --of 4001 --uid 4002 --gid 7 --gid 4005
  exits 0
  has "$output" 'rule "group" grants put'
}

@test "only admin may ask about others; a rule makes one" {
  need_other_user
  printf 'rule "ops" { users = 1000 rights = admin }\n' >"$config"
  chmod 644 "$config"
  start_broker
  serve_everybody
  both as_other why x get
  exits 0
  both as_other why x get --of 0
  exits 1
  both as_other why x get --uid 0
  exits 4
  has "$error" "the right admin is missing"
  stop_broker
  start_broker --mode 0666 --config "$config"
  both as_other why x get --uid 0
  exits 1
  both as_other reload
  exits 0
}

@test "usage" {
  start_broker
  refuses why
  refuses why name
  refuses why name get more
  refuses why name gte
  has "$error" "did you mean 'get'?"
  refuses why name admin
  refuses why admin --of 5
  refuses why "" get
  refuses why name get --uid me
  has "$error" "id -u"
  refuses why name get --gid wheel
}

@test "without a broker: none is started" {
  both portctl why admin
  exits 3
  [ ! -e "$BATS_TEST_TMPDIR/portd.sock" ]
}

@test "a rule is shown as it can be written" {
  printf "rule 'a \"b\"' {\n owner = root names = { 'x\\\\y', \"z*\", '\${a}' } groups = 0\n rights = list }\n" >"$config"
  both "$PORTD_BIN" --config "$config" --check-config
  exits 0
  has "$output" "rule \"a \\\"b\\\"\" {
  owner = \"root\"  # $config:2
  names = { \"x\\\\y\", \"z*\", '\${a}' }  # $config:2
  groups = { \"0\" }  # $config:2
  rights = { \"list\" }  # $config:3
}"
  grep -v ': ok$' <<<"$output" >"$BATS_TEST_TMPDIR/again.conf"
  both "$PORTD_BIN" --config "$BATS_TEST_TMPDIR/again.conf" --check-config
  exits 0
  [ "$(sed 's/  #.*//; 1d' <<<"$output")" = "$(sed 's/  #.*//' "$BATS_TEST_TMPDIR/again.conf")" ]
}
