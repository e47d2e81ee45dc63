GO ?= go

# Tests run as the programs are built: without cgo. Only the race detector needs it.
export CGO_ENABLED = 0

# Limit for the tests of one package.
TEST_TIMEOUT ?= 8m
# What is tested a second time with the race detector: the packages with goroutines and what they call.
RACE_PACKAGES ?= ./ledger/... ./consensus/... ./node/...
# How long each fuzz test runs.
FUZZTIME ?= 10s

TOOLS        := bin/tools
TOOL_SOURCES := scripts/tools/go.mod scripts/tools/go.sum $(wildcard scripts/tools/*/*.go)

.DEFAULT_GOAL := help
.PHONY: help build demo test check generate bench bench-growth fuzz histories clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the static programs bin/custodyd and bin/custody
	$(GO) build -trimpath -o bin/ ./cmd/custodyd ./cmd/custody

demo: build ## run the whole story on three nodes; ARGS=--exit stops at its end
	bin/custodyd demo $(ARGS)

test: ## run all tests, then those of RACE_PACKAGES with the race detector
	$(GO) test -timeout $(TEST_TIMEOUT) ./...
	@GO=$(GO) scripts/race.sh -timeout $(TEST_TIMEOUT) $(RACE_PACKAGES)

check: $(TOOLS)/.built ## format, vet, staticcheck, generated code, import order, dependencies
	@GO=$(GO) TOOLS=$(TOOLS) scripts/check.sh

generate: $(TOOLS)/.built ## write the Go files of proto/ anew (imports are relative to proto/)
	$(TOOLS)/protogen -root proto -plugins $(TOOLS)

bench: build ## measure three nodes of this machine beside three of etcd, about 12 minutes; figures as JSON in bin/bench.json
	$(GO) build -trimpath -tags plain -o bin/plain/ ./cmd/custodyd
	@(cd scripts/etcd && $(GO) build -trimpath -o ../../bin/etcd/etcd go.etcd.io/etcd/server/v3 && $(GO) build -trimpath -o ../../bin/etcd/ ./etcdpeer) || \
		{ rm -rf bin/etcd; echo 'bench: etcd could not be built from scripts/etcd; its rows are left out'; }
	bin/custody bench --etcd bin/etcd/etcdpeer --plain bin/plain/custodyd --commit "$$(git describe --always --dirty 2>/dev/null)" --json bin/bench.json $(ARGS)

bench-growth: build ## fill a ledger with 10 million entries and measure what grows, hours; figures in bin/growth.json; ARGS='--publish deploy' writes the table and the plot
	bin/custody bench growth --commit "$$(git describe --always --dirty 2>/dev/null)" --json bin/growth.json $(ARGS)

fuzz: ## run every fuzz test for FUZZTIME, by default 10s
	@GO=$(GO) FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

histories: ## compare N random histories of the trade (100000) with the naive model
	$(GO) test -count 1 -timeout 6h -run '^TestHistories$$' -v ./node/workload -histories $(or $(N),100000) $(ARGS)

clean: ## remove what was built
	rm -rf bin

# The tools are built from scripts/tools, a module of its own, at the versions
# pinned there.
$(TOOLS)/.built: $(TOOL_SOURCES)
	@mkdir -p $(TOOLS)
	cd scripts/tools && $(GO) build -trimpath -o ../../$(TOOLS)/ tool
	@touch $@
