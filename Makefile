# Cordon needs Go, make and git to build, and util-linux's unshare to test: every machine with Debian or Ubuntu has it.

FUZZTIME ?= 10s
TOOL     := go tool -modfile=.tools.mod

# Tests are root in a user and network namespace of their own, whoever runs them: nothing of the machine can be touched, and nothing is
# left behind. -exec wraps the test binary only, so that the build keeps its cache and its network.
OWN_NAMESPACES := unshare --user --map-root-user --net
# As root, with the machine's own limits on buffers and memory; still in a network namespace of its own.
OWN_NETWORK    := unshare --net

# What the tests with the tag full let judge, be recorded and be booted.
FULL_PACKAGES := groff-base nftables iproute2 conntrack tcpdump ffmpeg motion \
	openssh-server openssh-client gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
	qemu-system-x86

# The release's own kernel, for a virtual machine: its files only, so that the machine itself boots what it booted before.
KERNEL       := /var/cache/cordon-kernel
KERNEL_FETCH := cd $$work && apt-get -q -o APT::Sandbox::User=root download "$$name" && dpkg -x *.deb . && \
	rm -rf $(KERNEL) && mkdir -p $(KERNEL) && mv lib boot $(KERNEL)

.PHONY: help build man demo escape test test-race test-full test-full-packages lint mutants soak fuzz bench vuln check

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the one static binary, ./cordon
	CGO_ENABLED=0 go build -trimpath -o cordon ./cmd/cordon

man: build ## write the manual into ./man, as /usr/share/man has it
	./cordon man man

demo: build ## show a whole site, isolated, without root
	./cordon demo

escape: ## play every known way past the gateway, with and without a policy; no root
	go run -exec "$(OWN_NAMESPACES)" ./integration/escape/play

test: ## run every test that needs only Go and a kernel; no root
	@$(OWN_NAMESPACES) true || { echo "This machine forbids user namespaces, which the tests run in."; \
	  echo "  sysctl kernel.apparmor_restrict_unprivileged_userns=0    # Ubuntu 24.04 and later"; \
	  echo "  sysctl kernel.unprivileged_userns_clone=1                # Debian 10 and earlier"; exit 1; }
	go test -timeout 20m -exec "$(OWN_NAMESPACES)" ./...

test-race: ## the same under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -timeout 20m -exec "$(OWN_NAMESPACES)" ./...

test-full: test-full-packages ## as root: also against nft, ffmpeg, motion, GStreamer and Debian's kernel
	go test -timeout 30m -tags full -exec "$(OWN_NETWORK)" ./...

test-full-packages:
	@test "$$(id -u)" = 0 || { echo "make test-full needs root: it installs what it is judged by and lifts the limits of a user namespace."; exit 1; }
	@dpkg -s $(FULL_PACKAGES) >/dev/null 2>&1 || { apt-get -q update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $(FULL_PACKAGES); }
	@ls $(KERNEL)/boot/vmlinuz-* >/dev/null 2>&1 || { \
	  name=$$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-6[.]1[.].*\)/\1/p' | head -n 1); \
	  test -n "$$name" || { echo "apt has no Debian kernel 6.1 here: the test on it will be skipped"; exit 0; }; \
	  work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && $(KERNEL_FETCH); }

lint: ## linters, formatting and a tidy go.mod
	$(TOOL) golangci-lint run
	go mod tidy -diff

mutants: ## plant defects in the compiler; the property test has to find each (some minutes)
	go run ./integration/mutants

FAULTS ?= 1000

RELOADS ?= 1000

STREAMS ?= 5

# Stream 0 is what the tests of every day judge. STREAM=7 go test … judges one that failed once more.
soak: ## do FAULTS (1000) random faults to changes, RELOADS (1000) under a flood, STREAMS (5) of packets (half an hour; make test does a few)
	FAULTS=$(FAULTS) RELOADS=$(RELOADS) go test -count=1 -v -timeout 90m -run '^(TestFaults|TestReloads)$$' -exec "$(OWN_NAMESPACES)" ./integration
	for stream in $$(seq 1 $(STREAMS)); do \
	  echo "stream $$stream"; \
	  STREAM=$$stream go test -count=1 -v -tags full -timeout 10m -run '^TestKernelAgreesWithOracle$$' -exec "$(OWN_NAMESPACES)" \
	    ./integration/oracle || exit 1; \
	done

# -fuzz takes one target of one package. No target at all would be a search gone wrong. A worker that is busy when the time is up makes
# go say "context deadline exceeded", which is no input that fails: such a target is tried once more.
# What reaches new code is made short ten times only: a minute for each, go's own bound, is more than a short run has.
fuzz: ## fuzz every target for FUZZTIME (10s)
	@grep -roE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' cmd gateway policy integration | \
	sed -E 's|^(.*)/[^/]*:func (.*)$$|\1 \2|' | sort | { targets=0; while read -r folder target; do \
	  echo "$$folder $$target"; \
	  for try in 1 2; do \
	    answer=$$(go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "./$$folder" 2>&1); code=$$?; echo "$$answer"; \
	    case "$$code $$answer" in 0*|*"Failing input"*) break;; *"context deadline exceeded"*) ;; *) break;; esac; \
	  done; \
	  test $$code = 0 || exit 1; \
	  targets=$$((targets + 1)); \
	done; echo "$$targets fuzz targets"; test $$targets -gt 0; }

# As root nft's buffer holds 4,000 cameras; an ordinary user gets the lines about packets, and why the other one is missing.
bench: ## what a packet and an apply cost, as ratios (as root: all lines, with nft)
	@if [ "$$(id -u)" = 0 ]; then space="$(OWN_NETWORK)"; else space="$(OWN_NAMESPACES)"; fi; \
	go run -exec "$$space" ./integration/bench

vuln: ## known vulnerabilities in what is linked in
	@answer=$$($(TOOL) govulncheck ./... 2>&1); code=$$?; \
	case "$$answer" in \
	  *"fetching vulnerabilities"*) echo "vulnerability database not reachable: not checked";; \
	  *) echo "$$answer"; exit $$code;; \
	esac

check: ## what CI runs: every gate, on a Debian machine, as root
	.ci/run
