# What people type. The work is in scripts/, so that CI and `make` do the same.
.PHONY: run build test lint bench fuzz generate coverage clean

run: build
	./bin/carillon serve $(ARGS)

build:
	@scripts/need build
	@scripts/web
	go build -trimpath -o bin/carillon ./cmd/carillon

test:
	@scripts/test

lint:
	@scripts/need build
	@scripts/lint

fuzz:
	@scripts/fuzz $(or $(FUZZTIME),5s)

bench:
	@scripts/need bench
	@scripts/bench $(ARGS)

generate:
	go generate ./...

clean:
	rm -rf bin test/out bench/out
