# Everything a user or CI does here. `make` lists it. Needs Python 3.11 or later, make and pip; after the first
# set-up nothing here needs a network. pip reads its own configuration (index, certificates) from where it always does.
# The lock files are complete, so pip installs exactly their lines (--no-deps) and checks that nothing is missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first of these that runs and is new enough; shims of version managers may exist and yet not run.
PYTHON ?= $(or $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; \
	done; true),$(error Python 3.11 or later with venv was not found; name one with make PYTHON=/path/to/python3))
# Processes that tests use.
JOBS ?= 2

export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

VENV := .venv
BIN := $(VENV)/bin
LINT := .venv-lint
LOCK := .venv-lock

# $(call timed,what): prints what runs, and at the end of the recipe's shell how long it took and how it went.
timed = set -euo pipefail; start=$$SECONDS; printf '== %s\n' '$(1)'; \
	trap 'rc=$$?; printf "== %s: %s after %s s\n" "$@" "$$( [ $$rc = 0 ] && echo done || echo "failed ($$rc)" )" "$$((SECONDS - start))"' EXIT

# $(call environment,folder): a virtual environment that runs, kept when there is one.
environment = "$(1)/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	|| "$(PYTHON)" -m venv --clear "$(1)"

.PHONY: help setup demo test lint format bench validate docs torture fuzz lock clean distclean

help: ## list the targets
	@printf 'make TARGET, where TARGET is one of\n\n'
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  \1\t\2/' | expand -t 14

setup: $(VENV)/.installed ## make .venv with everything pinned; does nothing when it is up to date

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(call timed,setting up $(VENV): pinned packages with hashes; some minutes the first time); \
	$(call environment,$(VENV)); \
	"$(BIN)/python" --version; \
	"$(BIN)/python" -m pip install --quiet --no-deps --require-hashes -r requirements.lock; \
	"$(BIN)/python" -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	"$(BIN)/python" -m pip check; \
	touch $@

$(LINT)/.installed: requirements-lint.lock $(VENV)/.installed
	@$(call timed,setting up $(LINT): the linters in an environment of their own); \
	$(call environment,$(LINT)); \
	"$(LINT)/bin/python" -m pip install --quiet --no-deps --require-hashes -r requirements-lint.lock; \
	site=$$("$(BIN)/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	echo "$$site" > "$$("$(LINT)/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"; \
	touch $@

demo: setup ## synthetic STAR*D (and the public trials, where present) landed, built and reported
	@$(call timed,demo: write and land files$(comma) dbt build$(comma) report); \
	"$(BIN)/trd" demo

test: setup ## all tests but the slow ones
	@$(call timed,tests on $(JOBS) processes$(comma) without those marked slow); \
	"$(BIN)/python" -m pytest -n $(JOBS) --dist loadfile -m "not slow" $(ARGS)

lint: $(LINT)/.installed ## ruff, mypy, sqlfluff on hand-written models, and the Spark lint on all
	@$(call timed,linters); rc=0; \
	check() { printf -- '-- %s\n' "$$*"; "$$@" || rc=1; }; \
	PATH="$(CURDIR)/$(LINT)/bin:$$PATH"; \
	check ruff check --no-cache --output-format concise .; \
	check ruff format --no-cache --check --output-format concise .; \
	check mypy; \
	models=$$(find dbt_project/models -name '*.sql' -print 2>/dev/null | LC_ALL=C sort | \
		while IFS= read -r f; do head -n 1 "$$f" | grep -qi generated || printf '%s\n' "$$f"; done); \
	if [ -n "$$models" ]; then \
		printf -- '-- sqlfluff lint: %s hand-written models\n' "$$(wc -l <<<"$$models")"; \
		PYTHONWARNINGS=ignore sqlfluff lint --disable-progress-bar --processes $(JOBS) $$models || rc=1; \
	fi; \
	check python -m tests.lint.spark_sql; \
	exit $$rc

format: $(LINT)/.installed ## write Python files the way lint wants them
	"$(LINT)/bin/ruff" check --no-cache --fix --quiet . || true
	"$(LINT)/bin/ruff" format --no-cache .

bench: setup ## time the build against a bare query; takes long at the largest size
	@$(call timed,benchmark); \
	"$(BIN)/python" bench/run.py $(ARGS)
	@$(call timed,benchmark of growth mixtures); \
	"$(BIN)/python" bench/trajectories.py
	@$(call timed,benchmark of weights); \
	"$(BIN)/python" bench/weighting.py
	@$(call timed,benchmark of genetic scores); \
	"$(BIN)/python" bench/genetics.py

validate: setup ## is what is compiled fresh, does the build pass the tests of the data, do simulations pass the plan
	@$(call timed,mapping documents$(comma) then a build with the tests of the data); \
	"$(BIN)/trd" compile --check; \
	cd dbt_project && "../$(BIN)/dbt" build
	@$(call timed,gates of the growth mixtures by simulation; takes hours); \
	"$(BIN)/python" -m validate.trajectories
	@$(call timed,coverage of the estimators on top of classes by simulation; takes long); \
	"$(BIN)/python" validate/twostep.py
	@$(call timed,gates of treatment failure by simulation; takes hours and goes on where it was stopped); \
	"$(BIN)/python" -m validate.treatment_failure --keep warehouse/validate-treatment-failure.csv
	@$(call timed,failure and resistance$(comma) early prediction: worlds where the answer is no); \
	"$(BIN)/python" -m validate.resistance; \
	"$(BIN)/python" -m validate.early
	@$(call timed,gates of aim D by simulation in the worlds W6; takes long); \
	"$(BIN)/python" -m validate.biomarker

docs: setup ## dbt's documentation as one offline page, dbt_project/target/static_index.html
	@$(call timed,documentation); \
	cd dbt_project && "../$(BIN)/dbt" docs generate --static

torture: setup ## kill builds at random times, the long version
	@$(call timed,kills at random times; takes many minutes); \
	"$(BIN)/python" -m pytest -m slow tests/dbt_project -k kill $(ARGS)

fuzz: setup ## ten thousand broken deliveries: refused with an error, or landed without a lost row
	@$(call timed,fuzzed deliveries; stops after FUZZ_SECONDS (an hour)$(comma) then three that are built); \
	FUZZ_DELIVERIES=$${FUZZ_DELIVERIES:-10000} FUZZ_SECONDS=$${FUZZ_SECONDS:-3600} \
		"$(BIN)/python" -m pytest -s tests/fuzz $(ARGS)

lock: ## make both lock files again with the newest versions allowed
	@$(call timed,resolving for Python 3.11 and later on Linux and macOS); \
	$(call environment,$(LOCK)); \
	"$(LOCK)/bin/python" -m pip install --quiet uv; \
	resolve() { "$(LOCK)/bin/uv" pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --no-strip-extras "$$@" >/dev/null; }; \
	resolve pyproject.toml --extra test --group build -o requirements.lock; \
	sed -n '/^lint = \[/,/^]/s/^ *\("[^"]*"\),*$$/\1/p' pyproject.toml | tr -d '"' > "$(LOCK)/lint.in"; \
	resolve "$(LOCK)/lint.in" -c requirements.lock -o requirements-lint.lock; \
	! grep -nE '://|^-|file:' requirements.lock requirements-lint.lock

clean: ## remove caches and dbt's working files; landed data, warehouse and environments stay
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis logs dbt_project/target dbt_project/logs
	find . -path './.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove the environments
	rm -rf $(VENV) $(LINT) $(LOCK)

comma := ,
