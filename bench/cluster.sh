# shellcheck shell=bash
# Sourced by the scripts of this folder: installs and builds what they need, starts Redis, silos and the stand-alone
# gateway on loopback, and ends exactly those again, whatever happens. All data lies below TMPDIR (/tmp).
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/diststore-bench.XXXXXX")
pids=()
# Ports of this run's own, below those that the kernel takes for outgoing connections.
# use_ports BASE: the ten from there on, and what follows from them.
use_ports() {
  base=$1
  nodes=("http://127.1.3.1:$base" "http://127.1.3.2:$base" "http://127.1.3.3:$base")
  gateway=http://127.0.0.1:$((base + 1))
  redis_port=$((base + 2))
  # shellcheck disable=SC2034 # for whoever sources this
  free_port=$((base + 9))
  # Three members of etcd, and what their clients ask; the members talk to one another on the port after that.
  members=("http://127.1.4.1:$((base + 6))" "http://127.1.4.2:$((base + 6))" "http://127.1.4.3:$((base + 6))")
  cluster=(--Diststore:Cluster:Provider=Redis --Diststore:Cluster:ConnectionString="127.0.0.1:$redis_port" --Diststore:Cluster:Id="bench-$base")
}
use_ports $((20000 + RANDOM % 1200 * 10))
declare -A pid_of

