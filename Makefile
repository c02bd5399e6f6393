# Every target sets up by itself what it needs. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
V := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup setup-tests setup-nodes check format test test-nodes test-nodes-full demo demo-down bench bench-chaos bundle image screenshots clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: ## system packages, Python, .venv
	@.ci/setup

setup-tests:
	@.ci/setup tests

setup-nodes:
	@.ci/setup nodes

demo: setup-nodes ## two bare lab nodes become a running Kubernetes cluster
	@$(V)/keelyard demo

demo-down: setup-nodes ## remove the demo and leave nothing behind
	@$(V)/keelyard demo --down

check: setup ## format, lint, types, import contracts, Ansible lint
	$(V)/ruff format --check .
	$(V)/ruff check .
	$(V)/mypy
	$(V)/lint-imports
	$(V)/ansible-lint --offline -q

format: setup ## format and mend what can be mended
	$(V)/ruff format .
	$(V)/ruff check --fix .

test: setup-tests ## everything but the tests on lab nodes
	$(V)/pytest tests/unit tests/integration tests/contract tests/tui tests/command_line

bundle: setup-nodes ## the artifacts for lab nodes and air-gapped sites
	$(V)/keelyard bundle build

NODES ?= tests/nodes
test-nodes: bundle ## real nodes, real kubeadm (root; the CI set; NODES=tests/nodes/FILE for some)
	@.ci/setup node-tests
	$(V)/pytest $(NODES) -m "nodes and not full"

test-nodes-full: bundle ## every test on lab nodes
	@.ci/setup node-tests
	$(V)/pytest tests/nodes -m nodes

bench: bundle ## measured ratios against baselines run in the same minute
	@.ci/setup bench
	$(V)/python -m tests.bench

MINUTES ?= 30
bench-chaos: setup-nodes ## kill everything at random under 20 concurrent jobs, then count (root; MINUTES=30)
	$(V)/python -m tests.bench.chaos --minutes $(MINUTES)

screenshots: setup-tests ## the README's pictures, from a running server
	@$(V)/python -m tests.screenshots

image: ## the container image, by podman or docker; then it is run and asked (BASE=IMAGE@sha256:...)
	@deploy/container/build
	@deploy/container/check

clean: ## remove .venv and caches of the checkout
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .ansible
