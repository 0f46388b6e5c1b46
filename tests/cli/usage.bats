# What is not understood: exit code 2, and what to do instead.

load setup

setup() {
  bats_require_minimum_version 1.5.0
  clean_environment
}

@test "no verb, an unknown verb" {
  refuses
  has "$message" "Verbs"
  refuses frobnicate
  has "$message" "portctl help"
  refuses semphore fd 0 --mode read
  has "$message" "did you mean 'semaphore'?"
  refuses lsit
  has "$message" "did you mean 'list'?"
  refuses stat
  has "$message" "did you mean 'status'?"
  refuses ""
}

@test "an unknown option" {
  refuses list --frob
  refuses --frob list
  refuses list --frob=3
  refuses list -x
  has "$message" "-x"
  refuses list -5
  refuses list --mode read
  refuses list --count 3
}

@test "long options are not abbreviated, but the answer says what was meant" {
  refuses wait fd:0 --time 3
  has "$message" "did you mean --timeout?"
  refuses wait fd:0 --timeou=3
  has "$message" "did you mean --timeout?"
  refuses list --no-legnd
  has "$message" "did you mean --no-legend?"
  refuses semaphore fd 0 --mod read
  has "$message" "did you mean --mode?"
}

@test "an option of a verb before it" {
  refuses --mode read semaphore fd 0
  has "$message" "portctl semaphore --mode"
}

@test "values that are missing, not wanted, or wrong" {
  refuses list --timeout
  has "$message" "--timeout DURATION"
  refuses semaphore fd 0 --mode
  refuses list --quiet=yes
  refuses list --address
  both portctl list --json=prety
  exits 2
  has "$(jq -r .error.message <<<"$error")" "did you mean pretty"
  refuses list --color blue
  refuses list --owner 0
  refuses list --owner self
  has "$message" "session-leader"
  refuses list --owner pid:
  refuses list --owner pid:0
  refuses list --owner none
  refuses list --owner -1
  refuses list --address unix:/a --user
  refuses list --address unix:/a --system
  refuses --user --system list
  has "$message" "--user and --system are mutually exclusive"
  refuses list --system --user
  export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR
  both portctl ping --user --user
  exits 3
}

@test "durations" {
  for duration in "" 5sec -1 1.5s s 1e3 " 1" "1 s" 5S 10000000000d 9223372036854775808us ms5 infinit; do
    refuses wait fd:0 --timeout "$duration"
  done
  refuses session start --ttl 0
  refuses session start --ttl infinity
  refuses session start --ttl 5m
}

@test "semaphore and evt" {
  for verb in semaphore sem evt; do
    refuses "$verb"
    refuses "$verb" fd
    refuses "$verb" fd 0
    has "$message" "--mode is missing"
    refuses "$verb" 0 --mode read
    refuses "$verb" file 0 --mode read
    refuses "$verb" fd zero --mode read
    refuses "$verb" fd -- -1 --mode read
    refuses "$verb" fd 0x0 --mode read
    refuses "$verb" fd 2147483648 --mode read
    refuses "$verb" fd 0 1 --mode read
    refuses "$verb" fd 0 --mode both
    refuses "$verb" fd 0 --mode READ
    refuses "$verb" fd 0 --mode read --mode write
    has "$message" "twice"
  done
}

@test "a descriptor that is not open is named" {
  exec 7<&-
  refuses semaphore fd 7 --mode read
  has "$message" "descriptor 7 is not open"
  refuses semaphore socket 7 --mode write
  refuses evt fd 7 --mode read
  refuses wait fd:7
  refuses wait --socket 7
  has "$message" "descriptor 7 is not open"
}

@test "a kind that list does not know: what was meant, or all that there are" {
  refuses list semphores
  has "$message" "did you mean 'semaphores'?"
  refuses list foo
  has "$message" "semaphores, evts, ports, descriptors, sessions and holds"
}

@test "a standard stream that is closed is not open, whatever takes its place" {
  both bash -c '"$PORTCTL_BIN" semaphore fd 0 --mode read <&-'
  exits 2
  has "$error" "descriptor 0 is not open"
  both bash -c '"$PORTCTL_BIN" wait fd:1 --mode write >&-'
  exits 2
}

