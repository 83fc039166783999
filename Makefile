# `make serve` and `make test` work after a clone, given Python 3.11+ and a C++ compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where llama.cpp computes beside the CPU: auto (what this machine can build and run), cpu, vulkan or cuda.
export ACCEL ?=
INSTALLED := $(VENV)/.installed-$(or $(ACCEL),auto)
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALLED_DOCS := .venv-docs/.installed
SOURCES := server gateway clients tests tools

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: serve
serve: $(INSTALLED) ## Install what is missing and start the service; ARGS="--http-port 8080" are its flags, ACCEL=vulkan adds a backend.
	@$(BIN)/funland serve $(ARGS)

.PHONY: envoy
envoy: $(INSTALLED_DEV) ## Start Envoy before a service that runs; ARGS="--listen 0.0.0.0:8443 --certificate c.pem --key k.pem" are its flags.
	$(BIN)/python -m tools.envoy $(ARGS)

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
	$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: test-cluster
test-cluster: $(INSTALLED_DEV) ## Test models on a Ray cluster of two nodes, on this machine; installs Ray beside, 240 MB.
	tools/cluster/test.sh $(VENV) $(ARGS)

.PHONY: test-training
test-training: $(INSTALLED_DEV) ## Test training with PyTorch; installs it beside, 200 MB of a build for the CPU, 3 GB of one for CUDA: PIP_ARGS names an index.
	tools/training/test.sh $(VENV) $(ARGS)

.PHONY: wheel
wheel: $(INSTALLED_DEV) ## Make a wheel for all processors of this kind in dist/: compiles for about 13 CPU-minutes, once.
	tools/wheel/make.sh $(VENV) dist

.PHONY: docs
docs: $(INSTALLED) $(INSTALLED_DOCS) ## Make the documentation's site, build/docs/html; fails for links that lead nowhere and pages that nothing lists.
	$(BIN)/python -m tools.site build/docs
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --config-file build/docs/mkdocs.yml
	@echo "Open build/docs/html/index.html"

.PHONY: format
format: $(INSTALLED_DEV) ## Write all sources in the one format.
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/buf format -w --path proto/funland

.PHONY: proto
proto: $(INSTALLED_DEV) ## Generate code from proto/ anew.
	tools/proto/generate.sh

.PHONY: test-languages
test-languages: $(INSTALLED_DEV) ## Have the clients of all languages make the common scenario; docs/clients.md tells what they need.
	REQUIRE_LANGUAGES="typescript go java csharp rust" $(BIN)/pytest tests/clients/languages $(ARGS)

.PHONY: typescript
typescript: ## Compile the TypeScript client and run its tables; takes Node 20 or newer with npm.
	tools/typescript/build.sh
	cd clients/typescript && node --test dist/test/

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

.PHONY: zoo
zoo: $(INSTALLED_DEV) ## Try tiny models of all architectures beside llama.cpp itself, and write docs/architectures.md; ARGS="mamba2 lfm2" tries some.
	$(BIN)/python -m tools.zoo $(ARGS)

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

.PHONY: bench-envoy
bench-envoy: $(INSTALLED_DEV) ## Hold the gateway's JSON against Envoy's transcoder before the same server.
	$(BIN)/python -m tools.bench.transcoders $(ARGS)

.PHONY: bench-login
bench-login: $(INSTALLED) ## Show what calls lose while somebody tries a thousand passwords a minute.
	$(BIN)/python -m tools.bench.login $(ARGS)

.PHONY: bench-turns
bench-turns: $(INSTALLED_DEV) ## Show that a long chat's last turn computes what is new alone, after a restart too.
	$(BIN)/python -m tools.bench.turns $(ARGS)

.PHONY: bench-checkpoints
bench-checkpoints: $(INSTALLED_DEV) ## Show what chats of a model with a state cost; ARGS="--against ../before" compares.
	$(BIN)/python -m tools.bench.checkpoints $(ARGS)

.PHONY: bench-cache-types
bench-cache-types: $(INSTALLED_DEV) ## Show what keys and values of other types than F16 change, and what they take.
	$(BIN)/python -m tools.bench.cache_types $(ARGS)

