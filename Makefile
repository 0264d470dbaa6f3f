# Every command runs in .venv. make creates it when it is first needed, and renews it when its requirements change.
#
#   make test              run the tests, without those that take long (ARGS=--cov: and check that they run every branch)
#   make slow-test         run the tests that take long, and many more examples of each property
#   make conformance       run the vectors against this implementation (ARGS="--arrangement all": in each arrangement)
#   make serve             run the server xmpp-im-host
#   make interop           run the server vectors against xmpp-im-host, Prosody, ejabberd and jabberd2 too (on loopback);
#                          the compliance page is .cache/results/compliance.html
#   make live-test         log in to each of these servers with each mechanism, and run a dozen vectors on each
#   make client-test       let slixmpp, @xmpp/client, aioxmpp and Profanity talk to xmpp-im-host, as far as they can be had
#   make clients           run the client vectors on slixmpp, nbxmpp, aioxmpp and @xmpp/client, as far as they can be had
#   make differ            compare random traces on each of these servers with this implementation
#   make stdio-example     run the server vectors against the example in JavaScript (needs Node.js and npm)
#   make stdio-go-example  run the server vectors against the example in Go (needs Go)
#   make bot-example       test the example of a bot against Prosody (a Debian package, on loopback)
#   make postgres-test     test the server and the example of a storage on PostgreSQL (a Debian package, in a separate directory)
#   make report-test       test the page that --html writes, in a browser (needs Chromium and ChromeDriver)
#   make install-test      build each distribution, and install it as a user does
#   make lint              check style, types and the direction of imports
#   make check             run what CI runs
#   make docs              generate the generated parts of the documentation
#   make bench             print one table: times against floors, peers and sizes, and memory (ARGS="--only steps --rounds 5")
#   make instructions      count the instructions of about 20 steps, and compare them with the counts kept here (needs valgrind)
#   make fuzz              fuzz every part of the core for SECONDS=600: bytes guided by coverage, events drawn at random;
#                          then a running server, for as long
#   make kills             kill hosts, servers on SQLite and nodes on PostgreSQL under load; count what is lost and what comes twice
#   make mutants           change the server half in one place at a time; list which changes the vectors and the tests notice
#   make clean             remove .venv and everything else that was generated

.DEFAULT_GOAL := test
.NOTPARALLEL:
.PHONY: test slow-test conformance serve interop live-test client-test clients differ stdio-example stdio-go-example bot-example postgres-test report-test install-test lint check docs \
	bench instructions fuzz kills mutants clean
MAKEFLAGS += --no-print-directory

