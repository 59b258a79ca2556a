# The Elixir binding. Included by the top Makefile.

elixir_home := bindings/elixir
elixir_mix  := cd $(elixir_home) && mix

elixir_prod := cd $(elixir_home) && MIX_ENV=prod mix

.PHONY: test-elixir test-elixir-attached dialyze-elixir bench-elixir bench-elixir-memory

test-elixir: lib lib-testpanic ## run the Elixir binding's tests (RUN=file or file:line)
	@$(elixir_mix) format --check-formatted
	@$(elixir_mix) compile --warnings-as-errors
	@$(elixir_mix) test --formatter ExUnit.CLIFormatter --formatter KnockerSqlite.Summary $(RUN)

test-elixir-attached: lib ## test inboxes on connections of a SQLite driver of Erlang's
	@$(elixir_mix) test --formatter ExUnit.CLIFormatter test/attach_test.exs

extension-test: test-elixir-attached

dialyze-elixir: ## check the types of the Elixir binding with dialyzer (the first time takes minutes)
	@$(elixir_home)/tools/dialyze.sh

bench-elixir: lib ## receives of 64 Elixir processes beside Go's, and how late the VM's schedulers are meanwhile
	@$(elixir_prod) compile
	@cd bench && $(GO) run -tags "$(GO_TAGS)" ./cmd/bench -only receive_elixir_64,latency_elixir

bench-elixir-memory: lib ## the VM's memory over many calls (CALLS=1000000)
	@$(elixir_prod) compile && elixir -pa _build/prod/lib/knocker_sqlite/ebin ../../bench/elixir/drive.exs memory "$$(mktemp -d)/a.db" $(or $(CALLS),1000000)
