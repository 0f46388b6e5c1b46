#!/usr/bin/env bash
# check-readme.sh: the C programs in README.md and libportd(3) compile and link, every relative link of the documents leads somewhere,
# and no manual page loses a backslash or an underscore on its way through scdoc.
#
#   scripts/check-readme.sh path/to/libportd.so
set -eu
[ $# -eq 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
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
for document in *.md proto/*.md; do
  while read -r link; do
    [ -e "$(dirname "$document")/$link" ] || { echo "$document: $link is not there"; wrong=1; }
  done < <(grep -oE '\]\([^)#:]+\)' "$document" | sed 's/^](//; s/)$//')
done
# scdoc takes a backslash for itself, in literal text too, and two underscores for emphasis of nothing.
while read -r page; do
  awk -v page="$page" '{ text = $0; gsub(/\\\\/, "", text) } /^\t*```/ { inside = !inside }
    inside && text ~ /\\/ { print page ":" NR ": a backslash in literal text is written twice"; wrong = 1 }
    !inside && text ~ /(^|[^\\_])__/ { print page ":" NR ": \\_ stands for an underscore"; wrong = 1 }
    END { exit wrong }' "$page" || wrong=1
done < <(find client daemon -name '*.scd')
exit $wrong