@test "wait" {
  refuses wait
  refuses wait 0
  refuses wait 9007199254740992
  refuses wait fd:
  refuses wait fd:x
  refuses wait hold:
  refuses wait ""
  refuses wait fd:0 --of root
  has "$message" "--of applies to names"
  refuses wait --fd x
  refuses wait --fd
  refuses wait fd:0 --mode check-read
  refuses wait fd:0 --any --all
  refuses wait fd:0 --all --all
  refuses wait 8 --mode read
  refuses wait --mode read --fd 0 --mode write
  has "$message" "applies to no descriptor"
  refuses wait --fd 0 --mode read --fd 1 --mode write --fd 2
  has "$message" "fd:2"
  targets=()
  for ((i = 0; i < 257; i++)); do targets+=(fd:0); done
  refuses wait "${targets[@]}"
  has "$message" "256"
}

@test "wait: how many, and which" {
  refuses wait fd:0 --any --all
  refuses wait fd:0 --all --count 1
  refuses wait fd:0 --any --count 1
  for count in 0 2 x -1 "" 18446744073709551617; do refuses wait fd:0 "--count=$count"; done
  has "$message" "a number from 1 to that of the targets, 1"
  refuses wait fd:0 --count 1 --count 1
  refuses wait fd:0 --allow-missing
  has "$message" "applies to ids and names"
}

@test "remove, release, show" {
  for verb in remove release show; do
    refuses "$verb"
    [ "$verb" = show ] || refuses "$verb" x
    refuses "$verb" 8 0
    refuses "$verb" fd:0
    refuses "$verb" 12345678901234567890
  done
  refuses show 8 web
  refuses show 8 --of 1
  refuses show web 8
  refuses show web web
  refuses show web --columns=kind
  refuses show 8 --columns=poison
  refuses list --look
  refuses list sessions --look
  refuses list holds --columns=poison
}

@test "repair" {
  refuses repair
  refuses repair a b
  refuses repair a --flags=1
  refuses repair a --expects 1
}

@test "resize" {
  refuses resize
  refuses resize a
  refuses resize a 80x24 b
  for size in 80 x 80x 0x24 80x0 80x65536 -1x24 80x24x2 80X24 " 80x24"; do refuses resize a "$size"; done
}

@test "an id of 0 is none, for every verb" {
  for call in "session end 0" "show 0" "remove 0" "release 0" "close 0" "fd 0" "socket 0" "cat 0" "write 0" "relay 0" "wait 0" \
    "monitor --session 0" "monitor --session 0.token" "exec --fd 0 -- true" "exec --fd 3=0 -- true" "exec --listen-fds 0 -- true" \
    "exec --stdin 0 -- true" "remove --dry-run 0" "session end 00" "session end 9007199254740992"; do
    read -ra words <<<"$call"
    refuses "${words[@]}"
    [[ "$message" == *"is not a"* || "$message" == *": not a"* ]] || { echo "$call: $message"; false; }
  done
}

@test "wrap" {
  refuses wrap
  refuses wrap fd
  refuses wrap fd 0
  has "$message" "--mode is missing"
  refuses wrap 0 --mode read
  refuses wrap fd x --mode read
  refuses wrap fd 0 1 --mode read
  refuses wrap fd 0 --mode ""
  refuses wrap fd 0 --mode text
  has "$message" "needs a direction"
  for mode in both READ "read," ",read" "read,,write" read,no-close remove; do
    refuses wrap fd 0 --mode "$mode"
  done
  refuses wrap fd 0 --mode read --mode write
  has "$message" "twice"
  refuses wrap socket 0 --mode read
  has "$message" "no-close"
  refuses wrap fd 0 --mode read --name
  exec 7<&-
  refuses wrap fd 7 --mode read
  refuses wrap socket 7
  has "$message" "descriptor 7 is not open"
}

@test "put" {
  refuses put
  has "$message" "NAME fd N"
  refuses put a
  refuses put a fd
  refuses put a 0
  refuses put a fd x
  refuses put a file 0
  refuses put "" fd 0
  refuses put hold: fd 0
  refuses put "$(printf 'x%.0s' {1..256})" fd 0
  has "$message" "255"
  refuses put a fd 0 b
  refuses put a fd 0 b fd
  refuses put a fd 0 a fd 1
  has "$message" "'a' is named twice"
  refuses put a fd 0 hold:a fd 1
  refuses put a fd 0 --ttl 0
  refuses put a fd 0 --ttl infinity
  has "$message" "for ever"
  refuses put a fd 0 --ttl soon
  refuses put a fd 0 --process self
  has "$message" "session-leader"
  refuses put a fd 0 --owner parent
  has "$message" "joins no session"
  refuses put a fd 0 --of no-such-user
  has "$message" "no such user"
  for ids in "" x 1,2 "," "1," -1 9007199254740992; do refuses put a fd 0 "--expects=$ids"; done
  refuses put a fd 0 b fd 1 --expects 1
  has "$message" "expected 2 ids"
  exec 7<&-
  refuses put a fd 7
  has "$message" "descriptor 7 is not open"
  refuses put a fd 0 b socket 7
  many=()
  for ((i = 0; i < 253; i++)); do many+=("n$i" fd 0); done
  refuses put "${many[@]}"
  has "$message" "252"
}

