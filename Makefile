# make demo    from simulated radar scenes to a scored benchmark, under runs/demo/
# make test    the whole test suite
# make lint    ruff, and strict types of the installed package
# make bench   the figures of docs/performance.md
#
# Each needs Python >= 3.11 and nothing else: the first run makes a virtual environment in .venv/.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint bench clean

demo: $(INSTALLED)
	$(BIN)/python -m sarlang_hf.harness.demo runs/demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2

# Type checkers do not follow setuptools' package-dir, so the wheel's content is checked, where the names are real.
lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build
	$(BIN)/pip install --quiet --no-deps --target build/wheel .
	cd build/wheel && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --python-executable $(CURDIR)/$(BIN)/python -p sarlang_hf

bench: $(INSTALLED)
	$(BIN)/python benchmarks/run.py

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[all]"
	touch $@

clean:
	rm -rf $(VENV) build runs
