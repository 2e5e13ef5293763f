# SPDX-License-Identifier: BSD-3-Clause
# The newcomer's commands; `make help` lists them. All are safe to repeat.

SHELL := /bin/sh
# Two compilers at a time need about 3 GB.
override JOBS := $(or $(JOBS),2)
export JOBS

.PHONY: help build demo test nightly bench clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

build: ## install missing Debian packages, configure and build ./ipseclab
	@build-tools/ensure-packages.sh build
	@build-tools/configure.sh build
	@cmake --build build -j $(JOBS) --target _core

demo: build ## build, then run the sweep and the checks against recorded sessions
	@./ipseclab demo

test: ## build everything, then run every test
	@build-tools/ensure-packages.sh build test
	@build-tools/configure.sh build
	@cmake --build build -j $(JOBS)
	@/usr/bin/python3 build-tools/run_tests.py

nightly: ## 100,000 random schedules, and a million mutated inputs for each fuzz target
	@build-tools/ensure-packages.sh build test
	@build-tools/configure.sh build
	@cmake --build build -j $(JOBS) --target property-tests
	@/usr/bin/python3 build-tools/run_tests.py --nightly

bench: ## build and run the benchmarks
	@build-tools/ensure-packages.sh build test
	@build-tools/configure.sh build
	@cmake --build build -j $(JOBS) --target _core bench-model bench-scale bench-chain bench-ike-sas
	@build/bin/bench-model
	@build/bin/bench-scale
	@build/bin/bench-ike-sas
	@build/bin/bench-chain --compare
	@PYTHONPATH=build/python:analysis /usr/bin/python3 -P tests/bench/bench_hub.py

clean: ## remove the build folder
	@rm -rf build
