# Two commands do everything: `make night` plays a night, `make test` passes the tests. Both make the environment first.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PORT ?= 4200
UP ?=

.PHONY: help env night up test e2e check format lock clean

help:  ## what can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

env: $(VENV)/.made  ## make .venv with everything, from requirements.lock

# --no-deps: the lock is complete, and pip's own resolver does not see its pins in extras such as sqlalchemy[asyncio].
$(VENV)/.made: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11, 3.12 or 3.13 is needed; set PYTHON=..., this is " + sys.version.split()[0] if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

night: env  ## play a night in the sandbox: no account, outputs in ./night/
	@$(RUN) -m sandbox night

# What else it takes: make up UP="--help"
up: env  ## start everything an operator needs: sandbox or account, Prefect, worker; PORT=4200, Ctrl-C ends it
	@$(RUN) -m sandbox up --port $(PORT) $(UP)

# In order of the folders: whole nights first, so that no worker is left with one at the end while the other is done.
# Each of the two workers gets by with one thread of Polars: on two cores more would only wait for each other, which takes
# a fifth of the tests' time. `make e2e` and a test that is run by hand have as many as there are cores.
test: env  ## pass the tests
	@POLARS_MAX_THREADS=1 $(RUN) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/e2e tests

e2e: env  ## click through `make up` in headless Chromium (Debian: apt-get install chromium); see e2e-screenshots/
	@$(RUN) -m pytest -q -n 3 --dist loadfile tests/e2e

check: env  ## lint, format, types, Dockerfile, CloudFormation
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/hadolint infra/docker/Dockerfile
	$(VENV)/bin/cfn-lint infra/cloudformation/moderation.yaml

format: env  ## put the code in order
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# The second lock is the image's: the same versions without what only the sandbox and the tests need.
lock:  ## resolve the dependencies again (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements.lock
	uv pip compile pyproject.toml --extra otel --constraint requirements.lock --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements-runtime.lock

clean:  ## remove the environment and the played night
	rm -rf $(VENV) night