stop_all() {
  local status=$?
  trap - EXIT
  if ((${#pids[@]})); then
    # What they hold is thrown away, so there is nothing to hand over.
    kill -KILL "${pids[@]}" 2>/dev/null || true
    wait "${pids[@]}" 2>/dev/null || true
  fi
  if ((status)); then
    for log in "$work"/*.log; do
      [[ -e $log ]] && { echo "--- ${log##*/}"; tail -n 8 "$log"; } >&2
    done
  fi
  rm -rf "$work"
  exit "$status"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

say() { echo "$@" >&2; }

# need PROGRAM[:PACKAGE]...: installs Debian's package of that name where the program is missing.
need() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  if ((${#missing[@]} == 0)); then return; fi
  say "installing ${missing[*]}"
  apt-get update -qq
  # Servers' packages start one of their own on the usual port; these scripts start theirs.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$work/apt.log" 2>&1
}

# on_disk: the file system that the data lies on; one in memory would make every sync free.
on_disk() {
  local type
  type=$(df --output=fstype "$work" | tail -1)
  case $type in
    tmpfs | ramfs) say "$work lies in memory ($type); TMPDIR takes a folder on a disk"; exit 1 ;;
  esac
  echo "$type on $(df --output=source "$work" | tail -1)"
}

# build PROJECT...: in Release, quietly; BENCH_NO_BUILD=1 takes what is there.
build() {
  if [[ -n ${BENCH_NO_BUILD:-} ]]; then return; fi
  local project
  for project in "$@"; do
    dotnet build -c Release -v quiet --nologo "$root/$project" >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
  done
}

# program FOLDER ASSEMBLY: the path of what was built.
program() { echo "$root/$1/bin/Release/net10.0/$2.dll"; }

# start NAME COMMAND...: in the background, output to a log of that name.
start() {
  local name=$1
  shift
  (cd "$work" && exec "$@") >>"$work/$name.log" 2>&1 </dev/null &
  pids+=($!)
  pid_of[$name]=$!
}

alive() { kill -0 "${pid_of[$1]}" 2>/dev/null || { say "$1 has ended"; exit 1; }; }

# ready NAME URL: until it answers 200, at most a minute.
ready() {
  local name=$1 url=$2 deadline=$((SECONDS + 60))
  until curl -fso /dev/null "$url"; do
    alive "$name"
    ((SECONDS < deadline)) || { say "$name is not ready after a minute"; exit 1; }
    sleep 0.1
  done
  alive "$name" # and it was not somebody else's that answered
}

# stop NAME: at once, and waits until it is gone.
stop() {
  local pid=${pid_of[$1]} other
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  local left=()
  for other in "${pids[@]}"; do [[ $other == "$pid" ]] || left+=("$other"); done
  pids=("${left[@]}")
}

start_redis() {
  start redis redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$work" --appendonly yes --appendfsync always --save ''
}

# start_silo NUMBER OPTION...
start_silo() {
  local number=$1
  shift
  start "silo-$number" dotnet "$(program src/Silo Diststore.Silo)" "${cluster[@]}" --Diststore:Node:Name="node-$number" \
    --Diststore:Node:Address="127.1.3.$number" --Diststore:Http:Port="$base" --Diststore:Silo:Port=$((base + 3)) \
    --Diststore:Silo:GatewayPort=$((base + 4)) --Diststore:Multicast:Port=$((base + 5)) "$@"
  ready "silo-$number" "${nodes[number - 1]}/health/ready"
}

# Redis, three silos and the gateway.
start_cluster() {
  local number
  start_redis
  for number in 1 2 3; do
    start_silo "$number"
  done
  start gateway dotnet "$(program src/Gateway Diststore.Gateway)" "${cluster[@]}" --Diststore:Http:Port=$((base + 1))
  ready gateway "$gateway/health/ready"
}

# start_member NUMBER: one of them.
start_member() {
  local port=$((base + 7)) client=${members[$1 - 1]}
  local peer=http://127.1.4.$1:$port
  start "etcd-$1" etcd --name "m$1" --data-dir "$work/etcd-$1" --logger zap --log-level warn \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --listen-client-urls "$client" --advertise-client-urls "$client" \
    --initial-cluster "m1=http://127.1.4.1:$port,m2=http://127.1.4.2:$port,m3=http://127.1.4.3:$port" --initial-cluster-state new \
    --initial-cluster-token "bench-$base"
}

start_etcd() {
  local number
  for number in 1 2 3; do start_member "$number"; done
  for number in 1 2 3; do ready "etcd-$number" "${members[number - 1]}/health"; done
}

# write_put_script: $work/put.lua, by which wrk puts new keys with 100-byte values; its argument begins their paths.
write_put_script() {
  cat >"$work/put.lua" <<'EOF'
local n, body = 0, string.rep("x", 100)
init = function(args) path = args[1]; wrk.headers["Content-Type"] = "application/octet-stream" end
request = function() n = n + 1; return wrk.format("PUT", path .. n, nil, body) end
EOF
}

# asked SCRIPT CONNECTIONS SECONDS URL ARGUMENT...: by wrk and $work/SCRIPT.lua; "requests/s p50-µs p99-µs".
asked() {
  wrk -t1 -c"$2" -d"$3"s --latency -s "$work/$1.lua" "$4" -- "${@:5}" | awk '
    function us(text) { return text ~ /us$/ ? text + 0 : text ~ /ms$/ ? text * 1000 : text * 1000000 }
    $1 == "50%" { p50 = us($2) } $1 == "99%" { p99 = us($2) } /Requests\/sec/ { rate = $2 }
    /Non-2xx|Socket errors/ { print > "/dev/stderr" } END { printf "%.0f %.0f %.0f\n", rate, p50, p99 }'
}

# restore_silo NUMBER FILE: that node's data folder, from a backup.
restore_silo() {
  dotnet "$(program src/Silo Diststore.Silo)" --restore "$2" "${cluster[@]}" --Diststore:Node:Name="node-$1" --Diststore:Data:Path="$work/data/node-$1" >&2
}

# until_cluster NUMBER TEXT: until that node's /v1/cluster has the text, at most two minutes.
until_cluster() {
  local deadline=$((SECONDS + 120)) cluster
  until cluster=$(curl -fsS "${nodes[$1 - 1]}/v1/cluster") && [[ $cluster == *"$2"* ]]; do
    ((SECONDS < deadline)) || { say "node-$1 still says $cluster, without $2"; exit 1; }
    sleep 0.1
  done
}

# until_logged NAME TEXT: until its log has the text, at most two minutes. Costs it nothing, unlike asking.
until_logged() {
  local deadline=$((SECONDS + 120))
  until grep -q "$2" "$work/$1.log"; do
    alive "$1"
    ((SECONDS < deadline)) || { say "$1 has not logged '$2'"; exit 1; }
    sleep 0.1
  done
}

# until_role NUMBER ROLE: until that node has it by its own word.
until_role() { until_cluster "$1" "\"name\":\"node-$1\",\"role\":\"$2\""; }

# cluster_of NUMBER: what that node says of the cluster.
cluster_of() { curl -fsS -m 5 "${nodes[$1 - 1]}/v1/cluster"; }

# named ROLE: the number of the node that the view gives the role, on input.
named() { sed -nE "s/.*\"$1\":\"node-([0-9])\".*/\1/p"; }

# ticks_of PID...: the processor time that they have used together, in ticks of the kernel's clock (getconf CLK_TCK).
ticks_of() {
  local pid
  for pid in "$@"; do awk '{ sub(/^.*\) /, ""); print $12 + $13 }' "/proc/$pid/stat"; done | awk '{ all += $1 } END { print all }'
}

# node_with ROLE: the address of the first node that has it, as node-1 knows it.
node_with() {
  local number says
  says=$(cluster_of 1)
  for number in 1 2 3; do
    if [[ $says == *'"name":"node-'$number'","role":"'"$1"'"'* ]]; then
      echo "${nodes[number - 1]}"
      return
    fi
  done
}

# until_whole NUMBER NODES: until that node reaches so many, and two of them are the masters by their own word.
until_whole() {
  local deadline=$((SECONDS + 120)) says
  until says=$(cluster_of "$1" 2>&1) && [[ $says == *'"role":"primary"'* && $says == *'"role":"secondary"'* && $says == *'"secondary":"node-'* ]] &&
    (($(grep -o '"reachable":true' <<<"$says" | wc -l) == $2)); do
    ((SECONDS < deadline)) || { say "node-$1 still says $says, and not two masters of $2 nodes"; exit 1; }
    sleep 0.1
  done
}

# write_on API URL...: starts the writers. since: what happened since the last time: "outage-ms acknowledged failed".
write_on() {
  local api=$1
  shift
  coproc load { exec dotnet "$(program bench/Load Diststore.Load)" outages --api "$api" --urls "$(IFS=,; echo "$*")" 2>>"$work/load.log"; }
  pids+=("$load_PID")
  pid_of[load]=$load_PID
}
since() {
  alive load
  echo >&"${load[1]}"
  read -r -t 60 now <&"${load[0]}"
  echo "$now"
}
end_writing() {
  exec {load[1]}>&-
  wait "${pid_of[load]}"
}

# median, of the numbers of a file; met VALUE RELATION BAR, for a table.
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { printf "%.10g\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
met() { awk -v value="$1" -v relation="$2" -v bar="$3" 'BEGIN { print ((relation == ">=" ? value >= bar : relation == "<=" ? value <= bar : value < bar) ? "met" : "missed") }'; }
