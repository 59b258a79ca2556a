# The Python binding's tests on connections of the application's own. Included by the top Makefile.

python_home     := bindings/python
python_attached := build/python-attached

.PHONY: test-python-attached lock-attached

$(python_attached)/setup.stamp: $(python_home)/tests/attached/requirements.lock $(python_home)/setup.sh
	@$(python_home)/setup.sh
	@touch $@

test-python-attached: lib $(python_attached)/setup.stamp ## test attached inboxes: sqlite3, SQLAlchemy, Django (RUN=part of a name)
	@cd $(python_home) && $(CURDIR)/$(python_attached)/bin/python -m pytest tests/attached \
		$(if $(RUN),-k '$(RUN)',--junitxml=$(CURDIR)/build/tests/attached/python.xml)

extension-test: test-python-attached

docs-test: $(python_attached)/setup.stamp

lock-attached: ## pin anew what bindings/python/tests/attached/requirements.in brings (needs uv)
	{ echo '# All that requirements.in brings, with hashes. Made by: make lock-attached'; \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    $(python_home)/tests/attached/requirements.in; } > $(python_home)/tests/attached/requirements.lock
