# `make serve` and `make test` work after a clone, given Python 3.11+ and a C++ compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where llama.cpp computes beside the CPU: auto (what this machine can build and run), cpu, vulkan or cuda.
export ACCEL ?=
INSTALLED := $(VENV)/.installed-$(or $(ACCEL),auto)
INSTALLED_DEV := $(VENV)/.installed-dev
SOURCES := server gateway clients tests tools

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: serve
serve: $(INSTALLED) ## Install what is missing and start the service; ARGS="--http-port 8080" are its flags, ACCEL=vulkan adds a backend.
	@$(BIN)/funland serve $(ARGS)

.PHONY: install
install: $(INSTALLED) ## Install the service into .venv.

.PHONY: test
test: check unit ## Check and test everything.

.PHONY: check
check: $(INSTALLED_DEV) ## Check format, lint, types, layers and contract.
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code --path proto/funland
	tools/proto/generate.sh --check
	$(BIN)/python -m tools.client --check

# Half of the tests wait for a process or a deadline: more of them than there are cores keep the cores busy.
TEST_PROCESSES ?= 3

.PHONY: unit
unit: $(INSTALLED_DEV) ## Run the tests side by side; ARGS="tests/gateway -x" picks some.
	$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(ARGS)

.PHONY: test-cluster
test-cluster: $(INSTALLED_DEV) ## Test models on a Ray cluster of two nodes, on this machine; installs Ray beside, 240 MB.
	tools/cluster/test.sh $(VENV) $(ARGS)

.PHONY: format
format: $(INSTALLED_DEV) ## Write all sources in the one format.
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/buf format -w --path proto/funland

.PHONY: proto
proto: $(INSTALLED_DEV) ## Generate code from proto/ anew.
	tools/proto/generate.sh

.PHONY: client
client: $(INSTALLED_DEV) ## Make the blocking Python client of the asynchronous one anew.
	$(BIN)/python -m tools.client

# The programs of others are compared if they are named: LLAMA_SERVER=.../bin/llama-server
BENCH_ROUNDS ?= 3
BENCH_SECONDS ?= 5
FUZZ_COUNT ?= 10000

.PHONY: bench
bench: $(INSTALLED_DEV) ## Compare loop, engines, servers and peers; docs/benchmarks.md says more.
	$(BIN)/python -m tools.bench --rounds $(BENCH_ROUNDS) --seconds $(BENCH_SECONDS) \
		$(if $(LLAMA_SERVER),--llama-server $(LLAMA_SERVER)) \
		$(if $(LLAMA_BATCHED_BENCH),--batched-bench $(LLAMA_BATCHED_BENCH)) \
		$(if $(PYTHON_SERVER),--python-server $(PYTHON_SERVER)) \
		$(if $(PYTHON_SERVER_PYTHON),--python-server-python $(PYTHON_SERVER_PYTHON)) $(ARGS)

.PHONY: bench-gpu
bench-gpu: $(INSTALLED_DEV) ## Measure a machine with a GPU, in one go; ACCEL=cuda or vulkan is what to build first.
	$(BIN)/python -m tools.bench_gpu \
		$(if $(LLAMA_SERVER),--llama-server $(LLAMA_SERVER)) \
		$(if $(LLAMA_BATCHED_BENCH),--batched-bench $(LLAMA_BATCHED_BENCH)) $(ARGS)

.PHONY: bench-step
bench-step: $(INSTALLED_DEV) ## Show what a step takes beside llama.cpp; ARGS="--against ../before" compares.
	$(BIN)/python -m tools.bench.step $(ARGS)

.PHONY: bench-start
bench-start: $(INSTALLED) ## Show how long a start takes and what memory; ARGS="--beside CHECKOUT" compares.
	$(BIN)/python -m tools.bench.start $(ARGS)

.PHONY: bench-profile
bench-profile: $(INSTALLED) ## Show where server and worker spend their time; needs py-spy.
	$(BIN)/python -m tools.bench.profiling $(ARGS)