@test "get and take" {
  for verb in get take; do
    refuses "$verb"
    refuses "$verb" a
    has "$message" "the program is missing"
    refuses "$verb" a --
    refuses "$verb" -- true
    has "$message" "the name is missing"
    refuses "$verb" a a -- true
    refuses "$verb" a --fd x -- true
    refuses "$verb" a --fd -1 -- true
    refuses "$verb" a --fd 3 --fd 4 -- true
    has "$message" "more numbers than names"
    refuses "$verb" a b --fd 3 --fd 3 -- true
    has "$message" "assigned twice"
    refuses "$verb" a --listen --fd 3 -- true
    refuses "$verb" a --expects 1,2 -- true
    refuses "$verb" a --mode read -- true
  done
}

@test "drop and renew" {
  for verb in drop renew; do
    refuses "$verb"
    has "$message" "the name is missing"
    refuses "$verb" ""
    refuses "$verb" a b a
    refuses "$verb" a --of no-such-user
    refuses "$verb" a --owner parent
  done
  refuses drop a --ttl 5s
  refuses drop a --expects 1,2
  refuses renew a
  has "$message" "--forever"
  refuses renew a --forever --ttl 5s
  refuses renew a --forever --process parent
  refuses renew a --process self
  refuses renew a --ttl 0
  refuses renew a --expects 1
}

@test "a name in place of a number or an id" {
  for verb in semaphore evt; do
    refuses "$verb" hold
    has "$message" "hold NAME"
    refuses "$verb" hold web
    has "$message" "--mode is missing"
    refuses "$verb" hold web x --mode read
    refuses "$verb" hold web --mode both
    refuses "$verb" hold "" --mode read
    refuses "$verb" fd 0 --mode read --of root
    has "$message" "--of applies to"
  done
  refuses wrap hold web
  refuses wrap hold web --mode no-close
  refuses wrap hold web --mode read --name x
  refuses wrap fd 0 --mode read --of root
  for verb in cat write relay; do
    refuses "$verb"
    refuses "$verb" ""
    refuses "$verb" hold:
    refuses "$verb" web log
    refuses "$verb" 18 --of root
  done
  refuses exec --fd 3= -- true
  refuses exec --fd 3=hold: -- true
  refuses exec --listen-fds web, -- true
  refuses exec --fd 3=18 --of root -- true
}

@test "fd, socket, close" {
  for verb in fd socket close; do
    refuses "$verb"
    refuses "$verb" x
    refuses "$verb" 0
    refuses "$verb" fd:0
  done
  refuses fd 18 26
  has "$message" "one port at a time"
  refuses socket 18 26
}

@test "list" {
  refuses list port s
  refuses list semaphors
  has "$message" "did you mean 'semaphores'?"
  refuses list semaphores evst
  has "$message" "did you mean 'evts'?"
  refuses list --columns=id,colour
  has "$message" "'colour'"
  refuses list --columns=
  refuses list sessions --columns=direction
  refuses list evts --columns=ttl_us
  refuses list holds --columns=direction
  refuses list holds evts
  has "$message" "together"
  refuses list holds --mine
  refuses list evts --of root
}

@test "status, ping, version, session, help" {
  refuses status now
  refuses ping now
  refuses ping --count 0
  refuses ping --count many
  refuses version now
  refuses session
  refuses session begin
  refuses session lst
  has "$message" "did you mean 'list'?"
  refuses session start now
  refuses session start --new --join
  refuses session end --new
  refuses session end a b
  refuses session list all
  refuses help nothing
  refuses help wiat
  has "$message" "did you mean 'portctl help wait'?"
  refuses help exit
  has "$message" "exit-codes"
  refuses help wait list
}

@test "options that mean nothing to a verb are refused, not ignored" {
  refuses ping --owner 1
  has "$message" "joins no session"
  refuses version --ttl 5s
  refuses ping --columns=id
  refuses session start --columns=id
  refuses remove 8 --columns=id
}

@test "an address that is none" {
  for address in nonsense unix:relative unix: tcp:localhost ""; do
    both portctl ping --address "$address"
    exits 2
    [ -z "$output" ]
    [ -n "$error" ]
  done
}
