# Everything sets itself up: Python 3.11 or newer, make and a package index are enough.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help venv demo test lint bench soak coverage mutants clean

help: ## what can be done here
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

$(BIN)/carepact: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Carepact needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

.venv/.dev: $(BIN)/carepact
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

venv: .venv/.dev ## the virtual environment with everything that development needs

demo: $(BIN)/carepact ## one real exchange, end to end, on embedded defaults
	@$(BIN)/carepact demo

lint: .venv/.dev ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## lint and every test, on SQLite and on a real PostgreSQL; a file of tests stays in one process
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

bench: .venv/.dev ## figures, as ratios within one run
	$(BIN)/python -m benchmarks

soak: .venv/.dev mutants ## slow sweeps: kill -9 rounds, long random tests, mutants
	CAREPACT_LAWS=20000 $(BIN)/python -m pytest tests/properties/consent --timeout=7200
	$(BIN)/python -m pytest -m soak --override-ini addopts="--import-mode=importlib -ra --timeout=3000"

coverage: .venv/.dev ## branch coverage of the decisions: fails below 100 %
	$(BIN)/coverage run --branch --source=consent -m pytest -q tests/unit/consent tests/spec/consent tests/properties/consent
	$(BIN)/coverage report --show-missing --skip-covered --fail-under=100

mutants: .venv/.dev ## faults put into the decisions one by one: fails if more than 10 % go unnoticed
	$(BIN)/python -m tools.mutate_consent

clean: ## remove what was made here
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
