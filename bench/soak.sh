#!/usr/bin/env bash
# Three silos on two cores, as busy as they can be for some minutes: wrk reads from each of them and 64 writers write,
# every write synced to disk by both masters. The membership may evict nobody meanwhile, and the masters' view may not
# change: nothing has failed. Ends with 1 if it did. Prints what it saw in Markdown.
#
#   bench/soak.sh [MINUTES]        10 minutes unless told
set -euo pipefail
if (($(nproc) > 2)); then exec taskset -c 0,1 "$0" "$@"; fi
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
minutes=${1:-10}
need redis-server curl wrk dotnet
build src/Silo bench/Load

# The membership table: its version changes with each silo that comes, goes or is suspected, and with nothing else.
table() { redis-cli -h 127.0.0.1 -p "$redis_port" --raw hgetall "bench-$base/members/bench-$base"; }
version() { table | grep -A1 -x Version | tail -1; }
active() { table | grep -c '"Status":3' || true; }
epoch() { curl -fsS -m 10 "${nodes[0]}/v1/cluster" | sed -nE 's/.*"epoch":([0-9]+).*/\1/p'; }
# busy_and_all: how long all cores have worked, and existed, in ticks.
busy_and_all() { awk '/^cpu / { all = $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9; print all - $5 - $6, all }' /proc/stat; }

start_redis
for number in 1 2 3; do start_silo "$number" --Diststore:Data:Durability=Fsync; done
curl -fsS -o /dev/null -X PUT --data-binary "a value of some hundred bytes, read from a copy or from a master" "${nodes[0]}/v1/kv/hot"
until_whole 1 3
before="version $(version), $(active) active silos, epoch $(epoch)"

say "$before; under load for $minutes minutes from $(date +%H:%M:%S), load average $(cut -d' ' -f1 /proc/loadavg) before"
read -r busy all < <(busy_and_all)
write_on v1 "${nodes[@]}"
for number in 1 2 3; do
  start "wrk-$number" wrk -t1 -c32 -d"$((minutes * 60))s" --timeout 10s "${nodes[number - 1]}/v1/kv/hot"
done
for number in 1 2 3; do wait "${pid_of[wrk-$number]}"; done
read -r outage acknowledged failed <<<"$(since)"
read -r busy_after all_after < <(busy_and_all)
end_writing
after="version $(version), $(active) active silos, epoch $(epoch)"

evictions=$(cat "$work"/silo-?.log | grep -ciE 'cannot go on|declared dead|starts again' || true)
reads=$(cat "$work"/wrk-?.log | awk '/Requests\/sec/ { rate += $2 } END { printf "%.0f\n", rate }')
echo
echo "\`bench/soak.sh $minutes\`: three silos, Redis and the load on $(nproc) cores, which were $(((busy_after - busy) * 100 / (all_after - all))) % busy, for $minutes minutes."
echo
echo "| | |"
echo "| --- | --- |"
echo "| reads/s | $reads |"
echo "| acknowledged writes/s | $((acknowledged / (minutes * 60))) |"
echo "| writes that failed | $failed |"
echo "| longest time without an acknowledged write, ms | $outage |"
echo "| before | $before |"
echo "| after | $after |"
echo "| silos that said they were evicted | $evictions |"
[[ $before == "$after" && $evictions == 0 ]] || { say "the membership or the view has changed"; exit 1; }
