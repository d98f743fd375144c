# Sourced by run.sh: 100,000 records of 359 bytes in memory, on disk and back, against redis with the same values.

# Restarts from a copy of the data directory $1, RUNS times; prints the milliseconds to the first answered GET, a line each.
restarts() {
  local round answer
  for round in $(seq "$RUNS"); do
    rm -rf "$TMP/again"
    cp -a "$1" "$TMP/again"
    python3 "$PEERS/quiet.py" >/dev/null
    answer=$(python3 "$here/boot.py" 18320 /default/key/k099999 taskset -c "$SRV_CORE" env JWT_SECRET=bench \
      DYNA_LOG=info DYNA_DATA_DIR="$TMP/again" "$binary" 127.0.0.1:18320)
    STARTED+=("${answer#* }")
    stop "${answer#* }"
    echo "{\"bench\":\"restart\",\"label\":\"$2\",\"restart_ms\":${answer% *}}"
  done >>"$RES/restart.jsonl"
}

# Loads the records twice: one node is killed with only its log on disk, the other stopped with its checkpoint.
records() {
  [ -z "${VALUE_BYTES:-}" ] || return 0
  : >"$RES/restart.jsonl"
  python3 "$PEERS/gen_lorem.py" 100000 >"$TMP/lorem" 2>/dev/null
  node 18321 "$TMP/log-only"; local log=$LASTPID
  token 18321
  VALUE_BYTES=$(python3 "$here/load.py" 18321 "$TOKEN" "$TMP/lorem")
  kill -9 "$log"; wait "$log" 2>/dev/null || true
  node 18322 "$TMP/checkpoint"; local whole=$LASTPID
  token 18322
  python3 "$here/load.py" 18322 "$TOKEN" "$TMP/lorem" >/dev/null
  RSS_KIB=$(rss_kib "$whole")
  stop "$whole"
  DISK_BYTES=$(du -s --block-size=1 "$TMP/checkpoint" | cut -f1)
  if has redis-server; then OUT="$RES/redis-mem.jsonl" "$PEERS/peer_mem.sh" >&2; fi
}

row_rss() {
  records
  local mib beside="redis is not installed"
  mib=$(figure = "$RSS_KIB / 1024.0")
  if has redis-server; then
    beside="redis: $(figure = "$(figure "$RES/redis-mem.jsonl" redis-rdb rss_loaded_kib) / 1024.0") MiB"
  fi
  row "RSS with 100,000 records of $(figure = "$VALUE_BYTES / 100000.0") B" "**$mib MiB**" "$beside" "≤ 52 MiB" "$mib <= 52"
}

row_restart() {
  records
  restarts "$TMP/checkpoint" checkpoint
  restarts "$TMP/log-only" log
  local source ms redis beside
  for source in checkpoint:rdb:RDB log:aof-plain:AOF; do
    IFS=: read -r source redis beside <<<"$source"
    ms=$(figure "$RES/restart.jsonl" "$source" restart_ms)
    if has redis-server; then
      redis=$(figure "$RES/redis-mem.jsonl" "redis-$redis" restart_ms) beside="redis from its $beside: $redis ms"
    else redis=213 beside="redis is not installed; it took 213 ms elsewhere"; fi
    row "restart from the $source, to the first answered GET" "**$ms ms**" "$beside" "≤ redis" "$ms <= $redis"
  done
}

row_disk() {
  records
  local ratio
  ratio=$(figure = "$DISK_BYTES / $VALUE_BYTES.0")
  row "disk after a clean stop, encrypted" "**$ratio ×**" "raw value bytes" "≤ 1.35 ×" "$ratio <= 1.35"
}
