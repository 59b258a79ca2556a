# The C library. Included by the top Makefile, and usable alone from the
# repository's root: make -f capi/build.mk lib

GO         ?= go
GO_TAGS    ?= sqlite_fts5 sqlite_math_functions sqlite_dbstat
BUILD      ?= build
# The newest glibc that the library may need: Debian 12's.
GLIBC_MAX  ?= 2.36

capi_root  := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)
capi_flags := -buildmode=c-shared -trimpath -buildvcs=false
# Only the functions of knocker.h leave the library; it can't be unloaded,
# because a Go runtime can't.
ifeq ($(shell uname -s),Darwin)
capi_library := libknocker.dylib
capi_link   = -s -w -extldflags '-Wl,-exported_symbols_list,$(abspath $(BUILD))/libknocker.symbols -Wl,-install_name,@rpath/libknocker.dylib'
else
capi_library := libknocker.so
capi_link   = -s -w -extldflags '-Wl,--version-script=$(capi_root)/capi/libknocker.map -Wl,-z,nodelete -Wl,-soname,libknocker.so'
endif

.PHONY: lib lib-testpanic check-lib test-c record-abi extension-test

lib: ## build build/libknocker.so (.dylib on macOS) and build/knocker.h
	@mkdir -p $(BUILD)
	@sed -n 's/^    \(.*knocker_.*\);$$/_\1/p' capi/libknocker.map > $(BUILD)/libknocker.symbols
	CGO_ENABLED=1 $(GO) build $(capi_flags) -tags "$(GO_TAGS)" -ldflags "$(capi_link)" -o $(BUILD)/$(capi_library) ./capi
	@rm -f $(BUILD)/libknocker.h
	@cp capi/knocker.h $(BUILD)/knocker.h

# The same library with a method that panics on purpose.
lib-testpanic:
	@mkdir -p $(BUILD)/testpanic
	CGO_ENABLED=1 $(GO) build $(capi_flags) -tags "$(GO_TAGS) knocker_testpanic" -ldflags "$(capi_link)" -o $(BUILD)/testpanic/libknocker.so ./capi
	@rm -f $(BUILD)/testpanic/libknocker.h

check-lib: lib ## fail if the library exports anything but its interface, or needs a newer glibc
	scripts/check-lib.sh $(BUILD)/libknocker.so capi/knocker.h $(GLIBC_MAX)

test-c: lib lib-testpanic ## run the C programs in capi/test under AddressSanitizer
	scripts/test-c.sh $(BUILD)

record-abi: ## record what the methods take and answer as released; fails where callers would break
	@$(GO) test -count=1 -tags "$(GO_TAGS)" ./capi -run '^TestReleasedMethods$$' -record-shapes

extension-test: lib lib-testpanic ## test the library as a SQLite extension, in every host that there is here
	@python3 scripts/extension_test.py $(BUILD)/$(capi_library)
	@python3 scripts/extension_process.py $(BUILD)/$(capi_library) $(BUILD)/testpanic/libknocker.so
