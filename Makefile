# The front door: `make` lists what there is. Every target works from a bare clone and twice in a row.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Compiled modules are kept, whatever the shell says: else every process and test worker compiles some two thousand of them anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
LOCAL := $(BIN)/python -m cds_local
# Workers for the tests; each has its own databases.
N ?= 2
# More arguments for pytest: make test ARGS="-k grants"
ARGS ?=

.PHONY: help setup up down status demo test check format format-check lint types imports bench requirements migrate lock clean

help: ## List the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)$$/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|'

setup: ## Install what the lock names; does nothing when nothing has changed
	@deploy/local/setup.sh

up: setup ## Start everything on this machine, with the demo utility in empty stores, and wait until it is ready
	@$(BIN)/cds up

down: setup ## Stop what `make up` started
	@$(LOCAL) down

status: setup ## Show what runs, and the last words of what crashed
	@$(LOCAL) status

demo: up ## Play the main journey against the running server
	@$(BIN)/cds demo

test: setup ## Run the tests, starting what they need on free ports: make test ARGS="-k grants"
	@$(BIN)/pytest -n $(N) --no-loadscope-reorder $(ARGS)

check: format-check lint types imports test ## Everything that CI runs

format: setup ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only -q .

format-check: setup
	@$(BIN)/ruff format --check .

lint: setup ## Look for mistakes, and for dependencies that don't fit together
	@$(BIN)/ruff check .
	@.local/tools/bin/uv pip check -q --python .venv

types: setup ## Check the types
	@$(BIN)/pyright

imports: setup ## Check that rooms and services import only what they may
	@$(BIN)/lint-imports --no-logo

bench: setup ## Measure a server of its own, on free ports: make bench BENCH="month tokens"
	@$(BIN)/python -m tests.bench $(BENCH)

requirements: setup ## Show which requirements the last test run proved
	@$(BIN)/python -m cds_common.testing.requirements

migrate: setup ## Bring one service's database to the newest schema: make migrate S=usage
	@$(LOCAL) migrate "$(or $(S),$(error name the service: make migrate S=usage))"

lock: ## Write requirements.lock anew; UPGRADE=1 takes the newest versions
	@deploy/local/lock.sh

clean: setup ## Stop everything and remove data, logs and secrets; keeps what was downloaded
	@$(LOCAL) clean
	@rm -rf .pytest_cache .ruff_cache .import_linter_cache .hypothesis
