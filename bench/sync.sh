#!/usr/bin/env bash
# Measures how long a new master takes to get all data from the one that has it: a silo holds a million entries (from a
# backup that was made by the store's own write path), another one starts beside it with an empty folder, becomes the
# learner and then the other master in sync. Beside it, in turns, what RocksDB as it comes takes to copy the same keys and
# values from one database to another in one process. Both write to the same disk and sync at the end. Prints a table in
# Markdown.
#
#   bench/sync.sh [ROUNDS [ENTRIES]]        5 rounds of 1,000,000 entries unless told
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
rounds=${1:-5} count=${2:-1000000}
bytes=100 bar=2
disk=$(on_disk)
need redis-server curl dotnet
build src/Silo bench/Stores
stores=(dotnet "$(program bench/Stores Diststore.Stores)")

say "making a backup and a plain database of $count entries"
"${stores[@]}" backup --to "$work/backup" --folder "$work/made" --cluster "bench-$base" --count "$count" --bytes $bytes
rm -r "$work/made"
"${stores[@]}" plain --to "$work/plain" --count "$count" --bytes $bytes
restore_silo 1 "$work/backup"
rm "$work/backup"
start_redis
start_silo 1
curl -fsS -o /dev/null "${nodes[0]}/v1/kv?limit=1" # the first request elects
until_role 1 primary

# Milliseconds from the first line of silo-2's log that has the one text to the first that has the other.
between() {
  awk -v from="$1" -v to="$2" '
    function ms(time, part) { split(time, part, "[:.]"); return ((part[1] * 60 + part[2]) * 60 + part[3]) * 1000 + part[4] }
    !start && index($0, from) { start = ms($2) }
    start && index($0, to) { end = ms($2); print end < start ? end + 86400000 - start : end - start; exit }' "$work/silo-2.log"
}

for ((round = 1; round <= rounds; round++)); do
  "${stores[@]}" copy --from "$work/plain" --to "$work/copy" >>"$work/copied"
  rm -r "$work/copy"
  : >"$work/silo-2.log"
  start_silo 2
  until_logged silo-2 'Secondary in'
  between 'Syncing from' 'Secondary in' >>"$work/synced"
  grep -q 'Syncing from .*Full' "$work/silo-2.log" || { say "it was no full sync"; exit 1; }
  curl -fsS "${nodes[1]}/metrics" >"$work/metrics"
  grep -Eq "^diststore_store_entries(_entries)?\{.*\} $count( |\$)" "$work/metrics" || { say "node-2 does not hold $count entries"; grep ^diststore_store "$work/metrics"; exit 1; }
  stop silo-2
  rm -r "$work/data/node-2"
  until_cluster 1 '"secondary":null,"learner":null'
  paste "$work/synced" "$work/copied" | tail -1 | awk '{ printf "%.2f\n", $1 / $2 }' >>"$work/ratio"
  say "round $round of $rounds: synced in $(tail -1 "$work/synced") ms, plain copy $(tail -1 "$work/copied") ms, ratio $(tail -1 "$work/ratio")"
done

echo
echo "\`bench/sync.sh $rounds $count\`: medians of $rounds interleaved rounds, $count entries of $bytes bytes, data on $disk, $(nproc) cores."
echo
echo "| $count entries of $bytes bytes | ms | of a plain copy | bar | |"
echo "| --- | --- | --- | --- | --- |"
echo "| RocksDB, plain copy in one process | $(median "$work/copied") | 1 | | |"
echo "| learner, from the start of its sync until it is a master in sync | $(median "$work/synced") | $(median "$work/ratio") | at most $bar | $(met "$(median "$work/ratio")" '<=' $bar) |"
