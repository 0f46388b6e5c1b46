#!/usr/bin/env bash
# check-install.sh: what gets installed can be used: by pkg-config, by CMake, and by running it.
#
#   scripts/check-install.sh BUILD    BUILD is a build folder in which everything is built
set -eu
[ $# -eq 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
prefix=$room/prefix

cmake --install "$build" --prefix "$prefix" >"$room/log" 2>&1 || { cat "$room/log"; exit 1; }
library=$(dirname "$(find "$prefix" -name 'libportd.so')")
awk '/^```c$/ {inside = 1; next} /^```/ {inside = 0} inside' README.md >"$room/main.c"

# pkg-config: the file has the prefix that the build was configured for; here it lies elsewhere.
export PKG_CONFIG_PATH=$library/pkgconfig
read -ra flags < <(pkg-config --define-variable=prefix="$prefix" --cflags --libs portd)
"${CC:-cc}" -std=c17 "$room/main.c" "${flags[@]}" -Wl,-rpath,"$library" -o "$room/by-pkg-config"

cat >"$room/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.16)
project(consumer C)
find_package(portd 0.1 REQUIRED)
add_executable(by-cmake main.c)
target_link_libraries(by-cmake PRIVATE portd::portd)
CMAKE
{ cmake -G Ninja -S "$room" -B "$room/build" -DCMAKE_PREFIX_PATH="$prefix" && cmake --build "$room/build"; } >"$room/log" 2>&1 ||
  { cat "$room/log"; exit 1; }

for program in "$room/by-pkg-config" "$room/build/by-cmake"; do
  code=0
  said=$(PORTD_ADDRESS=unix:$room/nobody "$program" </dev/null 2>&1) || code=$?
  [ "$code: $said" = "1: no broker" ] || { echo "$program answered $code: $said"; exit 1; }
done
for program in portd portctl; do
  "$prefix/bin/$program" --version || { echo "the installed $program does not run"; exit 1; }
done
