# The Bun half of the npm package. Included by the top Makefile.

bun_home := bindings/bun
bun      := $(bun_home)/node_modules/.bin/bun

.PHONY: bun test-bun soak-bun

$(bun): $(bun_home)/package-lock.json
	@$(bun_home)/setup.sh

bun: lib node $(bun) ## check the types of the Bun half of the npm package
	@$(bun_home)/node_modules/.bin/tsc -p $(bun_home)

test-bun: bun ## run the Bun binding's tests (RUN=name of a test)
	@cd $(bun_home) && node_modules/.bin/bun scripts/test.ts $(if $(RUN),'$(RUN)')

.PHONY: test-bun-attached

test-bun-attached: bun node-hosts ## test attached inboxes on bun:sqlite, with Drizzle (RUN=name of a test)
	@cd $(bun_home) && node_modules/.bin/bun scripts/test.ts --in attached $(if $(RUN),'$(RUN)')

extension-test: test-bun-attached

soak-bun: bun ## serve requests beside a worker, WASM and fetch for SECONDS=30: Go's signals have hung Bun in the past
	@cd $(bun_home) && KNOCKER_SOAK_SECONDS=$(SECONDS) node_modules/.bin/bun test --timeout 600000 tests/serve.test.ts
