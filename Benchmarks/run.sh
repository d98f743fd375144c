#!/usr/bin/env bash
# The figures of one node beside its peers, as ratios inside one run: the server on one core, the load on the other.
#
#   Benchmarks/run.sh            all rows               ROWS="get put" Benchmarks/run.sh      some of them
#   rows: get pipe put put-os sse-1000 sse-10000 memory rss restart disk
#         tls-get tls-handshake tls-memory
#         cluster-put cluster-event cluster-stop cluster-join
#
# PEERS  the folder of load generators and peers' configurations (../shared/bench)
# RUNS   rounds of each measurement (5)    SECS   seconds of each (5)    RES   where raw lines go (a temporary folder)
# SRV_CORE, GEN_CORE   the cores of server and load (0, 1)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(dirname "$here")
PEERS=${PEERS:-$project/../shared/bench}
binary=${BINARY:-$project/.build/release/dynaswift}
rows=${ROWS:-get pipe put put-os sse-1000 sse-10000 memory rss restart disk tls-get tls-handshake tls-memory cluster-put cluster-event cluster-stop cluster-join}
export PYTHONDONTWRITEBYTECODE=1

if [ ! -f "$PEERS/lib.sh" ]; then
  echo "bench: no load generators at $PEERS (PEERS=folder names another place): all rows are skipped"
  exit 0
fi
for tool in python3 wrk gcc curl taskset; do
  command -v "$tool" >/dev/null || { echo "bench: $tool is not installed: all rows are skipped"; exit 0; }
done
[ -x "$binary" ] || { echo "bench: no $binary: run make build" >&2; exit 1; }
ulimit -n "$(ulimit -Hn)"

. "$PEERS/lib.sh"                      # start, stop, conf, waitport, TMP, RES; stops what it started on exit
set -euo pipefail
trap 'set +e; cleanup' EXIT
cd "$TMP"
. "$here/node.sh"
table=$TMP/table

say() { echo "bench: $*" >&2; }
figure() { python3 "$here/figure.py" "$@"; }
quit() { stop "$@" || true; }          # stop answers with the exit status of what it stopped
has() { command -v "$1" >/dev/null; }
has_nchan() { has nginx && [ -e "$(nginx -V 2>&1 | tr ' ' '\n' | sed -n 's/^--modules-path=//p')/ngx_nchan_module.so" ]; }

# row WHAT MEASURED COMPARED TARGET CONDITION     CONDITION: arithmetic that is true when the target is reached
row() {
  local reached=no
  python3 -c "import sys; sys.exit(not ($5))" && reached=yes
  printf '| %s | %s | %s | %s | %s |\n' "$1" "$2" "$3" "$4" "$reached" >>"$table"
}
skip() { say "$1: skipped, $2"; printf '| %s | skipped: %s | | | |\n' "$1" "$2" >>"$table"; }

for part in http sse disk tls cluster; do . "$here/rows-$part.sh"; done

for name in $rows; do
  declare -F "row_${name//-/_}" >/dev/null || { echo "bench: there is no row $name" >&2; exit 2; }
  say "$name"
  "row_${name//-/_}"
done

echo
echo "| What | Measured | Compared with | Reach | Reached |"
echo "|---|---|---|---|---|"
cat "$table"
echo
echo "$(date -u +%F), $("$binary" --version 2>/dev/null || echo dynaswift), $(nproc) cores ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)), rounds $RUNS, seconds $SECS; raw lines in $RES"
