# make check   install, then judge the case library
# make test    install, then run the tests
# make lint    ruff and mypy
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

# One thread for each worker: two cores are shared by two workers, and reductions repeat bit for bit.
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 XLA_FLAGS=--xla_cpu_multi_thread_eigen=false

.PHONY: check test lint format clean

check: $(VENV)/.installed-check
	$(BIN)/oracle check cases/

test: $(VENV)/.installed-dev
	$(THREADS) $(BIN)/pytest -n 2 --durations=10 $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A stamp for each set of extras: nothing is installed again until the requirements change.
$(VENV)/.installed-check: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP) -e '.[torch,jax]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP) -e '.[dev,torch,jax]'
	@touch $@ $(VENV)/.installed-check

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
