#!/usr/bin/env bash
# check-format.sh: every .c and .h is as clang-format 14 writes it.
#
#   scripts/check-format.sh [--fix] [FILE...]
#
# Exits 77 (skipped) where that version is not installed: others break lines elsewhere.
set -eu
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
wrong=0
for file in "${files[@]}"; do
  if ! "$formatter" "$file" | cmp -s - "$file"; then
    echo "$file"
    wrong=$((wrong + 1))
  fi
done
echo "${#files[@]} files, $wrong to format (scripts/check-format.sh --fix)"
[ "$wrong" -eq 0 ]
