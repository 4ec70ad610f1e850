# make demo: the incident in small, for real.  make test: lint, types and all tests.
# make ocr: the tests of what pictures show, with the extra of 300 MB that they need.
# All set up everything they need in .venv, from the pinned and hashed requirements.lock.

VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find exfilter addons detectors -name '*.py' -o -name '*.py[xi]' -o -name '*.px[id]' -o -name '*.h' -o -name '*.html' -o -name '*.css' -o -name '*.svg' -o -name '*.js' -o -name 'py.typed') setup.py MANIFEST.in pyproject.toml README.md

.PHONY: demo test checked fuzz lint bench load ocr install clean lock

demo: install
	$(BIN)/python examples/demo.py

test: lint checked
	$(BIN)/pytest -n 2 --dist loadfile

# The compiled modules once more, with bounds checks and sanitizers, under the tests of their laws.
CHECKED := build/checked
COMPILED := tests/kernel tests/content/test_passes.py $(addprefix tests/index/test_,native.py bounds.py learning.py)
WATCHED = LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH=$(CHECKED)

checked: install
	@command -v gcc >/dev/null || { echo "exfilter: the checked build needs gcc: apt-get install gcc" >&2; exit 1; }
	EXFILTER_CHECKED=1 $(BIN)/python setup.py -q build --build-lib $(CHECKED) --build-temp build/checked-o
	@grep -rq RaiseBufferIndexError build/checked-c
	@$(WATCHED) $(BIN)/python -P -c "from exfilter.kernel import native; from exfilter.index import rows, tags; \
	  from exfilter.content import passes; assert all('$(CHECKED)' in m.__file__ for m in (native, rows, tags, passes))"
	$(WATCHED) $(BIN)/pytest -n 2 --dist loadfile $(COMPILED)

# Hours rather than seconds of random text against the reference.
fuzz: EXAMPLES ?= 20000
fuzz: checked
	$(WATCHED) EXFILTER_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n 2 $(COMPILED)

# The figures of bench/README.md. CUSTOMERS=12_000_000 takes the machine for the better part of an hour.
CUSTOMERS ?= 1_000_000

bench: install $(VENV)/bench
	$(BIN)/python -m bench --customers $(CUSTOMERS)

# Mixed traffic through the proxy: fails where a verdict is missing, or memory or descriptors grow.
load: SECONDS ?= 300
load: install $(VENV)/bench
	$(BIN)/python -m bench.load --customers $(CUSTOMERS) --seconds $(SECONDS)

# Name lists and peers; one of them comes as source and is built with the tools that are there.
$(VENV)/bench: requirements-bench.lock $(VENV)/requirements
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --require-hashes -r requirements-bench.lock
	@touch $@

# Too large, and at seconds a page too slow, for every run of the tests: they skip where it is missing.
ocr: install $(VENV)/ocr
	$(BIN)/pytest tests/content/test_ocr.py tests/test_settings.py

$(VENV)/ocr: requirements-ocr.lock $(VENV)/requirements
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-ocr.lock
	@touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(VENV)/installed

# The tools are there before the wheel is built; no index host is named, pip's own settings serve.
$(VENV)/requirements: requirements.lock
	@python=$$(sh .ci/python) && $(BIN)/python -m pip --version >/dev/null 2>&1 || $$python -m venv --clear $(VENV) || \
	  { echo "exfilter: Python 3.12 or newer with venv is needed: apt-get install python3-venv, or pyenv install 3.13" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@touch $@

# What the wheel installs is what the demo and the tests run.
$(VENV)/installed: $(VENV)/requirements $(SOURCES)
	@rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall dist/exfilter-*.whl
	@touch $@

# Needs uv; pip cannot override mitmproxy's wish for a certifi that is not published yet.
lock:
	uv pip compile --quiet pyproject.toml --extra index --extra plot --extra postgres --extra review --extra shares --extra word95 --group dev --python-version 3.12 --universal --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links --output-file requirements.lock
	uv pip compile --quiet --group pyproject.toml:bench --python-version 3.12 --universal --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links --output-file requirements-bench.lock
	uv pip compile --quiet pyproject.toml --extra ocr --constraint requirements.lock --python-version 3.12 --universal --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links --output-file requirements-ocr.lock

clean:
	rm -rf $(VENV) build dist *.egg-info demo-out .mypy_cache .ruff_cache .pytest_cache .hypothesis
