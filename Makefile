# make install | demo | demo-seeds | replicate | test | lint
PYTHON ?= python3
# The torch to install where none from 2.6 on is there yet.
TORCH ?= $(shell $(PYTHON) -c 'import sys; print("torch==2.13.0" if sys.version_info >= (3, 10) else "torch==2.8.0")')
# Processes that run tests, or commands of the replication.
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LIST := $(BIN)/python -c 'import sys, setup; print(*sum((getattr(setup, name) for name in sys.argv[1:]), []), sep="\n")'
INSTALLED := $(VENV)/.installed

.PHONY: install demo demo-seeds replicate test lint clean

install: $(INSTALLED)

$(INSTALLED): setup.py Makefile
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 9) <= v <= (3, 12) or sys.exit("error: %s is Python %d.%d, but fairseq runs on 3.9 to 3.12; choose one with: make install PYTHON=python3.11" % ((sys.executable,) + v))'
	@command -v c++ >/dev/null || { echo "error: no C++ compiler; fairseq needs one to build (Debian, Ubuntu: apt install g++)" >&2; exit 1; }
	@if [ ! -x $(BIN)/python ]; then \
	  if $(PYTHON) -c 'import torch; assert tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 6)' 2>/dev/null; \
	  then echo "keeping the installed torch"; $(PYTHON) -m venv --system-site-packages $(VENV); \
	  else $(PYTHON) -m venv $(VENV); fi; fi
	@echo "installing torch and the requirements ..."
	@$(BIN)/python -c 'import torch; assert tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 6)' 2>/dev/null || $(PIP) $(TORCH)
	@$(PIP) "setuptools<81"
	@$(LIST) BUILD_REQUIREMENTS > $(VENV)/requirements.txt
	@$(PIP) -r $(VENV)/requirements.txt
	@$(LIST) REQUIREMENTS TEST_REQUIREMENTS LINT_REQUIREMENTS > $(VENV)/requirements.txt
	@$(PIP) --no-build-isolation -r $(VENV)/requirements.txt
	@echo "building fairseq (about two minutes) ..."
	@$(BIN)/python -c 'import fairseq' 2>/dev/null || $(PIP) --no-build-isolation --no-deps "$$($(BIN)/python -c 'import setup; print(setup.FAIRSEQ)')"
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@
	@echo "installed into $(VENV)"

demo: install
	@bash examples/demo.sh

demo-seeds: install
	@bash examples/demo_seeds.sh

# DATA is a folder of real sets; without it, the made-up languages alone.
replicate: install
	@$(BIN)/python examples/replicate/run.py --jobs $(JOBS) $(if $(DATA),--data $(DATA))

test: install
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

lint: install
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

clean:
	rm -rf $(VENV) build dist demo *.egg-info
