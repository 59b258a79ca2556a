# The Ruby binding. Included by the top Makefile.

ruby_home := bindings/ruby
RUBY      ?= ruby

.PHONY: test-ruby lint-ruby docs-ruby bench-ruby

test-ruby: lib lint-ruby ## run the Ruby binding's tests (RUN=/pattern of names/)
	@$(RUBY) -W:no-experimental $(ruby_home)/test/run.rb $(if $(RUN),-n '$(RUN)')

lint-ruby: ## check the Ruby binding's form and its documentation comments
	@cd $(ruby_home) && rubocop --no-server --cache false --format quiet . ../../bench/torture/hosts/ruby.rb ../../scripts/docs_program.rb
	@cd $(ruby_home) && yard stats --no-save --no-cache --quiet --fail-on-warning >/dev/null

docs-ruby: ## write the Ruby binding's API pages to build/ruby/doc
	@cd $(ruby_home) && yard doc --no-save --no-cache --quiet --output-dir ../../build/ruby/doc

bench-ruby: lib ## measure the Ruby binding beside Go in the same run (SECONDS=10)
	@$(RUBY) bench/ruby/compare.rb $(or $(SECONDS),10)
