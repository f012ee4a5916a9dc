# Vayu's chores; `make` alone lists them. Settings go on the command line:
# make run ARGS="--for 20s", make fuzz FUZZTIME=5m, make bench BENCH=Decode COUNT=10.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build run test check fmt lint directions race fuzz fuzz-smoke bench bench-peers bench-swap sim sim-long determinism model histories mutants kill9 kill9-long interop clean

ARGS     ?=
BENCH    ?= .
COUNT    ?= 1
FUZZTIME ?= 30s
SEEDS    ?= 30000
FROM     ?= 1
N        ?= 200000
KILLS    ?= 200
STATES   ?= 10000000
HISTORIES ?= 100000
RTT      ?= 20ms
TOOL     := go tool -modfile=.ci/tools/go.mod

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

build: ## build the one binary into bin/
	@go build -trimpath -o bin/vayu ./cmd/vayu

run: build ## the demo: embedded venue, recorded NIFTY day, engine, strategy, dashboard
	@bin/vayu demo $(ARGS)

test: ## every test, also of the modules beside this one
	go test -timeout 15m ./...
	for mod in $$(find bench -mindepth 2 -name go.mod); do go -C "$$(dirname "$$mod")" test ./...; done

check: lint directions race fuzz-smoke ## what every commit passes

fmt: ## format all Go code
	gofmt -l -w .

lint: ## formatting, go vet, staticcheck, errorlint, unconvert, unparam
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "not formatted, run make fmt: $$files"; exit 1; }
	go vet ./...
	printf 'plain:\nrace: -tags=race\n' | $(TOOL) staticcheck -matrix ./... # what only one of both uses is used
	$(TOOL) go-errorlint ./...
	$(TOOL) unconvert ./...
	$(TOOL) unparam ./...

directions: ## who may import whom, package docs, forbidden texts
	go test -run 'TestModule' ./bench

race: ## every test under the race detector
	go test -race -timeout 20m ./...

fuzz: ## every fuzz target for FUZZTIME (30s) each
	.ci/fuzz $(FUZZTIME)

fuzz-smoke: ## every fuzz target for a few seconds
	.ci/fuzz 3s

bench: ## the benchmarks that match BENCH, COUNT times
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./...

bench-peers: ## limiter, breaker and the whole way before an order leaves, beside the peers, in one run
	go -C bench/peers test -count=1 -run TestPeers -v . -rounds 60

bench-swap: ## attempts while their login is swapped a million times, beside quiet ones
	go test -count=1 -run TestSwapsDoNotStallAnAttempt -v ./bench/swap -swaps 1000000

SIM := go test -count=1 -v -timeout 0 -run TestNoFaultMakesADuplicateOrLosesAnOrder ./exec/gateway -args -progress -coverage \
	-commit "$$(git describe --always --dirty)" $(if $(LEDGER),-ledger $(CURDIR)/bench/ledger/sim.jsonl)

sim: ## SEEDS worlds from FROM with every fault, at most five minutes; LEDGER=1 writes it down
	$(SIM) -seeds $(SEEDS) -from $(FROM) -within 280s

sim-long: ## the same with N worlds, however long it takes
	$(SIM) -seeds $(N) -from $(FROM)

determinism: ## one digest of 500 worlds in every setting of processors, collector and race detector
	.ci/determinism 500

model: ## every path of a small world of orders, and STATES states of the whole one
	go test -count=1 -v -timeout 60m ./engine/order/search -states $(STATES)

histories: ## HISTORIES recorded lives of orders against a sequential model
	go test -count=1 -v -timeout 60m -run 'History' ./exec/gateway -histories $(HISTORIES)

kill9: ## 200 real SIGKILLs of the engine under load, books compared after each restart; LEDGER=1 writes it down
	KILLS=$(KILLS) RTT=$(RTT) RECORDS=100000 go test -count=1 -v -timeout 120m -run 'TestP1_' ./bench/kill9

kill9-long: ## the same with 1000
	$(MAKE) kill9 KILLS=1000

mutants: ## the real code with one fault each: every one must be found; WRITE=1 writes bench/mutants/KILLED.md
	go run ./bench/mutants $(if $(WRITE),-worlds 100 -write)

interop: ## the vendor's own JavaScript client against our streams and our venue
	.ci/npm
	go test -count=1 -v -run 'Interop' ./feed/stream ./exec/sim | tee .interop.log
	@! grep -q 'no tests to run' .interop.log; rm -f .interop.log

clean: ## remove what the other targets leave behind
	rm -rf bin .cache
	find . -path '*/testdata/interop/node_modules' -prune -exec rm -rf {} +
