# Two commands for a newcomer:  make demo   make test
# Each needs only Python 3.11-3.13, git and make; all else is set up in this folder.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo "$$p" && break; done)
UV_VERSION := 0.13.9
UV := .uv/bin/uv
BIN := .venv/bin
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never

.PHONY: help setup demo test lint types unit selftest bench tools clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready  ## the environment in .venv, and the model weights

$(UV):
	@test -n "$(PYTHON)" || { echo "Haechi needs Python 3.11, 3.12 or 3.13; install one or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

.venv/.ready: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --quiet --python "$$(command -v $(PYTHON))"
	$(BIN)/haechi models pull
	@touch $@

demo: setup  ## register a sample master, check a plain and an altered copy of it
	$(BIN)/python demo/demo.py

test: lint types unit selftest  ## all checks and tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

unit: setup
	$(BIN)/python -m pytest -q

selftest: setup
	$(BIN)/haechi selftest

tools: .venv-tools/.ready  ## independent tools that some tests ask (CASE, WACZ), in an environment of their own

.venv-tools/.ready: Makefile | $(UV)
	$(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .venv-tools
	$(UV) pip install --quiet --python .venv-tools/bin/python case-utils==0.18.0 wacz==0.6.0
	@touch $@

bench: setup  ## all benchmarks on HAECHI_BENCH_DATA or ../shared/data (long)
	$(UV) sync --frozen --quiet --group bench
	$(BIN)/python -m benchmarks.comparison
	$(BIN)/python -m benchmarks.matching
	$(BIN)/python -m benchmarks.identity
	$(BIN)/python -m benchmarks.sound
	$(BIN)/python -m benchmarks.fingerprint_speed
	$(BIN)/python -m benchmarks.sexual_flag

clean:  ## remove what was built here
	rm -rf .venv .venv-tools .uv dist demo-output .mypy_cache .ruff_cache .pytest_cache
