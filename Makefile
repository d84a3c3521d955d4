# make demo   the environment, then the whole way on bundled real runs
# make test   the environment, then all tests, in WORKERS processes
# make coverage   as test, and which lines and branches no test ran
# make fuzz   10,000 damaged logs of each format, and other inputs, hours; what went wrong: folder fuzz
# make lint   style, types, import layers
# make paper  all figures of the paper, in the folder paper
# make package  an sdist and a wheel in dist, checked, installed anew and tried; EXTRAS="plot ..." each too
# make oldest   tests of the core on the oldest packages that are allowed, in .venv-oldest
# make docs   what code writes into the docs: help, printed output, figures (some need Chromium)
# make site   the docs as a site, in the folder site; it is read without a network

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= auto
BIN := $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS))

.PHONY: demo paper test coverage fuzz lint package oldest docs site clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed-all
	$(BIN)/cptlaw demo -o demo
	@echo "to have cptlaw at hand in this shell: source $(BIN)/activate"

paper: $(VENV)/.installed-all
	$(BIN)/cptlaw paper all -o paper

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist loadfile

coverage: $(VENV)/.installed-dev
	rm -f .coverage .coverage.*
	$(BIN)/python -m coverage run -m pytest -n $(WORKERS) --maxprocesses 8 --dist loadfile
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report
	$(BIN)/python -m coverage json -q -o - | $(BIN)/python .ci/coverage_by_wing.py

fuzz: $(VENV)/.installed-dev
	$(BIN)/python tests/fuzz_logs.py
	$(BIN)/python tests/fuzz_inputs.py
	$(BIN)/python tests/fuzz_kills.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --config pyproject.toml
	$(BIN)/pyright --pythonpath $(BIN)/python

package: $(BIN)/python
	@$(PIP) build twine
	rm -rf dist
	env -u PYTHONPATH $(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python .ci/try_package.py dist $(EXTRAS)
	-$(BIN)/python .ci/check_release.py dist

OLDEST ?= tests/ground tests/schedules tests/studies tests/laws tests/fitting tests/forecasting \
	tests/decisions tests/live tests/output tests/cli

oldest: .venv-oldest/.installed
	.venv-oldest/bin/python -m pytest -p no:cacheprovider $(OLDEST)

.venv-oldest/.installed: pyproject.toml .ci/oldest.txt
	@$(PYTHON) -m venv .venv-oldest
	@.venv-oldest/bin/python -m pip install --quiet -c .ci/oldest.txt -e '.[all]' pytest pytest-xdist hypothesis
	@touch $@

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/write_commands.py
	$(BIN)/python docs/write_api.py
	$(BIN)/python docs/renew_diffs.py
	$(BIN)/python docs/write_evidence.py
	$(BIN)/python docs/run_pages.py
	$(BIN)/python docs/draw_figures.py
	$(BIN)/python docs/draw_law.py
	$(BIN)/python docs/draw_explorer.py

site: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "open site/index.html"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	  f"{sys.executable} is Python {sys.version.split()[0]}; cptlaw needs 3.11 or newer. " \
	  "Name one: make PYTHON=python3.12")'
	@echo "making the environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

# Tests run on known versions (among them a PyTorch); CONSTRAINTS= takes the newest.
$(VENV)/.installed-dev: CONSTRAINTS ?= .ci/constraints.txt

$(VENV)/.installed-%: pyproject.toml build_compiled.py src/cptlaw/laws/recurrences.c | $(BIN)/python
	@echo "installing cptlaw[$*] (a few minutes) ..."
	@$(PIP) -e '.[$*]'
	@touch $@

clean:
	rm -rf $(VENV) .venv-oldest demo paper site dist
