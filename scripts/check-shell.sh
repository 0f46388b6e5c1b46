#!/usr/bin/env bash
# check-shell.sh: shellcheck has nothing to say about any script of the project. Exits 77 (skipped) without shellcheck.
set -eu
cd "$(dirname "$0")/.."
command -v shellcheck >/dev/null || { echo "check-shell: shellcheck is not installed"; exit 77; }
scripts=()
while read -r file; do
  case "$file" in
    *.bats) scripts+=("$file") ;;
    *) head -n 1 "$file" | grep -qE '^#!.*\b(ba|da)?sh$' && scripts+=("$file") ;;
  esac
done < <(find .ci scripts tests client daemon -type f \( -perm -u+x -o -name '*.sh' -o -name '*.bash' -o -name '*.bats' \) | sort)
shellcheck --severity=style --external-sources "${scripts[@]}"
echo "${#scripts[@]} scripts"
