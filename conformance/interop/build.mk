# Work on one file with the real Honker. Included by the top Makefile. Not a part
# of `make test`, because it downloads and builds the others.

.PHONY: interop interop-environment

interop-environment: ## build Honker's package and its extension in build/interop, once
	@conformance/interop/setup.sh

interop: lib interop-environment ## let the real Honker and this project work on one file, in two processes
	@build/interop/bin/python conformance/interop/interop.py
