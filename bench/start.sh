#!/usr/bin/env bash
# How long a process takes from its start to its first answer, published with machine code: bench/Bare, a lone node, and three
# nodes in one process. They take turns. Prints a table in Markdown.
#
#   bench/start.sh [ROUNDS]        5 rounds unless told
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
rounds=${1:-5}
need curl dotnet
for project in Silo:src/Silo Bare:bench/Bare; do
  dotnet publish "$root/${project#*:}" -c Release -o "$work/${project%%:*}" -v quiet --nologo >"$work/publish.log" || { cat "$work/publish.log" >&2; exit 1; }
done
silo=$work/Silo/Diststore.Silo.dll

# milliseconds NAME URL COMMAND...: until all of the URLs answer 200. What answered has to be the process that was started.
milliseconds() {
  local name=$1 urls=$2 began url
  shift 2
  rm -rf "$work/data"
  began=$(date +%s%N)
  start "$name" "$@"
  for url in $urls; do
    until curl -fso /dev/null -m 2 "$url"; do
      alive "$name"
      (($(date +%s%N) - began < 60000000000)) || { say "$name is not ready after a minute"; exit 1; }
      sleep 0.01
    done
  done
  alive "$name"
  now=$((($(date +%s%N) - began) / 1000000))
  stop "$name"
}

ready_on() { printf 'http://127.0.0.1:%s/health/ready ' "$@"; }
for ((round = 1; round <= rounds; round++)); do
  milliseconds bare "http://127.0.0.1:$base/" dotnet "$work/Bare/Diststore.Bare.dll" --urls "http://127.0.0.1:$base" --bytes 100
  echo "$now" >>"$work/bare.ms"
  milliseconds lone "$(ready_on "$base")" dotnet "$silo" --Diststore:Http:Port="$base" --Diststore:Data:Path="$work/data"
  echo "$now" >>"$work/lone.ms"
  milliseconds three "$(ready_on "$base" $((base + 1)) $((base + 2)))" dotnet "$silo" --nodes 3 --Diststore:Http:Port="$base" --Diststore:Data:Path="$work/data"
  echo "$now" >>"$work/three.ms"
  for name in lone three; do paste "$work/$name.ms" "$work/bare.ms" | tail -1 | awk '{ printf "%.2f\n", $1 / $2 }' >>"$work/$name.ratio"; done
  say "round $round of $rounds: bare $(tail -1 "$work/bare.ms"), lone $(tail -1 "$work/lone.ms"), three $(tail -1 "$work/three.ms") ms"
done

of() { median "$work/$1"; }
echo "\`bench/start.sh $rounds\`: medians of $rounds starts each, in turns, published as \`dotnet publish\` does it, $(nproc) cores."
echo
echo "| from the start to the first answer | ms | of bare Kestrel | bar | |"
echo "| --- | --- | --- | --- | --- |"
echo "| bench/Bare | $(of bare.ms) | 1 | | |"
echo "| a lone node is ready | $(of lone.ms) | $(of lone.ratio) | at most 4 | $(met "$(of lone.ratio)" '<=' 4) |"
echo "| \`--nodes 3\`, all are ready | $(of three.ms) | $(of three.ratio) | at most 7 | $(met "$(of three.ratio)" '<=' 7) |"
