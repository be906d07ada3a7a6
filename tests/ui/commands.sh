# What tests of the command line from outside share: . commands.sh, with $1 the program.
# They run in a folder of their own; `$failed` is their exit status.
set -eu
memscape=$(realpath "$1")
top=$(realpath "$(dirname "$0")/../..")
dir=$(mktemp -d "${TMPDIR:-/tmp}/memscape-commands.XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

# expect STATUS TEXT COMMAND...: the exit status, and a text somewhere in the output
expect() {
	status=$1 text=$2
	shift 2
	got=0
	"$memscape" "$@" >out 2>&1 || got=$?
	[ "$got" = "$status" ] || fail "$* ended with $got, expected $status: $(head -3 out)"
	[ -z "$text" ] || grep -q -- "$text" out || fail "$* does not say '$text': $(head -3 out)"
}
