#!/usr/bin/env bash
# Builds the images, starts docker/compose.yaml, posts and gets through the gateway's container, kills the primary's
# container, reads and writes on, and removes all that it made, whatever happens.
#
#   [SDK_IMAGE=...] [RUNTIME_IMAGE=...] [REDIS_IMAGE=...] docker/test.sh
#
# Needs a Docker engine, `docker compose` or `docker-compose`, and curl; a `docker compose up` of the same file must not run.
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export DISTSTORE_TAG="test-$$" DISTSTORE_PORT=${DISTSTORE_PORT:-18088}
if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
compose+=(-f "$folder/compose.yaml" -p "diststore-test-$$")
gateway=http://127.0.0.1:$DISTSTORE_PORT
keys=50

clean_up() {
  local status=$?
  trap - EXIT
  ((status == 0)) || "${compose[@]}" logs --tail=15 || true
  "${compose[@]}" down --volumes --remove-orphans --timeout 5 >/dev/null 2>&1 || true
  docker image rm -f "diststore-silo:$DISTSTORE_TAG" "diststore-gateway:$DISTSTORE_TAG" >/dev/null 2>&1 || true
  docker image prune -f --filter label=stage=diststore-build >/dev/null 2>&1 || true
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

step() { echo "== $*"; }

# until_ok SECONDS WHAT COMMAND...: again and again until it succeeds.
until_ok() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || { echo "not in time: $what" >&2; exit 1; }
    sleep 0.3
  done
}

post() { [[ $(curl -s -o /dev/null -w '%{http_code}' -d "key=$1" -d "value=value of $1" "$gateway/") == 200 ]]; }
holds() { [[ $(curl -fs "$gateway/get/$1") == "value of $1" ]]; }
primary() { curl -fs "$gateway/v1/cluster" | grep -o '"primary":"[^"]*"' | cut -d'"' -f4; }

step "building"
"${compose[@]}" build >"/tmp/diststore-build-$$.log" 2>&1 || { tail -30 "/tmp/diststore-build-$$.log"; exit 1; }
rm -f "/tmp/diststore-build-$$.log"

step "starting Redis, three silos and the gateway"
"${compose[@]}" up -d
until_ok 120 "the gateway is ready" curl -fso /dev/null "$gateway/health/ready"

step "posting $keys keys through the gateway and reading them back"
for ((i = 1; i <= keys; i++)); do until_ok 30 "POST key-$i" post "key-$i"; done
for ((i = 1; i <= keys; i++)); do until_ok 10 "GET key-$i" holds "key-$i"; done
[[ $(curl -s -o /dev/null -w '%{http_code}' "$gateway/get/nobody-has-this") == 404 ]]

killed=$(primary)
step "killing the container of $killed, the primary"
SECONDS=0
"${compose[@]}" kill "$killed" >/dev/null 2>&1
until_ok 30 "POST after the kill" post after-the-kill
echo "writes go on after $SECONDS s, primary is $(primary)"
for ((i = 1; i <= keys; i++)); do until_ok 10 "GET key-$i" holds "key-$i"; done
until_ok 10 "GET after-the-kill" holds after-the-kill
[[ $(primary) != "$killed" ]]

step "starting $killed again"
"${compose[@]}" start "$killed" >/dev/null 2>&1
until_ok 60 "$killed is back" bash -c "curl -fs '$gateway/v1/cluster' | grep -q '\"name\":\"$killed\",\"role\":\"[a-z]*\",\"reachable\":true'"
curl -fs "$gateway/v1/cluster"
echo
echo "docker: passed"
