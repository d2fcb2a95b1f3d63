# make install | demo | demo-seeds | replicate | test | lint
# The Python to install for; else python3, or the newest there is where that does not fit.
PYTHON ?=
# The torch to install, such as torch==2.9.1, where none from 2.6 on is there yet.
TORCH ?=
# Processes that run tests, or commands of the replication.
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: install demo demo-seeds replicate test lint clean

install: $(INSTALLED)

$(INSTALLED): setup.py Makefile $(wildcard constraints/*)
	@$(or $(PYTHON),python3) constraints/install.py $(if $(PYTHON),--this-python) --torch "$(TORCH)"
	@touch $@

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
