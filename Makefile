# The only entry points. `make help` lists them; two are enough: `make run` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run
MAKEFLAGS += --no-print-directory

LISTEN ?= 127.0.0.1:6660#      where `make run` listens
FUZZ_SECONDS ?= 60#            how long `make fuzz` gives each target (`make test`: 10)
IMAGE ?= dynaswift#            the name that `make image` gives
IMAGE_FLAGS ?=#                more options for it, such as --build-arg BUILDER=…
ROWS ?=#                       the rows of `make bench`; empty: all

BINARY := $(CURDIR)/.build/release/dynaswift
RELEASE := -c release --static-swift-stdlib --product dynaswift
TESTS := --disable-xctest
export ROWS

# The compiler keeps caches under HOME; where that is no place to write, they live in the build folder.
ifneq ($(shell mkdir -p "$$HOME" 2>/dev/null && test -w "$$HOME" && echo writable),writable)
export HOME := $(CURDIR)/.build/home
$(shell mkdir -p "$(HOME)")
endif

.PHONY: run build test fuzz asan tsan format bench image docker clean help set-up

run: build ## set up, build, and start a node on 127.0.0.1:6660 (LISTEN=host:port for another address)
	@scripts/what-to-try.sh "$(LISTEN)"
	@exec $(BINARY) "$(LISTEN)"

build: set-up ## build the optimised binary, .build/release/dynaswift
	swift build $(RELEASE)

test: build ## set up, check the floors, run every test and a short fuzz run
	swift build --build-tests --explicit-target-dependency-import-check error
	swift test --skip-build $(TESTS) --skip EndToEndTests
	DYNASWIFT_BINARY=$(BINARY) swift test --skip-build $(TESTS) --filter EndToEndTests
	@$(MAKE) fuzz FUZZ_SECONDS=$(if $(filter command line environment,$(origin FUZZ_SECONDS)),$(FUZZ_SECONDS),10)

fuzz: set-up ## fuzz the parsers of requests, JSON, tokens and log frames (FUZZ_SECONDS=60 each)
	@FUZZ_SECONDS="$(FUZZ_SECONDS)" scripts/fuzz.sh

asan: set-up ## run the test suite under AddressSanitizer
	swift build --build-tests --scratch-path .build-asan --sanitize=address
	DYNASWIFT_BINARY=$(CURDIR)/.build-asan/debug/dynaswift \
	  swift test --skip-build --scratch-path .build-asan --sanitize=address $(TESTS)

tsan: set-up ## run the test suite under ThreadSanitizer
	swift build --build-tests --scratch-path .build-tsan --sanitize=thread -Xswiftc -DTSAN
	DYNASWIFT_BINARY=$(CURDIR)/.build-tsan/debug/dynaswift \
	  swift test --skip-build --scratch-path .build-tsan --sanitize=thread -Xswiftc -DTSAN $(TESTS)

format: ## lay out the sources with swift format
	swift format --in-place --parallel --recursive Package.swift Sources Tests Fuzz

bench: build ## measure the node beside its peers (ROWS="get put" for some rows; see Benchmarks/README.md)
	@Benchmarks/run.sh

image docker: ## build the container image, with docker or podman (IMAGE=name)
	@engine=$$(command -v docker || command -v podman) || \
	  { echo "make image: neither docker nor podman is installed" >&2; exit 1; }; \
	case $$engine in *podman) format="--format docker";; *) format=;; esac; \
	"$$engine" build $$format $(IMAGE_FLAGS) -t "$(IMAGE)" .

clean: ## remove what was built; keys, .env and data stay
	rm -rf .build .build-*

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z -]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

set-up:
	@scripts/set-up.sh
