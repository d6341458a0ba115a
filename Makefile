# What can be done here, by name. `make` alone prints the list; `make run` is all that a newcomer needs.
# Nothing is installed outside .venv, and no system package is needed.

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run run-workos run-model test check format prove bench soak lock
VENV := .venv
PYTHON := $(VENV)/bin/python
# The folders that hold Python of ours.
CODE := aiaxis accounts agents audit conversations files tests .ci manage.py

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make the virtual environment and install what AiAxis needs to run
	@$(call environment,requirements.txt)

setup-dev:  ## the same, with what the tests and checks need
	@$(call environment,requirements-dev.txt)

run: setup  ## start everything with a demo of two workspaces, and print where (PORT=8000)
	@LOG_FORMAT="$${LOG_FORMAT:-plain}" exec $(PYTHON) manage.py serve --demo

run-workos: setup-dev  ## the same with single sign-on, against a WorkOS of our own on this machine, to click through
	@LOG_FORMAT="$${LOG_FORMAT:-plain}" exec $(PYTHON) -m tests.workos.run

run-model: setup-dev  ## the same with language models, against a vendor of our own on this machine, offline
	@LOG_FORMAT="$${LOG_FORMAT:-plain}" exec $(PYTHON) -m tests.vendors.run

# Hundreds of processes start here, and each would compile everything anew where the environment forbids to keep it.
test soak: export PYTHONDONTWRITEBYTECODE :=
test: setup-dev  ## run every test, in parallel and in random order
	@$(PYTHON) -m pytest -n auto

check: setup-dev  ## run every rule that is a program: lint, format, types, templates, imports, settings
	@$(PYTHON) .ci/check.py $(CODE)

format: setup-dev  ## let the formatters rewrite what they can
	@$(PYTHON) -m ruff check --fix --quiet $(CODE); $(PYTHON) -m ruff format $(CODE)

prove: setup  ## attack the running schema from inside and show that nothing leaks
	@$(PYTHON) manage.py prove_isolation --attack

bench: setup-dev  ## measure what the design promises, and write .aiaxis/bench.json
	@$(PYTHON) -m tests.bench

soak: setup-dev  ## the long tests: floods, kills, outages (half an hour)
	@$(PYTHON) -m pytest -n 0 -m soak

lock: setup-dev  ## compile the hash-pinned requirements anew from pyproject.toml
	@$(PYTHON) -m uv --version >/dev/null 2>&1 || $(PYTHON) -m pip install --quiet uv
	@$(PYTHON) -m uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
		--output-file requirements.txt pyproject.toml
	@$(PYTHON) -m uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --extra dev \
		--constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

# The environment's own interpreter keeps it up to date; on a new machine the first one that is new enough makes it.
define environment
for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3; do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		exec "$$python" .ci/environment.py $(VENV) $(1); \
	fi; \
done; \
echo "AiAxis needs Python 3.11 or newer, and there is none on the PATH. Install it, then run make again." >&2; exit 1
endef
