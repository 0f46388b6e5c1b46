# The help is made from the table of verbs: every verb has all of it.

load setup

setup() {
  bats_require_minimum_version 1.5.0
  clean_environment
}

verbs() {
  portctl help --json | jq -r '.verbs[].name'
}

@test "every verb that is to be there is there" {
  [ "$(verbs | sort | tr '\n' ' ')" = \
    "attach call cat close completion drop evt exec fd get help list monitor ping put relay release reload remove renew repair resize run semaphore session show socket spool stats status take upgrade version wait why wrap write " ]
  [ "$(portctl help -j | jq -r '.verbs[] | select(.name == "semaphore") | .alias')" = sem ]
}

@test "portctl help, --help, -h" {
  for how in help --help -h; do
    both portctl "$how"
    exits 0
    [ -z "$error" ]
    for verb in $(verbs); do has "$output" "  $verb "; done
  done
  both portctl --help
  has "$output" "--timeout DURATION"
  has "$output" "exit-codes"
}

@test "the help of every verb: usage, two examples at least, all options" {
  for verb in $(verbs); do
    both portctl help "$verb"
    exits 0
    full=$output
    both portctl "$verb" --help
    exits 0
    [ "$output" = "$full" ]
    has "$full" "usage: portctl $verb"
    has "$full" "Options of every verb"
    [ "$(portctl "$verb" --help -j | jq '.examples | length')" -ge 2 ]
    for option in $(portctl "$verb" --help -j | jq -r '.options[].name'); do has "$full" "--$option"; done
  done
}

@test "-h is short and has two examples" {
  for verb in $(verbs); do
    both portctl "$verb" -h
    exits 0
    has "$output" "usage: portctl $verb"
    has "$output" "More: portctl help $verb"
    [ "$(grep -A 9 '^Examples' <<<"$output" | grep -c '^  ')" -eq 2 ]
  done
}

@test "help wins over words that are missing or wrong" {
  both portctl wait --help
  exits 0
  both portctl semaphore fd x --mode y --help
  exits 0
}

@test "topics" {
  for topic in $(portctl help -j | jq -r '.topics[]'); do
    both portctl help "$topic"
    exits 0
    has "$output" "portctl $topic"
    both portctl help "$topic" -j
    [ "$(jq -r .topic <<<"$output")" = "$topic" ]
  done
  both portctl help exit-codes
  for code in 0 1 2 3 4 5 6 7 8 124 125 126 127; do grep -qE "^  $code +[a-z]" <<<"$output"; done
  both portctl help environment
  for name in PORTD_ADDRESS PORTD_SESSION PORTD_DAEMON XDG_RUNTIME_DIR NO_COLOR; do has "$output" "$name"; done
  both portctl help fds
  has "$output" "5<&"
}

