#!/usr/bin/env bash
# Everything side by side in one run, at 1, 64 and 256 connections: hits on a node and through the stand-alone gateway beside
# a bare Kestrel endpoint and nginx' static files; strong reads at the primary and elsewhere beside etcd's linearizable ones;
# durable PUTs at the primary, elsewhere, through the gateway and dealt out over all three nodes beside etcd (three members,
# JSON) and one Redis that syncs each append. Keys vary. The contenders take turns, round by round, so that what else the
# machine does meets all of them; each ratio is the median of the rounds' own. Prints tables in Markdown.
#
#   bench/peers.sh [ROUNDS [SECONDS [REGEX]]]        5 rounds of 3 s each unless told; only who the expression names
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
rounds=${1:-5} seconds=${2:-3} only=${3:-.}
bytes=100 keys=2000 levels=(1 64 256)
bare=http://127.0.0.1:$free_port nginx=http://127.0.0.2:$free_port aof_port=$((base + 8))
disk=$(on_disk)
need redis-server redis-benchmark:redis-tools curl wrk dotnet nginx:nginx-light etcd:etcd-server
build src/Silo src/Gateway bench/Load bench/Bare
load=(dotnet "$(program bench/Load Diststore.Load)")
mkdir "$work/seen"

# --- Who takes part.
start_redis
for number in 1 2 3; do start_silo "$number" --Diststore:Data:Durability=Fsync; done
start gateway dotnet "$(program src/Gateway Diststore.Gateway)" "${cluster[@]}" --Diststore:Http:Port=$((base + 1))
ready gateway "$gateway/health/ready"
start bare dotnet "$(program bench/Bare Diststore.Bare)" --urls "$bare" --bytes $bytes
ready bare "$bare/"
start_etcd
mkdir "$work/aof"
start aof redis-server --bind 127.0.0.1 --port "$aof_port" --dir "$work/aof" --appendonly yes --appendfsync always --save ''

