#!/usr/bin/env bash
# check-headers.sh: checks that every header compiles alone; portd.h also as C99 and as C++11.
#
#   scripts/check-headers.sh BUILD    BUILD: a build folder, for the generated headers
#
# CC and CXX choose the compilers.
set -eu
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
[ $# -eq 1 ] || { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
cc=${CC:-cc}
cxx=${CXX:-c++}
flags=(-fsyntax-only -Wall -Wextra -Wpedantic -Wundef -Werror)
rooms=(-I. -isystem "$build" -isystem "$build/proto")

count=0 wrong=0
compiles() { # COMPILER... HEADER
  count=$((count + 1))
  if ! "$@"; then
    echo "not alone: $*"
    wrong=$((wrong + 1))
  fi
}
while read -r header; do
  compiles "$cc" -std=c17 "${flags[@]}" -Wstrict-prototypes "${rooms[@]}" -x c "$header"
done < <(find proto daemon client tests -name '*.h' | sort)

compiles "$cc" -std=c99 "${flags[@]}" -x c client/portd.h
if command -v "$cxx" >/dev/null; then
  compiles "$cxx" -std=c++11 "${flags[@]}" -x c++ client/portd.h
else
  echo "check-headers: no C++ compiler, portd.h was not tried as C++11"
fi
echo "$count compilations, $wrong failed"
[ "$wrong" -eq 0 ]
