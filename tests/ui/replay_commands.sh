#!/bin/sh
# replay and fit from outside, where they meet odd input: replay_commands.sh MEMSCAPE
. "$(dirname "$0")/commands.sh"

replay() {
	status=$1 text=$2
	shift 2
	expect "$status" "$text" replay -c stm32h7 "$@"
}

printf 'a = malloc 100\nb = malloc 200\nrealloc a 400\nfree b\nfree a\n' >five.txt
printf 'phase nothing\n' >markers.txt
i=0
while [ $i -lt 150 ]; do
	echo "a$i = malloc 100M"
	i=$((i + 1))
done >failing.txt
echo 'free a120' >>failing.txt

# Standard output is one document.
replay 0 '^5,0,0,' --csv - --every 1 five.txt
[ "$(wc -l <out)" = 6 ] || fail "--csv - prints more than its rows"
replay 2 'standard output' --json - --csv - five.txt
replay 2 'standard output' --json - --explain 1..2 five.txt
replay 0 '' --json - --csv rows.csv five.txt

# What was expected of the zones names them, and its own lines.
printf 'p = alloc_pages 0\n' >page.txt
printf 'time_us\tzone\tn0\n\n1\tnormel\t3\n' >zones.tsv
expect 3 "zones.tsv:3: zone 'normel' is none of the machine's, expected one of dma, normal" \
	replay -c x86_32 --expect zones.tsv page.txt

# --explain beyond the trace says so; failures and skipped events are told to the last.
replay 0 'ended at event 5' --explain 50..60 five.txt
replay 0 'FAILED' --explain 150..150 failing.txt
replay 0 'not born' --explain 151..151 failing.txt

# The trace's hash and length are the whole trace's, wherever the replay stops.
"$memscape" replay -c stm32h7 -q --json whole.json five.txt
"$memscape" replay -c stm32h7 -q --json part.json --until 2 five.txt
grep -A2 '"trace": {' whole.json >whole
grep -A2 '"trace": {' part.json >part
cmp -s whole part || fail "--until changes the trace's hash"
replay 1 '' -q --until 2 --fail-on 'events.done == 2 and trace.events == 5' five.txt

# A pipe, a file as standard input and the file itself: the same machine boots, the report is the same.
for form in five.txt "$top/traces/shell.mst"; do
	"$memscape" replay -c x86_64 -q --json named.json "$form"
	"$memscape" replay -c x86_64 -q --json read.json - <"$form"
	cat "$form" | "$memscape" replay -c x86_64 -q --json piped.json -
	cmp -s named.json read.json || fail "$form as standard input gives another report"
	cmp -s named.json piped.json || fail "$form through a pipe gives another report"
done
"$memscape" fit -c stm32h7 --alloc tlsf,bins --json named.json five.txt >/dev/null
cat five.txt | "$memscape" fit -c stm32h7 --alloc tlsf,bins --json piped.json - >/dev/null
cmp -s named.json piped.json || fail "fit finds otherwise through a pipe"

# What a report needs to be made again is in it.
"$memscape" replay -c stm32h7 -q --json part.json --until 2 --set page.order=11 five.txt
grep -q '"page.order=11"' part.json || fail "run.set does not keep --set"
grep -q '"until": 2' part.json || fail "run.until does not keep --until"

expect 3 'asks nothing of a heap' fit -c stm32h7 --alloc tlsf,heap_4 markers.txt
expect 2 'expected kinds' fit -c stm32h7 --alloc '' five.txt
"$memscape" trace pages five.txt -o pages.mst >/dev/null 2>&1
expect 3 'asks nothing of a heap' fit -c stm32h7 --alloc tlsf pages.mst
"$memscape" fit -c stm32h7 --alloc tlsf --json fit.json five.txt >/dev/null
expect 2 'two of a kind' diff whole.json fit.json

# The example of docs/machines.md, word for word, on the trace it names.
cd "$top"
sed -n '/^memscape replay -c stm32h7 traces/,/^```/p' docs/machines.md | sed '/^```/d' >"$dir/example"
[ -s "$dir/example" ] || fail "docs/machines.md shows no placement"
memscape() {
	"$memscape" "$@"
}
. "$dir/example" >"$dir/out" || fail "the example of docs/machines.md ends with $?"
grep -q '^It fits' "$dir/out" || fail "the example of docs/machines.md does not fit"
grep -q '^  small (tlsf): arena 112 KiB' "$dir/out" || fail "the example has no heap 'small'"

exit $failed
