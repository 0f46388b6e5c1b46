#!/usr/bin/env bash
# check-install.sh: installs to a temporary prefix, checks which files are installed, and uses them as a user would: with pkg-config and
# CMake, from C99 and C++11, the shared and the static library, with the installed broker, also when the library starts it.
#
#   scripts/check-install.sh BUILD    BUILD: a build folder in which everything is built
#
# CC and CXX choose the compilers.
set -eu
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
[ $# -eq 1 ] || { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
room=$(mktemp -d)
broker=
trap 'leave' EXIT
leave() {
  [ -z "$broker" ] || { kill "$broker" && wait "$broker"; } || true
  rm -rf "$room"
}
prefix=$room/prefix
unset PORTD_SESSION PORTD_DAEMON PORTD_ADDRESS
fail() { printf 'check-install: %s\n' "$*" >&2; exit 1; }
quietly() { "$@" >"$room/log" 2>&1 || { cat "$room/log"; fail "$* failed"; }; }
option() { sed -nE "s/^$1(:[A-Z]+)?=//p" "$build/CMakeCache.txt"; }

mkdir -p "$prefix/share/fish" # of others, and empty
quietly cmake --install "$build" --prefix "$prefix"

# ---- installed files -----------------------------------------------------------------------------------------------------

include=$(option CMAKE_INSTALL_INCLUDEDIR)
library=$(dirname "$(find "$prefix" -name libportd.so -printf '%P\n')")
manual=share/man
expected=(bin/portd bin/portctl "${include:-include}/portd.h" "$library/libportd.so" "$library/libportd.so.0"
  "$library/pkgconfig/portd.pc" "$library"/cmake/portd/portd-{config,config-version,targets}.cmake
  "$(option PORTD_UNIT_DIR)"/portd.{service,socket}
  share/doc/portd/portd.conf share/bash-completion/completions/portctl share/zsh/site-functions/_portctl share/fish/vendor_completions.d/portctl.fish)
archive=no
if [ -e "$build/client/libportd.a" ]; then
  archive=yes
  expected+=("$library/libportd.a")
fi
for file in client/racket/*.rkt; do
  expected+=("share/portd/racket/${file##*/}")
done
expected+=(share/portd/racket/libportd.path)
if [ "$(option PORTD_SCDOC)" != PORTD_SCDOC-NOTFOUND ]; then
  while read -r page; do
    page=$(basename "$page" .scd)
    expected+=("$manual/man${page##*.}/$page")
  done < <(find client daemon -name '*.scd')
fi
for file in "${expected[@]}"; do
  [ -s "$prefix/$file" ] || fail "$file is not installed"
done
extra=$(comm -23 <(cd "$prefix" && find . -type f -o -type l | sed 's|^\./||' | sort) <(printf '%s\n' "${expected[@]}" | sort) |
  grep -vE "^$library/libportd\.so\.[0-9.]+$|^$library/cmake/portd/portd-targets-[a-z]+\.cmake$" || true)
[ -z "$extra" ] || fail "unexpected files: $extra"
grep -qxF "ExecStart=$prefix/bin/portd --keeper yes" "$prefix/$(option PORTD_UNIT_DIR)/portd.service" ||
  fail "portd.service does not start the installed portd"
grep -qxF "ExecReload=$prefix/bin/portctl --address unix:%t/portd/portd.sock reload" "$prefix/$(option PORTD_UNIT_DIR)/portd.service" ||
  fail "portd.service does not reload by the installed portctl"
if grep -rIlF -e "$build" -e "$PWD" "$prefix"; then fail "these files contain a path of the build"; fi

# ---- programs of users -----------------------------------------------------------------------------------------