head -c $bytes /dev/zero | tr '\0' x >"$work/value"
mkdir -p "$work/www/v1/kv" "$work/nginx"
for ((i = 0; i < keys; i++)); do cp "$work/value" "$work/www/v1/kv/key$i"; done
chmod -R a+rX "$work"
cat >"$work/nginx.conf" <<EOF
worker_processes 1; daemon off; master_process off; pid $work/nginx/pid; error_log $work/nginx.err;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; open_file_cache max=5000; keepalive_requests 100000000;
  client_body_temp_path $work/nginx/b; proxy_temp_path $work/nginx/p; fastcgi_temp_path $work/nginx/f; uwsgi_temp_path $work/nginx/u; scgi_temp_path $work/nginx/s;
  server { listen ${nginx#http://}; root $work/www; default_type application/octet-stream; }
}
EOF
start nginx nginx -c "$work/nginx.conf"
ready nginx "$nginx/v1/kv/key0"

# --- Filled; the masters are elected by the first key.
say "filling"
for ((i = 0; i < keys; i += 50)); do
  puts=() etcd_puts=()
  for ((j = i; j < i + 50 && j < keys; j++)); do
    puts+=(-X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$work/value" -o /dev/null "${nodes[0]}/v1/kv/key$j" --next)
    etcd_puts+=(-o /dev/null -d "{\"key\":\"$(printf 'key%d' "$j" | base64)\",\"value\":\"$(base64 -w0 "$work/value")\"}" "${members[0]}/v3/kv/put" --next)
  done
  curl -fsS "${puts[@]::${#puts[@]}-1}"
  curl -fsS "${etcd_puts[@]::${#etcd_puts[@]}-1}"
done
until_cluster 1 '"secondary":"node-'
primary=$(node_with primary) elsewhere=$(node_with copies)
[[ -n $primary && -n $elsewhere ]] || { say "not a primary and a node without a role: $(cluster_of 1)"; exit 1; }

# --- What they are asked. wrk keeps Lua of each thread apart, and there is one thread.
cat >"$work/get.lua" <<'EOF'
init = function(args) path = args[1]; keys = tonumber(args[2]); math.randomseed(os.time()) end
request = function() return wrk.format("GET", path .. math.random(0, keys - 1)) end
EOF
sed 's/keys - 1))/keys - 1) .. "?consistency=strong")/' "$work/get.lua" >"$work/strong.lua"
write_put_script
cat >"$work/base64.lua" <<'EOF'
local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
function encode(text)
  local out = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local all = a * 65536 + (b or 0) * 256 + (c or 0)
    for digit = 3, 0, -1 do
      local value = math.floor(all / 64 ^ digit) % 64
      out[#out + 1] = ((digit == 1 and not b) or (digit == 0 and not c)) and "=" or alphabet:sub(value + 1, value + 1)
    end
  end
  return table.concat(out)
end
EOF
cat "$work/base64.lua" - >"$work/etcd-get.lua" <<'EOF'
local names = {}
init = function(args) keys = tonumber(args[2]); for i = 0, keys - 1 do names[i] = '{"key":"' .. encode("key" .. i) .. '"}' end; math.randomseed(os.time()) end
request = function() return wrk.format("POST", "/v3/kv/range", nil, names[math.random(0, keys - 1)]) end
EOF
cat "$work/base64.lua" - >"$work/etcd-put.lua" <<'EOF'
local n, value = 0, encode(string.rep("x", 100))
init = function(args) path = args[1] end
request = function() n = n + 1; return wrk.format("POST", "/v3/kv/put", nil, '{"key":"' .. encode(path .. n) .. '","value":"' .. value .. '"}') end
EOF

ask() { asked "$1" "$4" "$5" "$2" "$3" $keys; } # SCRIPT URL PATH CONNECTIONS SECONDS
fresh=0
fresh_keys() { fresh=$((fresh + 1)); echo "/v1/kv/run$fresh-$RANDOM/"; }
deal() { "${load[@]}" posts --api "$1" --urls "$2" --connections "$3" --bytes $bytes --seconds "$4" | awk '{ print $1, $2, $3 }'; }
on_aof() { # CONNECTIONS SECONDS: as many as fit in about that time
  local count=$(($1 == 1 ? 2500 : 30000))
  redis-benchmark -h 127.0.0.1 -p "$aof_port" -c "$1" -n $((count * $2)) -r 1000000 -d $bytes -t set --csv | tail -1 | tr -d '"' |
    awk -F, '{ printf "%.0f %.0f %.0f\n", $2, $5 * 1000, $7 * 1000 }'
}
join() { (IFS=,; echo "$*"); }

contenders=(bare nginx node gateway strong-primary strong-elsewhere etcd-read put-primary put-elsewhere put-gateway put-dealt etcd-put redis-put)
mapfile -t contenders < <(printf '%s\n' "${contenders[@]}" | grep -E "$only" || true)
((${#contenders[@]})) || { say "nobody is called $only"; exit 2; }
measure() { # CONTENDER CONNECTIONS SECONDS
  case $1 in
    bare) ask get "$bare" /v1/kv/key "$2" "$3" ;;
    nginx) ask get "$nginx" /v1/kv/key "$2" "$3" ;;
    node) ask get "$elsewhere" /v1/kv/key "$2" "$3" ;;
    gateway) ask get "$gateway" /v1/kv/key "$2" "$3" ;;
    strong-primary) ask strong "$primary" /v1/kv/key "$2" "$3" ;;
    strong-elsewhere) ask strong "$elsewhere" /v1/kv/key "$2" "$3" ;;
    etcd-read) ask etcd-get "${members[1]}" key "$2" "$3" ;;
    put-primary) ask put "$primary" "$path" "$2" "$3" ;;
    put-elsewhere) ask put "$elsewhere" "$path" "$2" "$3" ;;
    put-gateway) ask put "$gateway" "$path" "$2" "$3" ;;
    put-dealt) deal v1 "$(join "${nodes[@]}")" "$2" "$3" ;;
    etcd-put) deal etcd "$(join "${members[@]}")" "$2" "$3" ;;
    redis-put) on_aof "$2" "$3" ;;
  esac
}

# --- As warm as they get.
for name in "${contenders[@]}"; do
  say "warming up: $name"
  path=$(fresh_keys)
  for level in 64 256; do measure "$name" $level 5 >/dev/null; done