# The first Python >= 3.11 that can make environments; else the first >= 3.11, for the message below.
PYTHON ?= $(shell \
	for need in 'sys, venv, ensurepip' 'sys'; do \
		for python in python3.11 python3.12 python3.13 python3.14 python3; do \
			if $$python -c "import $$need; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1; \
			then echo $$python; exit; fi; \
		done; \
	done)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# One process more than there are cores, four at most: some tests wait for another process.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n < 4 ? n + 1 : 4)))
# Compiled modules are kept for the next run, away from the sources.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/python

test: $(VENV)/.test
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal $(ARGS)

# The markers of what needs more than Python, and has a target of its own.
ELSEWHERE := browser or clients or installs or postgres or prosody or servers

slow-test: $(VENV)/.test
	@HYPOTHESIS_PROFILE=ci $(BIN)/pytest -q -n $(WORKERS) --dist worksteal \
		-m "(slow or hypothesis) and not ($(ELSEWHERE))"

conformance: $(VENV)/.test
	@$(BIN)/xmpp-im-conformance run $(ARGS)

serve: $(VENV)/.test
	@$(BIN)/xmpp-im-host serve $(ARGS)

# The results of servers and of client libraries, and the compliance page of all of them.
RESULTS ?= .cache/results

interop: $(VENV)/.test
	@$(BIN)/python -m interop --results $(RESULTS)

live-test: $(VENV)/.test
	@$(BIN)/pytest -q -m servers $(ARGS) tests/interop

CLIENTS := tests/xmpp_im_host/clients
ADAPTERS := conformance/adapters
client-test: $(VENV)/.bench
	@! command -v npm >/dev/null || npm --prefix $(CLIENTS)/node ci --silent --no-audit --no-fund
	@! command -v npm >/dev/null || npm --prefix $(ADAPTERS)/xmpp.js ci --silent --no-audit --no-fund
	@$(BIN)/pytest -q -m "clients or not clients" $(CLIENTS) tests/interop/test_clients.py

clients: $(VENV)/.bench
	@! command -v npm >/dev/null || npm --prefix $(ADAPTERS)/xmpp.js ci --silent --no-audit --no-fund
	@$(BIN)/python -m interop.clients --results $(RESULTS)

differ: $(VENV)/.test
	@$(BIN)/python -m interop.differ

stdio-example: $(VENV)/.test
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		echo "The example is written in JavaScript: install Node.js 18 or newer, and npm." >&2; \
		exit 1; \
	fi
	@npm --prefix examples/stdio-node ci --silent --no-audit --no-fund
	@$(BIN)/pytest -q examples/stdio-node

stdio-go-example: $(VENV)/.test
	@if ! command -v go >/dev/null; then echo "The example is written in Go: install Go 1.21 or newer." >&2; exit 1; fi
	@$(BIN)/pytest -q examples/stdio-go

bot-example: $(VENV)/.dev
	@$(BIN)/pytest -q -m prosody tests/examples

postgres-test: $(VENV)/.dev
	@$(BIN)/pytest -q -m postgres $(ARGS) tests/examples tests/xmpp_im_host/storage tests/xmpp_im_host/cluster

report-test: $(VENV)/.dev
	@if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then \
		echo "The page is tested in Chromium: install it, and ChromeDriver" \
			"(on Debian: chromium and chromium-driver)." >&2; \
		exit 1; \
	fi
	@$(BIN)/pytest -q -m browser tests/conformance

install-test: $(VENV)/.test
	@$(BIN)/pytest -q -m installs tests/distributions

lint: $(VENV)/.dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

check:
	@.ci/run

docs: $(VENV)/.test
	@$(BIN)/python -m docs.generate

bench: $(VENV)/.bench
	@$(BIN)/python -m benchmarks $(ARGS)

instructions: $(VENV)/.test
	@$(BIN)/python -m benchmarks.instructions $(ARGS)

SECONDS ?= 600
fuzz: $(VENV)/.test
	@$(PIP) install -r requirements/fuzz.txt || echo "atheris cannot be installed: bytes are mutated at random" >&2
	@$(BIN)/python -m fuzz --seconds $(SECONDS)
	@$(BIN)/python -m tests.xmpp_im_host.fuzzing --seconds $(SECONDS)

KILLS ?= 1000
kills: $(VENV)/.dev
	@$(BIN)/python -m tests.host.killing --kills $(KILLS)
	@$(BIN)/python -m tests.host.killing --kills $(KILLS) --outbox
	@$(BIN)/python -m tests.xmpp_im_host.killing --kills $$(($(KILLS) / 5))
	@$(BIN)/python -m tests.xmpp_im_host.killing --kills $$(($(KILLS) / 5)) --outbox
	@$(BIN)/python -m tests.xmpp_im_host.cluster.killing --seconds $$(($(KILLS) / 10)) --failover
	@$(BIN)/python -m tests.xmpp_im_host.cluster.rolling --rounds $$(($(KILLS) / 200 + 1))
	@$(BIN)/python -m tests.xmpp_im_host.cluster.rolling --rounds $$(($(KILLS) / 200 + 1)) --drain

mutants: $(VENV)/.test
	@$(BIN)/python -m tests.mutants $(MUTANTS)

clean:
	@rm -rf $(VENV) $(VENV)-* .cache build dist conformance/dist xmpp_im_host/dist htmlcov .coverage .coverage.* .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
		echo "No Python >= 3.11 was found: install one, or name it with 'make PYTHON=/path/to/python3'." >&2; \
		exit 1; \
	fi; \
	if ! $$python -c 'import venv, ensurepip' >/dev/null 2>&1; then \
		echo "$$python cannot make virtual environments: install its venv package" \
			"(on Debian and Ubuntu: python3-venv)." >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$python --version)"; \
	$$python -m venv --clear $(VENV)
	@touch $@

$(VENV)/.test: pyproject.toml conformance/pyproject.toml xmpp_im_host/pyproject.toml requirements/test.txt \
		requirements/bot.txt requirements/examples.txt $(VENV)/.python
	@echo "Installing the packages and their test tools into $(VENV)"
	@$(PIP) install --editable . --editable ./conformance --editable ./xmpp_im_host -r requirements/test.txt
	@touch $@

$(VENV)/.dev: requirements/lint.txt requirements/browser.txt requirements/postgres.txt $(VENV)/.test
	@echo "Installing the development tools into $(VENV)"
	@$(PIP) install -r requirements/lint.txt
	@touch $@

$(VENV)/.bench: requirements/peers.txt requirements/peers-alone.txt $(VENV)/.test
	@echo "Installing other libraries of XMPP into $(VENV)"
	@$(PIP) install -r requirements/peers.txt && $(PIP) install --no-deps -r requirements/peers-alone.txt || \
		echo "Not all of them can be installed: the tables and tests say which are absent." >&2
	@touch $@
