#!/usr/bin/env bash
# Writes encryption.key: 32 random bytes, readable by you alone. The next build embeds it in the binary.
# A key that exists is never replaced: what it encrypted could not be read any more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ -e encryption.key ]; then
  echo "encryption.sh: encryption.key exists and stays as it is (move it away to make a new one)" >&2
  exit 1
fi
umask 077
set -C                                        # fail rather than overwrite, should two runs meet
head -c 32 /dev/urandom >encryption.key
touch Sources/CKey/embedded_key.c 2>/dev/null || true   # a build that found no key before looks again
echo "encryption.key written (32 bytes, mode 600). Keep a copy in a safe place: without it the data is lost."
