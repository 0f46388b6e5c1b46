#!/usr/bin/env bash
# check-format.sh: checks that every .c and .h is formatted as by clang-format 14.
#
#   scripts/check-format.sh [--fix] [FILE...]
#
# Exits 77 (skipped) if that version is not installed: other versions format differently.
set -eu
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
fix=no
[ "${1:-}" = --fix ] && { fix=yes; shift; }

formatter=
for candidate in clang-format-14 clang-format; do
  if command -v "$candidate" >/dev/null && "$candidate" --version | grep -q 'version 14\.'; then
    formatter=$candidate
    break
  fi
done
[ -n "$formatter" ] || { echo "check-format: clang-format 14 is not installed"; exit 77; }

if [ $# -gt 0 ]; then
  files=("$@")
else
  mapfile -t files < <(find proto daemon client tests -name '*.[ch]' | sort)
fi
if [ "$fix" = yes ]; then
  "$formatter" -i "${files[@]}"
  exit
fi
wrong=$("$formatter" --dry-run "${files[@]}" 2>&1 | grep -oE '^[^ :]+\.[ch]' | sort -u || true)
[ -z "$wrong" ] || { echo "$wrong"; echo "not formatted: scripts/check-format.sh --fix"; exit 1; }
echo "${#files[@]} files"
