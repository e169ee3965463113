#!/usr/bin/env bash
# What much of everything does to three silos and a gateway: long keys listed while others write, large values listed, many
# deletes whose tombstones are collected, many entries that expire in the same second, a thousand streams, hundreds of
# slow senders. Each phase has a cluster of its own. Judged: nothing is missing, no write failed, the epoch stays, memory and
# latency stay within their bars. Prints a table in Markdown and ends with 1 where a bar was missed.
#
#   bench/volume.sh [--small] [a b c d e f]        all six phases unless told; --small: a tenth of everything, for CI
set -euo pipefail
small=
if [[ ${1:-} == --small ]]; then
  small=--small
  shift
fi

# Each phase in a process of its own, with its own servers and files.
if [[ ${1:-} != --phase ]]; then
  phases=("${@:-}")
  if [[ -z ${phases[*]} ]]; then phases=(a b c d e f); fi
  rows=$(mktemp "${TMPDIR:-/tmp}/diststore-volume.XXXXXX")
  trap 'rm -f "$rows"' EXIT
  for phase in "${phases[@]}"; do
    "${BASH_SOURCE[0]}" $small --phase "$phase" "$rows"
    export BENCH_NO_BUILD=1
  done
  echo
  echo "\`bench/volume.sh${small:+ $small}\`: three silos and a gateway on $(nproc) cores shared with the load generator."
  echo
  echo "| | seen | bar | |"
  echo "| --- | --- | --- | --- |"
  cat "$rows"
  ! grep -q '| missed |$' "$rows"
  exit
fi
phase=$2 rows=$3

# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
on_disk >/dev/null
export MALLOC_ARENA_MAX=2 # as the images set it
need redis-server curl dotnet
build src/Silo src/Gateway bench/Load
load() { dotnet "$(program bench/Load Diststore.Load)" "$@"; }
all=$(IFS=,; echo "${nodes[*]}")
divisor=1
window=30 # seconds of one measurement
if [[ $small ]]; then divisor=10 window=10; fi
processes=(silo-1 silo-2 silo-3 gateway)

# row TEXT SEEN RELATION BAR [UNIT]: adds a row to the table.
row() {
  local verdict
  verdict=$(met "$2" "$3" "$4")
  echo "| ($phase) $1 | $2 ${5:-} | $([[ $3 == '<=' ]] && echo 'at most' || echo 'at least') $4 ${5:-} | $verdict |" >>"$rows"
  say "($phase) $1: $2 ${5:-}, bar $3 $4: $verdict"
}

epoch() { curl -fsS -m 10 "${nodes[0]}/v1/cluster" | grep -o '"epoch":[0-9]*' | head -1 | cut -d: -f2; }
primary() { curl -fsS -m 10 "${nodes[0]}/v1/cluster" | grep -o '"primary":"node-[0-9]' | head -1 | grep -o '[0-9]$'; }
newest() { curl -fsS -m 10 "${nodes[0]}/v1/kv?limit=1" | grep -o '"id":"[0-9-]*"' | cut -d'"' -f4; }
resident() { awk '/VmRSS/ { printf "%d", $2 / 1024 }' "/proc/${pid_of[$1]}/status"; }

# sample NAME: writes down the most MiB that each process had, five times a second, until unsample.
sample() {
  local name=$1
  (
    declare -A most
    while sleep 0.2; do
      for process in "${processes[@]}"; do
        now=$(resident "$process" 2>/dev/null || echo 0)
        if ((now > ${most[$process]:-0})); then
          most[$process]=$now
          echo "$now" >"$work/$name.$process"
        fi
      done
    done
  ) &
  sampler=$!
  pids+=("$sampler")
}
unsample() {
  kill "$sampler" 2>/dev/null || true
  wait "$sampler" 2>/dev/null || true
}
# grown BEFORE AFTER: by how much the process whose peak grew most did, in MiB.
grown() {
  local process most=-100000 by
  for process in "${processes[@]}"; do
    by=$(($(cat "$work/$2.$process") - $(cat "$work/$1.$process")))
    if ((by > most)); then most=$by; fi
  done
  echo "$most"
}

# writers SECONDS [CONNECTIONS] [BYTES]: "posts/s median-µs p99-µs p99.9-µs others"
writers() { load posts --api v1 --urls "$all" --seconds "$1" --connections "${2:-16}" --bytes "${3:-100}"; }

