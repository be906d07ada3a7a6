# bash completion for memscape(1): commands, options, machines, kinds, variants.

# Names in the first column of `memscape list WHAT`.
_memscape_names() {
	memscape list "$1" 2>/dev/null | sed -n 's/^\([a-z][a-z0-9_-]*\).*/\1/p'
}

_memscape_variants() {
	local i machine=

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i - 1]} in
		-c | --machine | info) machine=${COMP_WORDS[i]} ;;
		esac
	done
	[ -n "$machine" ] || return 0
	memscape info "$machine" 2>/dev/null | sed -n '/^Variants/,$s/^  \([A-Za-z0-9_-]*\)  .*/\1/p'
}

_memscape_options() {
	local common="--help --version" machine="-c --machine --variant --set"

	case $1 in
	replay) echo "$machine --alloc --port --noise --start --level --expect --proc --at --until --explain --check --fail-on --salvage --json --csv --every --columns --map --region --timing --color --quiet $common" ;;
	fit) echo "$machine --alloc --region --jobs --json --color $common" ;;
	compare) echo "$machine --a --b --noise --until --all --json --color --quiet $common" ;;
	view) echo "$machine --alloc --compare --at --memory --noise --keys --colors --ascii --script --size $common" ;;
	record) echo "--output --times --sites --only-first --quiet $common" ;;
	sweep) echo "--output --jobs --shard --dry-run --gate --max-steps --max-seconds --retry --color --quiet $common" ;;
	merge) echo "--output $common" ;;
	export) echo "--format --output --figures --reports --gate --baseline $common" ;;
	baseline) echo "--gate --output --baseline --label --all --color $common" ;;
	plot) echo "--output --title $machine --alloc --until --samples --region --zone --order --b-alloc --b-set --b-variant --figure --x --y --group $common" ;;
	parity) echo "--from --json --color --quiet $common" ;;
	diff) echo "--all $common" ;;
	info) echo "--variant --set --json $common" ;;
	import) echo "--output --from --to $common" ;;
	gen) echo "--output --events --seed --live --min --max --to $common" ;;
	trace) echo "--events --op --size --ctx --invert --keep --page --max-order --caches --output --to $common" ;;
	list) echo "--json $common" ;;
	esac
}

# Words that may stand where the option before the cursor wants its value.
_memscape_values() {
	case $1 in
	-c | --machine) _memscape_names machines ;;
	--variant) _memscape_variants ;;
	--alloc | --b-alloc | --compare | --a | --b) _memscape_names allocators ;;
	--colors) echo "256 16 8 0" ;;
	-f | --format) echo "csv json markdown junit github bencher" ;;
	--port) echo "fast checked" ;;
	--level) echo "request buddy object" ;;
	--color) echo "auto always never" ;;
	--from) [ "${COMP_WORDS[1]}" != parity ] && _memscape_names formats ;;
	--to) echo "binary text" ;;
	*) return 1 ;;
	esac
}

# What a command takes that is no option and no file.
_memscape_words() {
	case $1 in
	list) echo "allocators machines formats figures" ;;
	info) _memscape_names machines ;;
	plot) [ "$COMP_CWORD" != 2 ] || memscape plot --help 2>/dev/null | sed -n '/^kinds/,$s/^  \([a-z]*\) .*/\1/p' ;;
	baseline) [ "$COMP_CWORD" != 2 ] || echo "update check" ;;
	gen) memscape gen --help 2>/dev/null | sed -n '/^kinds/,$s/^  \([a-z]*\) .*/\1/p' ;;
	trace) [ "$COMP_CWORD" != 2 ] || echo "cut merge filter scale shrink pages kmalloc" ;;
	esac
}

_memscape() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		words="replay view compare fit record sweep merge export baseline plot parity diff info import gen trace list --help --version"
	elif words=$(_memscape_values "$prev"); then
		: # the value of an option
	elif [[ $cur == -* ]]; then
		words=$(_memscape_options "$command")
	else
		words=$(_memscape_words "$command")
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o filenames -F _memscape memscape
