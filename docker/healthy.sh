#!/usr/bin/env bash
# The containers' health check: asks the program in this container whether it is ready. The runtime image has no HTTP
# client, so it is spoken by hand.
#
#   healthy DEFAULT_PORT
address=${Diststore__Node__Address:-127.0.0.1}
port=${Diststore__Http__Port:-$1}
exec 3<>"/dev/tcp/$address/$port" || exit 1
printf 'GET /health/ready HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n' "$address" "$port" >&3
read -r _ status _ <&3
[[ $status == 200 ]]
