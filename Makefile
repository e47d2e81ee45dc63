GO ?= go

TOOLS        := bin/tools
TOOL_SOURCES := scripts/tools/go.mod scripts/tools/go.sum $(wildcard scripts/tools/*/*.go)

.DEFAULT_GOAL := help
.PHONY: help generate

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

generate: $(TOOLS)/.built ## write the Go files of proto/ anew (imports are relative to proto/)
	$(TOOLS)/protogen -root proto -plugins $(TOOLS)

# The tools are built from scripts/tools, a module of its own, at the versions
# pinned there.
$(TOOLS)/.built: $(TOOL_SOURCES)
	@mkdir -p $(TOOLS)
	cd scripts/tools && $(GO) build -trimpath -o ../../$(TOOLS)/ tool
	@touch $@
