# Collections. `make up` runs it all on this machine; `make help` lists the rest.
SHELL := /bin/bash
PY := .venv/bin/python
PORT ?= 4566
CLOUD ?= local
.DEFAULT_GOAL := help
.PHONY: help setup up down status logs reset token build test check lint format lock bench bench-search bench-pipeline cleanup db-migrate \
        eval eval-compare faults dlq-list dlq-redrive infra-synth infra-deploy lambda-deploy clean

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z-]*:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Virtual environment, locked packages, CDK CLI (every target does this first)
	@python3 -m scripts.bootstrap

up: setup ## Everything on this machine: database, cloud, stack, samples, a first search [PORT=4566]
	@$(PY) -m scripts.cloud up --port $(PORT)

down: setup ## Stop; state stays in .local/
	@$(PY) -m scripts.cloud down

status: setup ## What runs and what waits
	@$(PY) -m scripts.cloud status

logs: setup ## A Lambda's log: make logs FUNC=api
	@$(PY) -m scripts.cloud logs $(or $(FUNC),$(error say which: make logs FUNC=api)) --cloud $(CLOUD)

reset: setup ## Stop and forget all local state [YES=1]
	@$(PY) -m scripts.cloud reset $(if $(YES),--yes)

token: setup ## An access token of the demo user, for curl
	@$(PY) -m scripts.cloud token

build: setup ## The Lambdas' bundles [CLOUD=local|aws]
	@$(PY) -m scripts.bundle $(CLOUD)

lambda-deploy: setup ## Replace one Lambda's code: make lambda-deploy FUNC=api [CLOUD=]
	@$(PY) -m scripts.cloud deploy-function $(or $(FUNC),$(error say which: make lambda-deploy FUNC=api)) --cloud $(CLOUD)

test: setup ## All tests, the deployed local cloud included
	@$(PY) -m pytest

lint: setup ## Style, imports, types
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

check: lint test ## What CI runs

faults: setup ## Break everything on purpose, and count: the fault experiments [ONLY="1 2 10"]
	@$(PY) -m tests.faults.run $(ONLY)

dlq-list: setup ## Dead letters: item, stage, reason, receives [STAGE=] [CLOUD=local|aws]
	@$(PY) -m scripts.dlq list $(if $(STAGE),--stage $(STAGE)) --cloud $(CLOUD)

dlq-redrive: setup ## Send dead letters on their way again: make dlq-redrive STAGE=analyzer [CLOUD=]
	@$(PY) -m scripts.dlq redrive $(or $(STAGE),$(error say which: make dlq-redrive STAGE=analyzer)) --cloud $(CLOUD)

bench: setup ## Measure, and write docs/benchmarks.md [ONLY=imports,images,…]
	@$(PY) -m tests.benchmarks.run $(ONLY)

eval: setup ## How good search is: every judged query, every mode [LABEL=latest FUSION=scores|ranks GOLDEN_DIR=]
	@$(PY) -m scripts.evaluate_retrieval run --label $(or $(LABEL),latest) $(if $(FUSION),--fusion $(FUSION))

eval-compare: setup ## Two runs side by side: make eval-compare FIRST=before SECOND=after
	@$(PY) -m scripts.evaluate_retrieval compare $(or $(FIRST),$(error say which: FIRST=… SECOND=…)) $(or $(SECOND),latest)

bench-search: setup ## Search alone, beside other engines where they are installed
	@$(PY) -m tests.benchmarks.run search

bench-pipeline: setup ## The pipeline's throughput [N=200]
	@N=$(or $(N),200) $(PY) -m tests.benchmarks.run throughput

infra-synth: setup ## The CloudFormation template for AWS, into cdk.out (needs `make build CLOUD=aws` once)
	@$(PY) -m scripts.deploy synth

infra-deploy: setup ## Deploy to AWS: shows the changes, asks, deploys, migrates, writes .aws-outputs.json
	@$(PY) -m scripts.deploy aws

cleanup: setup ## Run the hourly sweep now
	@$(PY) -m scripts.cloud invoke cleanup --cloud $(CLOUD)

db-migrate: setup ## Apply the missing migrations now
	@$(PY) -m scripts.cloud invoke migrate --cloud $(CLOUD)

format: setup ## Format and sort
	@$(PY) -m ruff check --fix . ; $(PY) -m ruff format .

lock: setup ## Lock what pyproject.toml and lambdas/*/requirements.in ask for
	@$(PY) -m scripts.lock

clean: ## Remove what was built, not what was stored
	@rm -rf build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis
