#!/usr/bin/env bash
# What a durable PUT costs, in one run: the processor time of three silos together for each PUT, beside the same with an
# earlier commit (three silos each, in turns); and how long a lone PUT at the primary takes, beside a synced append of the
# same bytes to the same disk and a call from one silo to another. Prints tables in Markdown.
#
#   bench/cost.sh [ROUNDS [SECONDS [COMMIT]]]        5 rounds of 5 s beside 7d042d6 unless told
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
rounds=${1:-5} seconds=${2:-5} commit=${3:-7d042d6}
bytes=100 connections=64
disk=$(on_disk)
need redis-server curl wrk git dotnet
build src/Silo bench/Load bench/Stores
load=$(program bench/Load Diststore.Load) stores=$(program bench/Stores Diststore.Stores)
top=$work here=$root
mkdir "$top/source"
git -C "$here" archive "$commit" | tar -x -C "$top/source"
root=$top/source
BENCH_NO_BUILD='' build src/Silo
root=$here

# Two clusters side by side, of which one is asked at a time: each with a folder and ports of its own.
declare -A silos all
for build in old new; do
  work=$top/$build
  mkdir "$work"
  [[ $build == old ]] && root=$top/source || root=$here
  use_ports $((base + 10))
  start_redis
  for number in 1 2 3; do start_silo "$number" --Diststore:Data:Durability=Fsync; done
  curl -fsS -o /dev/null -X PUT --data-binary x "${nodes[0]}/v1/kv/key"
  until_cluster 1 '"secondary":"node-'
  silos[$build]="${pid_of[silo-1]} ${pid_of[silo-2]} ${pid_of[silo-3]}" all[$build]=$(IFS=,; echo "${nodes[*]}")
done
# Of the present build, which came last.
primary=$(node_with primary) other=node-$(cluster_of 1 | named secondary)
root=$here work=$top
write_put_script
echo 'init = function(args) path = args[1] end request = function() return wrk.format("GET", path) end' >"$work/get.lua"

hz=$(getconf CLK_TCK)
# cost BUILD SECONDS: microseconds of processor time for each PUT.
cost() {
  local before rate
  # shellcheck disable=SC2086 # several process ids
  before=$(ticks_of ${silos[$1]})
  rate=$(dotnet "$load" posts --api v1 --urls "${all[$1]}" --connections $connections --bytes $bytes --seconds "$2" --warm-up 0 | awk '{ print $1 }')
  awk -v ticks=$(($(ticks_of ${silos[$1]}) - before)) -v hz="$hz" -v writes=$((rate * $2)) 'BEGIN { printf "%.1f\n", ticks / hz * 1000000 / writes }'
}

for build in old new; do say "warming up: $build"; cost $build 10 >/dev/null; done
asked put 1 5 "$primary" /v1/kv/warm/ >/dev/null
for ((round = 1; round <= rounds; round++)); do
  for build in old new; do cost $build "$seconds" >>"$work/$build.cost"; done
  asked put 1 "$seconds" "$primary" "/v1/kv/lone$round/" | awk '{ print $2 }' >>"$work/lone"
  dotnet "$stores" append --to "$work/appended" --bytes $bytes --seconds "$seconds" >>"$work/append"
  asked get 1 "$seconds" "$primary" /getlocal/key | awk '{ print $2 }' >>"$work/here"
  asked get 1 "$seconds" "$primary" "/getlocal/key?node=$other" | awk '{ print $2 }' >>"$work/there"
  say "round $round of $rounds: $(tail -qn1 "$work"/{old,new}.cost "$work"/{lone,append,here,there} | tr '\n' ' ')"
done

paste "$work/there" "$work/here" | awk '{ print $1 - $2 }' >"$work/call"
paste "$work/lone" "$work/append" "$work/call" | awk '{ printf "%.3f\n", $1 / ($2 + $3) }' >"$work/lone.ratio"
paste "$work/new.cost" "$work/old.cost" | awk '{ printf "%.3f\n", $1 / $2 }' >"$work/cost.ratio"
echo
echo "\`bench/cost.sh $rounds $seconds $commit\`: medians of $rounds interleaved rounds of $seconds s, $bytes-byte values, data on $disk, $(nproc) cores."
echo
echo "| | µs | ratio | bar | |"
echo "| --- | --- | --- | --- | --- |"
echo "| processor time per durable PUT, $connections connections, at $commit | $(median "$work/old.cost") | 1 | | |"
echo "| the same now | $(median "$work/new.cost") | $(median "$work/cost.ratio") | at most 0.6 | $(met "$(median "$work/cost.ratio")" '<=' 0.6) |"
echo "| synced append | $(median "$work/append") | | | |"
echo "| call from silo to silo | $(median "$work/call") | | | |"
echo "| lone durable PUT at the primary | $(median "$work/lone") | $(median "$work/lone.ratio") of the two | at most 2.5 | $(met "$(median "$work/lone.ratio")" '<=' 2.5) |"
