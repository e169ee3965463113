#!/usr/bin/env bash
# Measures durable posts side by side in one run: three silos of which two are masters (a post is answered once both have
# it on disk), and three members of etcd through its JSON gateway (once two have). Both sync their logs, lie on the same
# disk, and get new keys from the same load generator over the same number of connections, dealt out over all three
# processes. They take turns, round by round, so that what else the machine does meets both. Prints a table in Markdown.
#
#   bench/durable.sh [ROUNDS [SECONDS]]        7 rounds of 5 s each unless told
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
rounds=${1:-7} seconds=${2:-5}
bytes=100 connections=64 bar=2
disk=$(on_disk)
need redis-server curl dotnet etcd:etcd-server
build src/Silo bench/Load

start_redis
for number in 1 2 3; do
  start_silo "$number" --Diststore:Data:Durability=Fsync
done
start_etcd

# Answers are taken up on the thread that waits for them: the generator shares the cores with what it measures.
export DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS=1
declare -A urls=([v1]=$(IFS=,; echo "${nodes[*]}") [etcd]=$(IFS=,; echo "${members[*]}"))
# posts API SECONDS: "posts/s median-µs p99-µs"
posts() {
  dotnet "$(program bench/Load Diststore.Load)" posts --api "$1" --urls "${urls[$1]}" --connections $connections --bytes $bytes --seconds "$2"
}

for api in v1 etcd; do
  say "warming up: $api"
  posts $api 15 >/dev/null # the runtime compiles well only what has run often
done
until_cluster 1 '"secondary":"node-'
for ((round = 1; round <= rounds; round++)); do
  for api in v1 etcd; do
    posts $api "$seconds" >"$work/now"
    cut -d' ' -f1 "$work/now" >>"$work/$api"
    cut -d' ' -f2 "$work/now" >>"$work/$api.median"
    cut -d' ' -f3 "$work/now" >>"$work/$api.p99"
  done
  paste "$work/v1" "$work/etcd" | tail -1 | awk '{ printf "%.2f\n", $1 / $2 }' >>"$work/ratio"
  say "round $round of $rounds: $(tail -1 "$work/v1") and $(tail -1 "$work/etcd") posts/s, ratio $(tail -1 "$work/ratio")"
done

of() { median "$work/$1"; }
echo
echo "\`bench/durable.sh $rounds $seconds\`: medians of $rounds interleaved rounds of $seconds s, new keys with $bytes-byte values, $connections connections" \
  "over three processes each, data on $disk, $(nproc) cores shared with the load generator; etcd $(etcd --version | awk '/^etcd/ { print $3 }')."
echo
echo "| durable posts | posts/s | median µs | 99th percentile µs | of etcd | bar | |"
echo "| --- | --- | --- | --- | --- | --- | --- |"
echo "| etcd, three members, JSON gateway | $(of etcd) | $(of etcd.median) | $(of etcd.p99) | 1 | | |"
echo "| Diststore, three silos | $(of v1) | $(of v1.median) | $(of v1.p99) | $(of ratio) | at least $bar | $(met "$(of ratio)" '>=' $bar) |"
