# What is measured, against what: bench/README.md.

BENCH := cd bench && $(GO) run -tags "$(GO_TAGS)" ./cmd

.PHONY: bench bench-quick bench-peers

bench: ## measure every figure of the engine beside its limit (ONLY=name,name)
	@$(BENCH)/bench $(if $(ONLY),-only $(ONLY))

bench-quick: ## the same in under a minute
	@$(BENCH)/bench -quick $(if $(ONLY),-only $(ONLY))

bench-peers: ## measure beside the existing implementation, in a throw-away virtual environment
	@bench/peers/run.sh
