#!/usr/bin/env bash
# What the verbs cost beside the plain ones, in one run and in turns: transactions of five puts beside single puts, puts with an
# Idempotency-Key beside puts without, POST /v1/read of 50 held keys beside single GETs; then, over a million keys, a count and a delete by
# prefix of half of them while others write. Prints tables in Markdown.
#
#   bench/verbs.sh [ROUNDS [SECONDS [KEYS]]]        5 rounds of 4 s each, 1000000 keys unless told; no keys: without the second part
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
rounds=${1:-5} seconds=${2:-4} keys=${3:-1000000}
connections=64
need redis-server curl wrk dotnet
disk=$(on_disk)
build src/Silo src/Gateway
start_cluster
curl -fsS -o /dev/null -X PUT -d first "${nodes[0]}/v1/kv/first"
until_cluster 1 '"secondary":"node-'
primary=${nodes[$(cluster_of 1 | named primary) - 1]}

write_put_script
cat >"$work/mark.lua" <<'LUA'
local n, body = 0, string.rep("x", 100)
init = function(args) path = args[1]; wrk.headers["Content-Type"] = "application/octet-stream" end
request = function() n = n + 1; wrk.headers["Idempotency-Key"] = '"' .. path .. n .. '"'; return wrk.format("PUT", path .. n, nil, body) end
LUA
# 100 bytes in Base64.
cat >"$work/transaction.lua" <<'LUA'
local n, value = 0, string.rep("eHh4", 33) .. "eA=="
init = function(args) path = args[1]; wrk.headers["Content-Type"] = "application/json" end
request = function()
  local operations = {}
  for i = 1, 5 do n = n + 1; operations[i] = '{"put":"' .. path .. n .. '","value":"' .. value .. '"}' end
  return wrk.format("POST", "/v1/transaction", nil, '{"operations":[' .. table.concat(operations, ",") .. "]}")
end
LUA
cat >"$work/get.lua" <<'LUA'
local n = 0
request = function() n = n % 50 + 1; return wrk.format("GET", "/v1/kv/held-" .. n) end
LUA
cat >"$work/many.lua" <<'LUA'
local names = {}
for i = 1, 50 do names[i] = '"held-' .. i .. '"' end
local body = '{"keys":[' .. table.concat(names, ",") .. "]}"
wrk.headers["Content-Type"] = "application/json"
request = function() return wrk.format("POST", "/v1/read", nil, body) end
LUA

copy_node=$(node_with copies)
value=$(head -c 100 /dev/zero | tr '\0' x)
for ((i = 1; i <= 50; i++)); do
  curl -fsS -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' -d "$value" "${nodes[0]}/v1/kv/held-$i"
  curl -fsS -o /dev/null "$copy_node/v1/kv/held-$i"
done

turn=0
# one NAME KEYS-A-REQUEST URL ARGUMENT...: keys a second.
one() {
  local name=$1 each=$2 rate
  turn=$((turn + 1))
  read -r rate _ < <(asked "$name" $connections "$seconds" "$3" "${@:4}")
  awk -v r="$rate" -v e="$each" 'BEGIN { print r * e }'
}
all() {
  one put 1 "$primary" "/v1/kv/put-$turn-" >"$work/now.put"
  one mark 1 "$primary" "/v1/kv/mark-$turn-" >"$work/now.mark"
  one transaction 5 "$primary" "transaction-$turn-" >"$work/now.transaction"
  one get 1 "$copy_node" >"$work/now.get"
  one many 50 "$copy_node" >"$work/now.many"
}
say "warming up"
all
for ((round = 1; round <= rounds; round++)); do
  all
  for name in put mark transaction get many; do cat "$work/now.$name" >>"$work/$name"; done
  for pair in mark:put transaction:put many:get; do
    paste "$work/now.${pair%:*}" "$work/now.${pair#*:}" | awk '{ printf "%.2f\n", $1 / $2 }' >>"$work/${pair%:*}.ratio"
  done
  say "round $round of $rounds: put $(tail -1 "$work/put"), with a key $(tail -1 "$work/mark"), transactions $(tail -1 "$work/transaction")," \
    "get $(tail -1 "$work/get"), read of 50 $(tail -1 "$work/many") keys/s"
done
of() { median "$work/$1"; }
echo "\`bench/verbs.sh $rounds $seconds $keys\`: medians of $rounds interleaved rounds, 100-byte values, wrk with $connections connections, three nodes" \
  "on $(nproc) cores, data on $disk; answers are not parsed."
