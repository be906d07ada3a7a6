#!/bin/sh
# Links the objects of one allocator instance into one and hides every symbol
# but its registry, so that all instances fit into one program.
#   relink.sh LD OBJCOPY SYMBOL OUTPUT.o OBJECT...
set -eu
ld=$1 objcopy=$2 symbol=$3 out=$4
shift 4
"$ld" -r -o "$out.tmp" "$@"
"$objcopy" --keep-global-symbol="$symbol" "$out.tmp" "$out"
rm -f "$out.tmp"
