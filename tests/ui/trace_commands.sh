#!/bin/sh
# The commands that write traces, from outside: trace_commands.sh MEMSCAPE
. "$(dirname "$0")/commands.sh"

# same A B: the same events
same() {
	[ "$("$memscape" info "$1" | tail -n 1)" = "$("$memscape" info "$2" | tail -n 1)" ] ||
		fail "$1 and $2 differ"
}

printf '1\n4\n7\n1\na 0 100\na 1 5000\nr 0 200\na 2 9000000\nf 0\nf 1\nf 2\n' >a.rep

expect 0 'alignment is lost' import a.rep -o a.mst
same a.rep a.mst
expect 0 'nothing was lost' import a.mst -o a.txt --to text
same a.rep a.txt
"$memscape" import - -o - <a.rep 2>/dev/null >b.mst || fail "import from a pipe"
cmp -s a.mst b.mst || fail "a pipe gives another file"
expect 0 '"events": 7' info --json a.mst

expect 2 'expected -o TRACE' import a.rep
expect 2 'expected binary or text' import a.rep -o x --to xml
expect 3 'unknown format' import a.rep -o x --from heaptrack
expect 3 'cannot open' import nothing.rep -o x
head -c 60 a.mst >cut.mst
expect 3 'truncated' import cut.mst -o x
[ ! -e x ] || fail "a failed import left a file"
ls | grep -q tmp && fail "a failed import left a temporary file"

expect 0 'robson' gen --help
expect 0 '' gen uniform comb -n 5000 --seed 3 -o g.mst
expect 0 '' gen uniform comb -n 5000 --seed 3 -o h.mst --to text
same g.mst h.mst
expect 2 'unknown kind' gen frob -o x
expect 2 'expected a kind' gen -o x
expect 2 '1 <= --min' gen uniform --min 0 -o x
expect 2 'expected a number from 8' gen uniform --live 0 -o x

expect 0 '3 events copied, 4 left out' trace cut --events 1..3 a.mst -o t.mst
expect 0 '5 events copied, 2 left out' trace filter --size 0..1M a.mst -o t.mst
expect 0 '2 events copied, 5 left out' trace filter --size 0..1M --invert a.mst -o t.mst
expect 0 '7 events copied, 0 left out' trace filter --op malloc --ctx 0 a.mst -o t.mst
expect 0 '3 events copied, 4 left out' trace shrink --keep 3 a.mst -o t.mst
expect 0 '7 events copied' trace scale --size 3/2 a.mst -o t.txt --to text
grep -q 'malloc 13500000' t.txt || fail "scale: $(cat t.txt)"
expect 0 '1 objects too large for order 10' trace pages a.mst -o t.txt --to text
grep -q 'b1 = alloc_pages 1' t.txt || fail "pages: $(cat t.txt)"
printf 'p = alloc_pages 1\nfree p\n' >wrong.trace
expect 0 '2 events copied' trace pages wrong.trace -o t.txt --to text
grep -q '^free_pages .*1$' t.txt || fail "pages: a wrong free: $(cat t.txt)"
expect 0 '10 caches with' trace kmalloc --caches 10 g.mst -o k.mst
"$memscape" trace kmalloc --caches 10 - -o - 2>/dev/null <g.mst >piped.mst || fail "kmalloc from a file as input"
cmp -s k.mst piped.mst || fail "kmalloc: standard input gives another trace"
cat g.mst | "$memscape" trace kmalloc --caches 10 - -o - 2>/dev/null >piped.mst || fail "kmalloc from a pipe"
cmp -s k.mst piped.mst || fail "kmalloc: a pipe gives another trace"
expect 0 'cache_alloc' info k.mst
expect 2 'from 0 to 1024' trace kmalloc --caches 1025 g.mst -o x
expect 3 'truncated' trace kmalloc --caches 1 cut.mst -o x
expect 0 '' trace merge a.mst g.mst -o t.mst
expect 0 'malloc' info t.mst
expect 2 'unknown verb' trace frob a.mst -o x
expect 2 'expected A..B' trace cut --events 5 a.mst -o x
expect 2 'unknown operation' trace filter --op frob a.mst -o x
expect 2 'expected -o OUT' trace cut --events 1..2 a.mst
expect 3 'truncated' trace cut --events 1..2 cut.mst -o x
expect 3 'truncated' trace merge a.mst cut.mst -o x
[ ! -e x ] || fail "a failed command left a file"

exit $failed
