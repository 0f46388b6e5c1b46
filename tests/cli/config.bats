# portd --check-config, and portctl reload.

load setup

setup() {
  bats_require_minimum_version 1.5.0
  clean_environment
  unset PORTD_CONFIG PORTD_LOG_LEVEL CONFIGURATION_DIRECTORY
  config=$BATS_TEST_TMPDIR/portd.conf
}
teardown() { usual_teardown; }

checks() { both "$PORTD_BIN" --config "$config" --check-config "$@"; }

@test "a good file: what it comes to, and from where" {
  printf '# one\nlog-level = warning\nquota { bytes = 65536K }\nuser "root" { rate = 5 }\n' >"$config"
  mkdir "$config.d"
  printf 'idle-exit = 300s\n' >"$config.d/10.conf"
  checks --mode 0660
  exits 0
  [ -z "$error" ]
  [ "$output" = "$config: ok
$config.d/10.conf: ok
mode = 0660  # --mode
idle-exit = 5min  # $config.d/10.conf:1
log-level = warning  # $config:2
keeper = no  # built in
quota {
  bytes = 64M  # $config:3
}
user \"root\" {
  rate = 5  # $config:4
}" ]
  # What it prints is a configuration that comes to the same.
  grep -v ': ok$' <<<"$output" >"$BATS_TEST_TMPDIR/again.conf"
  both "$PORTD_BIN" --config "$BATS_TEST_TMPDIR/again.conf" --check-config
  exits 0
  [ "$(sed 's/  #.*//; 1d' <<<"$output")" = "$(sed 's/  #.*//' "$BATS_TEST_TMPDIR/again.conf")" ]
}

@test "no file at all, on purpose or because there is none" {
  both "$PORTD_BIN" --config none --check-config
  exits 0
  has "$output" "no file: what is built in is used"
  has "$output" "mode = 0600  # built in"
  CONFIGURATION_DIRECTORY=$BATS_TEST_TMPDIR both "$PORTD_BIN" --check-config
  exits 0
  has "$output" "no file"
  PORTD_CONFIG=$config both "$PORTD_BIN" --check-config
  exits 2
  [ "$error" = "portd: $config: No such file or directory" ]
  PORTD_LOG_LEVEL=debug both "$PORTD_BIN" --config none --check-config
  has "$output" "log-level = debug  # PORTD_LOG_LEVEL"
}

@test "a door: shown, and only a socket file" {
  printf 'door {\n  s6 = "unix:%s/s6.sock"\n}\n' "$BATS_TEST_TMPDIR" >"$config"
  checks
  exits 0
  has "$output" "door {
  s6 = \"unix:$BATS_TEST_TMPDIR/s6.sock\"  # $config:2
}"
  for address in unix:@name fd:3; do
    printf 'door { s6 = "%s" }\n' "$address" >"$config"
    checks
    exits 2
    [ "$error" = "portd: $config:1: s6 = \"$address\": expected unix: and the path of a socket file, such as unix:/run/portd/s6.sock" ]
  done
  printf 's6 = "unix:/s6.sock"\n' >"$config"
  checks
  exits 2
  has "$error" 'unknown key "s6"; it stands in the section "door"'
}

