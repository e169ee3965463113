#!/usr/bin/env bash
# Measures for how long nobody's writes are acknowledged when a master is lost: 64 writers over all nodes, that send what
# fails to another node at once; the outage is the time from the last acknowledgement before to the first one after, over
# all writers together. Three silos on Redis, every write synced to disk by both masters: the primary is killed, then
# stopped (SIGSTOP), then killed together with the registry that would replace it. And three members of etcd, of which
# the leader is killed, under the same writers through its JSON gateway. Prints a table in Markdown.
#
#   bench/failover.sh [ROUNDS]        10 rounds unless told; a third as many with SIGSTOP and with the registry
set -euo pipefail
# shellcheck source=bench/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
rounds=${1:-10}
fewer=$(((rounds + 2) / 3))
disk=$(on_disk)
need redis-server curl dotnet etcd:etcd-server
build src/Silo bench/Load

step_down() { curl -fsS -m 10 -o /dev/null -X POST "${nodes[$1 - 1]}/v1/cluster/step-down"; }

# make_both: makes the node that the registry is on the primary. The registry soon leaves it for that.
make_both() {
  local registry secondary
  registry=$(cd "$work" && grep -H 'The registry is here' silo-?.log | sed -E 's/silo-([0-9])\.log:[0-9-]+ ([0-9:.]+) .*/\2 \1/' | sort | tail -1 | cut -d' ' -f2)
  secondary=$(cluster_of 1 | named secondary)
  if ((registry != primary && registry != secondary)); then
    step_down "$secondary"
    until_whole 1 3
  fi
  if ((registry != primary)); then
    step_down "$primary"
    primary=$registry
  fi
}

# was_both: whether the registry was still on the node that was the primary.
was_both() { [[ $(grep 'The registry ' "$work/silo-$primary.log" | tail -1) == *'is here'* ]]; }

# lose HOW: under load, the primary; waits for two other masters, leaves what the writers met in the file "now", and makes the three whole again.
lose() {
  local how=$1 other
  until_whole 1 3
  write_on v1 "${nodes[@]}"
  sleep 3 # past what starting it costs
  primary=$(cluster_of 1 | named primary)
  if [[ $how == both ]]; then make_both; fi
  other=$((primary % 3 + 1))
  since >/dev/null
  if [[ $how == stop ]]; then kill -STOP "${pid_of[silo-$primary]}"; else stop "silo-$primary"; fi
  until_whole "$other" 2
  since >"$work/now"
  if [[ $how == both ]] && ! was_both; then rm "$work/now"; fi
  if [[ $how == stop ]]; then
    kill -CONT "${pid_of[silo-$primary]}"
    ready "silo-$primary" "${nodes[primary - 1]}/health/ready"
  else
    start_silo "$primary" --Diststore:Data:Durability=Fsync
  fi
  end_writing
  until_whole "$other" 3
}

# leader: the number of the member that says of itself that it leads.
leader() {
  local number status
  for number in 1 2 3; do
    status=$(curl -fsS -m 5 -d '{}' "${members[number - 1]}/v3/maintenance/status")
    if [[ $(sed -nE 's/.*"member_id":"([0-9]+)".*/\1/p' <<<"$status") == $(sed -nE 's/.*"leader":"([0-9]+)".*/\1/p' <<<"$status") ]]; then echo "$number"; fi
  done
}

# lose_leader: the same with etcd.
lose_leader() {
  local lost
  write_on etcd "${members[@]}"
  sleep 3
  lost=$(leader)
  since >/dev/null
  stop "etcd-$lost"
  ready "etcd-$((lost % 3 + 1))" "${members[lost % 3]}/health"
  since >"$work/now"
  start_member "$lost"
  ready "etcd-$lost" "${members[lost - 1]}/health"
  end_writing
}

# rounds_of FILE ROUNDS COMMAND...: so many rounds that count, their outages in the file.
rounds_of() {
  local file=$1 count=$2 round=0 tries=0
  shift 2
  : >"$work/$file"
  while ((round < count)); do
    ((++tries <= 3 * count)) || { say "too few rounds of '$*' went as they should"; exit 1; }
    "$@"
    if [[ ! -e $work/now ]]; then continue; fi
    cut -d' ' -f1 "$work/now" >>"$work/$file"
    say "$file, round $((++round)) of $count: $(cut -d' ' -f1 "$work/now") ms; $(cut -d' ' -f2,3 "$work/now" | sed 's/ / writes acknowledged, /') tries failed"
    rm "$work/now"
  done
}

start_redis
for number in 1 2 3; do
  start_silo "$number" --Diststore:Data:Durability=Fsync
done
say "warming up"
write_on v1 "${nodes[@]}"
sleep 10
end_writing
rounds_of killed "$rounds" lose kill
rounds_of stopped "$fewer" lose stop
rounds_of both "$fewer" lose both
for number in 1 2 3; do stop "silo-$number"; done

start_etcd
rounds_of etcd "$rounds" lose_leader

# row NAME FILE [MEDIAN MAX]: a line of the table, with the bars in milliseconds.
row() {
  local median max bars=" | |"
  median=$(median "$work/$2") max=$(sort -g "$work/$2" | tail -1)
  if (($# > 2)); then
    bars="median under $3${4:+, maximum under $4} | $(met "$median" '<' "$3")${4:+, $(met "$max" '<' "$4")} |"
  fi
  echo "| $1 | $(wc -l <"$work/$2") | $median | $max | $bars"
}
echo
echo "\`bench/failover.sh $rounds\`: milliseconds from the last acknowledgement before to the first one after, over 64 writers of 100-byte values," \
  "three silos on Redis, data on $disk, $(nproc) cores shared with the writers; etcd $(etcd --version | awk '/^etcd/ { print $3 }'), three members, JSON gateway."
echo
echo "| lost under writes | rounds | median ms | maximum ms | bar | |"
echo "| --- | --- | --- | --- | --- | --- |"
row "primary, kill -9" killed 1000 3000
row "primary, SIGSTOP" stopped 3000
row "primary and registry on one silo, kill -9" both 2000
row "etcd's leader, kill -9" etcd
