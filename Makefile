# make demo   set everything up and run the main job (ARGS="--exit --json report.json")
# make test   set everything up and run the checks
# make setup  .venv with all tools, node_modules, the compiler
# make lint   ruff, mypy --strict, import-linter; make format mends what ruff can
# make artifacts   compile the contracts into gateway/chain/artifacts
# make contracts-test   contracts on anvil and on Ape's own EVM
# make crash-test   kill processes between all steps that write; CI runs it too
# make house-test   whole houses by the command line; walks on PostgreSQL; CI runs it too
# make storm  everything that can go wrong, at once (SEED=7 MINUTES=1): docs/decisions/0102; a short one is in CI
# make simulate   relayer and indexer on a simulated node, SCHEDULES=5000 of them; a few are in `make test`
# make recompute  mint real purchases under a whole programme and recompute them with pandas (FILE=purchases.csv.gz)
# make client     write the typed client anew from the OpenAPI document
# make api-test   schemathesis against the OpenAPI document
# make rule-speed what judging an action costs
# make gas    measure what the contracts cost, beside what others would use; writes docs/gas.md
# make prove  show the contracts' promises at length (docs/promises.md), in two lanes
# make mutation   change the contracts in every small way and see who notices; an hour of CPU, by hand
# Needs python3 (3.11-3.13), node 20+ and make; everything else goes into this folder.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# uv must not live in the environment that it syncs.
UV ?= $(or $(shell command -v uv),.uv/bin/uv)
PYTHON ?= $(or $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && command -v $$p && break; done),3.13)
PYTEST := .venv/bin/pytest -p no:ape_test
APE := TMPDIR=$(CURDIR)/.cache/tmp .venv/bin/ape
RUFF_PATHS := gateway scripts tests

# Tools keep caches in HOME; where there is none, here.
ifeq ($(shell [ -d "$${HOME:-}" ] && [ -w "$$HOME" ] && echo yes),)
export HOME := $(CURDIR)/.cache/home
$(shell mkdir -p $(HOME))
endif
# Where an image forbids bytecode files, every start of a process would compile all libraries again.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export SOLCX_BINARY_PATH := $(CURDIR)/.cache/solcx
export FOUNDRY_SOLC := $(CURDIR)/.cache/solcx/solc-v0.8.37
export FOUNDRY_OFFLINE := true

section = @printf '\n=== %s ===\n' "$(1)"

.PHONY: client api-test recompute rule-speed help setup setup-run demo test lint format artifacts artifacts-check contracts-test aside contracts-checks gateway-test crash-test house-test storm simulate gas prove mutation clean

help:
	@sed -n 's/^# make/make/p' Makefile

## Environments. The stamps lie inside what they vouch for, so they vanish with it.
setup: .venv/.dev .venv/.solc
setup-run: .venv/.run node_modules/.stamp

.uv/bin/uv:
	@python3 -m venv .uv || { echo 'python3 has no venv module: install your system package python3-venv, or uv' >&2; exit 1; }
	.uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.8'

.venv/.run: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --locked --inexact --no-default-groups --python $(PYTHON)
	@touch $@

.venv/.dev: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --locked --python $(PYTHON)
	@touch .venv/.run $@

# halmos and Ape do not fit into one environment (see pyproject.toml).
.venv-prove/.stamp: pyproject.toml uv.lock | $(UV)
	UV_PROJECT_ENVIRONMENT=.venv-prove $(UV) sync --quiet --locked --only-group prove --python $(PYTHON)
	@touch $@

node_modules/.stamp: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.venv/.solc: .venv/.dev node_modules/.stamp scripts/setup_solc.py scripts/solc
	.venv/bin/python scripts/setup_solc.py
	@touch $@

## The main job
demo: setup-run
	.venv/bin/loyalty demo $(ARGS)

## Checks
test: setup
	@$(MAKE) --no-print-directory -j2 aside gateway-test
	@printf '\nEverything passed.\n'

lint: setup
	$(call section,Lint)
	.venv/bin/ruff check $(RUFF_PATHS)
	.venv/bin/ruff format --check $(RUFF_PATHS)
	.venv/bin/mypy gateway scripts
	.venv/bin/lint-imports

format: setup
	.venv/bin/ruff check --fix $(RUFF_PATHS)
	.venv/bin/ruff format $(RUFF_PATHS)

artifacts: setup
	.venv/bin/python scripts/build_artifacts.py

artifacts-check: setup
	$(call section,Artifacts: rebuilt and compared)
	.venv/bin/python scripts/build_artifacts.py --check

# Ape keeps what it compiled and does not see a change in a file's imports; the copies of dependencies that a first
# compilation leaves in contracts/ hide the project's own folders from it.
contracts-compiled: setup
	@mkdir -p .cache/tmp
	$(APE) compile --force
	rm -rf contracts/.cache

