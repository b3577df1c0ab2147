# Every target prints little and may be repeated. Packages come from wherever pip is configured to take them from;
# what they must contain is in the hashed requirements files.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate $(LOCK_ARGS)
PYTEST := $(BIN)/python -m pytest -q -n auto --tb=short -o faulthandler_timeout=300

.PHONY: help install develop servers demo test test-slow test-full lint format requirements clean

help:
	@echo "make install       .venv with the program in it"
	@echo "make demo          install, then the whole way once on a mail world of its own"
	@echo "make test          checks and tests (as root it installs the servers that tests need)"
	@echo "make test-full     the same, and the slow tests"
	@echo "make lint          checks only: ruff, mypy, lint-imports"
	@echo "make format        let ruff rewrite what it can"
	@echo "make requirements  lock the dependencies of pyproject.toml again"
	@echo "make clean         remove what these targets made"

install: $(VENV)/.installed

develop: $(VENV)/.developed

# A Python that runs pip is kept; anything less (none, half made, its interpreter gone) is made anew.
$(VENV)/.made:
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; then touch $@; exit 0; fi; \
	for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "Making $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv --clear $(VENV) && touch $@; exit; \
	  fi; \
	done; \
	echo "No Python 3.11 or later with its venv module was found." >&2; \
	echo "Next: apt-get install python3 python3-venv (Debian), or make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	exit 1

$(VENV)/.installed: requirements-build.txt requirements.txt pyproject.toml $(VENV)/.made
	@echo "Installing into $(VENV)"
	@$(PIP) install --require-hashes --no-deps -r requirements-build.txt -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.developed: requirements-dev.txt $(VENV)/.installed
	@echo "Installing the tools for development"
	@$(PIP) install --require-hashes --no-deps -r requirements-dev.txt
	@touch $@

servers: $(VENV)/.made
	@.ci/packages $$(PYTHONPATH=tests $(BIN)/python -m support.servers)

demo: install
	@$(BIN)/reconcile demo

# All of them run, whatever the first one says.
lint: develop
	@status=0; \
	echo "ruff";         $(BIN)/ruff check --quiet . || status=1; \
	                     $(BIN)/ruff format --check --quiet . || { echo "Next: make format" >&2; status=1; }; \
	echo "mypy";         $(BIN)/mypy --no-error-summary || status=1; \
	echo "lint-imports"; $(BIN)/lint-imports --no-logo >$(VENV)/lint-imports.txt 2>&1 || { cat $(VENV)/lint-imports.txt; status=1; }; \
	exit $$status

test: servers lint
	@echo "pytest"; $(PYTEST) -m "not slow"

test-slow: servers
	@echo "pytest, slow tests"; $(PYTEST) -m slow

test-full: test test-slow

format: develop
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

# Universal: one file holds for Linux, macOS and Windows and for every Python from 3.11 on. Pins stay as they are
# where they still fit; make requirements LOCK_ARGS=--upgrade takes what is newest.
requirements: $(VENV)/.made
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(PIP) install uv
	@$(LOCK) -o requirements.txt pyproject.toml
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], "editables", sep="\n")' \
	  | $(LOCK) -c requirements.txt -o requirements-build.txt -
	@$(LOCK) -c requirements.txt -c requirements-build.txt --extra dev -o requirements-dev.txt pyproject.toml

clean:
	@rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