done

for level in "${levels[@]}"; do
  for ((round = 1; round <= rounds; round++)); do
    for name in "${contenders[@]}"; do
      path=/v1/kv/run$level-$round-$name-$RANDOM/
      measure "$name" "$level" "$seconds" >>"$work/seen/$name.$level"
    done
    say "$level connections, round $round of $rounds"
  done
done

# --- What was seen.
column() { awk -v field="$3" '{ print $field }' "$work/seen/$1.$2"; }
of() { median <(column "$1" "$2" "$3"); }
ratio() { median <(paste <(column "$1" "$3" "$4") <(column "$2" "$3" "$4") | awk '{ printf "%.3f\n", $1 / $2 }'); }
title() {
  case $1 in
    bare) echo "bare Kestrel endpoint, one body" ;;
    nginx) echo "nginx, static file" ;;
    node) echo "hit on a node" ;;
    gateway) echo "hit through the gateway" ;;
    strong-primary) echo "strong read at the primary" ;;
    strong-elsewhere) echo "strong read elsewhere" ;;
    etcd-read) echo "etcd, linearizable read, JSON" ;;
    put-primary) echo "durable PUT at the primary" ;;
    put-elsewhere) echo "durable PUT elsewhere" ;;
    put-gateway) echo "durable PUT through the gateway" ;;
    put-dealt) echo "durable PUT, dealt out over three nodes" ;;
    etcd-put) echo "etcd, three members, PUT dealt out, JSON" ;;
    redis-put) echo "Redis, \`appendfsync always\`, one copy, SET" ;;
  esac
}
echo
echo "\`bench/peers.sh $rounds $seconds\`: medians of $rounds interleaved rounds of $seconds s, $bytes-byte values, $keys keys to read, data on $disk," \
  "$(nproc) cores shared with the load generators; etcd $(etcd --version | awk '/^etcd/ { print $3 }'), Redis $(redis-server --version | grep -o 'v=[^ ]*' | cut -c3-)."
echo
echo "| | 1 connection, p50 µs | 64, requests/s | p50, p99 µs | 256, requests/s | p50, p99 µs |"
echo "| --- | --- | --- | --- | --- | --- |"
for name in "${contenders[@]}"; do
  echo "| $(title "$name") | $(of "$name" 1 2) | $(of "$name" 64 1) | $(of "$name" 64 2), $(of "$name" 64 3) | $(of "$name" 256 1) | $(of "$name" 256 2), $(of "$name" 256 3) |"
done
echo
echo "| ratio | seen | bar | |"
echo "| --- | --- | --- | --- |"
bar() { # TEXT CONTENDER OTHER CONNECTIONS COLUMN RELATION BAR
  local seen
  [[ -e $work/seen/$2.$4 && -e $work/seen/$3.$4 ]] || return 0
  seen=$(ratio "$2" "$3" "$4" "$5")
  echo "| $1 | $seen | at $([[ $6 == '>=' ]] && echo least || echo most) $7 | $(met "$seen" "$6" "$7") |"
}
bar "gateway hit of a node's, 64 connections" gateway node 64 1 '>=' 0.9
bar "gateway hit of a node's, 256 connections" gateway node 256 1 '>=' 0.9
bar "lone gateway hit of a node's, p50" gateway node 1 2 '<=' 1.3
bar "lone node hit of bare Kestrel, p50" node bare 1 2 '<=' 1.5
bar "node hit of bare Kestrel, 64 connections" node bare 64 1 '>=' 0.9
bar "node hit of bare Kestrel, 256 connections" node bare 256 1 '>=' 0.95
bar "strong read at the primary of hits, 64 connections" strong-primary node 64 1 '>=' 0.75
bar "strong read elsewhere of hits, 64 connections" strong-elsewhere node 64 1 '>=' 0.55
bar "durable PUTs over three nodes of etcd's, 64 connections" put-dealt etcd-put 64 1 '>=' 3.5
bar "durable PUT at the primary of that Redis, 256 connections" put-primary redis-put 256 1 '>=' 0.6
