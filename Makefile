# make test: everything. Only Rust, Python 3 and make are needed before; what
# else the tests need is installed into this checkout (.venv).

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR

FUNCTIONS := high-cpu memory-pressure disk-full follow-up
PACKAGES := $(addprefix -p ,$(FUNCTIONS))
VENV := .venv/bin

.PHONY: test lint thinking functions wire template scripts python

test: lint thinking functions wire template scripts

# The format and every lint. The functions are linted while they are built:
# `cargo clippy` would compile the AWS SDKs a second time.
lint:
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	CLIPPY_ARGS="-Dwarnings__CLIPPY_HACKERY__" \
	  RUSTC_WORKSPACE_WRAPPER="$$(rustc --print sysroot)/bin/clippy-driver" \
	  cargo build --locked -p remedy-aws $(PACKAGES)

# All thinking, in seconds and without an AWS SDK.
thinking:
	cargo test --locked

# The functions, as programs.
functions:
	cargo build --locked $(PACKAGES)
	cargo test --locked -p remedy-aws

# The functions as programs, against AWS emulators on this machine.
wire: functions python
	REMEDY_BIN_DIR="$$(cd "$(CARGO_TARGET_DIR)/debug" && pwd)" $(VENV)/python -m pytest -q tests/wire

# The template, by the tools that deploy it and one that looks for what is
# insecure. What no linter knows is a test of `thinking`: tests/template.
template: python .venv-checkov/made
	$(VENV)/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1 $(VENV)/sam validate --lint --template template.yaml
	.venv-checkov/bin/checkov --framework cloudformation --file template.yaml --skip-download --compact --quiet

# The scripts that run on hosts, as root on a really full disk. Says so if this
# machine cannot do that.
scripts:
	tests/rig/install
	tests/rig/run

# The emulators and the template's tools, pinned; quick when they are there.
python:
	tests/emulators/install

# An environment of its own: checkov and the emulators want different versions of
# boto3.
.venv-checkov/made: tests/emulators/checkov.txt
	$(or $(PYTHON),python3) -m venv --clear .venv-checkov
	.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	.venv-checkov/bin/python -m pip check
	touch $@
