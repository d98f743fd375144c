#!/usr/bin/env bash
# Builds the fuzz target and gives each parser FUZZ_SECONDS. What is found new is kept in .build-fuzz/corpus, so
# that a longer run goes on where the last one stopped; an input that fails is kept in .build-fuzz/failures.
#   TARGETS="json log" scripts/fuzz.sh      only these
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${FUZZ_SECONDS:-60}
scratch=.build-fuzz
DYNA_FUZZ=1 swift build -c release --scratch-path "$scratch" --product dynafuzz \
  -Xswiftc -sanitize=fuzzer,address

for target in ${TARGETS:-request json token log}; do
  mkdir -p "$scratch/corpus/$target" "$scratch/failures"
  log=$scratch/$target.log
  if "$scratch/release/dynafuzz" "$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$scratch/failures/$target-" "$scratch/corpus/$target" "Fuzz/seeds/$target" >"$log" 2>&1 </dev/null; then
    echo "fuzz: $target: $(grep -aE '^Done [0-9]+ runs' "$log" | tail -1)"
  else
    tail -40 "$log" >&2
    echo "fuzz: $target failed; the input is in $scratch/failures, the log in $log" >&2
    exit 1
  fi
done