@test "a door: a reload does not open one, and says so" {
  printf 'log-level = info\n' >"$config"
  start_broker --config "$config"
  printf 'door { s6 = "unix:%s/s6.sock" }\n' "$BATS_TEST_TMPDIR" >"$config"
  both portctl reload
  exits 0
  [ "$output" = "reloaded
door s6: the next start of portd uses the new value" ]
  [ ! -e "$BATS_TEST_TMPDIR/s6.sock" ]
}

@test "a door that cannot be opened keeps the broker from starting, and says why" {
  printf 'door { s6 = "unix:/nowhere/s6.sock" }\n' >"$config"
  for keeper in no yes; do
    both "$PORTD_BIN" --config "$config" --listen "$PORTD_ADDRESS" --keeper "$keeper"
    exits 1
    has "$error" "cannot listen on unix:/nowhere/s6.sock: No such file or directory"
  done
}

@test "faults: each with its file and line, exit code 2, nothing on standard output" {
  printf 'mode = 9\n\nidle-exit = 5parsecs\nquota {\n  sesions = 5\n}\n' >"$config"
  mkdir "$config.d"
  printf 'listen = nowhere' >"$config.d/10.conf"
  checks
  exits 2
  [ -z "$output" ]
  [ "$error" = "portd: $config:1: mode = \"9\": expected an octal file mode up to 0777, such as 0660
portd: $config:3: idle-exit = \"5parsecs\": expected a duration with us, ms, s, min or h, such as 30s, from 0 to 87600h
portd: $config:5: unknown key \"sesions\" in the section \"quota\"; did you mean \"sessions\"?
portd: $config.d/10.conf:1: listen = \"nowhere\": an address starts with unix: or fd:, on Windows with npipe:" ]
  both "$PORTD_BIN" --config "$config" --listen "$PORTD_ADDRESS"
  exits 2
  has "$error" "portd: error: $config:5: unknown key"
  has "$error" "cannot start: the configuration is not used; faults=4"
  [ ! -e "$BATS_TEST_TMPDIR/portd.sock" ]
  both "$PORTD_BIN" --config "" --check-config
  exits 2
  has "$error" "portd --help"
}

@test "the example is a configuration, also with every line of it in use" {
  example=$PORTD_SOURCE/daemon/portd.conf
  install -m 644 "$example" "$config"
  checks
  exits 0
  [ "$(sed -n 2p <<<"$output")" = "mode = 0600  # built in" ]
  sed -E 's/^#([a-z}]|  [a-z])/\1/' "$example" >"$config"
  checks
  exits 0
  ! grep -v '^user' <<<"$output" | grep -q 'built in'
}

@test "every key and its section are in the manual and in the example" {
  keys=$(sed -nE 's/^ *\{KEY_([A-Z]+), "([a-z-]+)".*/\1 \2/p' "$PORTD_SOURCE/daemon/config/key.c")
  [ "$(wc -l <<<"$keys")" -ge 18 ]
  while read -r section key; do
    grep -qE "^\*$key\* = " "$PORTD_SOURCE/daemon/portd.conf.5.scd" || {
      echo "portd.conf(5) has no $key"
      return 1
    }
    case $section in
    TOP) grep -qE "^#$key = " "$PORTD_SOURCE/daemon/portd.conf" ;;
    *) sed -n "/^#${section,,} /,/^#}/p" "$PORTD_SOURCE/daemon/portd.conf" | grep -qE "^#  $key = " ;;
    esac || {
      echo "the example has no $key in $section"
      return 1
    }
  done <<<"$keys"
}

@test "reload: the new file is used, a bad one is not" {
  printf 'quota { waits = 50 }\n' >"$config"
  start_broker --config "$config"
  waits() { portctl status -j | jq '.quotas[] | select(.name == "waits").limit'; }
  [ "$(waits)" = 50 ]
  printf 'quota { waits = 60 }\nmode = 0640\n' >"$config"
  both portctl reload
  exits 0
  [ "$output" = "reloaded
mode: the next start of portd uses the new value" ]
  [ -z "$error" ]
  [ "$(waits)" = 60 ]
  both portctl reload -j
  [ "$output" = '{"schema":1,"reloaded":true,"notes":["mode: the next start of portd uses the new value"]}' ]
  printf '\nquota { waits = lots }\n' >"$config"
  both portctl reload
  exits 2
  [ -z "$output" ]
  has "$error" "$config:2: waits = \"lots\": expected a number from 4 to 1073741824"
  has "$error" "the old one stays"
  both portctl reload -j
  [ "$(jq -r '.error | "\(.code) \(.exit)"' <<<"$error")" = "invalid 2" ]
  [ "$(waits)" = 60 ]
  refuses reload now
  kill -HUP "$BROKER_PID"
  until grep -q 'the old one stays.*expected a number' "$BATS_TEST_TMPDIR/portd.log"; do sleep 0.05; done
}

@test "reload: not by others, and no broker is started" {
  both portctl reload
  exits 3
  [ ! -e "$BATS_TEST_TMPDIR/portd.sock" ]
  need_other_user
  start_broker
  serve_everybody
  both as_other reload
  exits 4
  has "$error" "the right admin is missing"
}
