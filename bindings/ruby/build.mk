# The Ruby binding. Included by the top Makefile.

ruby_home := bindings/ruby
RUBY      ?= ruby

.PHONY: test-ruby test-ruby-attached lint-ruby docs-ruby bench-ruby bench-ruby-memory

test-ruby: lib lib-testpanic lint-ruby ## run the Ruby binding's tests (RUN=/pattern of names/)
	@$(RUBY) -W:no-experimental $(ruby_home)/test/run.rb $(if $(RUN),-n '$(RUN)')

test-ruby-attached: lib ## test inboxes on connections of the sqlite3 gem and of Active Record
	@$(RUBY) -W:no-experimental $(ruby_home)/test/run.rb $(addprefix $(ruby_home)/test/,attached_test.rb attached_worker_test.rb active_record_test.rb)

extension-test: test-ruby-attached

lint-ruby: ## check the Ruby binding's form and its documentation comments
	@cd $(ruby_home) && rubocop --no-server --cache false --format quiet -c .rubocop.yml . ../../bench/ruby ../../bench/torture/hosts/ruby.rb ../../scripts/docs_program.rb
	@cd $(ruby_home) && yard stats --no-save --no-cache --quiet --fail-on-warning >/dev/null

docs-ruby: ## write the Ruby binding's API pages to build/ruby/doc
	@cd $(ruby_home) && yard doc --no-save --no-cache --quiet --output-dir ../../build/ruby/doc

bench-ruby: lib ## receives of 32 Ruby threads beside Go's in the same run
	@cd bench && $(GO) run -tags "$(GO_TAGS)" ./cmd/bench -only receive_ruby_32
	@$(RUBY) bench/ruby/drive.rb share

bench-ruby-memory: lib ## a Ruby process's memory over many calls (CALLS=1000000)
	@folder=$$(mktemp -d) && $(RUBY) bench/ruby/drive.rb memory "$$folder/a.db" $(or $(CALLS),1000000); rm -rf "$$folder"