@test "--version" {
  both portctl --version
  exits 0
  [[ "$output" =~ ^portctl\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
  both portctl --version -j
  [ "portctl $(jq -r .portctl <<<"$output")" = "$(portctl --version)" ]
}

# A section of the manual page, without its marks; lines that end with ++ go on in the page, but are lines of their own.
section() {
  sed -n "/^# $1\$/,/^# /p" "$PORTD_SOURCE/client/portctl/portctl.1.scd" | sed -E '/^#/d; s/\+\+$//; s/[*_\\]//g'
}

@test "the manual page has the usage of every verb, and no other verbs" {
  diff <(section VERBS | grep -E '^[^[:space:]]') <(portctl help -j | jq -r '.verbs[].usage[]')
}

@test "the usage of a verb names all of its options, and no others" {
  for verb in $(verbs); do
    used=$(portctl help "$verb" -j | jq -r '.usage[]' | sed 's/ -- .*//' | grep -oE -- '--[a-z-]+' | sort -u)
    own=$(portctl help "$verb" -j | jq -r '.options[] | "--\(.name)"' | sort -u)
    every=$(portctl help -j | jq -r '.options[] | "--\(.name)"')
    for option in $own; do has "$used" "$option" || { echo "$verb"; false; }; done
    for option in $used; do has "$(printf '\n%s\n%s\n' "$own" "$every")" "
$option
" || { echo "$verb"; false; }; done
  done
}

@test "the manual page has the options of every verb, and no others" {
  diff <(section OPTIONS | grep -E '^-' | sed -E 's/^-[a-z], //; s/, /\n/g' | sort) \
    <(portctl help -j | jq -r '.options[] | "--\(.name)" + if .argument == null then "" elif (.argument | startswith("[")) then
        "[=" + .argument[1:] else " " + .argument end' | sort)
}

@test "the manual page has the topics, exit codes and variables of the help, and no others" {
  for topic in $(portctl help -j | jq -r '.topics[]'); do
    grep -qF "*$topic*" "$PORTD_SOURCE/client/portctl/portctl.1.scd" || { echo "$topic"; false; }
  done
  diff <(section 'EXIT STATUS' | grep -E '^[0-9]+$') <(portctl help exit-codes | grep -oE '^  [0-9]+' | tr -d ' ')
  diff <(sed -n '/^# ENVIRONMENT/,/^# /p' "$PORTD_SOURCE/client/portctl/portctl.1.scd" | grep '^\*' | tr -d '*,' | tr ' ' '\n' | sort) \
    <(portctl help environment | grep -oE '^  [A-Z_]+(, [A-Z_]+)*(  |$)' | tr -d , | tr -s ' ' '\n' | sed '/^$/d' | sort)
}

@test "the manual page and the help name the same verbs that start no broker" {
  named=$(tr '\n' ' ' <"$PORTD_SOURCE/client/portctl/portctl.1.scd" | grep -oE 'and none by [^.]*\.' | grep -oE '\*[a-z]+\*' | tr -d '*' | sort)
  helped=$(portctl help environment | tr -s '\n ' ' ' | grep -oE 'but not by [^.]* and not when' | grep -oE '[a-z]+' | sort)
  [ "$(wc -w <<<"$named")" -ge 6 ]
  diff <(sort - <<<"$named
and
but
by
not
not
when
and") <(echo "$helped")
}

# What the manual shows below that sentence.
example() {
  awk -v sentence="$1" 'index($0, sentence) == 1 { here = 1 } here && /^```/ { if (inside) exit; inside = 1; next } inside' \
    "$PORTD_SOURCE/client/portctl/portctl.1.scd" | sed 's/\\\\/\\/g'
}

@test "no example looks up a number that only portctl has" {
  both portctl help -j
  examples=$(jq -r '.verbs[].examples[]' <<<"$output")
  # shellcheck disable=SC2016
  has "$examples" '5<&"$connection"'
  run ! grep -E 'mode (check-|remove).*[0-9]<&' <<<"$examples"
  run ! grep -E 'mode (check-|remove).*[0-9]<&' "$PORTD_SOURCE/client/portctl/portctl.1.scd"
}

@test "the manual's example of a descriptor that is passed as another number" {
  start_broker
  join_session
  open_fifo
  text=$(example "A descriptor of the shell")
  has "$text" 'portctl remove "$id"'
  echo x >&5
  export fd=7
  both env PATH="$(dirname "$PORTCTL_BIN"):$PATH" bash -c "exec 7<&5 5<&-; $text
echo \"\$id\" >$BATS_TEST_TMPDIR/id"
  exits 0
  id=$(cat "$BATS_TEST_TMPDIR/id")
  [ "$output" = "$id ready" ]
  [ -z "$error" ]
  [ "$(portctl list descriptors -j)" = "[]" ]
  stop_broker
}

@test "the manual's example of one session for several scripts leaves no session behind" {
  start_broker
  text=$(example "One session for several scripts" | grep -v '^\./one')
  both eval "$text; portctl list --owner $$"
  exits 0
  [ -z "$error" ]
  stop_broker
}

@test "help of two words: the verb is suggested" {
  refuses help session start
  has "$message" "hint: portctl help session"
  refuses help nothing more
}
