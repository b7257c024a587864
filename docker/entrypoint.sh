#!/bin/sh
# Starts aisnode as the environment says; arguments are passed on to it.
#   AIS_ROLE          proxy or target; empty: both in one process
#   AIS_JOIN          URL of any node of the cluster; empty: a cluster of its own
#   AIS_DATA          configuration and, by default, data [/ais]
#   AIS_MOUNTPATHS    directories for objects, separated by blanks
#   AIS_HOST          address to listen on [0.0.0.0]
#   AIS_PORT          port for clients [8080]
#   AIS_CONTROL_PORT  port for other nodes [AIS_PORT + 1000]
#   AIS_ADVERTISE     address that others are told to use [the host's name]
#   AISNODE           the program [aisnode]
# "entrypoint.sh health" asks the node whether it serves.
set -eu

port=${AIS_PORT:-8080}

if [ "${1:-}" = health ]; then
  AIS_ENDPOINT=http://127.0.0.1:$port exec ais show cluster smap -H >/dev/null
fi

set -- --dir "${AIS_DATA:-/ais}" --port "$port" \
  --host "${AIS_HOST:-0.0.0.0}" \
  --advertise "${AIS_ADVERTISE:-$(hostname)}" "$@"
[ -z "${AIS_ROLE:-}" ] || set -- --role "$AIS_ROLE" "$@"
[ -z "${AIS_JOIN:-}" ] || set -- --join "$AIS_JOIN" "$@"
[ -z "${AIS_CONTROL_PORT:-}" ] \
  || set -- --control-port "$AIS_CONTROL_PORT" "$@"
for path in ${AIS_MOUNTPATHS:-}; do
  set -- --mountpath "$path" "$@"
done
exec "${AISNODE:-aisnode}" "$@"
