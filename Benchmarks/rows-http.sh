# Sourced by run.sh: requests by HTTP, against the C floor, nginx and redis.

http_bench() { "$PEERS/http_bench.sh" -n "$RUNS" -d "$SECS" -W "$GEN_CORE" -t1 -c64 "$@" >&2; }

# A node with 100,000 small records on 18301, the C floor on 18300 and, where there is one, nginx on 18010. Once for all rows.
readers() {
  [ -z "${NODE:-}" ] || return 0
  cc_all
  start "$SRV_CORE" 18300 "$TMP/bin/cfloor" -p 18300; FLOOR=$LASTPID
  node 18301 "$TMP/readers"; NODE=$LASTPID
  token 18301
  python3 "$here/load.py" 18301 "$TOKEN" small >/dev/null
  NGINX=
  if has nginx; then
    conf nginx-http.conf.in "$TMP/nginx.conf" 1 1801
    start "$SRV_CORE" 18010 nginx -p "$TMP" -c "$TMP/nginx.conf"; NGINX=$(children "$LASTPID")
  else say "nginx is not installed, and left out"; fi
}

# against_floor LUA TARGET WHAT
against_floor() {
  readers
  local out=$RES/$3.jsonl ratio beside="C floor"
  : >"$out"
  (unset TOKEN; http_bench -o "$out" -s "$1" "cfloor,http://127.0.0.1:18300/default/key/,$FLOOR" \
    ${NGINX:+"nginx,http://127.0.0.1:18010/default/key/,$NGINX"} "dynaswift,http://127.0.0.1:18301/default/key/,$NODE")
  ratio=$(figure "$out" dynaswift us_req cfloor)
  [ -z "$NGINX" ] || beside="C floor (nginx: $(figure "$out" nginx us_req cfloor) ×)"
  row "$4" "$(figure "$out" dynaswift us_req) µs CPU a request, **$ratio ×**" "$beside" "≤ $2 ×" "$ratio <= $2"
}

row_get() { against_floor "$PEERS/lua/get_random.lua" 1.05 get "GET of 100,000 random keys, 64 connections"; }
row_pipe() { against_floor "$here/lua/get_random16.lua" 1.5 pipe "the same, 16-deep pipelined"; }

row_put() {
  cc_all
  start "$SRV_CORE" 18302 "$TMP/bin/cfloor" -p 18302 -w "$TMP/wal" -s always; local floor=$LASTPID
  node 18303 "$TMP/put"; local put=$LASTPID
  token 18303
  local out=$RES/put.jsonl ratio
  : >"$out"
  http_bench --busy 0 -o "$out" -s "$PEERS/lua/put100.lua" "cfloor,http://127.0.0.1:18302/default/key/,$floor" \
    "dynaswift,http://127.0.0.1:18303/default/key/,$put"
  ratio=$(figure "$out" dynaswift rps cfloor)
  row "PUT with token, sync, 64 connections" "$(figure "$out" dynaswift rps) requests/s, **$ratio ×**" \
    "C floor with log and fdatasync" "≥ 1 ×" "$ratio >= 1"
  stop "$floor" "$put"
}

row_put_os() {
  has redis-server || { skip "PUT, os" "redis is not installed"; return; }
  mkdir -p "$TMP/redis"
  start "$SRV_CORE" 18304 redis-server --port 18304 --bind 127.0.0.1 --dir "$TMP/redis" --save "" --daemonize no \
    --appendonly yes --appendfsync everysec --auto-aof-rewrite-percentage 0; local redis=$LASTPID
  node 18305 "$TMP/put-os" DYNA_DURABILITY=os; local put=$LASTPID
  token 18305
  local out=$RES/put-os.jsonl round ratio
  : >"$out"
  for round in $(seq "$RUNS"); do
    PYTHONPATH="$PEERS" python3 "$PEERS/redis_bench.py" -n 1 -W "$GEN_CORE" -o "$out" \
      "redis,18304,$redis,set,$((SECS * 100000))" >&2
    RUNS=1 http_bench -x 1 -o "$out" -s "$PEERS/lua/put100.lua" "dynaswift,http://127.0.0.1:18305/default/key/,$put"
  done
  ratio=$(figure = "$(figure "$out" dynaswift us_req) / $(figure "$out" redis us_req)")
  row "PUT, os" "$(figure "$out" dynaswift us_req) µs CPU a request, **$ratio ×**" \
    "redis SET, AOF everysec: $(figure "$out" redis us_req) µs" "≤ 1 ×" "$ratio <= 1"
  stop "$redis" "$put"
}
