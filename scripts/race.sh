#!/usr/bin/env bash
# Runs 'go test -race' with the given arguments if there is a C compiler, which
# the race detector needs, and says so if there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
cc=$("$go" env CC)
if ! command -v "${cc%% *}" >/dev/null; then
	echo "race detector: skipped: no C compiler (${cc%% *} is not installed)"
	exit 0
fi
CGO_ENABLED=1 exec "$go" test -race "$@"
