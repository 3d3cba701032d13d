# Collections. `make up` runs it all on this machine; `make help` lists the rest.
SHELL := /bin/bash
PY := .venv/bin/python
PORT ?= 4566
CLOUD ?= local
.DEFAULT_GOAL := help
.PHONY: help setup up down status logs reset token build test check lint format lock bench bench-search bench-pipeline cleanup db-migrate \
        eval eval-aws eval-compare db-seed-golden faults dlq-list dlq-redrive infra-synth infra-deploy lambda-deploy cost paid-calls secrets-populate secrets-export secrets-check openapi audit sbom fuzz bench-api clean

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z-]*:.*## / {printf "  \033[36m%-17s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

lint: setup ## Style, imports, types; no keys in it
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy
	@$(PY) -m scripts.secret_scan
	@npm --prefix web run --silent lint

audit: setup ## Known vulnerabilities in what is locked, Python and Node
	@$(PY) -m scripts.audit

sbom: setup ## What everything consists of, as CycloneDX, into build/sbom
	@$(PY) -m scripts.sbom

fuzz: setup ## Send anything to every operation: make fuzz [N=500 examples of each]
	@FUZZ_EXAMPLES=$(or $(N),500) $(PY) -m pytest tests/integration/http_api/test_http_fuzzing.py

check: lint audit test ## What CI runs, and the audit

faults: setup ## Break everything on purpose, and count: the fault experiments [ONLY="1 2 10"]
	@$(PY) -m tests.faults.run $(ONLY)

dlq-list: setup ## Dead letters: item, stage, reason, receives [STAGE=] [CLOUD=local|aws]
	@$(PY) -m scripts.dlq list $(if $(STAGE),--stage $(STAGE)) --cloud $(CLOUD)

dlq-redrive: setup ## Send dead letters on their way again: make dlq-redrive STAGE=analyzer [CLOUD=]
	@$(PY) -m scripts.dlq redrive $(or $(STAGE),$(error say which: make dlq-redrive STAGE=analyzer)) --cloud $(CLOUD)

bench: setup ## Measure, and write docs/benchmarks.md [ONLY=imports,images,…]
	@$(PY) -m tests.benchmarks.run $(ONLY)

screens: setup ## Pictures of the front end for README and docs, by its tests in the browser
	@$(PY) -m pytest tests/e2e/test_web.py && $(PY) -m scripts.screens

eval: setup ## How good search is: every judged query, every mode [LABEL=latest FUSION=scores|ranks GOLDEN_DIR=]
	@$(PY) -m scripts.evaluate_retrieval run --label $(or $(LABEL),latest) $(if $(FUSION),--fusion $(FUSION))

eval-aws: setup ## How good a deployed cloud's search is, over HTTP, with the saved token [CLOUD=aws LABEL=]
	@$(PY) -m scripts.evaluate_retrieval deployed --cloud $(if $(filter file,$(origin CLOUD)),aws,$(CLOUD)) $(if $(LABEL),--label $(LABEL))

eval-compare: setup ## Two runs side by side: make eval-compare FIRST=before SECOND=after
	@$(PY) -m scripts.evaluate_retrieval compare $(or $(FIRST),$(error say which: FIRST=… SECOND=…)) $(or $(SECOND),latest)

bench-search: setup ## Search alone, beside ChromaDB and bm25s [ROWS=1000000 CHROMA_ROWS=200000]
	@ROWS=$(or $(ROWS),1000000) CHROMA_ROWS=$(or $(CHROMA_ROWS),200000) $(PY) -m tests.benchmarks.run search

bench-api: setup ## Requests a second and latencies under uvicorn, beside a bare route; handler times
	@$(PY) -m tests.benchmarks.run api_load

bench-pipeline: setup ## The pipeline's throughput [N=200]
	@N=$(or $(N),200) $(PY) -m tests.benchmarks.run throughput

infra-synth: setup ## The CloudFormation template for AWS, into cdk.out (needs `make build CLOUD=aws` once)
	@$(PY) -m scripts.deploy synth

infra-deploy: setup ## Deploy to AWS: shows the changes, asks, deploys, migrates, writes .aws-outputs.json
	@$(PY) -m scripts.deploy aws

cost: setup ## What a month on AWS costs, line by line [ITEMS=1000 SEARCHES=3000 CHATS=1000 USERS=10]
	@$(PY) -m scripts.cost $(if $(ITEMS),--items $(ITEMS)) $(if $(SEARCHES),--searches $(SEARCHES)) $(if $(CHATS),--chats $(CHATS)) $(if $(USERS),--users $(USERS))

secrets-populate: setup ## Keys from .env into the parameter store [DRY_RUN=1 FORCE=1 ENV=dev] [CLOUD=local|aws]
	@$(PY) -m scripts.secrets populate --cloud $(CLOUD) --env $(or $(ENV),dev) $(if $(DRY_RUN),--dry-run) $(if $(FORCE),--force)

secrets-export: setup ## Stored keys back into .env [FORCE=1 ENV=dev] [CLOUD=local|aws]
	@$(PY) -m scripts.secrets export --cloud $(CLOUD) --env $(or $(ENV),dev) $(if $(FORCE),--force)

secrets-check: setup ## Which keys the chosen providers need, and which are missing [ENV=dev] [CLOUD=local|aws]
	@$(PY) -m scripts.secrets check --cloud $(CLOUD) --env $(or $(ENV),dev)

paid-calls: setup ## The kill switch: make paid-calls STATE=off|on [ENV=dev] [CLOUD=local|aws]
	@$(PY) -m scripts.secrets paid-calls $(or $(STATE),$(error say which: make paid-calls STATE=off)) --cloud $(CLOUD) --env $(or $(ENV),dev)

cleanup: setup ## Run the hourly sweep now
	@$(PY) -m scripts.cloud invoke cleanup --cloud $(CLOUD)

db-migrate: setup ## Apply the missing migrations now
	@$(PY) -m scripts.cloud invoke migrate --cloud $(CLOUD)

db-seed-golden: setup ## The golden set, as people reviewed it, into the demo user's collection [GOLDEN_DIR= CLOUD=local|aws]
	@$(PY) -m scripts.seed_golden --cloud $(CLOUD)

openapi: setup ## docs/openapi.json, as the application describes itself
	@$(PY) -m scripts.openapi

format: setup ## Format and sort
	@$(PY) -m ruff check --fix . ; $(PY) -m ruff format .

lock: setup ## Lock what pyproject.toml and lambdas/*/requirements.in ask for
	@$(PY) -m scripts.lock

clean: ## Remove what was built, not what was stored
	@rm -rf build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis
