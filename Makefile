# Labelyard. `make` alone lists what there is.

PYTHON := .venv/bin/python
INSTALLED := test -x $(PYTHON) || { echo "nothing is installed yet: make up" >&2; exit 1; }

.PHONY: help up demo down status logs backup restore verify empty-analytics compose-secrets test soak check documents release-api bench lock bootstrap

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## install what is missing, start everything, load a demo, show it
	@deploy/local/bootstrap
	@$(PYTHON) -m deploy.local up

demo: bootstrap ## load the demo project into the system at LABELYARD_URL, with LABELYARD_TOKEN
	@$(PYTHON) -m deploy.local demo

down: ## stop everything; PURGE=1 removes all data too
	@test ! -x $(PYTHON) || $(PYTHON) -m deploy.local down $(if $(PURGE),--purge)

status: ## every process with its health
	@$(INSTALLED); $(PYTHON) -m deploy.local status

logs: ## follow the logs; NAME=gateway for one process
	@$(INSTALLED); $(PYTHON) -m deploy.local logs $(NAME)

backup: ## copy databases and objects to the new folder DIR
	@$(INSTALLED); test -n "$(DIR)" || { echo "where to? make backup DIR=..., a folder that is not there yet" >&2; exit 1; }
	@$(PYTHON) -m deploy.backup --local create $(DIR)

restore: ## bring the system back to the backup in DIR; what it holds now is lost; then make up
	@$(INSTALLED); test -n "$(DIR)" || { echo "which backup? make restore DIR=..." >&2; exit 1; }
	@test -f "$(DIR)/manifest.json" || { echo "$(DIR) holds no backup, or one that did not come to its end" >&2; exit 1; }
	@$(PYTHON) -m deploy.local down && $(PYTHON) -m deploy.backup --local restore --replace $(DIR)

verify: ## compare counters with labels, and objects with what promises them
	@$(INSTALLED); $(PYTHON) -m deploy.backup --local verify

empty-analytics: ## begin the counters' database anew; docs/operators/counters.md tells how to fill it
	@$(INSTALLED); $(PYTHON) -m deploy.local empty-analytics

compose-secrets: ## make the secrets that docker-compose.yml hands out, where they are missing
	@python3 -m deploy.docker.credentials

test: check ## all checks, then all tests, against servers of their own
	$(PYTHON) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder  # two systems side by side: most tests wait

soak: bootstrap ## people at work and one random fault after the other; LABELYARD_SOAK_MINUTES=10
	@$(PYTHON) -m tests.faults.soak

check: bootstrap ## style, types, walls between packages, API and message schemas, known vulnerabilities
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m contracts.schemas --check
	$(PYTHON) -m contracts.asyncapi --check
	$(PYTHON) -m gateway.openapi --check
	$(PYTHON) -m contracts.compatibility
	$(PYTHON) -m docs.generate --check
	.venv/lib/python3*/site-packages/compose/docker-compose config --quiet  # not bin/docker-compose: it always ends with 0
	.venv/bin/hadolint deploy/docker/Dockerfile
	$(PYTHON) -m deploy.advisories

documents: bootstrap ## rewrite what is made of the code: schemas, API documents, parts of docs/
	$(PYTHON) -m contracts.schemas
	$(PYTHON) -m contracts.asyncapi
	$(PYTHON) -m gateway.openapi
	$(PYTHON) -m docs.generate

release-api: ## today's API, events and export format are the released ones from now on
	@$(INSTALLED); $(PYTHON) -m contracts.compatibility --release

bench: bootstrap ## measured claims, each against a floor or a peer in the same run
	$(PYTHON) -m benchmarks

lock: bootstrap ## rewrite requirements*.txt from requirements*.in
	@for set in requirements requirements-local requirements-dev; do \
	  env -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL .venv/bin/uv --no-config pip compile -q --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    $$set.in -o $$set.txt || exit 1; \
	done

bootstrap:
	@deploy/local/bootstrap dev
