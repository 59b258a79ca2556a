# Every step of CI is a target here, so that a person can run it at a desk.
# `make help` lists them. On a fresh machine: make test

GO      ?= go
GO_TAGS ?= sqlite_fts5 sqlite_math_functions sqlite_dbstat
PYTHON  ?= python3
VENV    := .venv/bin
MODULES := ./core/... ./capi/... ./bindings/go/... ./cmd/knocker/... ./conformance/... ./bench/...
SHARED  := ./core modernc.org/sqlite

# Options of single targets, given as NAME=value.
SECONDS  ?= 30
CURE     ?= on
ENGINE   ?= embedded
FUZZTIME ?= 60s
RUN      ?=

export GO_TAGS PYTHON
export TORTURE_ENGINE := $(ENGINE)
# A build must not depend on who owns the checkout, which git asks about.
export GOFLAGS := $(strip $(filter-out -buildvcs=%,$(GOFLAGS)) -buildvcs=false)
export PYTHONPATH := $(CURDIR)/bindings/python/src

.DEFAULT_GOAL := help
.PHONY: help setup compile compile-plain compile-race test test-go test-python \
        test-symbols test-scripts test-host-engine conformance conformance-host bindings-table lint demo docs-test \
        fuzz torture-two-sqlites test-filelock lock-cost generate check-generated lock clean

include capi/build.mk
include cmd/knocker/build.mk
-include conformance/interop/build.mk
-include bench/build.mk
# The targets of each binding, such as test-node.
-include $(wildcard bindings/*/build.mk)

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what building and testing need, and say what that is
	@scripts/setup.sh

# SQLite is one file, which one core compiles: three builds of it side by side.
compile: ## compile all that the tests need
	@$(MAKE) --no-print-directory --jobs=3 lib compile-plain compile-race

compile-plain: ## compile what all Go programs share
	@$(GO) build -tags "$(GO_TAGS)" $(SHARED)

compile-race: ## compile it with the race detector
	@$(GO) build -race -tags "$(GO_TAGS)" $(SHARED)

test: setup ## run every test; the last line is "N passed, N failed"
	@$(PYTHON) scripts/test.py

test-go: ## run the Go tests of all modules with the race detector (RUN=pattern)
	@$(if $(RUN),,KNOCKER_REPORTS=build/tests) $(PYTHON) scripts/go_test.py -race -tags "$(GO_TAGS)" $(if $(RUN),-run '$(RUN)') $(MODULES)

test-python: lib lib-testpanic ## run the Python binding's tests
	@cd bindings/python && $(CURDIR)/$(VENV)/python -m pytest --junitxml=$(CURDIR)/build/tests/python.xml

conformance: lib ## run the conformance suite through every binding (ONLY=part of an id)
	@$(PYTHON) scripts/conformance.py $(if $(ONLY),--only '$(ONLY)')

conformance-host: lib ## run the conformance suite with the engine "host", on Python's own SQLite (ONLY=part of an id)
	@$(VENV)/python conformance/python/run.py --engine host $(if $(ONLY),--only '$(ONLY)')

test-host-engine: ## run the core's tests with the engine "host", on the system's SQLite or KNOCKER_TEST_SQLITE=library
	@KNOCKER_TEST_ENGINE=host $(PYTHON) scripts/go_test.py -tags "$(GO_TAGS)" $(if $(RUN),-run '$(RUN)') ./core ./core/sqlite

bindings-table: lib ## run the whole suite and write BINDINGS.md from what it has shown
	@$(PYTHON) scripts/conformance.py --write

lint: ## check form and types: gofmt, go vet, ruff, mypy, and the house rules of scripts/tidy.py
	@$(PYTHON) scripts/lint.py

demo: setup lib ## send webhooks over HTTP to a real inbox, and show what became of them
	@$(VENV)/python examples/python/demo.py

docs-test: lib ## run every code block of the README and the docs
	@$(VENV)/python scripts/docs_test.py

fuzz: ## fuzz every target of the Go modules (FUZZTIME=60s each)
	@$(PYTHON) scripts/fuzz.py "$(FUZZTIME)"

torture-two-sqlites: lib ## two SQLites on one file (SECONDS=30); with CURE=off it must fail; ENGINE=host: one SQLite, the host's
	@bench/torture/run.sh "$(SECONDS)" "$(CURE)"

test-filelock: ## test the file locks also where they are left out or don't work
	@$(PYTHON) scripts/go_test.py -tags "$(GO_TAGS) knocker_torture" ./core/sqlite/filelock/... ./bench/torture/...

lock-cost: ## measure what the file locks cost a program with one SQLite
	@mkdir -p build && $(GO) build -tags "$(GO_TAGS) knocker_torture" -o build/lockcost ./bench/lockcost && build/lockcost

test-symbols: lib ## the system's SQLite and ours in one process (C, Python, Ruby): each keeps its own symbols
	@bench/torture/symbols/run.sh $(BUILD)/libknocker.so

test-scripts: lib ## test the tools of scripts/ that judge everything else
	@$(VENV)/python -m pytest -p no:cacheprovider scripts/test_scripts.py scripts/test_conformance.py

generate: ## write the generated files anew
	@$(PYTHON) scripts/generate.py

check-generated: ## fail if a generated file is not what its generator makes
	@$(PYTHON) scripts/generate.py --check

lock: ## pin anew what bindings/python/requirements-dev.txt brings (needs uv)
	{ echo '# All that bindings/python/requirements-dev.txt brings, with hashes. Made by: make lock'; \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    bindings/python/requirements-dev.txt; } > scripts/requirements.lock

clean: ## remove build/ and .venv
	rm -rf build .venv