# with_writers NAME COMMAND...: runs the command while 16 writers write; their figures go to a file of that name.
with_writers() {
  local name=$1 seconds=$2 writing
  shift 2
  sample "$name"
  writers "$seconds" >"$work/$name" &
  writing=$!
  "$@"
  wait "$writing"
  unsample
}
others() { cut -d' ' -f5 "$work/$1"; }
worst() { awk '{ if ($4 > most) most = $4 } END { printf "%.0f\n", most / 1000 }' "$@"; } # p99.9, ms

# windows NAME COUNT: p99.9 and all else of so many windows of 5 s, a line each.
windows() {
  local i
  for ((i = 0; i < $2; i++)); do writers 5 16 >>"$work/$1"; done
}
# until_done NAME COMMAND: windows of 5 s until the command says yes, at most sixty.
until_done() {
  local i
  for ((i = 0; i < 60; i++)); do
    writers 5 16 >>"$work/$1"
    if "$2"; then return; fi
  done
  say "$2 did not come true"
  exit 1
}
# latency TEXT: compares the worst window of "meanwhile" with four times the median of "without", or 250 ms.
latency() {
  local without bar
  without=$(cut -d' ' -f4 "$work/without" >"$work/without.p999"; median "$work/without.p999" | awk '{ printf "%.0f\n", $1 / 1000 }')
  bar=$((4 * without > 250 ? 4 * without : 250))
  row "$1: p99.9 of posts, worst of $(wc -l <"$work/meanwhile") windows of 5 s ($without ms without)" "$(worst "$work/meanwhile")" '<=' "$bar" ms
  row "$1: posts that failed" "$(awk '{ n += $5 } END { print n + 0 }' "$work/without" "$work/meanwhile")" '<=' 0
}

start_with() {
  local number
  start_redis
  for number in 1 2 3; do start_silo "$number" "$@"; done
  start gateway dotnet "$(program src/Gateway Diststore.Gateway)" "${cluster[@]}" --Diststore:Http:Port=$((base + 1))
  ready gateway "$gateway/health/ready"
  until curl -fso /dev/null "${nodes[0]}/v1/kv?limit=1"; do sleep 0.5; done # the first request elects
  until_cluster 1 '"secondary":"node-'
  writers 10 64 >/dev/null # the runtime compiles well only what has run often
}

phase_a() {
  local keys=$((150000 / divisor)) i
  start_with
  load long-keys --urls "$all" --count "$keys" --connections 64
  local before
  before=$(epoch)
  with_writers unmeasured "$window" sleep 1
  with_writers alone "$window" sleep 1
  # shellcheck disable=SC2329 # called by name
  listings() {
    for i in "${nodes[0]}/list" "${nodes[2]}/list?node=node-1" "$gateway/list?node=node-$(primary)" "${nodes[1]}/list?node=node-3"; do
      load names --get "$i" --prefix long/ >>"$work/listed"
    done
  }
  with_writers listed.posts "$window" listings
  # The third node is no master: it lists copies, of which it may have any number.
  row "/list of $keys keys of 1,000 bytes, by node, by ?node= and by gateway: least number of keys" "$(head -3 "$work/listed" | sort -g | head -1)" '>=' "$keys"
  row "posts that failed meanwhile" "$(others listed.posts)" '<=' 0
  row "memory beyond that of the writers alone" "$(grown alone listed.posts)" '<=' 64 MiB
  row "changes of the epoch" $(($(epoch) - before)) '<=' 0
}

phase_b() {
  local values=$((300 / divisor)) before
  start_with
  load large --urls "$all" --count "$values" --bytes $((4 << 20)) --connections 4
  before=$(epoch)
  with_writers unmeasured "$window" sleep 1
  with_writers alone "$window" sleep 1
  listings() { load listings --get "${nodes[0]}" --prefix large/ --count 50 --connections 8 >"$work/listed"; }
  with_writers listed.posts "$window" listings
  row "50 listings with limit=1000 of $values values of 4 MiB, 8 at once: keys in each" "$(cat "$work/listed")" '>=' "$values"
  row "posts that failed meanwhile" "$(others listed.posts)" '<=' 0
  row "memory beyond that of the writers alone" "$(grown alone listed.posts)" '<=' 64 MiB
  row "changes of the epoch" $(($(epoch) - before)) '<=' 0
}

