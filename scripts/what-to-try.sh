#!/usr/bin/env bash
# Prints the first commands for a node that listens at $1.
set -euo pipefail
base=http://$1
curl=curl
if [ "${DYNA_MODE:-}" = https ]; then
  base=https://$1
  curl="curl --cacert ${DYNA_CERT_DIR:-cert}/ca.crt"
fi
cat <<TEXT
Try, in another terminal:

  TOKEN=\$($curl -s $base/auth/alice -d '{"secret":"wonderland"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
  $curl -N $base/default/subscribe/tea &
  $curl -X PUT $base/default/key/tea -H "Authorization: Bearer \$TOKEN" -d '{"cups":2,"guests":["hatter"]}'
  $curl $base/default/key/tea
  $curl $base/stats

README.md has the whole session. Ctrl-C stops the node; what was acknowledged stays in data/.

TEXT
