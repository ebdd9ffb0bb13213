# Two commands: `make audit` runs the study on rendered faces, `make test` runs all tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: audit test lab lock clean

audit: $(READY)
	$(BIN)/facebias notebook

test: $(READY)
	$(BIN)/python -m pytest

lab: $(READY)
	$(BIN)/jupyter lab Bias_in_face_detection.ipynb

# The environment is rebuilt when the lock or the project file changes.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("facebias needs Python 3.11 or newer, found " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(READY)

# Needs uv (https://docs.astral.sh/uv/). One lock for all systems and Pythons; it names no package host.
lock:
	uv pip compile --universal --python-version 3.11 --extra test --extra build --no-emit-index-url \
	    --no-emit-find-links --no-header --no-annotate --upgrade pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) runs
