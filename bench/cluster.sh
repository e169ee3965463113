# Sourced by the scripts of this folder: builds the programs, starts Redis, three silos and the stand-alone gateway on
# loopback, and ends exactly those again, whatever happens. Needs redis-server and curl.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/diststore-bench.XXXXXX")
pids=()
# Ports of this run's own, below those that the kernel takes for outgoing connections.
base=$((20000 + RANDOM % 1200 * 10))
nodes=("http://127.1.3.1:$base" "http://127.1.3.2:$base" "http://127.1.3.3:$base")
gateway=http://127.0.0.1:$((base + 1))
redis_port=$((base + 2))
free_port=$((base + 9))
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

need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || { say "$program is not installed"; exit 1; }
  done
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

start_cluster() {
  start redis redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$work" --appendonly yes --appendfsync always --save ''
  local cluster=(--Diststore:Cluster:Provider=Redis --Diststore:Cluster:ConnectionString="127.0.0.1:$redis_port" --Diststore:Cluster:Id="bench-$base")
  local number
  for number in 1 2 3; do
    start "silo-$number" dotnet "$(program src/Silo Diststore.Silo)" "${cluster[@]}" --Diststore:Node:Name="node-$number" \
      --Diststore:Node:Address="127.1.3.$number" --Diststore:Http:Port="$base" --Diststore:Silo:Port=$((base + 3)) \
      --Diststore:Silo:GatewayPort=$((base + 4)) --Diststore:Multicast:Port=$((base + 5)) "$@"
    ready "silo-$number" "${nodes[number - 1]}/health/ready"
  done
  start gateway dotnet "$(program src/Gateway Diststore.Gateway)" "${cluster[@]}" --Diststore:Http:Port=$((base + 1))
  ready gateway "$gateway/health/ready"
}
