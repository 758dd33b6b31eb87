# clawdforge: two commands are all there is to know: `make demo` and `make test`.
# Both set up .venv by themselves; nothing else needs to be installed first but Python >= 3.11.

PYTHON ?= python3
UV_VERSION := 0.13.8
BIN := .venv/bin
WORKERS ?= 3
UV := UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv

.PHONY: help demo test check bench fix generate serve clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/.run ## Run the main job once, on a throw-away server
	@$(BIN)/clawdforge demo

test: .venv/.dev .agents/.stamp .agents/.debian ## Run all tests, against real agents too
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

check: .venv/.dev ## Format, lint, types, import rules, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m clawdforge.http.publish --check docs/openapi.json
	$(BIN)/python -m clawdforge.cli.reference --check docs/cli.md

bench: .venv/.dev .agents/.stamp ## Print the figures that design and README promise
	$(BIN)/python benchmarks/run.py $(ARGS)

fix: .venv/.dev ## Format, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: .venv/.dev ## Write docs/openapi.json and docs/cli.md anew
	$(BIN)/python -m clawdforge.http.publish > docs/openapi.json
	$(BIN)/python -m clawdforge.cli.reference > docs/cli.md

serve: .venv/.run ## Start a server for trying things
	$(BIN)/clawdforge serve

clean: ## Remove what was built
	rm -rf .venv .agents dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'clawdforge needs Python 3.11 or newer: make PYTHON=/path/to/python3.11'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)'
	@touch $@

.venv/.run: .venv/.uv pyproject.toml uv.lock
	$(UV) sync --quiet --frozen --inexact
	@touch $@

.venv/.dev: .venv/.uv pyproject.toml uv.lock
	$(UV) sync --quiet --frozen --inexact --group dev --group agents
	@touch $@ .venv/.run

.agents/.debian: tests/agents/debian.sh Makefile
	@mkdir -p .agents
	sh tests/agents/debian.sh tmux=tmux socat=socat chromium=chromium sshd=openssh-server ip=iproute2 pgrep=procps
	@touch $@

# Agents that the tests drive, their versions locked. Of their scripts only opencode's is run,
# which links its binary.
.agents/.stamp: .venv/.dev tests/agents/package.json tests/agents/package-lock.json
	@mkdir -p .agents
	cp tests/agents/package.json tests/agents/package-lock.json .agents/
	cd .agents && PATH="$(CURDIR)/.venv/bin:$$PATH" npm install --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error
	cd .agents/node_modules/opencode-ai && "$(CURDIR)/.venv/bin/node" postinstall.mjs >/dev/null
	@touch $@
