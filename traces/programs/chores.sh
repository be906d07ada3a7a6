# A day's shell chores, without a program of anyone else: parse, rewrite, count, format, loop.
# usage: bash chores.sh [ROUNDS]

rounds=${1:-6}
declare -A count last
declare -a lines

make_log() {
	local i users=(ana bo cem dee eli) verbs=(opened closed moved renamed shared)
	lines=()
	for ((i = 0; i < 220; i++)); do
		lines+=("2024-03-$((i % 28 + 1)) ${users[i * 7 % 5]} ${verbs[i * 3 % 5]} /home/${users[i % 5]}/file$((i * 37 % 90)).txt")
	done
}

read_log() {
	local line day who what path name
	for line in "${lines[@]}"; do
		read -r day who what path <<< "$line"
		name=${path##*/}
		name=${name%.txt}
		((count[$who.$what]++))
		last[$name]="$day ${who^} ${what/ed/es}"
	done
}

table() {
	local key out=
	for key in "${!count[@]}"; do
		printf -v out '%s%-20s|%6d\n' "$out" "${key/./ }" "${count[$key]}"
	done
	echo "${#out}"
}

rename_all() {
	local name new list=
	for name in "${!last[@]}"; do
		new=${name//file/document-}
		new=${new//[13579]/x}
		case $new in
		*xx*) list+=" ${new^^}" ;;
		*0) list+=" (${new%%-*})" ;;
		*) list+=" ${new:0:10}" ;;
		esac
	done
	set -- $list
	echo "$# ${#list}"
}

for ((round = 1; round <= rounds; round++)); do
	make_log
	read_log
	table
	rename_all
	((round % 3 == 0)) && { unset last; declare -A last; }
done
exit 0
