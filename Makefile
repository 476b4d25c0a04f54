# Two commands do everything: `make demo` and `make test`. Variables: PORT, SERVE=0, FRESH=1, RUNS.

PORT ?= 8000
SERVE ?= 1
FRESH ?= 0
RUNS ?= 1000000
PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo serve test lint bench fuzz chaos lock clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1 \2/p' Makefile | sed 's/^\(  make [a-z]*\) /\1\t/' | expand -t 16

demo: ## play a day of the demo city and keep the portal running (SERVE=0: end after it; FRESH=1: new city; PORT=8000)
	@.ci/bootstrap run
	@$(PYTHON) manage.py demo --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve) $(if $(filter-out 0,$(FRESH)),--fresh)

serve: ## run the whole stack without playing anything (PORT=8000)
	@.ci/bootstrap run
	@$(PYTHON) manage.py serve --port $(PORT)

test: ## run every check and every test
	@.ci/bootstrap test
	@.ci/check all

lint: ## run the checks that need no database
	@.ci/bootstrap run
	@.ci/check lint

bench: ## measure the speeds, each beside the raw limit of this machine
	@.ci/bootstrap run
	@$(PYTHON) -m benchmarks

fuzz: ## a million hostile inputs for every parser, the card and the SAM (RUNS=1000000)
	@.ci/bootstrap test
	@$(PYTHON) -m tests.fuzz --all --runs $(RUNS)

chaos: ## kill everything at every step, at full size, each beside a control that must lose (hours)
	@.ci/bootstrap test
	@$(PYTHON) -m tests.chaos --full

lock: ## write requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --generate-hashes --python-version 3.11 \
		--no-header --output-file requirements.lock

clean: ## remove the demo city, its database and logs (var/) and what tools have left
	rm -rf var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
