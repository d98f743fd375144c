# The only entry points. `make help` lists them; two are enough: `make run` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run
MAKEFLAGS += --no-print-directory

LISTEN ?= 127.0.0.1:6660#      where `make run` listens
FUZZ_SECONDS ?= 60#            how long `make fuzz` gives each target (`make test`: 10)
IMAGE ?= dynaswift#            the name that `make image` gives
IMAGE_FLAGS ?=#                more options for it, such as --build-arg BUILDER=…
SUITES ?=#                     the suites of `make asan` and `make tsan`, such as SUITES="TLS"; empty: all
ROWS ?=#                       the rows of `make bench`; empty: all
SEEDS ?=#                      how many worlds `make sim` runs; empty: as many as fit into 60 s
SEED ?= $(shell date +%s)000#  the first of them; printed, so that a failure can be run again

BINARY := $(CURDIR)/.build/release/dynaswift
SIMULATOR := $(CURDIR)/.build/release/dynasim
RELEASE := -c release --static-swift-stdlib --product dynaswift
TESTS := --disable-xctest
CHOSEN := $(addprefix --filter ,$(SUITES))
# What went well needs no line of its own; failures and the closing line stay.
BRIEFLY := 2>&1 | grep --line-buffered -avE '^(◇|✔ (Suite|Test (case|"|[A-Za-z]+\()))'
export ROWS

# The compiler keeps caches under HOME; where that is no place to write, they live in the build folder.
ifneq ($(shell mkdir -p "$$HOME" 2>/dev/null && test -w "$$HOME" && echo writable),writable)
export HOME := $(CURDIR)/.build/home
$(shell mkdir -p "$(HOME)")
endif

.PHONY: run build test sim simulator fuzz asan tsan format bench image docker clean help set-up set-up-tests

run: build ## set up, build, and start a node on 127.0.0.1:6660 (LISTEN=host:port for another address)
	@[ "$${DYNA_MODE:-}" != https ] || [ -e "$${DYNA_CERT_DIR:-cert}/server.crt" ] || bash cert.sh
	@scripts/what-to-try.sh "$(LISTEN)"
	@exec $(BINARY) "$(LISTEN)"

build: set-up ## build the optimised binary, .build/release/dynaswift
	swift build $(RELEASE)

test: set-up-tests build simulator ## set up, check the floors, run every test, 60 s of new seeds and a short fuzz run
	swift build --build-tests --explicit-target-dependency-import-check error
	DYNASIM_BINARY=$(SIMULATOR) swift test --skip-build $(TESTS) --skip EndToEndTests $(BRIEFLY)
	@$(MAKE) sim
	DYNASWIFT_BINARY=$(BINARY) swift test --skip-build $(TESTS) --filter EndToEndTests $(BRIEFLY)
	@$(MAKE) fuzz FUZZ_SECONDS=$(if $(filter command line environment,$(origin FUZZ_SECONDS)),$(FUZZ_SECONDS),10)

sim: simulator ## let clusters live and fail in virtual time (SEEDS=1000 worlds, the first is SEED=…)
	$(SIMULATOR) run --first $(SEED) $(if $(SEEDS),--seeds $(SEEDS),--seconds 60)

simulator: set-up
	swift build -c release --static-swift-stdlib --product dynasim

fuzz: set-up ## fuzz the parsers of requests, JSON, tokens and log frames (FUZZ_SECONDS=60 each)
	@FUZZ_SECONDS="$(FUZZ_SECONDS)" scripts/fuzz.sh

asan: set-up ## run the test suite, and the node that it starts, under AddressSanitizer (SUITES="TLS Ticket" for some)
	swift build --build-tests --scratch-path .build-asan --sanitize=address
	@rm -f .build-asan/report.*
	DYNASWIFT_BINARY=$(CURDIR)/.build-asan/debug/dynaswift \
	ASAN_OPTIONS=log_path=$(CURDIR)/.build-asan/report \
	LSAN_OPTIONS=suppressions=$(CURDIR)/scripts/leaks.supp:print_suppressions=0 \
	  swift test --skip-build --scratch-path .build-asan --sanitize=address $(TESTS) $(CHOSEN) $(BRIEFLY)
	@! cat .build-asan/report.* 2>/dev/null

tsan: set-up ## run the test suite, and the node that it starts, under ThreadSanitizer
	swift build --build-tests --scratch-path .build-tsan --sanitize=thread -Xswiftc -DTSAN
	@rm -f .build-tsan/report.*
	DYNASWIFT_BINARY=$(CURDIR)/.build-tsan/debug/dynaswift \
	TSAN_OPTIONS=log_path=$(CURDIR)/.build-tsan/report \
	  swift test --skip-build --scratch-path .build-tsan --sanitize=thread -Xswiftc -DTSAN $(TESTS) $(CHOSEN) $(BRIEFLY)
	@! cat .build-tsan/report.* 2>/dev/null

format: ## lay out the sources with swift format
	swift format --in-place --parallel --recursive Package.swift Sources Tests Fuzz

bench: build ## measure the node beside its peers (ROWS="get put" for some rows; see Benchmarks/README.md)
	swift build -c release --static-swift-stdlib --product dynabench
	@Benchmarks/run.sh

docker: image
image: ## build the container image, with docker or podman (IMAGE=name)
	@for engine in docker podman; do "$$engine" info >/dev/null 2>&1 && break || engine=; done; \
	[ -n "$$engine" ] || { echo "make image: neither docker nor podman answers here" >&2; exit 1; }; \
	[ "$$engine" = docker ] && format= || format="--format docker"; \
	"$$engine" build $$format $(IMAGE_FLAGS) -t "$(IMAGE)" .

clean: ## remove what was built; keys, .env and data stay
	rm -rf .build .build-*

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z -]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

set-up:
	@scripts/set-up.sh

set-up-tests:
	@scripts/set-up.sh tests
