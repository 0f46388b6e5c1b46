# results.bash: writes what a run of tests has counted. To be sourced.
#
# A run adds a row to results.tsv in the build folder; scripts/record takes rows from there into tests/results.tsv, whose head says what
# they mean.

# One row. The counts are - where nothing ran.
results_add() { # BUILD-ROOT RUN SYSTEM PROCESSOR LIBRARY COMPILER HOW PASSED FAILED SKIPPED
  local root=$1 row
  shift
  printf -v row '%s\t' "$@"
  printf '%s%s\n' "$row" "$(date -u +%F)" >>"$root/results.tsv"
}

# Counts the cases in what ctest writes with --output-junit and --test-output-size-passed 1000000: those of cmocka and of bats, and any
# other test as one. Prints PASSED FAILED SKIPPED.
results_count() { # REPORT
  awk '
    function number(line) { match(line, /[0-9]+ test/); return substr(line, RSTART) + 0 }
    /<testcase / { inside = 1; p = f = s = failed = ended = 0 }
    inside && /<failure/ { failed = 1 }
    inside && /<skipped/ { ended = 1 }
    inside && /\[  PASSED  \] [0-9]+ test/ { p += number($0) }
    inside && /\[  FAILED  \] [0-9]+ test/ { f += number($0) }
    inside && /\[  SKIPPED \] [0-9]+ test/ { s += number($0) }
    inside && /^(<system-out>)?not ok [0-9]+ / { f++; next }
    inside && /^(<system-out>)?ok [0-9]+ .*# skip/ { s++; next }
    inside && /^(<system-out>)?ok [0-9]+ / { p++ }
    /<\/testcase>/ {
      inside = 0
      if (failed && f == 0) f = 1
      if (p + f + s == 0) { if (ended) s = 1; else p = 1 }
      passed += p; bad += f; skipped += s
    }
    END { print passed + 0, bad + 0, skipped + 0 }' "$1"
}

# The failed tests of such a report: each one's name, and the lines that say what is wrong, 12 of them at most.
results_failures() { # REPORT
  awk '
    /<testcase / { inside = 1; failed = n = 0; name = $0; sub(/.*<testcase name="/, "", name); sub(/".*/, "", name) }
    inside && /<failure/ { failed = 1; reason = $0; sub(/.*message="/, "", reason); sub(/".*/, "", reason) }
    inside && n < 12 && /ERROR|FAILED|SUMMARY|error:|runtime error|^not ok|WARNING: ThreadSanitizer|^# .*(failed|line)|^    #[0-3] / { lines[++n] = $0 }
    /<\/testcase>/ && inside {
      inside = 0
      if (!failed) next
      print "  " name (reason == "" ? "" : ": " reason)
      for (i = 1; i <= n; i++) print "      " lines[i]
    }' "$1"
}

# The compiler of a CMake build folder: its name and version.
results_compiler() { # BUILD
  sed -nE 's/^set\(CMAKE_C_COMPILER_(ID|VERSION) "(.*)"\)$/\1 \2/p' "$1"/CMakeFiles/*/CMakeCCompiler.cmake |
    awk '$1 == "ID" {id = $2 == "GNU" ? "gcc" : $2 == "AppleClang" ? "Apple clang" : tolower($2)} $1 == "VERSION" {version = $2}
      END {print id " " version}'
}

# This machine: its system, its processor, its C library.
results_system() { printf '%s %s\n' "$(uname -s)" "$(uname -r | sed -E 's/^([0-9]+(\.[0-9]+)?).*/\1/')"; }
results_processor() { uname -m | sed 's/^amd64$/x86_64/; s/^aarch64$/arm64/'; }
results_library() {
  case $(uname -s) in
    Linux) getconf GNU_LIBC_VERSION 2>/dev/null || echo musl ;;
    *) echo "its own" ;;
  esac
}
