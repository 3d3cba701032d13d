# Collections. `make up` runs it all on this machine; `make help` lists the rest.
SHELL := /bin/bash
PY := .venv/bin/python
PORT ?= 4566
CLOUD ?= local
ENV ?= dev
.DEFAULT_GOAL := help
# Images for containers like to forbid it. Every command is a process, a deployment starts dozens, and the CDK alone takes
# longer to compile than to run: bytecode is kept.
unexport PYTHONDONTWRITEBYTECODE
# Every target is a word for a command; none makes a file of its name.
.PHONY: $(shell sed -n 's/^\([a-z][a-z0-9 -]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

# Options that many commands take: YES=1 does not ask, DRY_RUN=1 changes nothing.
asked = $(if $(YES),--yes)
dry = $(if $(DRY_RUN),--dry-run)
# Values come from people: quoted for the shell.
quoted = '$(subst ','\'',$(1))'
# The value of a variable that a target cannot do without: $(call needed,EMAIL,EMAIL=ada@example.com)
needed = $(if $($(1)),$(call quoted,$($(1))),$(error say which: make $@ $(2)))

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} \
	     /^[a-z][a-z0-9 -]*:.*## / {printf "  \033[36m%-21s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Virtual environment, locked packages, CDK CLI (every target does this first)
	@python3 -m scripts.bootstrap

##@ This machine

up: setup ## Everything on this machine: database, cloud, stack, samples, a first search [PORT=4566]
	@$(PY) -m scripts.cloud up --port $(PORT)

down: setup ## Stop; state stays in .local/
	@$(PY) -m scripts.cloud down

reset: setup ## Stop and forget all local state [YES=1]
	@$(PY) -m scripts.cloud reset $(asked)

token: setup ## An access token of the demo user, for curl
	@$(PY) -m scripts.cloud token

##@ Infrastructure [CLOUD=local|aws ENV=dev]

status: setup ## What runs, which versions, what waits, what is missing
	@$(PY) -m scripts.cloud status --cloud $(CLOUD) --env $(ENV)

build: setup ## The Lambdas' bundles
	@$(PY) -m scripts.bundle $(CLOUD)

# What the stack commands take: ENV= is part of the stack's name, CONTEXT='key=value …' chooses (infrastructure/clouds.py).
STACK = --cloud $(CLOUD) --env $(ENV)
CHOICES = $(foreach choice,$(CONTEXT),--context $(choice))

infra-bootstrap: setup ## What deployments need, once per account and region [DRY_RUN=1 CLOUD=local|aws]
	@$(PY) -m scripts.deploy bootstrap $(STACK) $(dry)

infra-synth: setup ## The CloudFormation template, into cdk.out for AWS [CONTEXT= CLOUD=local|aws]
	@$(PY) -m scripts.deploy synth $(STACK) $(CHOICES)

infra-diff: setup ## What a deployment would change [CONTEXT= CLOUD=local|aws]
	@$(PY) -m scripts.deploy diff $(STACK) $(CHOICES)

infra-deploy: setup ## Changes, a question, migrations, deployment, smoke, outputs [YES=1 DRY_RUN=1 CONTEXT= CLOUD=local|aws]
	@$(PY) -m scripts.deploy deploy $(STACK) $(CHOICES) $(asked) $(dry)

infra-destroy: setup ## Delete the stack; on AWS what holds data is kept [YES=1 DRY_RUN=1 CLOUD=local|aws]
	@$(PY) -m scripts.deploy destroy $(STACK) $(asked) $(dry)

cost: setup ## What a month on AWS costs, line by line [ITEMS=1000 SEARCHES=3000 CHATS=1000 USERS=10]
	@$(PY) -m scripts.cost $(if $(ITEMS),--items $(ITEMS)) $(if $(SEARCHES),--searches $(SEARCHES)) $(if $(CHATS),--chats $(CHATS)) $(if $(USERS),--users $(USERS))

##@ Secrets [CLOUD=local|aws ENV=dev]

secrets-populate: setup ## Keys from .env into the parameter store [DRY_RUN=1 FORCE=1]
	@$(PY) -m scripts.secrets populate --cloud $(CLOUD) --env $(ENV) $(dry) $(if $(FORCE),--force)

