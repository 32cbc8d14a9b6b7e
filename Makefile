# Everything runs in .venv, which the targets make themselves with venv and pip.

PYTHON ?= python3
COUNT ?= 2000000
DATA ?= ../shared/data

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c requirements.txt
CODE := src tests tools $(wildcard benchmarks)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test static check format docs bench quality soak serve fuzz clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Simulate, meter, train and detect; prints what was found
	$(BIN)/python tools/demo.py

test: $(VENV)/.dev ## Run the tests
	$(BIN)/netsift warmup
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: static test ## Check format, lint, types, house rules, security and docs, then run the tests

static: $(VENV)/.dev ## The checks of `make check` without the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/python tools/house_rules.py
	$(BIN)/bandit --quiet --recursive src
	$(BIN)/python tools/generate_docs.py --check

format: $(VENV)/.dev ## Format the code and fix what the linter can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## Write the generated pages of docs/
	$(BIN)/python tools/generate_docs.py

bench: $(VENV)/.dev ## Measure speed and memory beside other tools
	$(BIN)/python benchmarks/run.py
	$(BIN)/python -m pytest -q --benchmark-enable --benchmark-columns=min,median,rounds benchmarks

quality: $(VENV)/.dev ## Measure models and detection on the public data in DATA
	$(BIN)/python tools/quality.py --data $(DATA)
	$(BIN)/python tools/quality_detection.py --data $(DATA)

soak: $(VENV)/.dev ## Let things go wrong and measure what is lost (some minutes, needs root for all of it)
	$(BIN)/python tools/soak.py

serve: $(VENV)/.demo ## Serve the pages at http://127.0.0.1:5000
	$(BIN)/netsift serve

fuzz: $(VENV)/.dev ## Read COUNT mutated captures (default two million)
	$(BIN)/python -m tests.fuzz --count $(COUNT)

clean: ## Remove what the targets made, except .venv
	rm -rf build dist demo src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("netsift needs Python 3.11 or later: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml requirements.txt | $(BIN)/python
	@echo "Installing netsift into $(VENV) ..."
	@$(PIP) -e '.[plots,web]'
	@touch $@

$(VENV)/.dev: pyproject.toml requirements.txt | $(BIN)/python
	@echo "Installing netsift with its development tools into $(VENV) ..."
	@$(PIP) -e '.[dev]'
	@touch $(VENV)/.demo $@
