# wine.bash: runs programs for Windows. To be sourced.
#
# wine gets a folder of its own for what Windows would have on its disk, without a display, and without what would ask for one.

# Whether it can run 64-bit programs here; else says what is missing.
wine_found() {
  wine=$(command -v wine64 || { [ ! -x /usr/lib/wine/wine64 ] || echo /usr/lib/wine/wine64; })
  wineserver=$(command -v wineserver || { [ ! -x /usr/lib/wine/wineserver ] || echo /usr/lib/wine/wineserver; })
  [ -n "$wine" ] && [ -n "$wineserver" ] && return 0
  echo "${0##*/}: wine is not installed (scripts/install-deps --windows)" >&2
  return 1
}

# Makes FOLDER unless it is there, and has what is started from now on run in it. 1: it cannot be made.
wine_begin() { # FOLDER
  wine_found || return
  export WINEPREFIX=$1 WINEDEBUG=${WINEDEBUG:--all} WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe=" WINEARCH=win64
  unset DISPLAY
  if [ -e "$1/complete" ]; then
    wine_stay
    return
  fi
  rm -rf "$1"
  if ! "$wine" wineboot.exe --init >"$1.log" 2>&1; then
    tail -n 20 "$1.log" >&2
    echo "${0##*/}: wine does not make $1" >&2
    return 1
  fi
  "$wineserver" -w # until it is written
  touch "$1/complete"
  wine_stay
}

# The server goes on between two programs, some minutes: one that starts while the server ends, ends itself with 0.
wine_stay() { "$wineserver" -p600 </dev/null >>"$WINEPREFIX.log" 2>&1 || [ $? -eq 2 ]; } # 2: it runs already

# Ends what still runs in the folder.
wine_end() { "$wineserver" -k >/dev/null 2>&1 || true; }

# For the table of platforms.
wine_version() { "$wine" --version 2>/dev/null | sed -E 's/^wine-([0-9]+(\.[0-9]+)?).*/wine \1/'; }
