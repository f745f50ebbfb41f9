# `make help` lists the targets. The first two need git, make, python3 >= 3.11 and a package index.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SAM := .venv-sam/bin/sam
SAM_READY := .venv-sam/.ready
ARCH ?= arm64
RUNS ?= 20000
WORKERS ?= auto
PIP := -m pip install --quiet --disable-pip-version-check --no-input

export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1|/' | column -t -s '|'

.PHONY: demo
demo: $(READY) ## play the main job end to end on the local stack
	@$(BIN)/python -m local.demo

.PHONY: test
test: $(READY) ## run the tests
	$(BIN)/python -m pytest -q -n $(WORKERS)

.PHONY: local
local: $(READY) ## keep the stack and both simulators running on loopback
	@$(BIN)/python -m local

.PHONY: check
check: lint types imports test ## the one gate: lint, types, import contracts, tests

.PHONY: lint
lint: $(READY) ## ruff, rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: types
types: $(READY) ## mypy, strict
	$(BIN)/mypy

.PHONY: imports
imports: $(READY) ## who may import whom
	$(BIN)/lint-imports --no-cache

.PHONY: bench
bench: $(READY) build ## speed and size, as ratios and counts; ends non-zero beyond a limit
	$(BIN)/python -m bench

.PHONY: fuzz
fuzz: $(READY) ## RUNS=20000 seeded histories; HISTORY_SEED=42 replays one
	HISTORY_RUNS=$(RUNS) $(BIN)/python -m pytest -q -n $(WORKERS) tests/histories

.PHONY: build
build: $(SAM_READY) ## sam build, without Docker; ARCH=arm64 or x86_64
	ARCHITECTURE=$(ARCH) $(SAM) build --parameter-overrides Architecture=$(ARCH)

.PHONY: validate
validate: $(SAM_READY) ## sam validate --lint
	$(SAM) validate --lint

.PHONY: requirements
requirements: ## compile the pinned requirements anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url requirements/layer.in -o layers/connector/requirements.txt
	for set in dev sam; do uv pip compile -q --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url requirements/$$set.in -o requirements/$$set.txt; done

.PHONY: setup
setup: $(READY) ## make .venv, with the connector command in it

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python3 3.11 or later is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) --require-hashes -r requirements/dev.txt
	$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(SAM_READY): requirements/sam.txt
	$(PYTHON) -m venv .venv-sam
	.venv-sam/bin/python $(PIP) --require-hashes -r requirements/sam.txt
	@touch $@

.PHONY: clean
clean: ## remove what was built and set up
	rm -rf .venv .venv-sam .aws-sam .connector-local build *.egg-info .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache
