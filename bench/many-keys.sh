#!/usr/bin/env bash
# Whether writes of new keys get slower as the keys get many: durable PUTs at the primary, while there are few and when there are
# KEYS of them. (A file's filter that no longer fits into a part of the cache once made them ten times slower beyond a million.)
# Prints a table in Markdown.
#
#   bench/many-keys.sh [KEYS]        2,000,000 keys unless told
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
keys=${1:-2000000} connections=256 rounds=5 seconds=5
disk=$(on_disk)
need redis-server curl wrk dotnet
build src/Silo bench/Load

start_redis
for number in 1 2; do start_silo "$number" --Diststore:Data:Durability=Fsync; done
curl -fsS -o /dev/null -X PUT --data-binary x "${nodes[0]}/v1/kv/key"
until_whole 1 2
primary=$(node_with primary)
write_put_script
puts() { # NAME SECONDS: requests/s
  wrk -t1 -c$connections -d"$2"s -s "$work/put.lua" "$primary" -- "/v1/kv/$1-" | awk '/Requests\/sec/ { printf "%.0f\n", $2 } /Non-2xx|Socket errors/ { print > "/dev/stderr" }'
}
entries() { curl -fsS "$primary/metrics" | awk '/^diststore_store_entries/ { print $2; exit }'; }

puts warm 20 >/dev/null
for ((round = 1; round <= rounds; round++)); do puts "few-$round" $seconds >>"$work/few"; done
few=$(entries)
say "filling"
dotnet "$(program bench/Load Diststore.Load)" fill --urls "$primary" --from 0 --to "$keys" --connections $connections --bytes 100 >&2
for ((round = 1; round <= rounds; round++)); do puts "many-$round" $seconds >>"$work/many"; done
many=$(entries)
ratio=$(awk -v a="$(median "$work/many")" -v b="$(median "$work/few")" 'BEGIN { printf "%.2f", a / b }')
echo "\`bench/many-keys.sh $keys\`: medians of $rounds rounds of $seconds s, new keys with 100-byte values, $connections connections, data on $disk, $(nproc) cores."
echo
echo "| durable PUTs at the primary | PUTs/s | of that with few | bar | |"
echo "| --- | --- | --- | --- | --- |"
echo "| up to $few keys | $(median "$work/few") | 1 | | |"
echo "| up to $many keys | $(median "$work/many") | $ratio | at least 0.7 | $(met "$ratio" '>=' 0.7) |"
