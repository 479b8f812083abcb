# Two commands for a newcomer: `make demo` and `make test`. Everything else is for those who change the code.
# All of it happens in this folder's own virtual environment (.venv); nothing outside this folder is touched.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test check bench simulate lock clean

VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo
JOBS ?= 2
SAMPLES ?= 1000
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Branch coverage that the whole suite must reach, child processes included.
FLOOR := 96
# Folders where a missed branch may be a wrong payment have floors of their own; the aim is 100.
FLOORS := records:98 payment:97 gates:97 bundle:97

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 14

demo: $(VENV)/.run ## set up, evaluate the bundled programmes, say where the reports are
	@$(BIN)/evaltool demo --out $(OUT)

test: $(VENV)/.dev ## set up, run the whole suite with its coverage floors
	@rm -f .coverage .coverage.*
	@status=0; \
	$(BIN)/python -m coverage run -m pytest -q -n $(JOBS) --dist worksteal --durations=15 $(TESTS) || status=$$?; \
	$(BIN)/python -m coverage combine -q || status=$$?; \
	$(BIN)/python -m coverage report --skip-covered --fail-under=$(FLOOR) || status=$$?; \
	for pair in $(FLOORS); do \
	  folder=$${pair%%:*}; floor=$${pair##*:}; \
	  $(BIN)/python -m coverage report --include="evaltool/$$folder/*" --fail-under=$$floor >.floors.txt \
	    || { echo "branch coverage of evaltool/$$folder is below $$floor percent:"; cat .floors.txt; status=1; }; \
	done; \
	rm -f .floors.txt; exit $$status

check: $(VENV)/.dev ## lint, layout, types, import contracts, notebooks without outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p evaltool
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/architecture/test_notebooks.py

bench: $(VENV)/.dev ## time the methods beside other packages, on this machine
	$(BIN)/python benchmarks/run.py

simulate: $(VENV)/.dev ## coverage of nominal 95 % intervals by simulation, printed as tables (an hour or more)
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python tests/simulation/run.py --samples $(SAMPLES) --jobs $(JOBS)
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python tests/simulation/more_did.py --samples 400 --jobs $(JOBS)
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python tests/simulation/baselines.py --samples 400
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python tests/simulation/donors.py
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python tests/simulation/breaks.py
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python tests/simulation/several.py
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python tests/simulation/matched.py --samples $(SAMPLES)

lock: $(VENV)/.dev ## resolve the requirements again, with hashes and without addresses (needs uv)
	$(COMPILE) requirements/build.in pyproject.toml -o requirements/run.txt
	$(COMPILE) requirements/build.in pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt

UV ?= $(shell command -v uv || echo $(BIN)/uv)
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header

clean: ## remove the virtual environment and what the tools left behind
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Stamps: a file in .venv that is newer than what it was made from. Repeated calls cost nothing.
$(VENV)/.made:
	@found=; for python in python3 python3.13 python3.12 python3.11 python; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "evaltool needs Python 3.11 or newer, and none was found (looked for python3, python3.13, python3.12, python3.11)." >&2; \
	  exit 2; \
	fi; \
	echo "Setting up $(VENV) with $$($$found --version)"; \
	"$$found" -m venv $(VENV) || { \
	  echo "Python could not make a virtual environment; on Debian and Ubuntu install the package python3-venv." >&2; exit 2; }
	@touch $@

$(VENV)/.run: requirements/run.txt pyproject.toml $(VENV)/.made
	@echo "Installing the locked requirements (a few minutes the first time)"
	@[ -e $(VENV)/.dev ] || $(INSTALL) --no-deps --require-hashes -r requirements/run.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/run.txt pyproject.toml $(VENV)/.made
	@echo "Installing the locked requirements, development tools included (a few minutes the first time)"
	@$(INSTALL) --no-deps --require-hashes -r requirements/dev.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.run $@
