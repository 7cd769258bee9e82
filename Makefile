# U-Net, Taken Apart: everything a reader or a contributor does, one word each.
#
# A set-up step leaves a stamp file when it has ended well, and only then. A step that failed or was
# interrupted has no stamp, so the next call repeats it; a step whose inputs did not change is
# skipped.

PYTHON     ?= >=3.11
THREADS    ?= 1
ONLY       ?= network weight_map deformation overlap_tile metrics training
NB         ?= $(wildcard book/*.ipynb)

BIN := .venv/bin
export UV_PYTHON_DOWNLOADS := never

# uv from the PATH, or else a copy of its own in .uv. (The redirection makes old makes use a shell.)
ifeq ($(shell command -v uv 2>/dev/null),)
UV       := .uv/bin/uv
UV_READY := .uv/ready
else
UV := uv
endif

INTO := --quiet --python $(BIN)/python
PIN   = $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --quiet $(UPGRADE)

# An interrupted install may leave half a package that looks whole: after one, all are put in again.
BEGIN = again=$$(test ! -e $@.begun || echo --reinstall); touch $@.begun;
DONE  = @rm -f $@.begun; touch $@

# One thread for each worker: quicker on few cores, and the stored outputs must hold anyway.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# A worker runs whole files, the chapters first: they take longest, and the small files at the end
# leave neither worker without work.
IN_PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book test lab execute bench pdf lint resolve lock clean distclean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

book: .venv/book.ready  ## set up what reading needs and build the book, warnings as errors
	@# Sphinx tells of a warning only when it reads a page, so a build that did not pass starts anew.
	@test -z "$$(find .venv/book.ready _config.yml _toc.yml book/_ext book/_static -newer _build/passed 2>&1)" \
		|| rm -rf _build
	@rm -f _build/passed
	$(BIN)/jupyter-book build . -W -n --keep-going
	@touch _build/passed
	@echo
	@echo "The book is ready: open _build/html/index.html in a browser"
	@echo "  file://$(CURDIR)/_build/html/index.html"

test: .venv/all.ready book  ## set up everything; test the package, the stored outputs and the built book
	$(ONE_THREAD) $(BIN)/pytest $(IN_PARALLEL) --nbval book tests

lab: .venv/all.ready  ## open the chapters in JupyterLab
	$(BIN)/jupyter lab --notebook-dir=book

execute: .venv/all.ready  ## re-run the chapters in fresh kernels and store the outputs (NB=book/01_….ipynb for one)
	OMP_NUM_THREADS=$(THREADS) MKL_NUM_THREADS=$(THREADS) $(BIN)/python tools/execute.py $(NB)
	@$(BIN)/python tools/readme_picture.py

bench: .venv/bench.ready  ## time this package beside its peers on a quiet machine (ONLY=weight_map, BENCH=--trial)
	set -e; for name in $(ONLY); do $(BIN)/python benchmarks/$$name.py $(BENCH); done

pdf: .venv/all.ready book  ## print the whole book into one PDF; needs a Chromium
	$(BIN)/python tools/pdf.py

lint: .venv/all.ready  ## look for mistakes that need no running, and for code out of its one format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

resolve: .venv/all.ready $(UV_READY)  ## ask the package index whether the bounds in pyproject.toml can be met
	UV=$(UV) $(BIN)/pytest -m network tests/test_requirements.py

lock: $(UV_READY)  ## pin every package anew after pyproject.toml changed (UPGRADE=--upgrade for newer ones)
	$(PIN) --extra book --extra test --output-file requirements.lock
	$(PIN) --extra bench --constraints requirements.lock --output-file benchmarks/requirements.lock

clean:  ## remove the built book and caches
	rm -rf _build dist .pytest_cache .hypothesis .ruff_cache
	find benchmarks book tests tools unet_book -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## remove the environment, too
	rm -rf .venv .uv

# ---- set-up steps; each ends by touching its stamp

.uv/ready: tools/uv.txt
	@command -v python3 >/dev/null || { echo "Python 3.11 or newer is needed, as python3"; exit 1; }
	python3 -m venv --clear .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement tools/uv.txt
	@touch $@

.venv/made: | $(UV_READY)
	$(UV) venv --quiet --clear --python '$(PYTHON)' .venv
	@touch $@

# What building from stored outputs needs: the closure of the `book` extra, and no torch. The versions
# and hashes are the lock's, which uv verifies when it is given as constraints, too.
.venv/book.ready: .venv/made pyproject.toml requirements.lock tools/book_requirements.py
	$(BIN)/python tools/book_requirements.py > .venv/book.in
	$(BEGIN) $(UV) pip install $(INTO) $$again --constraint requirements.lock --requirement .venv/book.in
	$(UV) pip install $(INTO) --no-deps --no-build-isolation --editable .
	$(DONE)

# Everything in the lock and nothing else, and the package itself.
.venv/all.ready: .venv/book.ready
	@echo "--editable ." > .venv/package.in
	$(BEGIN) $(UV) pip sync $(INTO) $$again --no-build-isolation requirements.lock .venv/package.in
	$(DONE)

# The peers' packages on top of that, at versions that fit it. elasticdeform's wheel was made for an
# older NumPy and does not import beside this one: it is built here, which takes a C compiler.
.venv/bench.ready: .venv/all.ready benchmarks/requirements.lock
	$(BEGIN) $(UV) pip install $(INTO) $$again --no-binary elasticdeform \
		--requirement benchmarks/requirements.lock
	$(DONE)
