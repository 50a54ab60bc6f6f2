# make run     start a server for development on 127.0.0.1:8200, data in .dev
# make test    every test, with real clients against the real server
# make check   format, lints, architecture, documentation
# make help    the rest

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run build check test test-deps fuzz bench dist clean
# The fuzz targets that there are.
FUZZ_TARGETS := $(sort $(basename $(notdir $(wildcard fuzz/targets/*.rs))))
CARGO_FUZZ := 0.13.1

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: ## build, and start a server for development (installs what is missing)
	@scripts/deps.sh run
	cargo build --release
	exec target/release/strongroom dev --data .dev

build: ## release build (make dist makes the optimised artefact)
	@scripts/deps.sh build
	cargo build --release

check: ## format, lints, architecture, documentation; nothing is changed
	@scripts/deps.sh build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --test architecture
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace

test: test-deps ## every test (STRONGROOM_KILL_CYCLES sets how often the server is killed)
	cargo build -p faulty-pkcs11
	cargo build -p vaultrs-client
	cargo test --workspace --exclude vaultrs-client

# The programs and clients that tests use; also the Python environment in .venv.
test-deps: .venv/installed tests/clients/node/node_modules/.package-lock.json
	@scripts/deps.sh test

tests/clients/node/node_modules/.package-lock.json: tests/clients/node/package-lock.json
	@scripts/deps.sh test
	npm ci --prefix tests/clients/node --ignore-scripts --no-audit --no-fund --silent
	@touch $@

.venv/installed: tests/requirements.txt scripts/deps.sh
	@scripts/deps.sh test
	python3 -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

# Without a sanitizer: the code has no unsafe of its own, and a stable compiler will do. The
# dependencies are those of the main lock file.
fuzz: ## fuzz every parser, SECONDS each (default 60; TARGET=json for one)
	@scripts/deps.sh fuzz
	command -v cargo-fuzz > /dev/null || cargo install --locked cargo-fuzz@$(CARGO_FUZZ)
	cp Cargo.lock fuzz/Cargo.lock
	cargo fuzz build --sanitizer none $(TARGET)
	for target in $(or $(TARGET),$(FUZZ_TARGETS)); do \
	  mkdir -p fuzz/corpus/$$target; \
	  dictionary=fuzz/dictionaries/$$target.dict; \
	  cargo fuzz run --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(or $(SECONDS),60) -max_len=4096 -print_final_stats=1 \
	    $$(test -f $$dictionary && echo -dict=$$dictionary) || exit 1; \
	done

bench: .venv/installed ## measure against OpenBao and the machine's limits (QUICK=1: two minutes; TEN_MILLION=1: more)
	@scripts/deps.sh bench
	cargo build --release --bin strongroom --example limits
	benches/run.py $(if $(QUICK),--quick) $(if $(TEN_MILLION),--ten-million)

dist: ## the artefact that ships, in dist/
	@scripts/deps.sh build
	scripts/dist.sh

clean: ## remove what was built, not the data in .dev
	cargo clean
	rm -rf .venv dist tests/clients/node/node_modules