secrets-export: setup ## Stored keys back into .env [DRY_RUN=1 FORCE=1]
	@$(PY) -m scripts.secrets export --cloud $(CLOUD) --env $(ENV) $(dry) $(if $(FORCE),--force)

secrets-check: setup ## Which keys the chosen providers need, and which are missing
	@$(PY) -m scripts.secrets check --cloud $(CLOUD) --env $(ENV)

paid-calls: setup ## The kill switch: make paid-calls STATE=off|on [DRY_RUN=1]
	@$(PY) -m scripts.secrets paid-calls $(call needed,STATE,STATE=off) --cloud $(CLOUD) --env $(ENV) $(dry)

##@ Database [CLOUD=local|aws]

db-connect: setup ## psql, with verified TLS and an IAM token on AWS [SQL="select 1" ROLE=app|cleanup|owner USER_ID=]
	@$(PY) -m scripts.database connect --role $(or $(ROLE),app) $(if $(USER_ID),--user-id $(USER_ID)) $(if $(SQL),--sql $(call quoted,$(SQL))) --cloud $(CLOUD)

db-migrate: setup ## Apply the missing migrations now [DRY_RUN=1]
	@$(PY) -m scripts.cloud invoke migrate --cloud $(CLOUD) $(dry)

db-status: setup ## Migrations, sizes, rows, connections against their limits, pgvector
	@$(PY) -m scripts.database status --cloud $(CLOUD)

db-backup: setup ## A dump into backups/ [FILE= FROM=another RDS instance DRY_RUN=1]
	@$(PY) -m scripts.database backup --cloud $(CLOUD) $(if $(FILE),--file $(call quoted,$(FILE))) $(if $(FROM),--host $(FROM)) $(dry)

db-restore: setup ## A dump in the place of the database [DUMP=the newest YES=1 DRY_RUN=1]
	@$(PY) -m scripts.database restore $(if $(DUMP),$(call quoted,$(DUMP))) --cloud $(CLOUD) $(asked) $(dry)

db-restore-point: setup ## A new RDS instance, as the old one was: make db-restore-point TIME=2026-11-21T12:00:00Z|latest [DRY_RUN=1]
	@$(PY) -m scripts.database restore-point $(call needed,TIME,TIME=2026-11-21T12:00:00Z) --cloud $(if $(filter file,$(origin CLOUD)),aws,$(CLOUD)) $(dry)

db-seed-full: setup ## A dump into a database without items: make db-seed-full DUMP=backups/… [DRY_RUN=1]
	@$(PY) -m scripts.database seed-full $(call needed,DUMP,DUMP=backups/local-dev-….dump) --cloud $(CLOUD) $(dry)

db-seed-golden: setup ## The golden set, as people reviewed it, into the demo user's collection [GOLDEN_DIR= DRY_RUN=1]
	@$(PY) -m scripts.seed_golden --cloud $(CLOUD) $(dry)

db-reset: setup ## An empty database; on AWS in dev alone [YES=1 DRY_RUN=1]
	@$(PY) -m scripts.database reset --cloud $(CLOUD) $(asked) $(dry)

##@ Lambda [CLOUD=local|aws]

lambda-deploy-api: setup ## Replace the API's code [DRY_RUN=1]
	@$(PY) -m scripts.cloud deploy-function api --cloud $(CLOUD) $(dry)

lambda-deploy-all: setup ## Replace every Lambda's code [DRY_RUN=1]
	@$(PY) -m scripts.cloud deploy-all --cloud $(CLOUD) $(dry)

lambda-deploy: setup ## Replace one Lambda's code: make lambda-deploy FUNC=api [DRY_RUN=1]
	@$(PY) -m scripts.cloud deploy-function $(call needed,FUNC,FUNC=api) --cloud $(CLOUD) $(dry)

lambda-logs logs: setup ## A Lambda's log: make lambda-logs FUNC=api [FOLLOW=1 MINUTES=60]
	@$(PY) -m scripts.cloud logs $(call needed,FUNC,FUNC=api) --cloud $(CLOUD) $(if $(FOLLOW),--follow) $(if $(MINUTES),--minutes $(MINUTES))

cleanup: setup ## Run the hourly sweep now [DRY_RUN=1]
	@$(PY) -m scripts.cloud invoke cleanup --cloud $(CLOUD) $(dry)