export PKG_CONFIG_PATH=$prefix/$library/pkgconfig
package() { pkg-config "$@" portd; }
version=$(package --modversion)
read -ra compile < <(package --cflags)
read -ra shared < <(package --libs)
read -ra static < <(package --static --libs)
[ "${compile[*]}" = "-I$prefix/${include:-include}" ] || fail "pkg-config --cflags answers ${compile[*]}"
[ "${shared[*]}" = "-L$prefix/$library -lportd" ] || fail "pkg-config --libs answers ${shared[*]}"
strict=(-Wall -Wextra -Wpedantic -Wconversion -Wundef -Werror)
programs=() linked_in=()
consume() { # SOURCE COMPILER...
  local program=$room/${1##*.} source=$1
  shift
  quietly "$@" "${strict[@]}" "${compile[@]}" "$source" "${shared[@]}" -Wl,-rpath,"$prefix/$library" -o "$program"
  programs+=("$program")
  [ "$archive" = yes ] || return 0
  quietly "$@" "${strict[@]}" "${compile[@]}" "$source" -Wl,-Bstatic "${static[@]}" -Wl,-Bdynamic -o "$program-static"
  linked_in+=("$program-static")
}
cxx=${CXX:-c++}
consume tests/install/consumer.c "${CC:-cc}" -std=c99
if command -v "$cxx" >/dev/null; then
  consume tests/install/consumer.cpp "$cxx" -std=c++11
  quietly cmake -G Ninja -S tests/install -B "$room/build" -DCMAKE_PREFIX_PATH="$prefix"
  quietly cmake --build "$room/build"
  programs+=("$room"/build/{c,cpp}_portd)
  [ "$archive" = no ] || linked_in+=("$room"/build/{c,cpp}_portd_static)
else
  echo "there is no C++ compiler: C++ and CMake were not tested"
fi
[ "$archive" = yes ] || echo "there is no libportd.a: the static library was not tested"
for program in "${linked_in[@]}"; do
  if readelf -d "$program" | grep 'NEEDED.*libportd'; then fail "$program needs the shared library"; fi
done
for program in "${programs[@]}"; do
  readelf -d "$program" | grep -q 'NEEDED.*\[libportd\.so\.0\]' || fail "$program does not need libportd.so.0"
done

# ---- run them ----------------------------------------------------------------------------------------------------------

export PORTD_ADDRESS=unix:$room/portd.sock
for program in "${programs[@]}" "${linked_in[@]}"; do
  code=0
  "$program" >"$room/log" 2>&1 || code=$?
  [ "$code" = 1 ] || { cat "$room/log"; fail "$program without a broker: $code"; }
done
mkfifo "$room/ready"
"$prefix/bin/portd" --listen "$PORTD_ADDRESS" --notify-fd 9 9>"$room/ready" 2>"$room/broker" &
broker=$!
read -r _ <"$room/ready" || { cat "$room/broker"; fail "the installed portd does not run"; }
for program in "${programs[@]}" "${linked_in[@]}"; do
  code=0
  said=$("$program" 2>&1) || code=$?
  [ "$code: $said" = "0: $version" ] || fail "$program answered $code: $said"
done
"$prefix/bin/portctl" ping >/dev/null || fail "the installed portctl does not reach the broker"
# Each example compiles by the line at its head.
for example in client/examples/tee_*.c; do
  line=$(sed -nE 's/^ \*     (cc .*)/\1/p' "$example")
  name=$(basename "$example" .c)
  [ -n "$line" ] || fail "$example does not say how to compile it"
  read -ra needed < <(sed -E 's/.*--libs ([a-z_ ]+)\).*/\1/' <<<"$line")
  pkg-config "${needed[@]}" || continue
  cp "$example" "$room"
  (cd "$room" && quietly sh -c "$line")
  code=0
  : | LD_LIBRARY_PATH=$prefix/$library "$room/$name" 9 9>"$room/copy" || code=$?
  [ "$code" = 0 ] || fail "$name, compiled by its own line, exits with $code"
done
if command -v racket >/dev/null; then
  # It finds the library of its own prefix; PORTD_LIBRARY is for where there is none.
  in_racket() {
    : | racket -l racket/base \
      -e "(require (file \"$prefix/share/portd/racket/port.rkt\")) (semaphore? (sync (unsafe-file-descriptor->semaphore 0 'read)))" 2>&1 || true
  }
  said=$(in_racket)
  [ "$said" = "#t" ] || fail "the installed port.rkt answered $said"
  way=$prefix/share/portd/racket/libportd.path
  [ -e "$prefix/share/portd/racket/$(cat "$way")" ] || fail "libportd.path does not name the library"
  said=$(PORTD_LIBRARY=/nonexistent/libportd.so in_racket)
  case $said in *"set PORTD_LIBRARY to"*) ;; *) fail "port.rkt with a library that is not there answered $said" ;; esac
  mv "$way" "$way.away"
  said=$(PORTD_LIBRARY=$prefix/$library/libportd.so in_racket)
  [ "$said" = "#t" ] || fail "the installed port.rkt with PORTD_LIBRARY answered $said"
  mv "$way.away" "$way"
