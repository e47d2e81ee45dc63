#!/usr/bin/env bash
# Runs every fuzz test of the module for $FUZZTIME each, one after the other,
# and fails if one of them finds anything. A failing input stays in the
# testdata/fuzz folder of its package: commit it with the repair.
set -uo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
fuzztime=${FUZZTIME:-10s}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# A list of "package name" lines. 'go test -list' prints the names of a package
# before the line that begins with "ok" and names the package.
list=$("$go" test -list '^Fuzz' ./...) || {
	printf '%s\n' "$list"
	exit 1
}
targets=$(awk '/^Fuzz/ { names[n++] = $1 } $1 == "ok" { for (i = 0; i < n; i++) print $2, names[i]; n = 0 }' <<<"$list")
if [ -z "$targets" ]; then
	echo 'fuzz: no fuzz test found'
	exit 1
fi

fuzz() {
	"$go" test -run '^$' -fuzz "^$2\$" -fuzztime "$fuzztime" "$1" </dev/null 2>&1 | tee "$log"
	return "${PIPESTATUS[0]}"
}

# Before Go 1.27 the fuzzer itself sometimes fails with this error when its time
# is over, although it found nothing (go.dev/issue/75804).
found_nothing() {
	grep -qE '^ +context deadline exceeded$' "$log" && ! grep -qE 'Failing input written|panic|fuzzing process' "$log"
}

failed=()
count=0
while read -r package name; do
	count=$((count + 1))
	echo "fuzz: $package $name for $fuzztime"
	if ! fuzz "$package" "$name" && ! found_nothing; then
		failed+=("$package $name")
	fi
done <<<"$targets"

if [ ${#failed[@]} -gt 0 ]; then
	printf 'fuzz: failed: %s\n' "${failed[@]}"
	exit 1
fi
echo "fuzz: ok, $count fuzz tests ran $fuzztime each"