.PHONY: bench-estimates
bench-estimates: $(INSTALLED_DEV) ## Hold what models are estimated to take of the memory against what they take; ARGS="mamba2 lfm2" measures some.
	$(BIN)/python -m tools.zoo.estimates $(ARGS)

.PHONY: bench-workloads
bench-workloads: $(INSTALLED_DEV) ## Replay what users do, beside the servers of others; ARGS="--scale 0.1" is short.
	$(BIN)/python -m tools.bench.workloads --rounds $(BENCH_ROUNDS) \
		$(if $(LLAMA_SERVER),--llama-server $(LLAMA_SERVER)) $(ARGS)

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

.PHONY: bench-page
bench-page: $(INSTALLED_DEV) ## Show what the web page costs: its first load, and ten chats at once; needs Chromium.
	$(BIN)/python -m tools.bench.page $(ARGS)

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

.PHONY: bench-hearing
bench-hearing: $(INSTALLED_DEV) ## Compare what is heard through the service with CTranslate2 called directly.
	$(BIN)/python -m tools.bench.hearing $(ARGS)

.PHONY: check-speech
check-speech: $(INSTALLED_DEV) ## Say sentences, have them heard, and count what is misunderstood.
	$(BIN)/python -m tools.say_and_listen $(ARGS)

.PHONY: foreign
foreign: $(INSTALLED_DEV) ## Run other people's clients against the service; installs them beside. ARGS="litellm" picks some.
	$(BIN)/python -m tools.foreign $(if $(ARGS),$(ARGS),--write)

.PHONY: bench-images
bench-images: $(INSTALLED) ## Compare a model that paints through the service with its pipeline called directly; ARGS names its folder.
	$(BIN)/python -m tools.bench.images $(ARGS)

.PHONY: bench-speech
bench-speech: $(INSTALLED) ## Compare the installed voice through the service with its package called directly.
	$(BIN)/python -m tools.bench.speech $(ARGS)

.PHONY: bench-training
bench-training: $(INSTALLED_DEV) ## Show how fast training is beside its bare loop; TORCH_PYTHON=.../bin/python compares with torch and PEFT.
	$(BIN)/python -m tools.bench.training $(if $(TORCH_PYTHON),--torch-python $(TORCH_PYTHON)) $(ARGS)

.PHONY: soak-speech
soak-speech: $(INSTALLED) ## Have a book of 300 pages spoken and left amid it; ARGS="--pages 30 --part 1" changes that.
	$(BIN)/python -m tools.soak_speech $(ARGS)

.PHONY: soak-upload
soak-upload: $(INSTALLED_DEV) ## Send 2 GB and kill the server amid it; ARGS="--megabytes 256 --kills 1" changes that.
	$(BIN)/python -m tools.soak_upload $(ARGS)

.PHONY: try-vllm
try-vllm: $(INSTALLED_DEV) ## Deploy a tiny model on a real vLLM and kill it; ARGS="--environment FOLDER" names its environment.
	$(BIN)/python -m tools.try_vllm $(ARGS)

.PHONY: clean
clean: ## Remove what was installed and built.
	rm -rf $(VENV) .venv-docs build dist

CHOOSE := tools/choose.sh $(wildcard server/funland_worker/engines/sampling/choose*)

$(INSTALLED): pyproject.toml tools/install.sh $(CHOOSE) \
		$(wildcard tools/llama_cpp/* tools/llama_cpp/backends/* tools/accelerators/*)
	@tools/install.sh "$(PYTHON)" "$(VENV)"
	@rm -f $(addprefix $(VENV)/.installed-,$(if $(filter cpu,$(ACCEL)),auto vulkan cuda,cpu))
	@touch $@

$(INSTALLED_DOCS): pyproject.toml | $(INSTALLED)
	@"$(PYTHON)" -m venv .venv-docs
	@$(BIN)/python -m pip --python .venv-docs/bin/python install --quiet --disable-pip-version-check --group docs
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	@echo "Installing the tools of development ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@
