#!/bin/sh
# run-wine.sh: runs a test for Windows in wine, for ctest. All of them are programs of cmocka.
#
#   run-wine.sh WINE PROGRAM ARGUMENT...
#
# What it prints goes through a file. In a pipe ctest would wait until nobody has it, and wine 8 sometimes leaves threads of a process that has
# ended, and the host of its console, which have it for ever.
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
out=$(mktemp) || exit 1
run() {
  "$@" >"$out" 2>&1 </dev/null
  code=$?
}
run "$@"
if [ "$code" -eq 0 ] && [ ! -s "$out" ]; then
  echo "run-wine.sh: it has not begun: once more"
  run "$@"
fi
# wine 8 ends one program in some thousands by a fault in its ntdll, which lies at 0x170000000 (programs are at 0x140000000), or by an assertion of its own, where
# a wait ends while UnregisterWaitEx takes it back: it counts a callback as pending before it has the lock of the pool, and does not put it in the list from which a
# cancel then takes it. Without WT_EXECUTEINWAITTHREAD it is its assertion, and more often. That ends the broker or the program itself, the more often the less of the
# processor there is. Its debugger may still be writing where. An assertion of the program's own has other words.
for again in 1 2 3; do
  if [ "$code" -eq 0 ] || ! grep -qE '^wine: (Assertion failed|Unhandled page fault .* at address 0000000170)' "$out"; then break; fi
  echo "run-wine.sh: a fault of wine's own has ended it: once more ($again)"
  run "$@"
done
cat "$out"
# A program whose wine server is gone ends with 0.
if [ "$code" -eq 0 ] && ! grep -q 'test(s) run\.' "$out"; then
  echo "run-wine.sh: it ended with 0 and has not run all of its cases"
  code=1
fi
rm -f "$out"
exit "$code"
