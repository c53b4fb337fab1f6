# One command per job; the same ones in CI. Needs: Python 3.11 or later with venv, and make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
OUT    ?= out

.DEFAULT_GOAL := help
.PHONY: help install frontier test tools check lint types imports docs bench refresh-docs format coverage clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP)/installed ## .venv with exact versions, the project editable

# The stamps lie inside the venv, so removing it forgets them too.
$(STAMP)/venv:
	@command -v $(PYTHON) >/dev/null \
	  || { echo "There is no '$(PYTHON)'. Tinygram needs Python 3.11 or later. Try: make install PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Tinygram needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make install PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/installed: $(STAMP)/venv pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --upgrade pip hatchling
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --no-build-isolation --editable .
	$(BIN)/python -m sim.compiled
	@touch $@

frontier: install ## the main job: a recorded gRPC stream to a throughput-versus-P99 frontier, in out/
	$(BIN)/tinygram frontier --out $(OUT)

test: install tools ## every test
	$(BIN)/python -m pytest

# Pages are tested in Chromium, captures in tshark. Without them, and without the right to install them, those tests skip.
tools:
	@command -v chromedriver >/dev/null && command -v tshark >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update --quiet=2 \
	    && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends \
	      chromium chromium-driver fonts-dejavu-core tshark >/dev/null; } \
	  || echo "Chromium or tshark is missing and could not be installed: tests that need them will be skipped."

check: lint types imports docs ## everything that needs no run: style, types, architecture, docs

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports --no-logo

docs: install ## the manual, in docs/_build/html
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --builder html docs docs/_build/html

bench: install ## speed, memory and start-up on this machine; BENCH=--keep writes them down
	$(BIN)/python -m benchmarks.bench $(BENCH)

refresh-docs: frontier tools ## redraw the pictures, run every command README and docs show, write down what it prints
	cp $(OUT)/frontier.png docs/_static/frontier.png
	$(BIN)/tinygram control elastic-runaway --over network.rtt=5ms,20ms,80ms --out $(OUT)
	cp $(OUT)/control-elastic-runaway-trajectory.png docs/_static/policies.png
	$(BIN)/python -m tests.demo.screenshot docs/_static/demo.png
	$(BIN)/tinygram reproduce all --page docs/reproduction.md > $(OUT)/reproduction.txt
	$(BIN)/python -m tests.docs.refresh

format: install ## rewrite the source in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

coverage: install tools ## tests with branch coverage
	$(BIN)/python -m pytest --cov --cov-report=term-missing

clean: ## forget results, builds and caches
	rm -rf $(OUT) build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find sim models experiments tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## forget the environment too
	rm -rf $(VENV)
