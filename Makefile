# Bare `make` prints what there is.
.DEFAULT_GOAL := help
comma := ,
.PHONY: help demo test test-unit fuzz test-media test-charts charts-docs test-cluster test-cluster-node test-networks test-images images images-export test-aws setup-networks setup-aws check fmt lint types types-networks layers spelling accuracy setup setup-dev models up doctor loadtest lock clean

PYTHON ?= python3
VENV   ?= .venv
NETWORKS_VENV ?= .venv-networks
AWS_TOOLS ?= .venv-aws
BIN    := $(VENV)/bin
export PODIUM_MODELS ?= $(CURDIR)/models
VIDEO  ?= services/podium/lab/athlete/clips/sprint.mp4
OUT    ?=

help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use
demo: setup ## Run the 3D pipeline on the bundled clip, or on yours: make demo VIDEO=my.mp4
	@$(BIN)/podium run "$(VIDEO)" --pipeline pose-3d $(if $(OUT),--out "$(OUT)")

up: setup ## Start the services, the api of jobs and its dashboard on loopback; Ctrl-C stops them
	@$(BIN)/podium up

doctor: setup ## Check Python, models, ports, codecs and GPU
	@$(BIN)/podium doctor

loadtest: HOST ?=
loadtest: PROFILE ?= local
loadtest: WORKERS ?= 0
loadtest: setup-dev models ## Load test of services started here, or make loadtest HOST=http://... PROFILE=ramp
	@$(BIN)/python -m loadtest --profile "$(PROFILE)" $(if $(HOST),--host "$(HOST)") --workers $(WORKERS) $(FLAGS)

##@ Develop
# A file at a time for each of two processors: with three, tests that wait for other processes fail.
# What measures load has the machine to itself.
test: WORKERS ?= 2
test: setup-dev models ## Run all tests, against real services over real sockets
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m 'not slow and not alone'
	@$(BIN)/pytest -m 'alone and not slow' tests/faults tests/loadtest tests/viewer

test-unit: WORKERS ?= 2
test-unit: setup-dev models ## Run the unit tests, which start no process and no server
	@$(BIN)/pytest -n $(WORKERS) tests/unit

fuzz: EXAMPLES ?= 20000
fuzz: setup-dev ## Look for bodies, requests, media and results that break a service: make fuzz EXAMPLES=200000
	@PODIUM_FUZZ_EXAMPLES="$(EXAMPLES)" $(BIN)/pytest -s tests/fuzz

test-media: setup-dev models ## Make videos of many codecs, containers and structures; compare with FFmpeg
	@$(BIN)/pytest -m 'slow or not slow' tests/media

test-networks: types-networks ## Run the tests of the torch networks and of their export
	@$(NETWORKS_VENV)/bin/pytest -n 2 tests/networks

test-aws: setup-dev setup-aws ## Check the template of AWS and run its consumers on emulators; needs npm
	@PODIUM_AWS_TOOLS="$(AWS_TOOLS)" $(BIN)/pytest -m 'slow or not slow' tests/jobs/aws tests/api/test_on_lambda.py

test-charts: setup-dev ## Render the charts with every option and check the objects; needs Go
	@$(BIN)/pytest -m 'slow or not slow' tests/charts

charts-docs: setup-dev ## Write the charts' README files from their values; needs Go
	@$(BIN)/python -m tests.charts.readmes

test-cluster: setup-dev ## Run the charts on a real Kubernetes control plane; needs Go or KUBECONFIG
	@$(BIN)/pytest -m slow tests/cluster --ignore tests/cluster/node

test-cluster-node: setup-dev ## Run pods on one real node; needs Go, root and Debian's containerd
	@$(BIN)/pytest -m slow tests/cluster/node

test-images: setup-dev models images ## Build the container images and run them; needs Docker
	@DOCKER="$(DOCKER)" PODIUM_REGISTRY="$(REGISTRY:%=%/)" PODIUM_TAG="$(TAG)" $(BIN)/pytest -m slow tests/images

accuracy: setup ## Compare pipelines with rendered athletes and write loadtest/benchmarks/accuracy.md
	@$(BIN)/python -m podium.lab.accuracy_page --clips results/scenes --out loadtest/benchmarks/accuracy.md

