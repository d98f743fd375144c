#!/usr/bin/env bash
# Makes under cert/ (or DYNA_CERT_DIR) what https mode needs; every key is ECDSA P-256, mode 600:
#
#   ca.crt, ca.key            the authority that nodes and clients trust; its key is protected by the password
#   server.crt, server.key    what a node shows to its clients and to other nodes
#   client.crt, client.key    what a client shows where DYNA_CLIENT_CERT=required
#   client.p12                the same for browsers and phones, protected by the password
#
#   bash cert.sh [NAME|IP]…   more names that the server goes by, beside localhost, 127.0.0.1 and ::1
#
# The password comes from CERT_PASSWORD, else it is asked for. What exists stays: a second run makes what is missing.
# To renew a certificate move its .crt and .key away and run again; to begin anew, move the folder away.
# The authority's key is not for the nodes: keep ca.key where certificates are made, and copy the rest.
set -euo pipefail

die() { printf 'cert.sh: %s\n' "$@" >&2; exit 1; }
say() { printf 'cert.sh: %s\n' "$@"; }

command -v openssl >/dev/null || die "openssl is needed (Debian: apt-get install openssl)"
umask 077
folder=${DYNA_CERT_DIR:-$(dirname "${BASH_SOURCE[0]}")/cert}
mkdir -p "$folder"
cd "$folder"
ca_days=3650 leaf_days=825               # clients of Apple's systems refuse certificates that are good for longer

names=DNS:localhost,IP:127.0.0.1,IP:::1
for name in "$@"; do
  case $name in
    *[!A-Za-z0-9.:_*-]* | '' | -*) die "$name is neither a name nor an IP address" ;;
    *:*) names+=,IP:$name ;;
    *[!0-9.]*) names+=,DNS:$name ;;
    *) names+=,IP:$name ;;
  esac
done

for kind in ca server client; do
  [ -e $kind.crt ] && [ ! -e $kind.key ] && [ $kind != ca ] && die "$folder/$kind.crt is there without its key: move it away"
  [ -e $kind.key ] && [ ! -e $kind.crt ] && die "$folder/$kind.key is there without its certificate: move it away"
done
if [ -e server.crt ] && [ $# -gt 0 ]; then
  for name in "$@"; do
    openssl x509 -in server.crt -noout -text | grep -qiE "(DNS|IP Address):$name(,|\$)" 2>/dev/null ||
      [[ $name == *:* ]] || say "server.crt stays and does not name $name: move server.crt and server.key away to make one that does"
  done
fi
if [ -e ca.crt ] && [ -e server.crt ] && [ -e client.crt ] && [ -e client.p12 ]; then
  say "$folder is complete and stays as it is"
  exit 0
fi

if [ -z "${CERT_PASSWORD:-}" ]; then
  [ -t 0 ] || die "set CERT_PASSWORD, or run this at a terminal to be asked for the password"
  read -rsp "Password for the authority's key and for client.p12: " CERT_PASSWORD && echo
  if [ ! -e ca.crt ]; then
    read -rsp "Once more: " again && echo
    [ "$again" = "$CERT_PASSWORD" ] || die "the two are not the same"
  fi
fi
[ ${#CERT_PASSWORD} -ge 4 ] || die "the password needs at least 4 characters"
export CERT_PASSWORD

# What is made goes to a folder beside, and to its place only when it is whole.
work=$(mktemp -d .new-XXXXXX)
trap 'rm -rf "$work"' EXIT
quietly() { "$@" 2>"$work/log" || { cat "$work/log" >&2; die "openssl failed"; }; }
new_key() { quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$1.key"; }

if [ -e ca.crt ]; then
  say "ca.crt exists and stays"
  [ -e ca.key ] || die "$folder/ca.key is not here: certificates can be made only where it is"
  openssl pkey -in ca.key -passin env:CERT_PASSWORD -noout 2>/dev/null || die "this is not the password of $folder/ca.key"
else
  new_key ca
  quietly openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 200000 -in "$work/ca.key" -passout env:CERT_PASSWORD -out "$work/ca.sealed"
  quietly openssl req -x509 -new -sha256 -key "$work/ca.key" -days $ca_days -subj "/O=DynaSwift/CN=DynaSwift CA $(od -An -N4 -tx1 /dev/urandom | tr -d ' ')" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$work/ca.crt"
  mv "$work/ca.sealed" ca.key
  mv "$work/ca.crt" ca.crt
  rm -f "$work/ca.key"
  say "ca.crt and ca.key made"
fi

# certificate KIND NAME USAGES [MORE]: a key, and a certificate of the authority for it.
certificate() {
  local kind=$1 subject=$2 usages=$3 more=${4:-}
  if [ -e "$kind.crt" ]; then
    say "$kind.crt exists and stays"
    return
  fi
  new_key "$kind"
  printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "extendedKeyUsage=$usages" \
    "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid" ${more:+"$more"} >"$work/extensions"
  quietly openssl req -new -sha256 -key "$work/$kind.key" -subj "/O=DynaSwift/CN=$subject" -out "$work/$kind.csr"
  quietly openssl x509 -req -sha256 -in "$work/$kind.csr" -CA ca.crt -CAkey ca.key -passin env:CERT_PASSWORD \
    -set_serial "0x$(od -An -N15 -tx1 /dev/urandom | tr -d ' \n' | sed 's/^/4/')" -days $leaf_days -extfile "$work/extensions" -out "$work/$kind.crt"
  mv "$work/$kind.key" "$kind.key"
  mv "$work/$kind.crt" "$kind.crt"
  say "$kind.crt and $kind.key made"
}

# Nodes show the server's certificate to each other when they call, too: hence both usages.
certificate server node serverAuth,clientAuth "subjectAltName=$names"
certificate client client clientAuth
if [ ! -e client.p12 ]; then
  quietly openssl pkcs12 -export -in client.crt -inkey client.key -certfile ca.crt -name dynaswift \
    -passout env:CERT_PASSWORD -out "$work/client.p12"
  mv "$work/client.p12" client.p12
  say "client.p12 made"
fi
