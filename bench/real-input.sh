#!/usr/bin/env bash
# Stores every regular file under /usr/share up to the size limit, by its path as key, through the stand-alone gateway
# into three silo processes; lists them in order; reads them back from every node; compares byte by byte.
#
#   bench/real-input.sh [--limit FILES]     with a limit: all with odd names, and of the others an even spread
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
need redis-server curl dotnet
build src/Silo src/Gateway bench/Load

# The names that a machine's own files seldom have.
odd="$work/odd names"
mkdir -p "$odd/100%" "$odd/ünï/日本語" "$odd/..." "$odd/a%2Fb"
for name in ' leading and trailing ' '100%/%41 is not A.txt' 'ünï/日本語/смешанный.txt' '.../dots' 'a%2Fb/c' '😀 & friends?#.txt' $'line\nbreak' \
  'plus+and=equals' 'quote"and'\''apostrophe' 'back\slash' 'semi;colon,comma' 'empty'; do
  printf 'content of %s' "$name" >"$odd/$name"
done
: >"$odd/empty"

start_cluster
dotnet "$(program bench/Load Diststore.Load)" real-input --gateway "$gateway" --nodes "$(IFS=,; echo "${nodes[*]}")" \
  --root /usr/share --root "$odd" "$@"
