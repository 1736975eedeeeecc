# The one command surface: CI and people call these.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STACK ?= staging
READY := $(VENV)/.ready

.PHONY: setup rehearse test check bench docs lock clean

setup: $(READY)

# Hashes are checked for every package, so what was locked is what runs.
$(READY): requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $(READY)

rehearse: $(READY)  ## Rehearse `pulumi up` of STACK (default staging) against an embedded AWS
	$(BIN)/python -m rehearsal run $(STACK) $(ARGS)

test: check  ## Lint, types, and every test this machine can run
	$(BIN)/python -m pytest

check: $(READY)  ## Lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/yamllint --strict .
	$(BIN)/pyright

bench: $(READY)  ## Cost of the program as ratios, and the critical path of a deployment
	$(BIN)/python -m rehearsal.bench

docs: $(READY)  ## Regenerate what the documentation takes from the code
	$(BIN)/python -m docs.configuration
	$(BIN)/python -m docs.components
	$(BIN)/python -m docs.architecture
	PYTHONPATH=policies $(BIN)/python -m guardrails.docs docs/policies.md

lock:  ## Pin what pyproject.toml names, after a change to it
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --group pyproject.toml:app -c requirements-dev.txt -o app/requirements.txt

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
