#!/usr/bin/env bash
# Makes a fresh machine ready to build and run: system libraries, the encryption key, a .env with random
# secrets. It adds what is missing and changes nothing that exists; with nothing to do it says nothing.
#
#   set-up.sh         what the build needs
#   set-up.sh tests   and what the tests of clusters need: networks and clocks that can be broken
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { printf 'set-up: %s\n' "$@" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "this needs root, and there is no sudo here; run as root: $*"
  fi
}

# The compiler itself is asked, so that a header counts wherever it was installed.
has_header() { printf '#include <stddef.h>\n#include <stdio.h>\n#include <%s>\n' "$1" | "$compiler" -E -x c - >/dev/null 2>&1; }

install_missing() {
  local missing=() log tool
  has_header openssl/ssl.h || missing+=(libssl-dev)
  has_header sqlite3.h || missing+=(libsqlite3-dev)
  command -v pkg-config >/dev/null || missing+=(pkg-config)
  command -v openssl >/dev/null || missing+=(openssl)           # cert.sh, and clients in the tests
  if [ "$purpose" = tests ]; then
    for tool in ip:iproute2 iptables:iptables faketime:faketime; do
      PATH=$PATH:/usr/sbin:/sbin command -v "${tool%:*}" >/dev/null || missing+=("${tool#*:}")
    done
  fi
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "missing: ${missing[*]} (names as Debian has them)" \
    "install the same with this system's package manager and run make again"
  echo "set-up: installing ${missing[*]}"
  log=$(mktemp)
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
  as_root "${install[@]}" >"$log" 2>&1 ||
    { as_root apt-get update -q && as_root "${install[@]}"; } >"$log" 2>&1 ||
    { cat "$log" >&2; rm -f "$log"; die "could not install ${missing[*]}"; }
  rm -f "$log"
}

random_hex() { od -An -v -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

write_secrets() {
  local file=.env.$$
  (
    umask 077
    {
      echo "# The secrets of this node, drawn at random. Keep them out of version control."
      echo "JWT_SECRET=$(random_hex 32)"
      echo "CLUSTER_SECRET=$(random_hex 32)"
      echo "ADMIN_PASSWORD=$(random_hex 12)"
      echo "# Who owns encryption.key: as whom compose.yaml runs the containers."
      echo "DYNA_UID=$(id -u)"
    } >"$file"
  )
  ln "$file" .env 2>/dev/null || true          # never over one that exists
  rm -f "$file"
  echo "set-up: .env written with random secrets (mode 600)"
}

purpose=${1:-}
command -v swift >/dev/null || die "Swift 6.3 is needed and no 'swift' is in PATH: https://www.swift.org/install/linux/"
compiler=$(command -v clang || command -v cc) || die "no C compiler in PATH: the Swift toolchain brings 'clang' along"
install_missing
[ -e encryption.key ] || bash encryption.sh
[ -e .env ] || write_secrets