##@ Users [CLOUD=local|aws]

cognito-create-user: setup ## Somebody who can sign in: make cognito-create-user EMAIL=ada@example.com [PASSWORD= DRY_RUN=1]
	@PASSWORD=$(call quoted,$(PASSWORD)) $(PY) -m scripts.users create $(call needed,EMAIL,EMAIL=ada@example.com) --cloud $(CLOUD) $(dry)

cognito-get-token: setup ## Their token into .test-user-token, their id into .test-user-id [EMAIL= PASSWORD=]
	@PASSWORD=$(call quoted,$(PASSWORD)) $(PY) -m scripts.users token $(if $(EMAIL),--email $(call quoted,$(EMAIL))) --cloud $(CLOUD)

cognito-list-users: setup ## Everybody in the pool
	@$(PY) -m scripts.users list --cloud $(CLOUD)

cognito-delete-user: setup ## Take somebody out of it: make cognito-delete-user EMAIL=ada@example.com [YES=1 DRY_RUN=1]
	@$(PY) -m scripts.users delete $(call needed,EMAIL,EMAIL=ada@example.com) --cloud $(CLOUD) $(asked) $(dry)

##@ Images [CLOUD=local|aws]

s3-upload-images: setup ## A folder into the token's user's collection: make s3-upload-images DIR=~/Pictures [DRY_RUN=1]
	@$(PY) -m scripts.images upload $(call needed,DIR,DIR=samples) --cloud $(CLOUD) $(dry)

s3-download-images: setup ## Their originals into a folder, each checked: make s3-download-images DIR=originals [DRY_RUN=1]
	@$(PY) -m scripts.images download $(call needed,DIR,DIR=originals) --cloud $(CLOUD) $(dry)

##@ Tests

# More processes than CI has cores: some of them wait, for a cloud each.
WORKERS ?= 4
test: setup ## All tests, the deployed local clouds included, side by side [WORKERS=4 processes]
	@$(PY) -m pytest -n $(WORKERS)

test-infra: setup ## A deployed cloud in ten steps, reported in reports/ [CLOUD=local|aws ENV=dev]
	@$(PY) -m scripts.validate --cloud $(CLOUD) --env $(ENV)

test-api: setup ## The HTTP API's tests, on real PostgreSQL
	@$(PY) -m pytest tests/integration/http_api

test-e2e: setup ## The deployed local cloud's tests, in the browser too
	@$(PY) -m pytest tests/e2e

test-all: lint test test-infra ## Style, all tests, and then the cloud that is up

lint: setup ## Style, imports, types; no keys in it
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy
	@$(PY) -m scripts.secret_scan
	@npm --prefix web run --silent lint

check: lint audit test ## What CI runs, and the audit

audit: setup ## Known vulnerabilities in what is locked, Python and Node
	@$(PY) -m scripts.audit

fuzz: setup ## Send anything to every operation: make fuzz [N=500 examples of each]
	@FUZZ_EXAMPLES=$(or $(N),500) $(PY) -m pytest tests/integration/http_api/test_http_fuzzing.py

faults: setup ## Break everything on purpose, and count: the fault experiments [ONLY="1 2 10"]
	@$(PY) -m tests.faults.run $(ONLY)

##@ Evaluation

eval: setup ## How good search is: every judged query, every mode [LABEL=latest FUSION=scores|ranks GOLDEN_DIR=]
	@$(PY) -m scripts.evaluate_retrieval run --label $(or $(LABEL),latest) $(if $(FUSION),--fusion $(FUSION))

eval-chat: setup ## How good conversations are: every judged dialogue [PROVIDER=local|claude|bedrock MODEL= LABEL=chat]
	@$(PY) -m scripts.evaluate_chat --label $(or $(LABEL),chat) --provider $(or $(PROVIDER),local) $(if $(MODEL),--model $(MODEL))

eval-aws: setup ## How good a deployed cloud's search is, over HTTP, with the saved token [CLOUD=aws LABEL=]
	@$(PY) -m scripts.evaluate_retrieval deployed --cloud $(if $(filter file,$(origin CLOUD)),aws,$(CLOUD)) $(if $(LABEL),--label $(LABEL))

