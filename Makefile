# `make` or `make help` lists the commands. Needs Python 3.11 or newer, git and make; nothing else.
.DEFAULT_GOAL := help
# The first that runs: a version manager's stand-in for a version that is not switched on does not.
ifndef PYTHON
PYTHON := $(shell for name in python3.13 python3.12 python3.11 python3; do \
  $$name -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && echo $$name && break; done)
endif
BIN := .venv/bin
DEV := requirements/install.py dev
# Where it is set, each process compiles all packages again, which takes several seconds.
export PYTHONDONTWRITEBYTECODE :=
# All tests: a process for each core, up to four. A few tests are quicker in one.
ALL := -n logical --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: python ## Start ragsite at http://127.0.0.1:8000 (PORT, HOST and RAGSITE_DATA_DIR change where)
	@$(PYTHON) requirements/install.py base
	@exec $(BIN)/python -m ragsite.run

test: dev ## Run all tests (ARGS="tests/test_run.py -k port" runs some)
	$(BIN)/pytest $(or $(ARGS),$(ALL))

lint: dev ## Check style, types, import rules, migrations and settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run  # after the system checks

format: dev ## Format the code and sort imports
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

bench: dev ## Measure: one JSON object a line for each figure (bench/README.md)
	@for script in bench/[a-z]*.py; do $(BIN)/python -m "bench.$$(basename $$script .py)" || exit 1; done

lock: dev ## Pin what requirements/*.in ask for (UPGRADE=--upgrade moves all versions)
	cd requirements && for name in base prod dev; do \
	  ../$(BIN)/pip-compile --quiet $(UPGRADE) --strip-extras --no-header \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file $$name.txt $$name.in || exit 1; \
	done

versions: python ## Show which Python, make and commit this is
	@$(PYTHON) --version; $(MAKE) --version | head -n 1; git log -1 --format='commit %h: %s' || true

clean: ## Remove what tools leave behind, and .venv; the data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

# Once, also where several targets are made at the same time.
dev: python
	@$(PYTHON) $(DEV)

python:
	@test -n "$(PYTHON)" || { \
	  echo "ragsite needs Python 3.11 or newer, and none is found. Name one: make PYTHON=/path/to/python3.12 run" >&2; \
	  exit 1; }

.PHONY: help run test lint format bench lock versions clean dev python
