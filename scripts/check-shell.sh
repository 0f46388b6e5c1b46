#!/usr/bin/env bash
# check-shell.sh: runs shellcheck on every script of the project, and checks that their help is whole. Exits 77 (skipped) if it is not installed.
#
#   scripts/check-shell.sh
set -eu
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
command -v shellcheck >/dev/null || { echo "check-shell: shellcheck is not installed"; exit 77; }
scripts=() cases=()
while read -r file; do
  case "$file" in
    *.bats) cases+=("$file") ;;
    *) head -n 1 "$file" | grep -qE '^#!.*\b(ba|da)?sh$' && scripts+=("$file") ;;
  esac
done < <(find .ci scripts tests client daemon -type f \( -perm -u+x -o -name '*.sh' -o -name '*.bash' -o -name '*.bats' \) | sort)
wrong=0
shellcheck --severity=style --external-sources "${scripts[@]}" || wrong=1
# bats runs each case in a subshell and sets variables itself: 2030, 2031, 2119, 2120, 2154 are false alarms.
if [ ${#cases[@]} -gt 0 ]; then
  shellcheck --severity=warning --exclude=SC2030,SC2031,SC2119,SC2120,SC2154 "${cases[@]}" || wrong=1
fi
# The help of a script is its head. A number of lines would cut it when the head grows.
if grep -nE "sed -n '2,[0-9]+s/" "${scripts[@]}"; then
  echo "the help of these is cut at a line: sed -n '2,/^[^#]/s/^# \{0,1\}//p'"
  wrong=1
fi
echo "$((${#scripts[@]} + ${#cases[@]})) scripts"
exit $wrong
