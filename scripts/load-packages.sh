#!/usr/bin/env bash
# Loads the records of every Debian package that apt knows of into the table "packages", one PUT each: about sixty
# thousand records of a kilobyte, keyed by package name.
#
#   scripts/load-packages.sh TOKEN [URL]      URL: of the node, http://127.0.0.1:6660 by default
#
# Each field of a record becomes a member (lower case, "_" for "-"); sizes become numbers, lists of packages arrays.
set -euo pipefail

token=${1:?"usage: scripts/load-packages.sh TOKEN [URL]"}
base=${2:-http://127.0.0.1:6660}
connections=${CONNECTIONS:-16}
limit=${LIMIT:-0}                       # 0: all
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v apt-cache >/dev/null || { echo "load-packages: there is no apt-cache here" >&2; exit 1; }
chmod 700 "$work"

# One curl configuration file for each connection: curl keeps a connection for all requests of a file.
apt-cache dumpavail | LC_ALL=C awk -v base="$base" -v token="$token" -v work="$work" -v files="$connections" -v limit="$limit" '
  function json(text) { gsub(/["\\]/, "\\\\&", text); gsub(/\t/, "\\t", text); return "\"" text "\"" }
  function list(text,   parts, count, i, out) {
    count = split(text, parts, /, */)
    for (i = 1; i <= count; i++) out = out (i > 1 ? "," : "") json(parts[i])
    return "[" out "]"
  }
  function add(   value) {
    if (name == "") return
    value = name ~ /^(Size|Installed-Size)$/ && text ~ /^[0-9]+$/ ? text : name ~ /^(Depends|Recommends|Suggests|Tag)$/ ? list(text) : json(text)
    gsub(/-/, "_", name)
    members = members (members == "" ? "" : ",") "\"" tolower(name) "\":" value
    if (name == "Package") package = text
    name = ""
  }
  function put(   body, file) {
    add()
    if (package == "" || (limit && total >= limit)) return
    body = "{\"value\":{" members "}}"
    gsub(/["\\]/, "\\\\&", body)                     # once more, as curl reads quoted text
    file = work "/" (total % files) ".curl"
    if (total >= files) print "next" >file
    print "url = \"" base "/packages/key/" package "\"\nrequest = PUT\ndata-binary = \"" body "\"\n" \
      "header = \"Authorization: Bearer " token "\"\nheader = \"Content-Type: application/json\"\n" \
      "output = /dev/null\nwrite-out = \"%{http_code}\\n\"" >file
    total++
  }
  BEGIN { total = 0 }
  /^$/ { put(); members = package = ""; next }
  /^[ \t]/ { sub(/^[ \t]+/, ""); text = text " " $0; next }
  { add(); colon = index($0, ":"); name = substr($0, 1, colon - 1); text = substr($0, colon + 1); sub(/^[ \t]+/, "", text) }
  END { put() }'

[ -n "$(find "$work" -name '*.curl')" ] || { echo "load-packages: apt knows of no packages; run apt-get update" >&2; exit 1; }

started=$(date +%s%N)
find "$work" -name '*.curl' -print0 | xargs -0 -P "$connections" -I{} curl --silent --show-error --no-progress-meter -K {} >"$work/answers" ||
  { echo "load-packages: no answer from $base" >&2; exit 1; }
milliseconds=$((($(date +%s%N) - started) / 1000000))

awk -v ms="$milliseconds" '
  { answers[$1]++; total++ }
  END {
    for (status in answers) if (status != 201) { printf "load-packages: %d answers were %s\n", answers[status], status; failed = 1 }
    printf "%d packages in %.1f s\n", answers[201] + 0, ms / 1000
    exit failed || !total
  }' "$work/answers"
