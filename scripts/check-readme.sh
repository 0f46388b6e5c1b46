#!/usr/bin/env bash
# check-readme.sh: the C program in README.md compiles and links, and every relative link of the documents leads somewhere.
#
#   scripts/check-readme.sh path/to/libportd.so
set -eu
[ $# -eq 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
library=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

awk '/^```c$/ {inside = 1; next} /^```/ {inside = 0} inside' README.md >"$room/example.c"
[ -s "$room/example.c" ] || { echo "README.md has no C program"; exit 1; }
"${CC:-cc}" -std=c17 -Wall -Wextra -Wpedantic -Werror -Iclient "$room/example.c" "$library" -o "$room/example"

wrong=0
for document in *.md proto/*.md; do
  while read -r link; do
    [ -e "$(dirname "$document")/$link" ] || { echo "$document: $link is not there"; wrong=1; }
  done < <(grep -oE '\]\([^)#:]+\)' "$document" | sed 's/^](//; s/)$//')
done
exit $wrong