echo
echo "| | keys/s | of | ratio | bar | |"
echo "| --- | --- | --- | --- | --- | --- |"
echo "| \`PUT\` at the primary | $(of put) | | | | |"
echo "| with an \`Idempotency-Key\` | $(of mark) | PUT | $(of mark.ratio) | at least 0.7 | $(met "$(of mark.ratio)" '>=' 0.7) |"
echo "| transactions of 5 puts | $(of transaction) | PUT | $(of transaction.ratio) | at least 2.5 | $(met "$(of transaction.ratio)" '>=' 2.5) |"
echo "| \`GET\` of 50 keys in turns, node with copies | $(of get) | | | | |"
echo "| \`POST /v1/read\` of all 50 | $(of many) | GET | $(of many.ratio) | at least 8 | $(met "$(of many.ratio)" '>=' 8) |"
if ((keys == 0)); then exit 0; fi

# Half under one prefix and half under another, by transactions of 60 puts: the fastest way in.
cat >"$work/fill.lua" <<'LUA'
local n = 0
init = function(args) from, upto = tonumber(args[1]), tonumber(args[2]); wrk.headers["Content-Type"] = "application/json" end
request = function()
  local operations = {}
  for i = 1, 50 do
    n = n % (upto - from) + 1
    operations[i] = '{"put":"' .. (n % 2 == 0 and "even/" or "odd/") .. (from + n) .. '","value":"eHh4eHh4eHh4eHh4eHh4"}'
  end
  return wrk.format("POST", "/v1/transaction", nil, '{"operations":[' .. table.concat(operations, ",") .. "]}")
end
LUA
say "filling in $keys keys"
counted() { # PREFIX: how many keys it has
  local after="" total=0 page
  while :; do
    page=$(curl -fsS -G "$primary/v1/kv" --data-urlencode "prefix=$1" --data-urlencode "after=$after" -d count=true)
    total=$((total + $(sed -E 's/.*"count":([0-9]+).*/\1/' <<<"$page")))
    after=$(sed -nE 's/.*"next":"([^"]*)".*/\1/p' <<<"$page")
    [[ -n $after ]] || break
  done
  echo $total
}
deadline=$((SECONDS + 600))
until (($(counted even/) + $(counted odd/) >= keys)); do
  ((SECONDS < deadline)) || { say "the keys are not in after ten minutes"; exit 1; }
  wrk -t1 -c8 -d20s -s "$work/fill.lua" "$primary" -- 0 "$keys" >/dev/null
done
epoch() { cluster_of 1 | sed -E 's/.*"partitions":\[\{"number":0,"epoch":([0-9]+).*/\1/'; }
p999() { # SECONDS PATH: of posts by 8 connections, in ms
  wrk -t1 -c8 -d"$1"s --latency -s "$work/p999.lua" "$primary" -- "$2" | awk '/p99.9/ { print $2 }'
}
cat "$work/put.lua" - >"$work/p999.lua" <<'LUA'
done = function(summary, latency) print("p99.9 " .. latency:percentile(99.9) / 1000) end
LUA
before=$(epoch)
alone=$(p999 20 "/v1/kv/alone-")
{ for ((i = 0; i < 3; i++)); do counted even/ >/dev/null; done; : >"$work/counted"; } &
counting=$!
counts=$(p999 20 "/v1/kv/counts-")
wait $counting
(
  more=true
  while [[ $more == true ]]; do
    answer=$(curl -fsS -X DELETE "$primary/v1/kv?prefix=even/&limit=100000")
    more=$(sed -E 's/.*"more":(true|false).*/\1/' <<<"$answer")
  done
  date +%s >"$work/deleted"
) &
deleting=$!
began=$(date +%s)
deletes=$(p999 20 "/v1/kv/deletes-")
wait $deleting
took=$(($(cat "$work/deleted") - began))
bar=$(awk -v a="$alone" 'BEGIN { print (4 * a > 250 ? 4 * a : 250) }')
echo
echo "$keys keys, eight connections that put meanwhile; the delete of half of them took about $took s, $(counted even/) of them are left;" \
  "epoch before and after: $before, $(epoch)."
echo
echo "| posts | 99.9th percentile, ms | bar | |"
echo "| --- | --- | --- | --- |"
echo "| alone | $alone | | |"
echo "| beside \`count=true\` | $counts | at most $bar | $(met "$counts" '<=' "$bar") |"
echo "| beside a delete by prefix of half | $deletes | at most $bar | $(met "$deletes" '<=' "$bar") |"