phase_c() {
  local keys=$((500000 / divisor)) retention before last
  if [[ $small ]]; then retention=20; else retention=120; fi
  start_with --Diststore:Masters:TombstoneRetention="00:$(printf %02d $((retention / 60))):$(printf %02d $((retention % 60)))"
  load fill --urls "$all" --from 0 --to "$keys" --connections 64
  before=$(epoch)
  windows without 5
  load delete --urls "$all" --count "$keys" --connections 64
  last=$(newest)
  say "deleted; the last change is $last"
  # Who asks for the changes since the last delete is told 410 once all tombstones up to it are forgotten.
  collected() { [[ $(curl -so /dev/null -m 10 -w '%{http_code}' "${nodes[0]}/v1/changes?since=$(sed 's/.*-//' <<<"$last" | awk -v e="${last%-*}" '{ print e "-" $1 - 1 }')&live=false") == 410 ]]; }
  until_done meanwhile collected
  latency "the tombstones of $keys deletes collected"
  row "changes of the epoch" $(($(epoch) - before)) '<=' 0
}

phase_d() {
  local keys=$((200000 / divisor)) before since seconds
  if [[ $small ]]; then seconds=30; else seconds=90; fi
  start_with
  before=$(epoch)
  since=$(newest)
  load watch --get "${nodes[0]}" --since "$since" --prefix mortal/ --deletes "$keys" --seconds 400 >"$work/watched.node" &
  local first=$!
  load watch --get "$gateway" --since "$since" --prefix mortal/ --deletes "$keys" --seconds 400 >"$work/watched.gateway" &
  local second=$!
  pids+=("$first" "$second")
  windows without 3
  load expire --urls "$all" --count "$keys" --in "$seconds" --connections 64
  swept() { ! kill -0 "$first" 2>/dev/null && ! kill -0 "$second" 2>/dev/null; }
  until_done meanwhile swept
  latency "$keys keys that expire in the same second"
  row "deletes that a watcher of a node saw" "$(cat "$work/watched.node")" '>=' "$keys"
  row "deletes that a watcher of the gateway saw" "$(cat "$work/watched.gateway")" '>=' "$keys"
  row "changes of the epoch" $(($(epoch) - before)) '<=' 0
}

phase_e() {
  local streams=$((1000 / divisor)) before leader start posting
  start_with
  leader=$(primary)
  before=$(epoch)
  writers 10 4 $((1 << 20)) >/dev/null
  start=$(resident "silo-$leader")
  sample streamed
  load streams --get "${nodes[leader - 1]}" --since "$(newest)" --count "$streams" --seconds $((window + 15)) >"$work/open" &
  posting=$!
  sleep 5
  writers "$window" 4 $((1 << 20)) >"$work/posts"
  wait "$posting"
  unsample
  row "$streams streams and posts of 1 MiB: memory of the primary up by" $(($(cat "$work/streamed.silo-$leader") - start)) '<=' 256 MiB
  row "posts of 1 MiB that failed" "$(others posts)" '<=' 0
  row "changes of the epoch" $(($(epoch) - before)) '<=' 0
  say "streams open at the end, and MiB they read: $(cat "$work/open"); posts: $(cat "$work/posts")"
}

phase_f() {
  local senders=$((400 / divisor)) before start sending
  start_with
  before=$(epoch)
  writers 10 16 >/dev/null
  start=$(resident silo-3)
  sample slow
  load trickle --get "${nodes[2]}" --count "$senders" --bytes 12000000 --rate 300 --seconds $((window + 10)) >"$work/open" &
  sending=$!
  sleep 5
  load posts --api v1 --urls "${nodes[2]}" --seconds "$window" --connections 16 >"$work/posts"
  wait "$sending"
  unsample
  row "$senders connections that send 12 MB at 300 B/s: memory of the node up by" $(($(cat "$work/slow.silo-3") - start)) '<=' 128 MiB
  row "posts of others at that node that failed" "$(others posts)" '<=' 0
  row "changes of the epoch" $(($(epoch) - before)) '<=' 0
}

"phase_$phase"
