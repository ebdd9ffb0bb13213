# Two commands: `make audit` runs the study on rendered faces, `make test` runs all tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# TORCH=cpu takes PyTorch's build without CUDA, which on Linux saves 2.7 of 3.3 GB of downloads and 4.5 of 6.7 GB of
# disk. PyTorch publishes it on an index of its own; TORCH_INDEX names a mirror instead. Once .venv is made, its build
# is kept until another is asked for by name.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH ?= $(if $(wildcard $(VENV)/.ready-cpu),cpu,default)
READY := $(VENV)/.ready-$(TORCH)
$(if $(filter-out default cpu,$(TORCH)),$(error TORCH is "cpu" or "default", not "$(TORCH)"))

INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off
CUDA := ^(nvidia-[a-z0-9-]+|cuda-[a-z-]+|triton)==
TORCHES := ^torch(vision)?==
# pip passes over an index that does not answer, and may find the build with CUDA on one that its configuration names
NO_CUDA := import runpy, sys, sysconfig as s; c = runpy.run_path(s.get_path('platlib') + '/torch/version.py')['cuda']; \
    sys.exit(c and f'TORCH=cpu: found PyTorch for CUDA {c}; does $(TORCH_INDEX) answer?')

# What changes with each execution of a notebook: times, paths, the version of Python, what a front end remembers.
VOLATILE := metadata.papermill metadata.language_info.version metadata.widgets metadata.toc cell.metadata.papermill \
    cell.metadata.execution cell.metadata.ExecuteTime cell.metadata.jupyter

.PHONY: audit test bench test-slurm lab notebooks check faults coverage style strip build lock clean

audit: $(READY)
	$(BIN)/facebias notebook

test: $(READY)
	$(BIN)/python -m pytest

# A study on a real Slurm, of one node: set up, used and stopped. Needs root and Debian's slurm-wlm and munge.
test-slurm: $(READY)
	.ci/slurm.sh $(BIN)/python -m pytest tests/training/test_slurm.py

# The study opened in JupyterLab, the project's folder beside it, in a workspace of its own: no tabs of other projects.
# LAB takes more options: make lab LAB=--no-browser
lab: $(READY)
	$(BIN)/jupyter lab --ServerApp.root_dir="$(CURDIR)" \
	    --LabApp.default_url=/lab/workspaces/facebias/tree/Bias_in_face_detection.ipynb $(LAB)

# The study and its chapters, executed with the default settings, in place
notebooks: $(READY)
	$(BIN)/python .ci/refresh_notebooks.py

# Lint, format, types, and who imports whom
check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Each fault that we know, tried: what was done, what was required, what was seen
faults: $(READY)
	$(BIN)/python -m pytest --faults -q -p no:randomly --tb=line --no-header --durations=0 --durations-min=60

# All tests, then the lines and branches of src that none of them reached
coverage: $(READY)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Each stage beside its peer, into benchmarks/README.md
bench: $(READY)
	$(BIN)/python benchmarks/bench.py

style: $(READY)
	$(BIN)/python benchmarks/style.py

# Notebooks are committed as executed: outputs and counts stay, and the diff can be read
strip: $(READY)
	$(BIN)/nbstripout --keep-output --keep-count --keep-id --extra-keys "$(VOLATILE)" *.ipynb notebooks/*.ipynb

# Wheel and sdist in dist/
build: $(READY)
	$(BIN)/python -m build --no-isolation

# The environment is rebuilt when the lock or the project file changes.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("facebias needs Python 3.11 or newer, found " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(if $(filter-out $(READY),$(wildcard $(VENV)/.ready-*)),--clear) $(VENV)
ifeq ($(TORCH),cpu)
	$(INSTALL) --no-deps --index-url $(TORCH_INDEX) $$(grep -E '$(TORCHES)' requirements.lock)
	$(BIN)/python -c "$(NO_CUDA)"
	grep -vE '$(TORCHES)|$(CUDA)' requirements.lock > $(VENV)/cpu.lock
	$(INSTALL) -r $(VENV)/cpu.lock
else
	$(INSTALL) -r requirements.lock
endif
	$(INSTALL) --no-deps --no-build-isolation -e .
	touch $(READY)

# Needs uv (https://docs.astral.sh/uv/). One lock for all systems and Pythons; it names no package host.
lock:
	uv pip compile --universal --python-version 3.11 --all-extras --no-emit-index-url --no-emit-find-links \
	    --no-header --no-annotate --upgrade pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) build dist runs studies