eval-compare: setup ## Two runs side by side: make eval-compare FIRST=before SECOND=after
	@$(PY) -m scripts.evaluate_retrieval compare $(call needed,FIRST,FIRST=… SECOND=…) $(or $(SECOND),latest)

bench: setup ## Measure, and write docs/benchmarks.md [ONLY=imports,images,…]
	@$(PY) -m tests.benchmarks.run $(ONLY)

bench-search: setup ## Search alone, beside ChromaDB and bm25s [ROWS=1000000 CHROMA_ROWS=200000]
	@ROWS=$(or $(ROWS),1000000) CHROMA_ROWS=$(or $(CHROMA_ROWS),200000) $(PY) -m tests.benchmarks.run search

bench-api: setup ## Requests a second and latencies under uvicorn, beside a bare route; handler times
	@$(PY) -m tests.benchmarks.run api_load

bench-pipeline: setup ## The pipeline's throughput [N=200]
	@N=$(or $(N),200) $(PY) -m tests.benchmarks.run throughput

##@ Migration from the previous application: docs/migrating.md [CLOUD=local|aws]

# The environment has a USER of its own, who is nobody there.
whom = $(if $(filter command%,$(origin USER)),--user $(call quoted,$(USER)),$(error say whose collection: USER=ada@example.com))
vectors_of = $(if $(COLLECTION),--collection $(call quoted,$(COLLECTION))) $(if $(MODEL),--model $(call quoted,$(MODEL)))

migrate-db: setup ## Items and analyses: make migrate-db SQLITE=collections.db USER=ada@example.com [DRY_RUN=1]
	@$(PY) -m scripts.migrate db $(call needed,SQLITE,SQLITE=collections.db) $(whom) --cloud $(CLOUD) $(dry)

migrate-vectors: setup ## Vectors that fit: make migrate-vectors CHROMA=data/chroma USER= [COLLECTION= MODEL= DRY_RUN=1]
	@$(PY) -m scripts.migrate vectors $(call needed,CHROMA,CHROMA=data/chroma) $(whom) $(vectors_of) --cloud $(CLOUD) $(dry)

migrate-images: setup ## Images, and the pipeline's work: make migrate-images DIR=data/images USER= [SQLITE= DRY_RUN=1]
	@$(PY) -m scripts.migrate images $(call needed,DIR,DIR=data/images) $(whom) $(if $(SQLITE),--sqlite $(call quoted,$(SQLITE))) --cloud $(CLOUD) $(dry)

migrate-validate: setup ## Is it all there? make migrate-validate SQLITE= USER= [DIR= CHROMA= COLLECTION= MODEL=]
	@$(PY) -m scripts.migrate validate $(whom) --sqlite $(call needed,SQLITE,SQLITE=collections.db) $(if $(DIR),--folder $(call quoted,$(DIR))) \
	  $(if $(CHROMA),--directory $(call quoted,$(CHROMA))) $(vectors_of) --cloud $(CLOUD)

##@ Else

dlq-list: setup ## Dead letters: item, stage, reason, receives [STAGE=] [CLOUD=local|aws]
	@$(PY) -m scripts.dlq list $(if $(STAGE),--stage $(STAGE)) --cloud $(CLOUD)

dlq-redrive: setup ## Send dead letters on their way again: make dlq-redrive STAGE=analyzer [DRY_RUN=1 CLOUD=local|aws]
	@$(PY) -m scripts.dlq redrive $(call needed,STAGE,STAGE=analyzer) --cloud $(CLOUD) $(dry)

openapi: setup ## docs/openapi.json, as the application describes itself
	@$(PY) -m scripts.openapi

screens: setup ## Pictures of the front end for README and docs, by its tests in the browser
	@$(PY) -m pytest tests/e2e/test_web.py && $(PY) -m scripts.screens

sbom: setup ## What everything consists of, as CycloneDX, into build/sbom
	@$(PY) -m scripts.sbom

format: setup ## Format and sort
	@$(PY) -m ruff check --fix . ; $(PY) -m ruff format .

lock: setup ## Lock what pyproject.toml and lambdas/*/requirements.in ask for
	@$(PY) -m scripts.lock

clean: ## Remove what was built, not what was stored
	@rm -rf build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis
