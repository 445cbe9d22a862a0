# The Order Workbook. `make` alone prints what there is; the commands also work without make.

PYTHON ?= python3
LESSON ?=
BIN := .venv/bin
TESTS := $(BIN)/python -m pytest -p tests.skips -n logical --dist loadfile \
	--nbval --nbval-current-env --nbval-cell-timeout=120 --nbval-sanitize-with=tests/sanitize.cfg

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

lab: .venv/for-lab ## open the lessons in JupyterLab
	@$(BIN)/python -m orderlib lab

fresh: .venv/for-lab ## bring a lesson back as it was: make fresh LESSON=05
	@$(BIN)/python -m orderlib fresh "$(LESSON)"

console: .venv/for-lab ## open the shop as a text menu
	@$(BIN)/python console.py

api: .venv/for-lab ## serve the shop over HTTP: http://localhost:8021
	@$(BIN)/python -m api

doctor: ## is everything as it should be? and if not, what to do
	@test -x $(BIN)/python || { echo "There is no environment yet: make lab makes it."; exit 1; }
	@$(BIN)/python orderlib/doctor.py

test: .venv/for-test ## run every test, the long ones at a tenth of their size
	$(TESTS)

test-all: .venv/for-test ## run every test at full size
	SWEEP=full $(TESTS)

check: .venv/for-test ## read the code with ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lessons: .venv/for-lab ## run all notebooks, and store them in their normal form
	$(BIN)/python -m orderlib.lessons

clean: ## remove the environment; your work and your data stay
	rm -rf .venv

.PHONY: help lab fresh console api doctor test test-all check lessons clean environment

# Below is the environment: made once, made again when pyproject.toml changes or Python is gone.

IS_MADE := $(shell test -x $(BIN)/python && test -x $(BIN)/uv && echo yes)
NEEDS := pyproject.toml $(if $(IS_MADE),,environment)

.venv/for-lab: $(NEEDS)
	@$(call install,.)
	@touch $@

.venv/for-test: $(NEEDS)
	@$(call install,.[test])
	@touch .venv/for-lab $@

# uv is fast; pip is slow, but knows the settings of its own that some networks need.
define install
echo "Installing: once, a minute or two, and 1 GB."; \
$(BIN)/uv pip install --compile-bytecode --python $(BIN)/python -e '$(1)' \
|| $(BIN)/python -m pip install -e '$(1)' \
|| { echo "The reason is above. It takes the network and 1 GB of disk; then: make $(MAKECMDGOALS)"; exit 1; }
endef

environment:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "This takes Python 3.11 or later, and $(PYTHON) is not that."; \
		echo "Install one (python.org has it), or name it: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make environments: a part of it is missing."; \
		echo "On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@rm -rf .venv && "$(PYTHON)" -m venv .venv && $(BIN)/python -m pip install --quiet uv || { \
		echo "The reason is above. It takes the network and 1 GB of disk; then: make $(MAKECMDGOALS)"; exit 1; }
