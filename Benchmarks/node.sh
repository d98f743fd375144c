# Sourced by run.sh: a node under test, on the server's core, with a data directory of its own.

# node PORT DATA [VARIABLE=VALUE…]        -> LASTPID
node() {
  local port=$1 data=$2
  shift 2
  start "$SRV_CORE" "$port" env JWT_SECRET=bench CLUSTER_SECRET=bench-cluster-secret DYNA_LOG=warn \
    DYNA_DATA_DIR="$data" "$@" "$binary" "127.0.0.1:$port"
  mine "$LASTPID" || { echo "bench: the node on port $port ended: $(tail -1 "$TMP/log.$port")" >&2; exit 1; }
}

# token PORT [https]                       -> TOKEN
token() {
  TOKEN=$(curl -sk "${2:-http}://127.0.0.1:$1/auth/bench" -d '{"secret":"bench"}' | sed -n 's/.*"token":"\([^"]*\)".*/\1/p')
  [ -n "$TOKEN" ] || { echo "bench: no token from port $1" >&2; exit 1; }
  export TOKEN
}

rss_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
