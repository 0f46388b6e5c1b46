#!/bin/sh
# run-wine.sh: runs a program for Windows in wine, for ctest.
#
#   run-wine.sh WINE PROGRAM ARGUMENT...
#
# What it prints goes through a file. In a pipe ctest would wait until nobody has it, and wine 8 sometimes leaves threads of a process that has
# ended, and the host of its console, which have it for ever.
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
out=$(mktemp) || exit 1
"$@" >"$out" 2>&1 </dev/null
code=$?
cat "$out"
# A program whose wine server is gone ends with 0.
if [ "$code" -eq 0 ] && grep -q '^\[==========\] Running' "$out" && ! grep -q 'test(s) run\.' "$out"; then
  echo "run-wine.sh: it ended in the middle of its cases"
  code=1
fi
rm -f "$out"
exit "$code"