contracts-on-%: contracts-compiled
	$(call section,Contracts on $(if $(filter test,$*),Ape's own EVM,anvil))
	$(APE) test tests/contracts --network ethereum:local:$*

contracts-test: setup
	@$(MAKE) --no-print-directory -j2 --output-sync=target contracts-on-test contracts-on-foundry

# Beside the gateway's tests, which wait more than they compute; its output comes in one piece when it is done.
aside: setup
	@mkdir -p .cache
	@(for part in lint artifacts-check contracts-checks; do \
		$(MAKE) --no-print-directory $$part || exit; done) > .cache/aside.log 2>&1 || ended=$$?; \
		cat .cache/aside.log; exit $${ended:-0}

contracts-checks: contracts-on-foundry
	@$(MAKE) --no-print-directory fuzz-quick
	@$(MAKE) --no-print-directory prove-differential prove-tampering RUNS=6

# Each room on both databases; the walks through a whole house on SQLite, and on PostgreSQL in house-test.
gateway-test: setup
	$(call section,Gateway on SQLite and PostgreSQL; walks on SQLite)
	$(PYTEST) -n 4 --dist loadgroup -k "not (functional and postgresql)" \
	--ignore tests/contracts --ignore tests/storm --ignore tests/houses --ignore tests/api tests

# The typed client, from the OpenAPI document.
client: setup
	.venv/bin/python -m scripts.build_client

# A part of CI, with few examples for each route (EXAMPLES=200 for more): most of its time goes into the schema of rules.
EXAMPLES ?= 5
api-test: setup
	$(call section,Schemathesis against the OpenAPI document)
	EXAMPLES=$(EXAMPLES) $(PYTEST) -n 2 tests/api

# Real purchases under a whole programme, recomputed wallet by wallet with pandas.
FILE ?= tests/data/online_retail_2010-12-01_07.csv.gz
recompute: setup
	.venv/bin/python -m scripts.recompute $(FILE) $(ARGS)

# A part of CI. Processor time, so that a busy machine changes little; figures in docs/howto/add-an-earning-rule.md.
rule-speed: setup
	$(call section,What judging costs)
	.venv/bin/python -m scripts.rule_speed

# Processes killed between all steps that write, and many of everything at once. A part of CI.
crash-test: setup
	$(call section,Killed processes on SQLite and PostgreSQL)
	$(PYTEST) -n 2 --dist loadgroup tests/storm

# Whole houses as an operator runs them: the guide word for word, killed and started again, a file twice; and the walks
# on PostgreSQL. A part of CI.
house-test: setup
	$(call section,Whole houses by the command line; walks on PostgreSQL)
	$(PYTEST) -n 3 --dist loadgroup -k "houses or postgresql" tests/houses tests/functional

# Real traffic while processes, node, line, clock and disk fail, for MINUTES on each database; ARGS="--verbose"
MINUTES ?= 1
storm: setup
	$(call section,A storm on SQLite and PostgreSQL)
	.venv/bin/python -m tests.storm $(if $(SEED),--seed $(SEED)) --minutes $(MINUTES) $(ARGS)

# Thousands of schedules of everything that a node, a clock and a dying process can do to relayer and indexer.
SCHEDULES ?= 5000
simulate: setup
	$(call section,Relayer and indexer on a simulated node)
	SCHEDULES=$(SCHEDULES) $(PYTEST) -q tests/simulation/test_schedules.py

## What the contracts cost: docs/gas.md. `make test` compares with tests/gas/figures.json.
gas: artifacts-check
	.venv/bin/python -m tests.gas

## The contracts' promises at length: docs/promises.md. What runs in `make test` is a quick part of it.
# Each part is a target prove-<name> and is named in one of two lanes, which run side by side; the first part that fails
# ends its lane, and `prove` fails when both are done.
LANE_sequences := invariants differential tampering planted-orders static
LANE_proofs := symbolic planted-proofs

prove: setup .venv-prove/.stamp
	@$(MAKE) --no-print-directory artifacts-check
	@$(MAKE) --no-print-directory -j2 --output-sync=target prove-lane-sequences prove-lane-proofs
	@printf '\nEverything is shown.\n'

prove-lane-%:
	@for part in $(LANE_$*); do $(MAKE) --no-print-directory prove-$$part; done

# slither, forge lint and slither-check-erc, held against tests/static/accepted.yaml
prove-static: setup .venv-prove/.stamp
	$(call section,Static analysis)
	.venv/bin/python -m scripts.static_analysis

prove-invariants: fuzz-full
	.venv/bin/python -m scripts.planted_faults

# tests/forge/differential and tests/forge/tampering, against the committed artifacts; RUNS inputs of each fuzzed test
RUNS ?= 512
prove-differential prove-tampering: prove-%: setup
	$(call section,Forge: $*)
	FOUNDRY_PROFILE=invariants FOUNDRY_SRC=tests/forge/$* FOUNDRY_TEST=tests/forge/$* FOUNDRY_OUT=.forge/$*/out \
	FOUNDRY_CACHE_PATH=.forge/$*/cache FOUNDRY_FUZZ_RUNS=$(RUNS) forge test --color never

# Faults that these two must find.
prove-planted-orders: setup
	.venv/bin/python -m scripts.planted_orders

# Symbolic proofs of the contracts' committed bytecode; NAMES="Token.transfer" for some of them, or "--long" for those that
# take minutes each, by hand when the bytecode changed.
prove-symbolic: setup .venv-prove/.stamp
	$(call section,Proofs for every input)
	.venv/bin/python -m scripts.prove_contracts $(NAMES)

# Faults that the proofs must find.
prove-planted-proofs: setup .venv-prove/.stamp
	.venv/bin/python -m scripts.planted_proofs

# quick, full, long (hours, by hand); ARGS="--seed 0x1234" repeats a run
fuzz-%: setup
	$(call section,Fuzzed sequences of calls)
	.venv/bin/python -m scripts.fuzz_contracts $* $(ARGS)

# Every small change of the contracts that no test notices must be explained. An hour of CPU, and goes on where it was
# stopped; ARGS="--first 200" judges a sample.
mutation: setup .venv-prove/.stamp
	$(call section,Mutation testing)
	$(UV) sync --quiet --locked --inexact --group mutation
	.venv/bin/python -m scripts.mutation $(ARGS)

clean:
	rm -rf .venv .venv-prove .uv .cache .build .forge node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
