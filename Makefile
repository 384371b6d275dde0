# Recover Motion: every command does its own set-up. `make demo` and `make test` need Python 3.11 and nothing else.

PYTHON ?= python3.11
BACKEND := .venv-backend
BPY42 := .venv-bpy42
BPY45 := .venv-bpy45
BPY50 := .venv-bpy50
BPY52 := .venv-bpy52
# pyenv's python3.13 answers only when it is told to.
PYTHON313 ?= $(shell PYENV_VERSION=3.13 python3.13 -c 'import sys; print(sys.executable)' 2>/dev/null)
MODEL := inference_backend/models/pose_landmarker/pose_landmarker_full.task
LOCKS := inference_backend/environment
PIP := -m pip --disable-pip-version-check --quiet
WORKERS ?= 2

.PHONY: demo test test-backend test-addon test-matrix test-gui test-exchange models evaluate extension lint format bench lock clean

demo: $(BACKEND)/.ready $(BPY45)/.ready $(MODEL)
	$(BPY45)/bin/python tests/demo/demo.py

test: lint test-backend test-addon

test-backend: $(BACKEND)/.ready $(BPY45)/.ready $(MODEL)
	OMP_NUM_THREADS=1 $(BACKEND)/bin/python -m pytest tests/inference_backend tests/sample tests/docs -n $(WORKERS)

test-addon: $(BACKEND)/.ready $(BPY45)/.ready $(MODEL)
	OMP_NUM_THREADS=1 $(BPY45)/bin/python -m pytest tests/addon tests/exchange tests/extension -n $(WORKERS) --dist loadfile

# The add-on's tests in the other Blenders too; in 5.2, which needs Python 3.13, where that is at hand.
test-matrix: test $(foreach bpy,$(BPY42) $(BPY50) $(if $(PYTHON313),$(BPY52)),test-$(bpy))

test-.venv-bpy%: .venv-bpy%/.ready
	OMP_NUM_THREADS=1 $(<D)/bin/python -m pytest tests/addon tests/exchange tests/extension -n $(WORKERS) --dist loadfile

# Exported files, read by programs other than Blender: those of Debian that are installed (assimp-utils, godot3-server,
# chromium), and three.js and OpenUSD in the versions named here.
EXCHANGE := build/exchange
test-exchange: $(BPY45)/.ready $(EXCHANGE)/.ready
	RECOVER_MOTION_USD_PYTHON=$(EXCHANGE)/venv/bin/python OMP_NUM_THREADS=1 \
		$(BPY45)/bin/python -m pytest tests/exchange

$(EXCHANGE)/.ready: Makefile
	$(PYTHON) -m venv $(EXCHANGE)/venv
	$(EXCHANGE)/venv/bin/python $(PIP) install usd-core==26.11
	npm install --prefix $(EXCHANGE) --no-save --no-audit --no-fund three@0.184.0
	touch $@

models: $(MODEL)

$(MODEL): | $(BACKEND)/.ready
	$(BACKEND)/bin/python -m inference_backend.models.pose_landmarker.build

lint: $(BACKEND)/.ready
	$(BACKEND)/bin/ruff check .
	$(BACKEND)/bin/ruff format --check .

format: $(BACKEND)/.ready
	$(BACKEND)/bin/ruff check --fix .
	$(BACKEND)/bin/ruff format .

bench: $(BACKEND)/.ready $(BPY45)/.ready $(MODEL)
	$(BACKEND)/bin/python -m tests.benchmarks

# Measures errors and speed, and writes docs/evaluation.md; SHARED holds reference clips and motion packs. It can be
# stopped and continued: PARTS chooses what to measure, MINUTES ends it.
SHARED ?= ../shared
PARTS ?= clips worst synthetic sample speed presets stages
MINUTES ?= 1e9
evaluate: $(BACKEND)/.ready $(MODEL)
	OMP_NUM_THREADS=1 $(BACKEND)/bin/python -m inference_backend.evaluation.report --clips $(SHARED)/realvideo \
		--mocap $(SHARED)/mocap --draw 'p2s_*' --parts $(PARTS) --minutes $(MINUTES)

# The zip that an animator installs, with the pose model inside.
extension: $(BPY45)/.ready $(MODEL)
	$(BPY45)/bin/python tests/extension/build.py dist

# A real window: RECOVER_MOTION_GUI=/path/to/blender, or Debian's Blender in a folder of its own (root, debootstrap).
test-gui: extension $(BACKEND)/.ready
	bash tests/gui/run.sh

lock:
	$(PYTHON) $(LOCKS)/lock.py

$(BACKEND)/.ready: $(LOCKS)/backend.lock $(LOCKS)/torch.txt tests/requirements.txt
	$(PYTHON) -m venv $(BACKEND)
	$(BACKEND)/bin/python $(PIP) install --no-deps --require-hashes -r $(LOCKS)/backend.lock
	$(BACKEND)/bin/python $(PIP) install -r $(LOCKS)/torch.txt -r tests/requirements.txt
	touch $@

# bpy does not pin numpy: these are the versions that the Blender of the same number bundles.
$(BPY42)/.ready: BPY := bpy==4.2.23 numpy==1.24.3
$(BPY45)/.ready: BPY := bpy==4.5.15 numpy==1.26.4
$(BPY50)/.ready: BPY := bpy==5.0.1 numpy==1.26.4
$(BPY52)/.ready: BPY := bpy==5.2.3 numpy==2.3.5
$(BPY52)/.ready: PYTHON := $(PYTHON313)

$(BPY42)/.ready $(BPY45)/.ready $(BPY50)/.ready $(BPY52)/.ready: tests/requirements.txt Makefile
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP) install $(BPY) -r tests/requirements.txt
	touch $@

clean:
	rm -rf build dist .pytest_cache .ruff_cache $(BACKEND) $(BPY42) $(BPY45) $(BPY50) $(BPY52)
