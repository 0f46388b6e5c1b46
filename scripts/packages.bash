# packages.bash: gets Debian packages that this machine does not install: sources, and libraries for another processor. To be sourced.
#
# apt gets a state of its own in a folder, so the machine's lists, architectures and packages stay as they are. A function returns 1, after a
# message to standard error, where there is no apt or the mirror does not answer in PORTD_ANSWER_SECONDS (60 when unset).

packages_fail() {
  echo "${0##*/}: $*" >&2
  return 1
}

# Runs apt-get in FOLDER/got.
packages_apt() { # FOLDER ARGUMENT...
  local folder=$1
  shift
  (cd "$folder/got" && timeout "${PORTD_ANSWER_SECONDS:-60}" apt-get -qq -y -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$folder/sources" \
    -o "Dir::State=$folder/state" -o "Dir::State::status=$folder/status" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root "$@")
}

packages_begin() { # FOLDER deb|deb-src APT-OPTION...
  local folder=$1 type=$2
  shift 2
  command -v apt-get >/dev/null || packages_fail "packages come by apt-get, which is not installed" || return
  rm -rf "$folder"
  mkdir -p "$folder"/{state/lists/partial,cache/archives/partial,sources,got}
  : >"$folder/status"
  if [ -e /etc/apt/sources.list.d/debian.sources ]; then
    sed "s/^Types:.*/Types: $type/; /^Architectures:/d" /etc/apt/sources.list.d/debian.sources >"$folder/sources/debian.sources"
  elif [ -e /etc/apt/sources.list ]; then
    sed -n "s/^deb /$type /p" /etc/apt/sources.list >"$folder/sources/debian.list"
  else
    packages_fail "apt has no list of a Debian mirror" || return
  fi
  packages_apt "$folder" "$@" update >&2 || true # one list of several may be out of order; without any, nothing is found
}

# Unpacks the sources of each package into FOLDER/PACKAGE.
packages_sources() { # FOLDER PACKAGE...
  local folder=$1 package apt=$1/apt
  shift
  packages_begin "$apt" deb-src || return
  packages_apt "$apt" --download-only --tar-only source "$@" >&2 || packages_fail "the Debian mirror has not answered with the sources of $*" || return
  for package in "$@"; do
    mkdir -p "$apt/unpacked/$package"
    tar -xf "$apt/got/$package"_*.orig.tar.?z -C "$apt/unpacked/$package" --strip-components=1 ||
      packages_fail "cannot unpack the sources of $package" || return
    rm -rf "${folder:?}/$package"
    mv "$apt/unpacked/$package" "$folder/" || return
  done
  rm -rf "$apt"
}

# Unpacks the packages, and all that they need, into FOLDER.
packages_libraries() { # FOLDER ARCHITECTURE PACKAGE...
  local folder=$1 file apt=$1.apt architecture=("-o" "APT::Architecture=$2" -o "APT::Architectures=$2")
  shift 2
  packages_begin "$apt" deb "${architecture[@]}" || return
  packages_apt "$apt" "${architecture[@]}" --no-install-recommends --download-only install "$@" >&2 ||
    packages_fail "the Debian mirror has not answered with $*" || return
  rm -rf "$folder"
  mkdir -p "$folder"
  for file in "$apt"/cache/archives/*.deb; do dpkg -x "$file" "$folder" || return; done
  rm -rf "$apt"
}
