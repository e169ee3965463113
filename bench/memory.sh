#!/usr/bin/env bash
# Measures the resident memory of the two durable masters with more and more keys: after they were posted, after all were
# listed, and after many were read at random; then with all keys again in fresh processes under several budgets
# (Data:CacheBytes). It is to follow the budget, not the number of keys. Prints a table in Markdown.
#
#   bench/memory.sh [ENTRIES [READS]]        1,000,000 entries and 200,000 reads unless told
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
count=${1:-1000000} reads=${2:-200000}
bytes=100 budget=64 other_budgets=(32 256) bar=500
export MALLOC_ARENA_MAX=2 # as the images set it
disk=$(on_disk)
need redis-server curl dotnet
build src/Silo bench/Load
load() { dotnet "$(program bench/Load Diststore.Load)" "$@"; }
urls=${nodes[0]},${nodes[1]}

# start_masters BUDGET: the two of them, with so many MiB each.
start_masters() {
  local number
  for number in 1 2; do
    start_silo "$number" --Diststore:Data:CacheBytes="$1MiB"
  done
  until curl -fso /dev/null "${nodes[0]}/v1/kv?limit=1"; do # the first request elects
    alive silo-1
    sleep 0.5
  done
  until_cluster 1 '"secondary":"node-'
}

# resident: MiB of the larger one.
resident() {
  awk '/VmRSS/ { mib = $2 / 1024; most = mib > most ? mib : most } END { printf "%.0f\n", most }' \
    "/proc/${pid_of[silo-1]}/status" "/proc/${pid_of[silo-2]}/status"
}

# row KEYS BUDGET PROCESSES: measures, and adds a row to the table.
row() {
  local keys=$1 start scan random listed
  start=$(resident)
  listed=$(load list --get "${nodes[0]}")
  [[ $listed == "$keys" ]] || { say "$listed keys are listed, not $keys"; exit 1; }
  scan=$(resident)
  load reads --urls "$urls" --count "$reads" --of "$keys" --bytes $bytes
  random=$(resident)
  echo "| $keys | $2 | $3 | $start | $scan | $random |" >>"$work/rows"
  say "$keys keys, $2 MiB, $3: $start, $scan, $random MiB"
  if [[ $keys == "$count" && $2 == "$budget" ]]; then printf '%s\n' "$start" "$scan" "$random" >>"$work/judged"; fi
}

start_redis
start_masters $budget
from=0
for keys in $((count / 4)) $((count / 2)) "$count"; do
  load fill --urls "$urls" --from "$from" --to "$keys" --connections 256 --bytes $bytes
  from=$keys
  row "$keys" $budget "as loaded"
done
for other in $budget "${other_budgets[@]}"; do
  stop silo-1
  stop silo-2
  start_masters "$other"
  row "$count" "$other" "fresh"
done

most=$(sort -g "$work/judged" | tail -1)
echo
echo "\`bench/memory.sh $count $reads\`: resident MiB (VmRSS) of the larger of two masters, values of $bytes bytes, data on $disk."
echo
echo "| keys | \`Data:CacheBytes\`, MiB | processes | after posting or opening | after listing all | after $reads reads at random |"
echo "| --- | --- | --- | --- | --- | --- |"
cat "$work/rows"
echo
echo "| $count keys, $budget MiB | resident MiB at most | bar | |"
echo "| --- | --- | --- | --- |"
echo "| loaded, listed, read | $most | at most $bar | $(met "$most" '<=' $bar) |"
