# Sourced by run.sh: three nodes of one cluster and their load, all of them on the same two cores.

bench=$(dirname "$binary")/dynabench
cores="$SRV_CORE,$GEN_CORE"

# cluster PORT DATA                        three nodes on PORT, PORT+1, PORT+2 -> MEMBERS (their processes), TOKEN
cluster() {
  local port=$1 data=$2 index
  MEMBERS=()
  for index in 0 1 2; do
    member "$((port + index))" "$data-$index" $([ "$index" = 0 ] || echo "127.0.0.1:$port")
    MEMBERS+=("$LASTPID")
  done
  for index in 0 1 2; do whole "$((port + index))" 3; done
  token "$port"
}

# member PORT DATA [JOIN_ADDRESS]          -> LASTPID
member() {
  start "$cores" "$1" env JWT_SECRET=bench CLUSTER_SECRET=bench-cluster-secret DYNA_LOG=warn DYNA_DATA_DIR="$2" \
    "$binary" "127.0.0.1:$1" ${3:+"$3"}
}

# whole PORT COUNT                         waits until the node is ready and knows COUNT active members
whole() {
  local attempt
  for attempt in $(seq 600); do
    if curl -sf -o "$TMP/ready" "http://127.0.0.1:$1/readyz" &&
      curl -s "http://127.0.0.1:$1/membership" | grep -q "\"active_count\":$2,"; then return; fi
    sleep 0.1
  done
  echo "bench: the cluster of port $1 does not come together: $(tail -1 "$TMP/log.$1")" >&2
  exit 1
}

# puts PORT LABEL OUT                      one round of PUTs on one node
puts() {
  taskset -c "$cores" "$bench" put "127.0.0.1:$1" --token "$TOKEN" --seconds "$SECS" --connections 64 --json |
    sed "s/^{/{\"bench\":\"cluster\",\"round\":$round,\"label\":\"$2\",/" >>"$3"
}

has_bench() { [ -x "$bench" ] || { skip "$1" "no $bench: swift build -c release --product dynabench"; return 1; }; }

row_cluster_put() {
  has_bench "PUT in a cluster" || return 0
  local out=$RES/cluster-put.jsonl round ratio slower
  : >"$out"
  member 18430 "$TMP/alone"; local alone=$LASTPID
  cluster 18431 "$TMP/put-cluster"
  token 18430; local single=$TOKEN
  token 18431; local many=$TOKEN
  for round in $(seq "$RUNS"); do
    TOKEN=$single puts 18430 alone "$out"
    TOKEN=$many puts 18431 cluster "$out"
    python3 "$here/cluster.py" agree 18431 18432 18433 >&2
  done
  ratio=$(figure "$out" cluster rps alone)
  slower=$(figure "$out" cluster p99_us alone)
  row "PUT on one of three nodes, default ack, 64 connections" \
    "$(figure "$out" cluster rps) requests/s, **$ratio ×**; p99 $slower ×" \
    "the same node alone: $(figure "$out" alone rps) requests/s" "≥ 0.4 ×, p99 ≤ 4 ×" \
    "$ratio >= 0.4 and $slower <= 4"
  quit "$alone" "${MEMBERS[@]}"
}

row_cluster_event() {
  local out=$RES/cluster-event.jsonl p50 p99 disk
  cluster 18441 "$TMP/event-cluster"
  python3 "$here/cluster.py" event 18441 18443 "$TOKEN" 500 >"$out"
  p50=$(figure "$out" event p50_us) p99=$(figure "$out" event p99_us) disk=$(figure "$out" event disk_us)
  row "a write on one node to its event on another, idle cluster" "p50 **$p50 µs**, p99 **$p99 µs**" \
    "fdatasync of 4 KiB: p50 $disk µs" "p50 ≤ 2 × fdatasync + 1 ms, p99 ≤ 10 ms" \
    "$p50 <= 2 * $disk + 1000 and $p99 <= 10000"
  quit "${MEMBERS[@]}"
}

row_cluster_stop() {
  local before after out=$RES/cluster-stop.jsonl p99 failed grown
  cluster 18451 "$TMP/stop-cluster"
  ask() { wrk -t1 -c64 -d"$1" -s "$here/lua/put_ack_one.lua" http://127.0.0.1:18451/default/key/ | tail -1 |
    sed "s/^{/{\"bench\":\"cluster\",\"label\":\"$2\",/" >>"$out"; }
  : >"$out"
  ask 3s warm
  ask "${SECS}s" awake
  before=$(($(rss_kib "${MEMBERS[0]}") + $(rss_kib "${MEMBERS[1]}")))
  kill -STOP "${MEMBERS[2]}"
  ask "$((SECS * 3))s" stopped
  after=$(($(rss_kib "${MEMBERS[0]}") + $(rss_kib "${MEMBERS[1]}")))
  kill -CONT "${MEMBERS[2]}"
  python3 "$here/cluster.py" agree 18451 18452 18453 >&2
  p99=$(figure "$out" stopped p99_us awake) failed=$(figure "$out" stopped failed)
  grown=$(figure = "($after - $before) / 2048.0")
  row "one of three nodes stopped (SIGSTOP) under load, ack=one" \
    "p99 **$p99 ×**, $failed requests failed, the others' RSS + $grown MiB" \
    "awake: p99 $(figure "$out" awake p99_us) µs" "p99 ≤ 2 ×, none failed, ≤ 32 MiB" \
    "$p99 <= 2 and $failed == 0 and $grown <= 32"
  quit "${MEMBERS[@]}"
}

row_cluster_join() {
  has_bench "joining" || return 0
  local out=$RES/cluster-join.jsonl count=${JOIN_RECORDS:-1000000} speed refused
  member 18461 "$TMP/join-0"; local first=$LASTPID
  token 18461
  "$bench" load 127.0.0.1:18461 --token "$TOKEN" --table full --keys "$count" --value-bytes 200 >&2
  "$bench" put 127.0.0.1:18461 --token "$TOKEN" --rate 2000 --seconds "${JOIN_SECONDS:-20}" --json >"$TMP/writes" &
  local writes=$!
  sleep 1
  local began=$EPOCHREALTIME
  member 18462 "$TMP/join-1" 127.0.0.1:18461; local second=$LASTPID
  whole 18462 2
  echo "{\"bench\":\"cluster\",\"label\":\"join\",\"seconds\":$(python3 -c "print($EPOCHREALTIME - $began)")}" >"$out"
  wait "$writes" || say "writes were refused: $(cat "$TMP/writes")"
  refused=$(python3 -c "import json; print(sum(n for s, n in json.load(open('$TMP/writes'))['statuses'].items() if s[0] != '2'))")
  python3 "$here/cluster.py" agree 18461 18462 >&2
  speed=$(figure = "$count / $(figure "$out" join seconds)")
  row "an empty node joins $count records of 200 B during 2,000 writes/s" \
    "**$speed records/s**, $refused writes refused, the same in the end" "-" "≥ 150,000 records/s, none refused" \
    "$speed >= 150000 and $refused == 0"
  quit "$first" "$second"
}