fi
kill "$broker"
wait "$broker" || fail "the installed portd did not stop"
broker=

# portctl, and a program that has only the library, must start the installed broker.
unset PORTD_ADDRESS
export XDG_RUNTIME_DIR=$room/run
started() { # COMMAND...: starts a broker; checks its program and stops it
  local pid
  mkdir -m 700 "$XDG_RUNTIME_DIR"
  said=$(echo word | "$@" 2>&1) || fail "$* answered $said"
  pid=$("$prefix/bin/portctl" status --json | sed -nE 's/.*"pid": ?([0-9]+).*/\1/p')
  broker=$pid
  [ "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$prefix/bin/portd")" ] || fail "$* has started $(readlink "/proc/$pid/exe")"
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
  broker=
  rm -r "$XDG_RUNTIME_DIR"
}
if [ ! -e /run/portd/portd.sock ]; then
  started "$prefix/bin/portctl" wait fd:0 --timeout 10s
  case $said in "fd:0 ready" | "fd:0 hang-up") ;; *) fail "portctl wait fd:0 answered $said" ;; esac
  awk '/^```c$/ {inside = 1; next} /^```/ {inside = 0} inside' README.md >"$room/wait.c"
  quietly "${CC:-cc}" -std=c17 -o "$room/wait" "$room/wait.c" "${compile[@]}" "${shared[@]}"
  started env LD_LIBRARY_PATH="$prefix/$library" "$room/wait"
  # Linked statically it does not know the prefix that was installed to: PATH has it.
  here=$(option CMAKE_INSTALL_PREFIX)/$(option CMAKE_INSTALL_BINDIR)/portd
  if [ "$archive" = yes ] && [ ! -e "$here" ]; then
    quietly "${CC:-cc}" -std=c17 -o "$room/wait-static" "$room/wait.c" "${compile[@]}" -Wl,-Bstatic "${static[@]}" -Wl,-Bdynamic
    code=0
    mkdir -m 700 "$XDG_RUNTIME_DIR"
    said=$(PATH=/nonexistent "$room/wait-static" 2>&1 </dev/null) || code=$?
    rm -r "$XDG_RUNTIME_DIR"
    case "$code: $said" in
      "1: "*"cannot run $here: No such file or directory; set PORTD_DAEMON to the path of portd, or add its directory to PATH") ;;
      *) fail "a static program without a portd in PATH answered $code: $said" ;;
    esac
    started env PATH="$PATH:$prefix/bin" "$room/wait-static"
  fi
else
  echo "a system broker runs here: starting a broker was not tested"
fi
for program in portd portctl; do
  [ "$("$prefix/bin/$program" --version)" = "$program $version" ] || fail "$program --version is not $version"
done

# ---- uninstalling ------------------------------------------------------------------------------------------------------

# What is removed is what was installed last, and the folders that were made for it: none that was there before, and none that others use.
removes() { # LEFT...: the files and folders that are left in the prefix
  quietly cmake --build "$build" --target uninstall
  left=$(cd "$prefix" && find . -mindepth 1 -printf '%P\n' | sort | tr '\n' ' ')
  [ "$left" = "$(printf '%s ' "$@")" ] || fail "uninstall leaves: $left"
}
mkdir -p "$prefix/share/portd-of-others"
: >"$prefix/share/man/of-others"
quietly cmake --install "$build" --prefix "$prefix" # again: the folders are there by now
removes share share/fish share/man share/man/of-others share/portd-of-others
removes share share/fish share/man share/man/of-others share/portd-of-others
# Folders that were made for one installation are known after another one, to another place, has been undone.
quietly cmake --install "$build" --prefix "$room/first"
for place in second first; do
  quietly cmake --install "$build" --prefix "$room/$place"
  quietly cmake --build "$build" --target uninstall
  [ ! -e "$room/$place" ] || fail "uninstall leaves: $(find "$room/$place")"
done
export DESTDIR=$room/stage/
quietly cmake --install "$build" --prefix "$prefix"
grep -qxF "prefix=$prefix" "$DESTDIR$prefix/$library/pkgconfig/portd.pc" || fail "portd.pc does not name the prefix"
quietly cmake --build "$build" --target uninstall
[ ! -e "$DESTDIR" ] || fail "uninstall leaves: $(find "$DESTDIR")"
unset DESTDIR
echo "$((${#expected[@]})) files, $((${#programs[@]} + ${#linked_in[@]})) programs, version $version"
