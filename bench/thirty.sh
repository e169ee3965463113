#!/usr/bin/env bash
# Thirty nodes on one machine: what a miss costs on a key that all others hold a copy of, beside the same with three nodes, and
# how long the last one takes to join. Prints a table in Markdown. Takes some 6 GiB of memory.
#
#   bench/thirty.sh [KEYS [NODES]]        1000 keys, 30 nodes unless told
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
keys=${1:-1000} count=${2:-30}
nodes=()
for ((number = 1; number <= count; number++)); do nodes+=("http://127.1.3.$number:$base"); done
need redis-server curl dotnet
build src/Silo

# get URL PREFIX: all keys, one after the other; the times in µs.
get() { curl -fsS -o /dev/null -w '%{time_total}\n' "$1/v1/kv/$2[0-$((keys - 1))]" | awk '{ print $1 * 1000000 }'; }
answers() { curl -fsS "$1/metrics" | awk '/^diststore_questions_answers_total/ { print $2; exit }'; }
asker_of() { # NODES: the last one that is no master
  local says number
  says=$(cluster_of 1)
  for ((number = $1; number > 0; number--)); do
    if [[ $says == *'"name":"node-'$number'","role":"copies"'* ]]; then echo "$number"; return; fi
  done
}

# miss NODES PREFIX: "median-µs answers-per-miss"; every other node has read the keys before.
miss() {
  local asker number before
  asker=$(asker_of "$1")
  head -c 100 /dev/zero | tr '\0' x >"$work/value"
  curl -fsS -o /dev/null -T "$work/value" "${nodes[0]}/v1/kv/$2[0-$((keys - 1))]"
  for ((number = 1; number <= $1; number++)); do
    if ((number != asker)); then get "${nodes[number - 1]}" "$2" >/dev/null; fi
  done
  before=$(answers "${nodes[asker - 1]}")
  get "${nodes[asker - 1]}" "$2" >"$work/times"
  sleep 1
  echo "$(median "$work/times") $(awk -v a="${before:-0}" -v b="$(answers "${nodes[asker - 1]}")" -v n="$keys" 'BEGIN { printf "%.2f", (b - a) / n }')"
}

start_redis
for number in 1 2 3; do start_silo "$number"; done
curl -fsS -o /dev/null -T /dev/null "${nodes[0]}/v1/kv/first"
until_whole 1 3
miss 3 warm- >/dev/null
read -r few few_answers < <(miss 3 few-)
say "three nodes: $few µs a miss, $few_answers answers"

for ((number = 4; number <= count; number++)); do
  began=$(date +%s%N)
  start_silo "$number"
  until_whole 1 "$number"
  joined=$((($(date +%s%N) - began) / 1000000))
  say "node-$number has joined after $joined ms"
done
miss "$count" warm-many- >/dev/null
read -r many many_answers < <(miss "$count" many-)

ratio=$(awk -v a="$many" -v b="$few" 'BEGIN { printf "%.2f", a / b }')
echo "\`bench/thirty.sh $keys $count\`: $keys misses one after the other, 100-byte values, all nodes on $(nproc) cores."
echo
echo "| | three nodes | $count nodes | bar | |"
echo "| --- | --- | --- | --- | --- |"
echo "| a miss on a key that all others hold, median µs | $few | $many ($ratio times) | at most 1.5 times | $(met "$ratio" '<=' 1.5) |"
echo "| answers to it | $few_answers | $many_answers | at most 8 | $(met "$many_answers" '<=' 8) |"
echo "| the last node joins, ms from its start | | $joined | at most 15000 | $(met "$joined" '<=' 15000) |"