check: lint types layers spelling ## Lint, types, import layers, spelling

fmt: setup-dev ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: setup-dev
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: setup-dev
	@$(BIN)/mypy

types-networks: setup-networks
	@$(NETWORKS_VENV)/bin/mypy --cache-dir .mypy_cache/networks --package podium.networks --package podium.engines

layers: setup-dev
	@$(BIN)/lint-imports

spelling: setup-dev
	@$(BIN)/codespell services charts k8s tests loadtest docs README.md CONTRIBUTING.md CHANGELOG.md Makefile

##@ Set up
setup: $(VENV)/.local models ## Install what running needs, and pull the default models

setup-dev: $(VENV)/.dev ## Install what developing needs

# An environment of its own: torch takes gigabytes, and nothing that serves needs it.
setup-networks: ## Install what `podium models export` needs, torch among it
	@$(MAKE) --no-print-directory VENV=$(NETWORKS_VENV) $(NETWORKS_VENV)/.networks

setup-aws: $(AWS_TOOLS)/sam/.done $(AWS_TOOLS)/checkov/.done $(AWS_TOOLS)/ministack/.done $(AWS_TOOLS)/lambda/.done $(AWS_TOOLS)/kinesis/.done ## Install the programs of `make test-aws`

models: $(VENV)/.local ## Pull the default models; nothing happens when they are there
	@$(BIN)/podium models pull blazepose --repository "$(PODIUM_MODELS)"

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Podium needs Python 3.11 or later; choose one with make PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# uv, where it is on the PATH, fetches in parallel, and environments share its cache. Bytecode comes
# with the first start, where Python may write it. The environments of developers bring uv themselves.
UV ?= $(shell command -v uv)
ifeq ($(UV)$(filter command%,$(origin UV)),)
$(VENV)/.dev $(VENV)/.networks: UV = $(BIN)/uv
$(VENV)/.dev: $(VENV)/.uv-dev
$(VENV)/.networks: $(VENV)/.uv-networks
endif

INSTALL.uv  = $(UV) pip install --python $(BIN)/python $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)
INSTALL.pip = $(BIN)/pip install --retries 2 --disable-pip-version-check $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile)
INSTALL     = $(if $(UV),$(INSTALL.uv),$(INSTALL.pip)) $(shell [ -t 2 ] || echo --quiet)
# One package, one try: without a package index it is over in seconds.
PROBE.uv  = UV_HTTP_RETRIES=0 UV_HTTP_TIMEOUT=10 $(INSTALL.uv) --dry-run --no-deps
PROBE.pip = $(BIN)/pip install --retries 0 --timeout 10 --disable-pip-version-check --dry-run --no-deps
PROBE     = $(if $(UV),$(PROBE.uv),$(PROBE.pip))

$(VENV)/.uv-%: services/requirements/%.txt $(VENV)/pyvenv.cfg
	-@sed -n '/^uv==/,/[^\\]$$/p' $< > $@.txt
	-@$(INSTALL.pip) --quiet --no-deps --require-hashes -r $@.txt && mv $@.txt $@

