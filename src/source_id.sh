#!/bin/sh
# The program as results depend on it: version, and a hash of the sources of model, alloc and sim.
# source_id.sh SOURCE_ROOT VERSION OUTPUT.  The output is touched only when it changes.
set -eu
hash=$(cd "$1" && find src/model src/alloc src/sim -name '*.[ch]' | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-16)
line="#define MEMSCAPE_PROGRAM \"$2 $hash\""
[ -f "$3" ] && [ "$(cat "$3")" = "$line" ] || printf '%s\n' "$line" >"$3"
