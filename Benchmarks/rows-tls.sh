# Sourced by run.sh: the same by HTTPS, against nginx with the same certificate. Both ask the same OpenSSL.

# A node with 100,000 small records on 18331 and nginx on 18344, both with an ECDSA P-256 certificate. Once for all rows.
sealed() {
  [ -z "${SEALED:-}" ] || return 0
  . "$PEERS/certs.sh"
  mkdir -p "$TMP/cert"
  cp "$TMP/ec.crt" "$TMP/cert/ca.crt"; cp "$TMP/ec.crt" "$TMP/cert/server.crt"; cp "$TMP/ec.key" "$TMP/cert/server.key"
  node 18330 "$TMP/sealed"; local plain=$LASTPID
  token 18330
  python3 "$here/load.py" 18330 "$TOKEN" small >/dev/null
  quit "$plain"
  node 18331 "$TMP/sealed" DYNA_MODE=https DYNA_CERT_DIR="$TMP/cert"; SEALED=$LASTPID
  SEALED_NGINX=
  if has nginx; then
    conf nginx-http.conf.in "$TMP/nginx-tls.conf" 1 1834
    start "$SRV_CORE" 18344 nginx -p "$TMP" -c "$TMP/nginx-tls.conf"; SEALED_NGINX=$(children "$LASTPID")
  else say "nginx is not installed, and left out"; fi
}

# against_nginx FILE KEY CONDITION TARGET WHAT UNIT       CONDITION: of "ratio"
against_nginx() {
  local own ratio=0 beside="nginx is not installed"
  own=$(figure "$1" dynaswift "$2")
  if [ -n "$SEALED_NGINX" ]; then
    ratio=$(figure "$1" dynaswift "$2" nginx)
    beside="nginx: $(figure "$1" nginx "$2")"
  fi
  row "$5" "$own $6, **$ratio ×**" "$beside" "$4" "${3//ratio/$ratio}"
}

row_tls_get() {
  sealed
  local out=$RES/tls-get.jsonl
  : >"$out"
  (unset TOKEN; http_bench -o "$out" -s "$PEERS/lua/get_random.lua" \
    ${SEALED_NGINX:+"nginx,https://127.0.0.1:18344/default/key/,$SEALED_NGINX"} \
    "dynaswift,https://127.0.0.1:18331/default/key/,$SEALED")
  against_nginx "$out" us_req "0 < ratio < 1" "< 1 ×" "GET by TLS 1.3, 100,000 random keys, 64 connections" "µs CPU a request"
}

row_tls_handshake() {
  sealed
  local out=$RES/tls-handshake.jsonl
  python3 "$PEERS/quiet.py" >/dev/null
  python3 "$here/handshakes.py" "$RUNS" "$SECS" "$GEN_CORE" ${SEALED_NGINX:+"nginx,18344,$SEALED_NGINX"} \
    "dynaswift,18331,$SEALED" >"$out"
  against_nginx "$out" per_core_second "ratio >= 1" "≥ 1 ×" "full TLS 1.3 handshakes, ECDSA P-256" "a second of a core"
}

row_tls_memory() {
  sealed
  rm -rf "$TMP/sealed-streams"
  node 18332 "$TMP/sealed-streams" DYNA_MODE=https DYNA_CERT_DIR="$TMP/cert"; local hub=$LASTPID
  local out=$RES/tls-memory.jsonl kib missed
  token 18332 https
  taskset -c "$GEN_CORE" python3 "$here/tls_streams.py" 18332 "$TOKEN" "$hub" 5000 >"$out"
  kib=$(figure "$out" dynaswift rss_kib_per_stream)
  missed=$(figure "$out" dynaswift missed)
  row "memory of an idle TLS stream, 5,000 open while their key changes" "**$kib KiB** (RSS); missed $missed" "–" \
    "≤ 12 KiB, nothing missed" "$kib <= 12 and $missed == 0"
  quit "$hub"
}
