# `make demo` and `make test` work on a fresh machine: each makes .venv if there is none and installs what it needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt

# Idle threads that spin cost the other process its core: small models are many times slower beside it otherwise.
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0

.PHONY: help demo test test-slow lint laid typecheck pytest odd mutants engine docs package clean

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(VENV)/.core  ## variations of one masked part of a picture, written to demo/
	$(BIN)/gencontrol vary examples/scene.png --mask examples/scene-mask.png -n 4 --seed 0 \
		--preview --compare --existing overwrite -o demo/

test: lint typecheck pytest  ## ruff, pyright, and all tests but the slow ones

test-slow: $(VENV)/.dev  ## the tests that take over ten seconds each
	$(BIN)/pytest -m slow

lint: $(VENV)/.dev laid
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python tests/_house.py build/typecheck

# Checkers read neither import hooks nor package-dir: the link tree shows them the package in one piece.
laid:
	@mkdir -p build/typecheck/gencontrol
	@ln -sfn $(CURDIR)/gencontrol/* $(CURDIR)/pipelines $(CURDIR)/nerf $(CURDIR)/configs build/typecheck/gencontrol/
	@find build/typecheck -xtype l -delete

# Pyright skips linked folders silently, so the files are checked where they lie and counted (it is wrong when run
# inside the link tree).
typecheck: $(VENV)/.dev laid
	$(BIN)/pyright --project . --stats > build/pyright.log || { sed -n '/^pyright /,/ errors\?, /p' build/pyright.log; exit 1; }
	@seen=$$(sed -nE 's/^Found ([0-9]+) source files?.*/\1/p' build/pyright.log); \
	there=$$(find gencontrol pipelines nerf configs tests benchmarks examples -name '*.py' | wc -l); \
	echo "pyright: $$seen files checked, $$there on disk"; \
	test "$$seen" -ge "$$there"

# Two processes of one thread each: the tests' models are too small for a thread pool to pay.
pytest: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

# Debian's: playwright's own would be fetched from elsewhere.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
browser:  ## the Chromium that tests of the page use, from the system's packages
	$(SUDO) apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -qq -y --no-install-recommends chromium > /dev/null

EXAMPLES ?= 400
odd: $(VENV)/.dev  ## odd inputs for every command and public call: EXAMPLES of each kind, drawn by SEED
	OMP_NUM_THREADS=1 EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n 2 --dist worksteal tests/odd --hypothesis-profile search \
		--hypothesis-seed $(SEED)

# BASE: the commit since which a file has changed. FILES: files and folders instead. SAMPLE changes are drawn by SEED.
BASE ?= HEAD~1
SAMPLE ?= 100
SEED ?= 0
mutants: $(VENV)/.dev  ## small changes to what has changed since BASE, or to FILES, that no test notices
	$(BIN)/python tests/_mutants.py $(if $(FILES),--files $(FILES),--base $(BASE)) --sample $(SAMPLE) --seed $(SEED)

# SPRITES: the store that `gencontrol data sprites` made. PAIRS and STEPS: smaller ones take less than the hours of these.
SPRITES ?= data/sprites/sprites.npz
PAIRS ?= 20000
STEPS ?= 3000
engine: $(VENV)/.dev  ## pairs of plain pictures by `tiny`'s own grounder and segmenter, and what is learned from them
	$(BIN)/gencontrol train grounder --sprites $(SPRITES) -o runs/grounder
	$(BIN)/gencontrol train segmenter --sprites $(SPRITES) -o runs/segmenter
	$(BIN)/python -m benchmarks.engine --sprites $(SPRITES) --grounder runs/grounder/export \
		--segmenter runs/segmenter/export --pairs $(PAIRS) --steps $(STEPS) -o runs/engine

docs: $(VENV)/.dev laid  ## the documentation as a site, in site/; a warning is an error
	$(BIN)/zensical build --strict --clean

package: $(VENV)/.dev  ## sdist and wheel in dist/
	$(BIN)/python -m build

clean:  ## remove what the targets made, .venv included
	rm -rf $(VENV) build dist demo site .pytest_cache .ruff_cache *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing gencontrol into $(VENV); the first time this fetches PyTorch, which takes minutes."
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing gencontrol[dev] into $(VENV); the first time this fetches PyTorch, which takes minutes."
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.core
