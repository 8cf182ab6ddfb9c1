# What one does with this project. Only Python 3.11-3.13, make and git are needed: the first target that needs .venv makes it.
SHELL := /bin/bash
PY := .venv/bin/python
PORT ?= 8000
ARGS ?=
TEST_BUDGET_S ?= 1500

unexport PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help setup setup-demo demo cluster-demo test drill serve lint format train bench torture audit clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## .venv with every pinned package, TensorFlow and the checks included
	@requirements/install.sh all

setup-demo:
	@requirements/install.sh demo

demo: setup-demo ## corpus -> Spark -> bundle -> API -> answers, on rendered photographs
	@$(PY) -m examples.demo $(ARGS)

cluster-demo: setup-demo ## the same build on a Spark cluster of this machine, compared byte by byte
	@$(PY) -m examples.cluster_demo $(ARGS)

test: setup ## every test but the drills, within 25 minutes; skips and their reasons last
	@timeout --foreground --signal=INT --kill-after=60 $(TEST_BUDGET_S) $(PY) -m pytest -m "not drill and not bench and not torture" --durations=15 $(ARGS) \
	  || { rc=$$?; [ $$rc -ne 124 ] || echo "make test: stopped after its budget of $(TEST_BUDGET_S) s; TEST_BUDGET_S=... gives it another" >&2; exit $$rc; }

drill: setup ## the long drills: races, crashes, load
	@$(PY) -m pytest -m drill --durations=15 $(ARGS)

serve: setup-demo ## the API on PORT (8000), open to phones on this network
	@echo "On this machine:   http://localhost:$(PORT)/ (the page), /docs, /identify, /fruits"
	@$(PY) -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("192.0.2.1", 9)); \
	  print("From the network:  http://%s:$(PORT)/" % s.getsockname()[0])' 2>/dev/null || true
	@echo "From a terminal:   curl -F photo=@photo.jpg http://localhost:$(PORT)/identify"
	@echo "Stop with Ctrl-C."
	@exec $(PY) -m gunicorn --config api/gunicorn.conf.py --bind 0.0.0.0:$(PORT) $(ARGS) api.wsgi:app

lint: setup ## style, types, shell scripts, Dockerfile, CloudFormation
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m bandit -q -c pyproject.toml -r api batch models examples gunicorn.conf.py
	.venv/bin/shellcheck .ci/run requirements/install.sh examples/aws_demo.sh examples/mobile.sh
	.venv/bin/cfn-lint batch/emr/stack.yaml
	.venv/bin/hadolint Dockerfile

format: setup ## let ruff lay out the code and sort the imports
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

train: setup ## train a network: make train ARGS="--help"
	@$(PY) -m models.backbones.train $(ARGS)

bench: setup ## speed side by side, on this machine; other benches by ARGS="-k accuracy"
	@$(PY) -m pytest tests/bench -m bench -s $(or $(ARGS),-k speed)

torture: setup ## hostile uploads, killed publishes, corrupt bundles, overload, a soak: about an hour and a half
	@$(PY) -m pytest tests/torture -m torture -s $(ARGS)

audit: setup ## known vulnerabilities of every pinned package, where the package index tells them
	@$(PY) -m tests.dependency_audit

clean: ## remove .venv, caches and local work
	rm -rf .venv build work .pytest_cache .mypy_cache .ruff_cache spark-warehouse metastore_db derby.log
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
