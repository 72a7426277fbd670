# What CI runs is "make check", "make test" and "make demo" (.ci/run); what it
# takes longer for is "make slow".

GO ?= go

# Tools, pinned here and nowhere else. "make tools" puts them into bin/tools,
# which stands first in PATH below.
GOLANGCI_LINT_VERSION := v2.15.0
COSIGN_VERSION := v2.6.5
GOVULNCHECK_VERSION := v1.9.0
export PATH := $(CURDIR)/bin/tools:$(PATH)

# The version that "ferry version" prints. Together with the commit it is all
# that the bytes of a build depend on, besides the source and the compiler.
VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),unknown)
COMMIT ?= $(or $(shell git rev-parse --verify -q HEAD 2>/dev/null),unknown)
LDFLAGS := -s -w -buildid= -X main.version=$(VERSION) -X main.commit=$(COMMIT)
BUILD := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags='$(LDFLAGS)'

PLATFORMS ?= linux/amd64 linux/arm64
FUZZTIME ?= 1m
PKG ?= ./...

.PHONY: help build dist reproducible check test race lint fmt demo slow fuzz fuzz-short vuln tools clean bench

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/ferry, one static file, the same bytes from the same commit
	$(BUILD) -o bin/ ./cmd/...

dist: ## build the files of a release for every platform into dist/
	@rm -rf dist && mkdir dist
	@for p in $(PLATFORMS); do \
		for cmd in $(notdir $(wildcard cmd/*)); do \
			echo "dist/$$cmd-$(VERSION)-$${p%/*}-$${p#*/}"; \
			GOOS=$${p%/*} GOARCH=$${p#*/} $(BUILD) \
				-o "dist/$$cmd-$(VERSION)-$${p%/*}-$${p#*/}" ./cmd/$$cmd || exit 1; \
		done || exit 1; \
	done
	@cd dist && sha256sum * > SHA256SUMS && cat SHA256SUMS

reproducible: ## build the commit twice, in two folders and from nothing, and compare
	@.ci/reproducible $(BUILD)

check: lint race ## what must pass before a change lands, besides "make test": linters, and the race detector

test: ## all tests
	$(GO) test $(PKG)

# What tries every bit, call or request is left out here: "make test" has it.
race: ## the tests with the race detector, without those that -short leaves out
	$(GO) test -race -short $(PKG)

lint: bin/tools/golangci-lint ## formatting, linters, tidy go.mod
	golangci-lint fmt --diff
	golangci-lint run $(PKG)
	$(GO) mod tidy -diff

fmt: bin/tools/golangci-lint ## format in place
	golangci-lint fmt

demo: build ## the whole story on one machine: pack, carry, import, status, and a small update
	@examples/demo.sh

bench: build ## measure ferry against its bars and beside stock tools; writes docs/benchmarks.md, needs 20 GB
	$(GO) run ./bench

slow: fuzz reproducible ## nightly: a minute for each fuzz target, a crash at every point, two builds compared
	FERRY_TEST_SLOW=1 $(GO) test ./inside

fuzz: ## each fuzz target for FUZZTIME (1m)
	@.ci/fuzz $(FUZZTIME) $(PKG)

fuzz-short: ## each fuzz target for five seconds
	@.ci/fuzz 5s $(PKG)

vuln: bin/tools/govulncheck ## known vulnerabilities; needs the database, or a copy: make vuln DB=file:///path
	govulncheck $(if $(DB),-db $(DB)) $(PKG)

tools: bin/tools/golangci-lint bin/tools/cosign ## install the pinned tools into bin/tools

# Phony, because a file there may be of another version; .ci/tool looks.
.PHONY: bin/tools/golangci-lint bin/tools/cosign bin/tools/govulncheck
bin/tools/golangci-lint:
	@GO=$(GO) .ci/tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint $(GOLANGCI_LINT_VERSION)
bin/tools/cosign:
	@GO=$(GO) .ci/tool cosign github.com/sigstore/cosign/v2/cmd/cosign $(COSIGN_VERSION)
bin/tools/govulncheck:
	@GO=$(GO) .ci/tool govulncheck golang.org/x/vuln/cmd/govulncheck $(GOVULNCHECK_VERSION)

clean: ## remove what was built
	rm -rf bin dist
