# The Go binding's tests with what applications write their rows with. Included by the top Makefile.

.PHONY: test-go-orms

# A module of its own, outside go.work: what it needs is no concern of the others.
test-go-orms: lib ## test attached inboxes in Go with database/sql, sqlc and GORM (RUN=pattern)
	@cd bindings/go/ormtest && GOWORK=off KNOCKER_LIBRARY=$(abspath $(BUILD))/$(capi_library) \
	  $(if $(RUN),,KNOCKER_REPORTS=$(CURDIR)/build/tests/attached) $(PYTHON) $(CURDIR)/scripts/go_test.py -tags "$(GO_TAGS)" $(if $(RUN),-run '$(RUN)') ./...

extension-test: test-go-orms