# The package itself is installed without its dependencies: the hashed lock names them all.
$(VENV)/.local $(VENV)/.dev $(VENV)/.networks: $(VENV)/.%: services/requirements/%.txt pyproject.toml $(VENV)/pyvenv.cfg
	@echo "Installing the $$(grep -c '^[a-z].*==' $<) packages of $<: a few minutes, once"
	@$(PROBE) "$$(sed -n 's/^\([a-z][^ ;]*==[^ ;]*\).*/\1/p' $< | head -n 1)" > /dev/null 2>&1 \
	  || { echo "error: the package index cannot be reached; nothing was installed."; \
	       echo "  Offline, or behind a proxy? Check with: $(BIN)/pip download --no-deps pip"; \
	       echo "  pip takes HTTPS_PROXY, PIP_INDEX_URL (a mirror) and PIP_FIND_LINKS (a folder of wheels);"; \
	       echo "  uv takes HTTPS_PROXY, UV_DEFAULT_INDEX and UV_FIND_LINKS, and make UV= leaves it out."; \
	       exit 1; }
	@$(INSTALL) --no-deps --require-hashes -r $< \
	  || { echo "error: the packages of $< could not be installed; the lines above say why."; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(AWS_TOOLS)/%/.done: services/requirements/aws-%.txt
	@echo "Installing $< (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# What the image of the functions has.
$(AWS_TOOLS)/lambda/.done: services/requirements/lambda.txt
	@echo "Installing $< (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# A mock of Kinesis that splits and merges shards as Kinesis does.
$(AWS_TOOLS)/kinesis/.done: tests/jobs/aws/kinesis/package-lock.json
	@mkdir -p $(@D) && cp $(<D)/package.json $< $(@D)
	@cd $(@D) && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

##@ Container images
DOCKER      ?= docker
REGISTRY    ?=
TAG         ?= $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' services/podium/__init__.py)
ACCELERATOR ?= cpu
BASE_IMAGE  ?=
CA_BUNDLE   ?=
BUILD_FLAGS ?=
SERVICES.cpu := gateway decode detection pose2d pose3d postprocess jobs
SERVICES.gpu := detection pose2d pose3d
# The name that the chart gives to the image of a service.
image = $(if $(REGISTRY),$(REGISTRY)/)podium-$(1):$(TAG)$(if $(filter gpu,$(ACCELERATOR)),-gpu)

images: $(SERVICES.$(ACCELERATOR):%=image-%) ## Build the container images (docs/images.md) and print their sizes

image-%:
	@DOCKER_BUILDKIT=1 $(DOCKER) build --quiet --file services/Dockerfile --target $* \
	  --tag $(call image,$*) --build-arg ACCELERATOR=$(ACCELERATOR) --build-arg VERSION=$(TAG) \
	  --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) \
	  $(addprefix --build-arg BASE_IMAGE=,$(BASE_IMAGE)) \
	  $(addprefix --secret id=ca-bundle$(comma)src=,$(CA_BUNDLE)) $(BUILD_FLAGS) . > /dev/null
	@$(DOCKER) history --no-trunc --human=false --format '{{.Size}} {{.CreatedBy}}' $(call image,$*) \
	  | awk '{all += $$1} /COPY \/opt\/podium/ {added += $$1} END {printf \
	    "%-40s %4.0f MB, %.0f MB of it beyond the base\n", "$(call image,$*)", all / 1e6, added / 1e6}'

images-export: DIR ?= dist/images
images-export: images ## Write the images to one archive in DIR=, which Docker and containerd import
	@mkdir -p "$(DIR)"
	@$(DOCKER) save --output "$(DIR)/podium-$(ACCELERATOR).tar" \
	  $(foreach service,$(SERVICES.$(ACCELERATOR)),$(call image,$(service)))
	@ls -sh "$(DIR)/podium-$(ACCELERATOR).tar"

##@ Maintain
# The lock of an image has the packages of its extras, images.txt what builds the images.
EXTRAS.gateway     := gateway kubernetes tracing
EXTRAS.decode      := decode tracing
EXTRAS.engine-cpu  := engine-cpu tracing
EXTRAS.engine-gpu  := engine-gpu tracing
EXTRAS.postprocess := postprocess tracing
EXTRAS.jobs        := api jobs-aws oidc tracing
EXTRAS.networks    := build decode engine-cpu cli networks networks-dev
EXTRAS.lambda      := api jobs-aws lambda
EXTRAS.local       := build local
EXTRAS.dev         := $(EXTRAS.local) jobs-aws kubernetes lab loadtest parquet tracing dev

lock: setup-dev ## Resolve the dependencies of every image anew
	@$(foreach lock,gateway decode engine-cpu engine-gpu postprocess jobs lambda networks local dev, \
	  echo "services/requirements/$(lock).txt" && \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --upgrade \
	    --custom-compile-command "make lock" $(addprefix --extra ,$(EXTRAS.$(lock))) \
	    pyproject.toml --output-file services/requirements/$(lock).txt &&) true
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --upgrade \
	  --custom-compile-command "make lock" --group images --output-file services/requirements/images.txt
	@$(foreach tool,aws-sam aws-checkov aws-ministack, \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --upgrade \
	    --custom-compile-command "make lock" --group $(tool) \
	    --output-file services/requirements/$(tool).txt &&) true

clean: ## Remove the environment, the models and the results
	@rm -rf $(VENV) $(NETWORKS_VENV) $(AWS_TOOLS) models results build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
