#!/usr/bin/env bash
# Everything about the source that can be checked without running the ledger.
# All steps run; the exit status is 1 if one of them failed. The tools are
# expected in $TOOLS, as 'make check' builds them.
set -uo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
tools=$PWD/${TOOLS:-bin/tools}
failed=()

step() {
	local name=$1
	shift
	echo "check: $name"
	"$@" || failed+=("$name")
}

formatted() {
	local wrong
	wrong=$("$("$go" env GOROOT)/bin/gofmt" -l .) || return 1
	[ -z "$wrong" ] || {
		printf 'not formatted with gofmt:\n%s\n' "$wrong"
		return 1
	}
}

tidy() {
	"$go" mod tidy -diff | sed -n '1,40p;41s/.*/.../p'
}

module() {
	(cd "$1" && "$go" vet ./... && "$tools/staticcheck" ./... && "$go" test ./... &&
		"$go" mod verify && tidy)
}

step 'gofmt' formatted
step 'go vet' "$go" vet ./...
step 'staticcheck' "$tools/staticcheck" ./...
step 'generated code is current' "$tools/protogen" -root proto -plugins "$tools" -check
step 'layout and import order' "$go" test -count=1 ./scripts/layout
step 'go mod verify' "$go" mod verify
step 'go mod tidy' tidy
step 'the module of the tools' module scripts/tools
step 'the module that runs etcd' module scripts/etcd

if [ ${#failed[@]} -gt 0 ]; then
	printf 'check: failed: %s\n' "${failed[@]}"
	exit 1
fi
echo 'check: ok'
