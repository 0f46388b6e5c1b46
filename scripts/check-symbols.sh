#!/usr/bin/env bash
# check-symbols.sh: what libportd exports is what portd.h declares and what portd.map lists, no more and no less.
#
#   scripts/check-symbols.sh path/to/libportd.so
set -eu
[ $# -eq 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
top=$(cd "$(dirname "$0")/.." && pwd)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

tr '\n' ' ' <"$top/client/portd.h" | grep -oE 'PORTD_API [^;(]*\(' | grep -oE 'portd_[a-z0-9_]+\($' | tr -d '(' |
  sort >"$room/declared"
grep -oE '^ +portd_[a-z0-9_]+;' "$top/client/portd.map" | tr -d ' ;' | sort >"$room/listed"
nm --dynamic --defined-only --format=posix "$1" | awk '$2 != "A" {sub(/@.*/, "", $1); print $1}' | sort >"$room/exported"
[ -s "$room/declared" ] || { echo "check-symbols: no declarations were found in portd.h" >&2; exit 1; }

result=0
for other in listed exported; do
  if ! difference=$(diff "$room/declared" "$room/$other"); then
    echo "declared in portd.h (<) and $other (>) differ:"
    grep '^[<>]' <<<"$difference"
    result=1
  fi
done
echo "$(wc -l <"$room/declared") functions declared, $(wc -l <"$room/exported") exported"
exit $result
