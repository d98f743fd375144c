# Sourced by run.sh: many streams on one key, against the C floor's bare hub and nginx with nchan.
# A fresh server for each measurement, so that memory before and after is that of its streams alone.

ssefan() { taskset -c "$GEN_CORE" "$TMP/bin/ssefan" --match '"t":' --limit-s 60 "$@"; }

# fan_out STREAMS RATE MESSAGES OUT HUB
fan_out() {
  local common=(--label "$5" -n "$1" -r "$2" -m "$3")
  local hub=(--sub /sub --pub /pub --pub-method POST --body '{"value":{"t":%t,"s":%s}}')
  python3 "$PEERS/quiet.py" >/dev/null
  case $5 in
    cfloor)
      start "$SRV_CORE" 18310 "$TMP/bin/cfloor" -p 18310
      ssefan "${common[@]}" -p 18310 "${hub[@]}" --pids "$LASTPID" ;;
    nchan)
      conf nginx-nchan.conf.in "$TMP/nchan.conf" 1
      start "$SRV_CORE" 18081 nginx -p "$TMP" -c "$TMP/nchan.conf"
      ssefan "${common[@]}" -p 18081 "${hub[@]}" --pids "$(children "$LASTPID")" ;;
    dynaswift)
      rm -rf "$TMP/streams"
      node 18311 "$TMP/streams"
      token 18311
      ssefan "${common[@]}" -p 18311 --sub /default/subscribe/k --pub-method PUT --pub /default/key/k \
        --pub-header "Authorization: Bearer $TOKEN" --body '{"value":{"t":%t,"s":%s}}' --pids "$LASTPID" ;;
  esac >>"$4"
  stop "$LASTPID"
}

# streams STREAMS RATE MESSAGES            fills RES/sse-STREAMS.jsonl, once
streams() {
  local out=$RES/sse-$1.jsonl round hub hubs="cfloor dynaswift"
  [[ " ${MEASURED_STREAMS:-} " != *" $1 "* ]] || return 0
  cc_all
  has_nchan && hubs="cfloor nchan dynaswift" || say "nchan is not installed, and left out"
  : >"$out"
  for round in $(seq "$RUNS"); do
    for hub in $hubs; do fan_out "$1" "$2" "$3" "$out" "$hub"; done
  done
  MEASURED_STREAMS+=" $1"
}

# delivery STREAMS RATE MESSAGES
delivery() {
  streams "$@"
  local out=$RES/sse-$1.jsonl ratio missed key peers=""
  ratio=$(figure "$out" dynaswift srv_us_per_delivery cfloor)
  missed=$(figure "$out" dynaswift missed)
  for key in p50_us p99_us; do peers+=", ${key%_us} $(figure "$out" dynaswift $key cfloor) ×"; done
  local beside="bare C hub" nchan=1e9
  if grep -q '"label":"nchan"' "$out"; then
    nchan=$(figure "$out" nchan srv_us_per_delivery cfloor)
    beside="bare C hub (nchan: $nchan ×)"
  fi
  row "$1 streams on one key, $2 changes/s" \
    "$(figure "$out" dynaswift srv_us_per_delivery) µs CPU a delivery, **$ratio ×**$peers; missed $missed" \
    "$beside" "≤ 1.1 ×, nothing missed" "$ratio <= 1.1 and $ratio < $nchan and $missed == 0"
}

row_sse_1000() { delivery 1000 25 125; }
row_sse_10000() { delivery 10000 2 12; }

row_memory() {
  streams 10000 2 12
  local out=$RES/sse-10000.jsonl kib beside="nchan: 10 KiB"
  kib=$(figure "$out" dynaswift rss_kib_per_conn)
  if grep -q '"label":"nchan"' "$out"; then beside="nchan: $(figure "$out" nchan rss_kib_per_conn) KiB"; fi
  row "memory of an idle stream" "**$kib KiB** (RSS)" "$beside" "≤ 1.5 KiB" "$kib <= 1.5"
}
