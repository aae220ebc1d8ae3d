# make test: everything. Only Rust, Python 3 and make are needed before; what
# else the tests need is installed into this checkout (.venv and its like), or
# where VENVS says.

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
VENVS ?= $(CURDIR)
export VENVS

FUNCTIONS := $(patsubst functions/%/src/main.rs,%,$(wildcard functions/*/src/main.rs))
PACKAGES := $(addprefix -p ,$(FUNCTIONS))
VENV := $(VENVS)/.venv/bin
RELEASE := $(VENVS)/.venv-release/bin
ARCHITECTURES ?= x86_64 arm64
DIST ?= dist
RELEASED ?= $(lastword $(sort $(wildcard $(DIST)/remedy-*/)))

.PHONY: test lint supply thinking mutants functions storm wire aws template terraform release tried scripts relief python bench account-check

# What builds, one after the other. Then what waits more than it works, side by
# side; each part's lines come at its end.
test: lint supply thinking storm
	@echo "make: wire, aws, template and scripts, side by side; a few minutes"
	@$(MAKE) --no-print-directory --jobs=4 --output-sync=target BUILT=yes wire aws template scripts

# The format and the lints, but for those of the functions.
lint:
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets -p benches -- -D warnings

# What is linked in: its licences and sources, and what is known against it.
supply:
	tests/supply/check

# All thinking, in seconds and without an AWS SDK.
thinking:
	cargo test --locked

# Small mistakes in the lines that have changed since the main branch, and whether a test finds
# each. At most so many, and for some minutes; nothing where nothing that thinks has changed. Not
# part of `make test`, which has no minutes left for it (docs/decisions/0039).
mutants:
	tests/mutants/run --changed --deep --at-most 40 --seconds 150

# The functions and the command line, as programs. They are linted while they are built:
# `cargo clippy` would compile the AWS SDKs a second time, and so would a build of the one
# without the others, because cargo unites the features of what it builds together.
functions:
	CLIPPY_ARGS="-Dwarnings__CLIPPY_HACKERY__" \
	  RUSTC_WORKSPACE_WRAPPER="$$(rustc --print sysroot)/bin/clippy-driver" \
	  cargo build --locked -p remedy-aws -p remedy-cli $(PACKAGES)
	cargo test --locked -p remedy-aws -p remedy-cli

# Two hundred alarms at once, through the functions and a stub of AWS.
storm: functions
	REMEDY_BIN_DIR="$$(cd "$(CARGO_TARGET_DIR)/debug" && pwd)" cargo test --locked -p benches

# The functions as programs, against AWS emulators on this machine. Four of each at
# once: most of a test is waiting for what a function waits for.
wire: $(if $(BUILT),,functions) python
	REMEDY_BIN_DIR="$$(cd "$(CARGO_TARGET_DIR)/debug" && pwd)" $(VENV)/python -m pytest -q tests/wire -n 4 --dist loadgroup

# The template and the sources against what AWS publishes: the Service Authorization
# Reference, the models of its APIs, and what others recorded of it.
aws: python
	$(VENV)/python -m pytest -q tests/aws

# The template and the documents it includes, by the tools that deploy them and one
# that looks for what is insecure (its exceptions are in .checkov.yaml). What no
# linter knows is a test of `thinking`: tests/template and tests/documents.rs. And what
# ships in its place: the plain template and the Terraform module.
template: python
	mkdir -p "$(CARGO_TARGET_DIR)"
	$(RELEASE)/python release/plain.py >"$(CARGO_TARGET_DIR)/remedy.yaml"
	$(VENV)/cfn-lint "$(CARGO_TARGET_DIR)/remedy.yaml"
	$(RELEASE)/python -m pytest -q tests/release
	$(VENV)/cfn-lint template.yaml docs/examples/*.yaml
	tests/template/lint-documents $(VENV)/cfn-lint
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1 $(VENV)/sam validate --lint --template template.yaml
	$(VENVS)/.venv-checkov/bin/checkov --config-file .checkov.yaml --framework cloudformation --file template.yaml docs/examples/*.yaml --skip-download --compact --quiet

# Writes the Terraform module anew, after a change of template.yaml.
terraform: python
	$(RELEASE)/python release/terraform.py

# The scripts that run on hosts, as root on a really full disk. Says so if this
# machine cannot do that.
scripts:
	tests/rig/install
	tests/rig/run

# What ships, in dist: a zip of each function and the command line for each architecture, the
# plain template, the Terraform module, their sums and what they are made of. ARCHITECTURES says
# for which; for arm64 Rust needs its target (`rustup target add aarch64-unknown-linux-gnu`).
release: python
	release/make "$(DIST)" $(ARCHITECTURES)

# The wire tests with the zips and the template of a release in place of those of the tests.
tried: python
	release/unpack.py "$(RELEASED)" "$$(uname -m | sed s/aarch64/arm64/)" "$(CARGO_TARGET_DIR)/released"
	REMEDY_RELEASE="$$(cd "$(RELEASED)" && pwd)" REMEDY_BIN_DIR="$$(cd "$(CARGO_TARGET_DIR)/released" && pwd)" \
	  $(VENV)/python -m pytest -q tests/wire -n 4 --dist loadgroup

# Asks an account what we assume of AWS: docs/aws-questions.md. Not part of `make
# test`, which tries it against the emulators.
account-check: python
	$(VENV)/python tests/account/check.py $(ARGS)

# What the script makes of full disks as people reported them (tests/rig/fillings), on a
# young and an old one: docs/relief.md. As root; half an hour. A few of them are a part of
# `make scripts`.
relief:
	tests/rig/install
	cargo build --quiet --locked -p tests --example read-result
	mkdir -p /var/tmp/remedy-rig
	tests/rig/clone /var/tmp/remedy-rig/clone
	CARGO_TARGET_DIR="$$(cd "$(CARGO_TARGET_DIR)" && pwd)" tests/rig/relief --all young
	CARGO_TARGET_DIR="$$(cd "$(CARGO_TARGET_DIR)" && pwd)" tests/rig/relief --all old
	tests/rig/relief --table >docs/relief.md

# The emulators, the template's tools and those of a release, pinned; quick when they are there.
python:
	tests/emulators/install
	tests/release/install

# What the functions cost, and what they do in a storm of 5,000 alarms: the
# numbers of docs/performance.md. As root, for a share of a processor. Not part of
# `make test`: it builds what ships, and times depend on the machine. The bench is
# built apart from the functions, which would otherwise share its dependencies.
bench: python
	cargo build --locked --release $(PACKAGES)
	cargo build --locked --release -p benches
	"$(CARGO_TARGET_DIR)/release/bench" measure --python "$(VENV)/python"
	"$(CARGO_TARGET_DIR)/release/bench" storm
