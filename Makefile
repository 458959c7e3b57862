# Every target creates the virtual environment that it needs. Only Python 3.10 or newer must be installed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# the demo needs neither the tools of the tests nor those of the documentation, which take as long to install as the rest
DEMO_STAMP := $(VENV)/.installed-demo
PIP := $(BIN)/pip --disable-pip-version-check --quiet
PACKAGES := -c constraints.txt -e
# uv takes a quarter of the time of pip, which does it where uv cannot: on other platforms, or with an index of pip.conf
UV := $(BIN)/uv --quiet pip install --python $(BIN)/python $(if $(PIP_INDEX_URL),--default-index $(PIP_INDEX_URL))
# additional arguments for pytest, for example make test ARGS='-k settings -x'
ARGS ?=

# Where it is set, each of the processes that tests start would compile every module anew, Dagster's as well.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo docs test test-integration test-processes test-faults test-ui soak bench lint format migration lock clean

# Creates .venv and installs into it, as every target does that needs it.
install: $(STAMP)

demo: $(DEMO_STAMP)
	$(BIN)/stash-pipeline demo $(if $(filter 0,$(UI)),--no-ui)

# The documentation as a site, in build/site; fails if a link or an anchor leads nowhere.
docs: $(STAMP)
	$(BIN)/python -m stash_pipeline.error_documentation docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

test: $(STAMP)
	$(BIN)/pytest -n 3 --dist worksteal --hypothesis-profile=quick $(ARGS)

test-integration: $(STAMP)
	$(BIN)/pytest -n 3 --dist worksteal -m '(integration or hypothesis) and not (processes or faults or soak or ui)' $(ARGS)

test-processes: $(STAMP)
	$(BIN)/pytest -n 2 -m 'processes and not faults and not soak' $(ARGS)

test-faults: $(STAMP)
	$(BIN)/pytest -n 2 -m 'faults and not soak' $(ARGS)

test-ui: $(STAMP)
	$(BIN)/pytest -m ui -rs $(ARGS)

soak: $(STAMP)
	$(BIN)/pytest -m soak $(ARGS)

bench: $(STAMP)
	$(BIN)/python benchmarks/load.py
	$(BIN)/python benchmarks/convergence.py
	$(BIN)/python benchmarks/snapshot.py
	$(BIN)/python benchmarks/http_mirror.py
	$(BIN)/python benchmarks/verify.py
	$(BIN)/python benchmarks/object_log.py
	$(BIN)/python benchmarks/dagster_cost.py
	$(BIN)/python benchmarks/event_log.py
	$(BIN)/python benchmarks/live.py
	$(BIN)/python benchmarks/push.py
	$(BIN)/python benchmarks/comparison.py
	$(BIN)/python benchmarks/phash.py
	$(BIN)/python benchmarks/clustering.py
	$(BIN)/python benchmarks/matching_quality.py
	$(BIN)/python benchmarks/matches.py
	$(BIN)/python benchmarks/stashbox.py
	$(BIN)/python benchmarks/search.py --million
	$(BIN)/python benchmarks/documents.py
	$(BIN)/python benchmarks/query_language.py
	$(BIN)/python benchmarks/queries.py
	$(BIN)/python benchmarks/export.py
	$(BIN)/python benchmarks/sizing.py

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Writes a migration for the differences between the registry and the migrations: make migration NAME=what_it_does
migration: $(STAMP)
	$(BIN)/python -m stash_pipeline.warehouse.new_migration $(NAME)
	$(BIN)/python -m stash_pipeline.warehouse.documentation docs

# Updates constraints.txt within the ranges of setup.cfg; keeps its versions where they fit.
lock: $(STAMP)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile setup.cfg --universal --python-version 3.10 --extra dev --no-annotate \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' -o constraints.txt

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	($(PIP) install uv && $(UV) $(PACKAGES) '.[dev]') || $(PIP) install $(PACKAGES) '.[dev]'
	touch $(DEMO_STAMP) $@

$(DEMO_STAMP): setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	($(PIP) install uv && $(UV) $(PACKAGES) '.[demo]') || $(PIP) install $(PACKAGES) '.[demo]'
	touch $@
