# SPDX-License-Identifier: Apache-2.0
# A thin front of CMake's presets and scripts/; a fresh Debian has no make, the scripts need bash only.
.PHONY: run build test test-asan test-tsan e2e lint proto bench bench-fleet fuzz manifests deploy \
  docker-build docker-release image-check clean
run:        ; ./scripts/run
build:      ; ./scripts/build release
test:       ; ./scripts/test
test-asan:  ; ./scripts/test asan
test-tsan:  ; ./scripts/test tsan
e2e:        ; ./scripts/e2e
lint:       ; ./scripts/lint
proto:      ; ./scripts/build release kgs_proto
bench:      ; ./scripts/bench
bench-fleet: ; ./scripts/bench-fleet
fuzz:       ; ./scripts/build fuzz && ./scripts/fuzz build/fuzz
manifests:  ; ./scripts/manifests
deploy:     ; ./scripts/deploy $(IMAGE)
docker-build:   ; ./scripts/docker-build $(IMAGE)
docker-release: ; ./scripts/docker-release "$(VERSION)" "$(REGISTRY)"
image-check:    ; ./scripts/image-check
clean:      ; rm -rf build
