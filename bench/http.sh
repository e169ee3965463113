#!/usr/bin/env bash
# Measures over HTTP, side by side in one run: a bare Kestrel endpoint that returns the same bytes, a local hit on a
# co-hosted node, a hit through the stand-alone gateway, a cold miss with three nodes (who-has), and a 404. The contenders
# take turns, round by round, so that what else the machine does meets all of them. Prints a table in Markdown.
#
#   bench/http.sh [ROUNDS [SECONDS]]        5 rounds of 4 s each unless told
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
rounds=${1:-5} seconds=${2:-4}
bytes=100 connections=64 bare=http://127.0.0.1:$free_port
need redis-server curl wrk dotnet
build src/Silo src/Gateway bench/Load bench/Bare
load=(dotnet "$(program bench/Load Diststore.Load)")

start_cluster
start bare dotnet "$(program bench/Bare Diststore.Bare)" --urls "$bare" --bytes $bytes
ready bare "$bare/"

head -c $bytes /dev/zero | tr '\0' x >"$work/value"
curl -fsS -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$work/value" "${nodes[0]}/v1/kv/hit"

# The node that is no master: it answers from a copy, and it is the one that can miss.
copy_node=$(node_with copies)
[[ -n $copy_node ]] || { say "no node without a master's role: $(cluster_of 1)"; exit 1; }
for url in "$copy_node" "$gateway"; do
  curl -fsS "$url/v1/kv/hit" | cmp -s - "$work/value" || { say "$url gives other bytes"; exit 1; }
done

throughput() { wrk -t1 -c$connections -d"$2"s "$1" | awk '/Requests\/sec/ { rate = $2 } /Non-2xx|Socket errors/ { print > "/dev/stderr" } END { printf "%.0f\n", rate }'; }

hits=(bare cohosted gateway)
declare -A url=([bare]=$bare/ [cohosted]=$copy_node/v1/kv/hit [gateway]=$gateway/v1/kv/hit)
for name in "${hits[@]}"; do
  say "warming up: $name"
  throughput "${url[$name]}" 3 >/dev/null
done
"${load[@]}" cold-miss --put "${nodes[0]}" --get "$copy_node" --count 500 --bytes $bytes >/dev/null
"${load[@]}" absent --get "$copy_node" --count 500 >/dev/null

for ((round = 1; round <= rounds; round++)); do
  for name in "${hits[@]}"; do
    throughput "${url[$name]}" "$seconds" >>"$work/$name"
  done
  for name in cohosted gateway; do
    paste "$work/$name" "$work/bare" | tail -1 | awk '{ printf "%.3f\n", $1 / $2 }' >>"$work/$name.ratio"
  done
  "${load[@]}" cold-miss --put "${nodes[0]}" --get "$copy_node" --count 500 --bytes $bytes >"$work/now"
  awk '{ print $1 > m; print $2 > p }' m="$work/now.m" p="$work/now.p" "$work/now"
  cat "$work/now.m" >>"$work/cold"; cat "$work/now.p" >>"$work/cold.p99"
  "${load[@]}" absent --get "$copy_node" --count 500 >"$work/now"
  awk '{ print $1 > m; print $2 > p }' m="$work/now.m" p="$work/now.p" "$work/now"
  cat "$work/now.m" >>"$work/absent"; cat "$work/now.p" >>"$work/absent.p99"
  say "round $round of $rounds: bare $(tail -1 "$work/bare"), co-hosted $(tail -1 "$work/cohosted"), gateway $(tail -1 "$work/gateway") requests/s;" \
    "cold miss $(tail -1 "$work/cold"), 404 $(tail -1 "$work/absent") µs"
done

of() { median "$work/$1"; }
echo
echo "\`bench/http.sh $rounds $seconds\`: medians of $rounds interleaved rounds, ${bytes}-byte value, wrk with $connections connections, $(nproc) cores shared with the load generator."
echo
echo "| request | requests/s | of bare | bar | |"
echo "| --- | --- | --- | --- | --- |"
echo "| bare Kestrel endpoint | $(of bare) | 1 | | |"
echo "| hit on a co-hosted node (copy) | $(of cohosted) | $(of cohosted.ratio) | at least 0.92 | $(met "$(of cohosted.ratio)" '>=' 0.92) |"
echo "| hit through the stand-alone gateway | $(of gateway) | $(of gateway.ratio) | at least 0.6 | $(met "$(of gateway.ratio)" '>=' 0.6) |"
echo
echo "| request, one after the other | median µs | 99th percentile µs | bar | |"
echo "| --- | --- | --- | --- | --- |"
echo "| cold miss of $bytes bytes, three nodes | $(of cold) | $(of cold.p99) | median under 1000 | $(met "$(of cold)" '<' 1000) |"
echo "| 404 on /v1/kv, three nodes | $(of absent) | $(of absent.p99) | median under 3000 | $(met "$(of absent)" '<' 3000) |"
