# Every job has one command; CI calls the same ones. `make` alone lists them.
PYTHON ?= python3
JOBS ?= 6
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PIP_RETRIES ?= 10
export PIP_DEFAULT_TIMEOUT ?= 60

.PHONY: help install demo test suite check format bench ui clean

help:
	@echo "make install   .venv with madang in it (.venv/bin/madang, .venv/bin/python)"
	@echo "make demo      the main job on real data, then its web page (SERVE=0: stop before the page)"
	@echo "make test      install what the tests need and run everything: checks and suite, side by side"
	@echo "make check     format, lint, types, import contracts"
	@echo "make suite     the tests (JOBS=6: so many processes)"
	@echo "make bench     measure speed and size beside the peers (minutes; installs them under benchmarks/)"
	@echo "make ui        build the web page from web/ (needs Node; the built page is committed)"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip

$(VENV)/.installed: $(BIN)/python pyproject.toml
	$(PIP) install --editable .
	$(BIN)/python -m compileall -q src/madang  # where PYTHONDONTWRITEBYTECODE is set, nobody else would
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(PIP) install --editable '.[hub,cloud]' --group test
	@touch $@

$(VENV)/.linted: $(VENV)/.installed
	$(PIP) install --group lint
	@touch $@

install: $(VENV)/.installed

demo: $(VENV)/.installed
	$(PIP) install --group demo
	$(BIN)/python scripts/demo.py $(if $(filter 0,$(SERVE)),--no-serve)

check: $(VENV)/.tested
	$(BIN)/ruff format --check src tests scripts benchmarks
	$(BIN)/ruff check src tests scripts benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.linted
	$(BIN)/ruff check --fix src tests scripts benchmarks
	$(BIN)/ruff format src tests scripts benchmarks

test: $(VENV)/.tested
	scripts/install-test-tools
	$(MAKE) --no-print-directory --jobs=2 check suite

# More workers than processors: most of the time a test waits for another program. In the order of the files: a run by
# hand shuffles the tests of a module, so that none rests on another; CI tells of the change, not of its luck.
# Tests are compiled once for all workers, by one that may write it down; what cannot be is told by the workers.
suite: $(VENV)/.tested
	$(BIN)/python -m compileall -q src/madang
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --collect-only -p no:randomly -qqq >/dev/null 2>&1 || true
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -p no:randomly

bench: $(VENV)/.tested
	$(BIN)/python benchmarks/run.py $(BENCH)

ui:
	scripts/ui

clean:
	rm -rf $(VENV) dist build
