#!/usr/bin/env bash
# check-readme.sh: checks that the C programs in README.md and libportd(3) compile and link, README's examples print what it says, every
# relative link in the documents exists, and scdoc drops no backslash or underscore of a manual page.
#
#   scripts/check-readme.sh path/to/libportd.so
set -eu
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
unset PORTD_ADDRESS PORTD_SESSION
[ $# -eq 1 ] || { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
library=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

compile() { # PROGRAM: its source is on standard input
  cat >"$room/$1.c"
  [ -s "$room/$1.c" ] || { echo "$1 has no C program"; exit 1; }
  "${CC:-cc}" -std=c17 -Wall -Wextra -Wpedantic -Werror -Iclient "$room/$1.c" "$library" -o "$room/$1"
}
awk '/^```c$/ {inside = 1; next} /^```/ {inside = 0} inside' README.md | compile README
awk '/^# EXAMPLE/ {here = 1} here && /^```/ {inside = !inside; next} inside' client/libportd.3.scd | sed 's/\\\\/\\/g' |
  compile libportd

wrong=0
answers() { # WHAT SAID EXPECTED
  [ "$2" = "$3" ] || { printf '%s answers\n%s\nand not\n%s\n' "$1" "$2" "$3"; wrong=1; }
}
build=$(dirname "$(dirname "$library")")
portctl=$build/client/portctl/portctl
if [ -x "$build/daemon/portd" ] && [ ! -e /run/portd/portd.sock ]; then
  mkdir -m 700 "$room/run"
  export XDG_RUNTIME_DIR=$room/run PORTD_DAEMON=$build/daemon/portd PATH=$build/client/portctl:$PATH LD_LIBRARY_PATH=${library%/*}
  awk '/^## From a shell/ {here = 1} /^## From C/ {here = 0} here && /^```sh$/ {inside = 1; next} /^```/ {inside = 0} inside' README.md |
    grep -vE '^portctl (list|run|attach) ' >"$room/example.sh"
  said=$(cd "$room" && bash ./example.sh 2>/dev/null | sed -E 's/^[0-9]+ /ID /') || true
  answers "README's shell" "$said" "fd:3 ready
ding
ID ready
ID ready
bell ready
ding"
  for program in README libportd; do
    answers "$program's program on a file" "$("$room/$program" <README.md; echo "$?")" "nothing to wait for: a file can always be read
1"
    answers "$program's program" "$( (sleep 1; echo ding; sleep 1) | "$room/$program")" ready
    answers "$program's program without a writer" "$(echo ding | (sleep 1; "$room/$program"))" hang-up
  done
  pid=$("$portctl" status --json | sed -nE 's/.*"pid": ?([0-9]+).*/\1/p')
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
else
  echo "there is no broker in $build, or a system broker runs here: the examples were not run"
fi
for document in *.md proto/*.md; do
  while read -r link; do
    [ -e "$(dirname "$document")/$link" ] || { echo "$document: $link is not there"; wrong=1; }
  done < <(grep -oE '\]\([^)#:]+\)' "$document" | sed 's/^](//; s/)$//')
done
# scdoc consumes a backslash, in literal text too, and takes two underscores as empty emphasis.
while read -r page; do
  awk -v page="$page" '{ text = $0; gsub(/\\\\/, "", text) } /^\t*```/ { inside = !inside }
    inside && text ~ /\\/ { print page ":" NR ": a backslash in literal text is written twice"; wrong = 1 }
    !inside && text ~ /(^|[^\\_])__/ { print page ":" NR ": \\_ stands for an underscore"; wrong = 1 }
    END { exit wrong }' "$page" || wrong=1
done < <(find client daemon -name '*.scd')
exit $wrong
