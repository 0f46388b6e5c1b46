#!/usr/bin/env bash
# check-headers.sh: checks that every header compiles alone; portd.h also as C99 and as C++11.
#
#   scripts/check-headers.sh BUILD    BUILD: a build folder, for the generated headers
#
# CC and CXX choose the compilers. A header of Windows (*_win.h) is compiled by that of mingw-w64, if there is one.
set -eu
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
[ $# -eq 1 ] || { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
cc=${CC:-cc}
cxx=${CXX:-c++}
flags=(-fsyntax-only -Wall -Wextra -Wpedantic -Wundef -Werror)
rooms=(-I. -isystem "$build" -isystem "$build/proto" -isystem "$build/daemon")

count=0 wrong=0
compiles() { # COMPILER... HEADER
  count=$((count + 1))
  if ! "$@"; then
    echo "not alone: $*"
    wrong=$((wrong + 1))
  fi
}
mingw=x86_64-w64-mingw32-gcc
command -v "$mingw" >/dev/null || mingw=
while read -r header; do
  case $header in
  *_win.h)
    [ -z "$mingw" ] || compiles "$mingw" -std=c17 -D_WIN32_WINNT=0x0A00 -DWIN32_LEAN_AND_MEAN "${flags[@]}" -Wstrict-prototypes "${rooms[@]}" -x c "$header"
    continue
    ;;
  */win/*) continue ;; # they stand for headers of a system
  esac
  compiles "$cc" -std=c17 "${flags[@]}" -Wstrict-prototypes "${rooms[@]}" -x c "$header"
done < <(find proto daemon client tests -name '*.h' | sort)

compiles "$cc" -std=c99 "${flags[@]}" -x c client/portd.h
if command -v "$cxx" >/dev/null; then
  compiles "$cxx" -std=c++11 "${flags[@]}" -x c++ client/portd.h
else
  echo "check-headers: no C++ compiler, portd.h was not tried as C++11"
fi
[ -n "$mingw" ] || echo "check-headers: no compiler of mingw-w64, the headers of Windows were not tried"
echo "$count compilations, $wrong failed"
[ "$wrong" -eq 0 ]
