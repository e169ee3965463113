#!/usr/bin/env bash
# What three nodes that nobody asks cost: processor time of all together over a minute, after the first one, and what each
# writes to its disk meanwhile. Prints a table in Markdown.
#
#   bench/idle.sh [SECONDS]        a minute unless told
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
seconds=${1:-60} warm=60
disk=$(on_disk)
need redis-server curl dotnet
build src/Silo

start_redis
for number in 1 2 3; do start_silo "$number" --Diststore:Data:Durability=Fsync; done
curl -fsS -o /dev/null -X PUT --data-binary x "${nodes[0]}/v1/kv/key"
until_whole 1 3
says=$(cluster_of 1)
say "waiting for $warm s"
sleep "$warm"

# of NUMBER: "ticks bytes-written"
of() {
  local pid=${pid_of[silo-$1]}
  ticks_of "$pid"
  awk '/^write_bytes/ { print $2 }' "/proc/$pid/io"
}
for number in 1 2 3; do of $number >"$work/before-$number"; done
sleep "$seconds"
for number in 1 2 3; do of $number >"$work/after-$number"; done

hz=$(getconf CLK_TCK) all=0
echo "\`bench/idle.sh $seconds\`: three nodes that nobody asks, after their first minute; data on $disk, $(nproc) cores."
echo
echo "| node | of one core | bytes written |"
echo "| --- | --- | --- |"
others=0
for number in 1 2 3; do
  read -r ticks bytes < <(paste "$work/before-$number" "$work/after-$number" | awk '{ printf "%s ", $2 - $1 } END { print "" }')
  role=$(grep -o '"name":"node-'$number'","role":"[a-z]*"' <<<"$says" | cut -d'"' -f8)
  all=$((all + ticks))
  [[ $role == primary || $role == secondary ]] || others=$((others + bytes))
  echo "| node-$number, $role | $(awk -v t="$ticks" -v s="$seconds" -v hz="$hz" 'BEGIN { printf "%.2f %%", 100 * t / hz / s }') | $bytes |"
done
share=$(awk -v t=$all -v s="$seconds" -v hz="$hz" 'BEGIN { printf "%.2f", 100 * t / hz / s }')
echo
echo "| | seen | bar | |"
echo "| --- | --- | --- | --- |"
echo "| all nodes together, of one core | $share % | at most 1.5 % | $(met "$share" '<=' 1.5) |"
echo "| written on nodes that are no masters | $others bytes | at most 0 | $(met $others '<=' 0) |"
