# The command line. Included by the top Makefile.

.PHONY: cli

cli: ## build build/knocker, the command line for operators
	@mkdir -p $(BUILD)
	CGO_ENABLED=1 $(GO) build -trimpath -tags "$(GO_TAGS)" -ldflags '-s -w' -o $(BUILD)/knocker ./cmd/knocker
