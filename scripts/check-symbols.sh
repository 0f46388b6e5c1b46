#!/usr/bin/env bash
# check-symbols.sh: checks that libportd exports exactly the functions that portd.h declares and portd.map lists. With the archive: also that
# it exports the same, that the library has no writable static data, and that it calls no function that prints, starts threads, handles
# signals or trusts the environment of a process with raised privileges.
#
#   scripts/check-symbols.sh path/to/libportd.so [path/to/libportd.a]
set -eu
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
case $# in 1 | 2) ;; *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;; esac
top=$(cd "$(dirname "$0")/.." && pwd)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

tr '\n' ' ' <"$top/client/portd.h" | grep -oE 'PORTD_API [^;(]*\(' | grep -oE 'portd_[a-z0-9_]+\($' | tr -d '(' |
  sort >"$room/declared"
grep -oE '^ +portd_[a-z0-9_]+;' "$top/client/portd.map" | tr -d ' ;' | sort >"$room/listed"
symbols() { nm --format=posix "$@" | awk '$2 != "A" && NF > 1 {sub(/@.*/, "", $1); print $1}' | sort; }
symbols --dynamic --defined-only "$1" >"$room/exported"
sides=(listed exported)
[ -s "$room/declared" ] || { echo "check-symbols: no declarations were found in portd.h" >&2; exit 1; }

result=0
if [ $# -eq 2 ]; then
  symbols --extern-only --defined-only "$2" >"$room/archived"
  sides+=(archived)
  # Relocated constants (.data.rel.ro) are written only before the program starts.
  state=$(size -A "$2" | awk '/^\.(data|bss|tdata|tbss)/ && !/^\.data\.rel\.ro/ && $2 > 0 {print $1, $2}')
  [ -z "$state" ] || { echo "the library has state: $state"; result=1; }
  never='(_*v?f?printf(_chk)?|f?puts|f?putc|putchar|perror|std(in|out|err)|syslog|exit|abort|signal|pthread_create|getenv|setenv|putenv'
  never+='|system|popen|strtok|getgrgid|getpwuid|localtime|setlocale)'
  called=$(symbols --undefined-only "$2" | grep -xE "$never" || true)
  [ -z "$called" ] || { printf 'the library calls: %s\n' "${called//$'\n'/, }"; result=1; }
fi
for other in "${sides[@]}"; do
  if ! difference=$(diff "$room/declared" "$room/$other"); then
    echo "declared in portd.h (<) and $other (>) differ:"
    grep '^[<>]' <<<"$difference"
    result=1
  fi
done
echo "$(wc -l <"$room/declared") functions declared, $(wc -l <"$room/exported") exported"
exit $result