.PHONY: bench-catalog
bench-catalog: $(INSTALLED_DEV) ## Show how long the local catalog of hubs takes to search.
	$(BIN)/python tools/bench_catalog.py $(ARGS)

.PHONY: bench-downloads
bench-downloads: $(INSTALLED_DEV) ## Compare downloads with aria2c (install it first) and the hubs' own packages.
	$(BIN)/python -m tools.bench_downloads $(ARGS)

.PHONY: bench-turns
bench-turns: $(INSTALLED_DEV) ## Show that a long chat's last turn computes what is new alone, after a restart too.
	$(BIN)/python -m tools.bench.turns $(ARGS)

.PHONY: bench-background
bench-background: $(INSTALLED) ## Show what live chats lose beside texts of low priority, and what these get.
	$(BIN)/python -m tools.bench.background $(ARGS)

.PHONY: bench-batch
bench-batch: $(INSTALLED) ## Show what a batch of 1,000 lines gets of the engine's own rate.
	$(BIN)/python -m tools.bench.batches $(ARGS)

.PHONY: bench-load
bench-load: $(INSTALLED) ## Show that slow, vanishing and queued callers do not disturb others.
	$(BIN)/python -m tools.bench.load --rounds $(BENCH_ROUNDS) $(ARGS)

.PHONY: bench-sockets
bench-sockets: $(INSTALLED) ## Show what chats over WebSockets cost, and whom one that stops to read disturbs.
	$(BIN)/python -m tools.bench.sockets $(ARGS)

.PHONY: bench-cluster
bench-cluster: $(INSTALLED_DEV) ## Show what a worker costs that is reached as on another machine; a minute or two.
	$(BIN)/python -m tools.bench.cluster $(ARGS)

.PHONY: fuzz
fuzz: $(INSTALLED) ## Give a service FUZZ_COUNT damaged model files.
	$(BIN)/python -m tools.fuzz.gguf --count $(FUZZ_COUNT) $(ARGS)

.PHONY: bench-tasks
bench-tasks: $(INSTALLED_DEV) ## Hold the queue of tasks against bare SQL, on both databases; ARGS="--tasks 1000" changes how many.
	$(BIN)/python -m tools.bench.tasks $(ARGS)

.PHONY: soak-tasks
soak-tasks: $(INSTALLED_DEV) ## Kill a server fifty times under tasks of all kinds; ARGS="--kills 5 --tasks 20" changes that.
	$(BIN)/python -m tools.kill_tasks $(ARGS)

.PHONY: soak-downloads
soak-downloads: $(INSTALLED_DEV) ## Kill a server fifty times in the midst of a download; ARGS="--kills 5" changes that.
	$(BIN)/python -m tools.kill_downloads $(ARGS)

.PHONY: soak-sessions
soak-sessions: $(INSTALLED_DEV) ## Kill a server two hundred times while others write in its sessions; ARGS="--kills 5" changes that.
	$(BIN)/python -m tools.kill_sessions $(ARGS)

.PHONY: try-vllm
try-vllm: $(INSTALLED_DEV) ## Deploy a tiny model on a real vLLM and kill it; ARGS="--environment FOLDER" names its environment.
	$(BIN)/python -m tools.try_vllm $(ARGS)

.PHONY: clean
clean: ## Remove what was installed and built.
	rm -rf $(VENV) build dist

CHOOSE := tools/choose.sh $(wildcard server/funland_worker/engines/sampling/choose*)

$(INSTALLED): pyproject.toml tools/install.sh $(CHOOSE) \
		$(wildcard tools/llama_cpp/* tools/llama_cpp/backends/* tools/accelerators/*)
	@tools/install.sh "$(PYTHON)" "$(VENV)"
	@rm -f $(addprefix $(VENV)/.installed-,$(if $(filter cpu,$(ACCEL)),auto vulkan cuda,cpu))
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	@echo "Installing the tools of development ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@
