#!/usr/bin/env bash
# check-help.sh: checks that each script of this folder answers --help, whatever else it is given: it prints how it is used to standard output,
# exits with 0, and does nothing else.
#
#   scripts/check-help.sh
set -eu
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")"
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
count=0 wrong=0
for script in ./*; do
  if [ -d "$script" ] || [ ! -x "$script" ]; then continue; fi
  for arguments in --help -h '--nonsense --help'; do
    code=0
    read -ra words <<<"$arguments"
    PORTD_BUILD_ROOT=$room/build timeout 20 "$script" "${words[@]}" >"$room/said" 2>"$room/complained" </dev/null || code=$?
    if [ "$code" -ne 0 ] || [ -s "$room/complained" ] || [ -e "$room/build" ] || ! grep -qF "scripts/${script#./}" "$room/said"; then
      echo "scripts/${script#./} $arguments: exit code $code"
      head -n 3 "$room/said" "$room/complained"
      wrong=1
    fi
  done
  count=$((count + 1))
done
echo "$count scripts"
exit $wrong
