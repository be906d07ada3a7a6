#!/bin/sh
# A sweep on many processors or hosts with GNU parallel: one shard a job, then merge.
#
#   parallel.sh SWEEP.yaml SHARDS RESULTS.db [OPTION OF PARALLEL...]
#
# Ended by whatever, it goes on where it was: memscape knows which points of a shard are done, and of
# a changed sweep which are not.  On several hosts (--sshlogin) they need a folder in common.
# MEMSCAPE is the program, else memscape.
set -eu
[ $# -ge 3 ] || { echo "usage: $0 SWEEP.yaml SHARDS RESULTS.db [OPTION OF PARALLEL...]" >&2; exit 2; }
sweep=$1 shards=$2 results=$3
shift 3
memscape=${MEMSCAPE:-memscape}

seq "$shards" | parallel --will-cite --joblog "$results.joblog" "$@" \
	"$memscape" sweep -q -j 1 --shard "{}/$shards" -o "$results.{}" "$sweep"
# shellcheck disable=SC2046
"$memscape" merge -o "$results" $(seq -f "$results.%g" "$shards")
