# The Elixir binding. Included by the top Makefile.

elixir_home := bindings/elixir
# Hex is not asked for: the package has no dependency.
elixir_mix  := cd $(elixir_home) && HEX_OFFLINE=1 mix

.PHONY: test-elixir lint-elixir dialyze-elixir bench-elixir

test-elixir: lib ## run the Elixir binding's tests (RUN=file or file:line)
	@$(elixir_mix) format --check-formatted
	@$(elixir_mix) compile --warnings-as-errors
	@$(elixir_mix) test --formatter ExUnit.CLIFormatter --formatter KnockerSqlite.Summary $(RUN)
