# imse-mcu: `make firmware` builds and runs the example, `make test` checks everything.
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
TARGET ?= stm32h7
MODEL ?= imse-stream
INPUT ?= examples/noisy.wav
CLEAN ?= $(if $(filter examples/noisy.wav,$(INPUT)),examples/clean.wav)
BUILD ?= build/$(MODEL)-$(TARGET)
PYTEST_ARGS ?=

export PYTHON VENV
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev firmware test lint types unit bench clean distclean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## install what is missing: system packages and .venv
	@scripts/setup.sh

setup-dev: ## the same with what the tests need
	@scripts/setup.sh dev

firmware: setup ## int8 firmware for $(TARGET), then run it on the example recording
	$(BIN)/imse-mcu build --target $(TARGET) --model $(MODEL) -o $(BUILD)
	$(BIN)/imse-mcu run $(BUILD) --input $(INPUT) $(if $(CLEAN),--clean $(CLEAN))

test: lint types unit ## lint, types and the whole test suite

lint: setup-dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev ## mypy
	$(BIN)/mypy

unit: setup-dev ## pytest, emulator tests included
	$(BIN)/pytest $(PYTEST_ARGS)

bench: export IMSE_MCU_CACHE := build/bench-cache
bench: setup-dev ## figures of performance.md (TFLM_DIR, CMSIS_NN_DIR, IMSE_WEIGHTS: of those too)
	rm -rf $(IMSE_MCU_CACHE)
	@echo "cold build:"
	$(BIN)/imse-mcu build --target $(TARGET) --model $(MODEL) --runtime aot -v -o $(BUILD)
	@echo "warm build:"
	$(BIN)/imse-mcu build --target $(TARGET) --model $(MODEL) --runtime aot -v -o $(BUILD)
	$(BIN)/imse-mcu run $(BUILD) --input $(INPUT)
	$(BIN)/imse-mcu profile $(BUILD)
	$(BIN)/python scripts/bench.py $(BUILD)
	@echo "Cortex-M55:"
	$(BIN)/imse-mcu build --target mps3_an547 --model $(MODEL) --runtime aot -o build/bench-m55
	$(BIN)/imse-mcu run build/bench-m55 --input $(INPUT)
	$(BIN)/python scripts/bench.py build/bench-m55
	@echo "single operators:"
	$(BIN)/imse-mcu build --target $(TARGET) --model $(MODEL) --runtime aot --no-fuse \
	  -o build/bench-no-fuse
	$(if $(IMSE_WEIGHTS),for board in mps2_an500 mps3_an547; do \
	  $(BIN)/imse-mcu build --target $$board --model imse --weights $(IMSE_WEIGHTS) \
	  --segment-frames 64 --runtime aot -o build/bench-imse-$$board || exit; done)
	$(BIN)/pytest -q -rP -k "instructions or border or both_ways or every_function" \
	  tests/unit/firmware_gen/kernels

clean: ## remove build results and caches (not .venv)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis examples/*-enhanced.wav
	find imse_mcu keras_imse quantize firmware_gen targets tests -name __pycache__ -prune \
	  -exec rm -rf {} +

distclean: clean ## remove .venv as well
	rm -rf $(VENV)
