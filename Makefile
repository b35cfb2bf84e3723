# Skein. `make demo` shows it, `make test` checks it; both install what is missing first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=
SKEIN := .build/release/skein
# The same for the program and for the tests, so that nothing is compiled twice.
export SWIFT
export SWIFTFLAGS := -c release

# What a fresh Debian 12 lacks: libbpf for the program, the rest for the lab.
PACKAGES := libbpf-dev libelf-dev zlib1g-dev iproute2 nftables ethtool iputils-ping curl nginx-light keepalived frr iperf3 nfdump tshark
# What emulated machines need besides.
MACHINE_PACKAGES := qemu-system-x86 debootstrap busybox-static kmod cpio xz-utils e2fsprogs python3

.PHONY: help dependencies build demo test bench lint check install uninstall clean

help: ## This list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1 \t/' | expand -t 20

dependencies:
	@missing=; for p in $(PACKAGES); do \
	  dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" != 0 ]; then echo "These Debian packages are missing:$$missing"; \
	    echo "Install them as root: apt-get install$$missing"; exit 1; fi; \
	  echo "Installing$$missing"; export DEBIAN_FRONTEND=noninteractive; \
	  log=$$(mktemp); { apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; } >$$log 2>&1 \
	    || { cat $$log; echo "apt-get could not install:$$missing"; exit 1; }; rm -f $$log; fi
	@command -v $(SWIFT) >/dev/null || { echo "Swift 6.3 or later is needed: https://www.swift.org/install"; exit 1; }

build: dependencies ## The program, at .build/release/skein
	@Tools/build/build --product skein

demo: build ## Three machines behind one address; one dies; nobody minds (root)
	@if [ "$$(id -u)" != 0 ]; then echo "The demo makes network namespaces: run it as root (sudo make demo)"; exit 1; fi
	@$(SKEIN) lab demo

# Everything is built that is tried, once.
.PHONY: build-tests
build-tests: dependencies
	@Tools/build/build --build-tests
	@Tools/build/build --product skein

test: PACKAGES += $(MACHINE_PACKAGES)
test: build-tests ## Every test: in memory, in the kernels, in the simulator, and in the lab
	$(SWIFT) test $(SWIFTFLAGS) --skip-build --disable-xctest
	@if [ "$$(id -u)" != 0 ]; then echo "SKIPPED: the kernels' machines show them this one's files, and need root"; else Tools/kernels/run short 6.1 6.12; fi
	@$(MAKE) --no-print-directory lab RUNS=1 PEERS=0 SEEDS=20 RULE_SEEDS=20 GATEWAY_SEEDS=10 FLOOD=100000

# How often each failure is rehearsed, how often keepalived beside it, and how many seeds are simulated.
RUNS ?= 10
PEERS ?= 3
SEEDS ?= 1000
# How many hostile datagrams are sent at a running cluster.
FLOOD ?= 1000000
# How many seeds of a gateway inside a cluster, which take five times as long.
GATEWAY_SEEDS ?= 200
# How many seeds without a rule: some of them must fail.
RULE_SEEDS ?= 200

.PHONY: lab
lab: ## Delivery, failures, maintenance and simulation, as the README claims them (root)
	@if [ "$$(id -u)" != 0 ]; then echo "SKIPPED: the lab makes network namespaces and needs root"; exit 0; fi; \
	passed=0; failed=0; \
	try() { echo "== skein $$*"; $(SKEIN) "$$@"; status=$$?; \
	  for again in 1 2; do [ $$status = 75 ] || break; \
	    echo "Once more: the report proves that this machine let a daemon stand still for longer than its lease."; \
	    $(SKEIN) "$$@"; status=$$?; done; \
	  if [ $$status = 0 ]; then passed=$$((passed + 1)); \
	  else failed=$$((failed + 1)); echo "FAILED: skein $$*"; fi; }; \
	for mode in forwarding unicast multicast; do for family in 4 6; do try lab delivery --mode $$mode --family $$family; done; done; \
	try lab delivery --packet-path packet-socket; \
	try lab packets; \
	for operation in rejoin restart drain leave; do try lab $$operation; done; \
	try lab crash --detection 1s; \
	for how in kill drain; do try lab services --how $$how --connections 200; done; \
	try lab balance --by count --by weight; \
	try lab flood --datagrams $(FLOOD); \
	try lab gateway --method moves; try lab gateway-cluster --runs $(RUNS); \
	try lab gateway-foreign; try lab gateway-intruders; try lab gateway-export; \
	if [ $(PEERS) = 0 ]; then \
	  try lab matrix --detection 200ms --runs $(RUNS) --peer-runs 0; \
	  try lab gateway-failover --victim avg --runs $(RUNS); \
	else \
	  try lab matrix --detection 200ms --detection 20ms --runs $(RUNS) --peer-runs $(PEERS); \
	  try lab matrix --detection 200ms --packet-path packet-socket --runs 1 --peer-runs 0; \
	  try lab failover --victim master --mode forwarding --runs $(RUNS) --peer-runs 0; \
	  try lab packets --packet-path packet-socket; try lab balance --by traffic; \
	  try lab gateway-cluster --packet-path packet-socket --runs 1; \
	  for operation in crash upgrade personality; do try lab $$operation; done; \
	  for mode in forwarding multicast; do for family in 4 6; do try lab routing --mode $$mode --family $$family; done; done; \
	  try lab delivery --mode unicast --peers; try lab failover --mode forwarding --peers --victim member --runs 1 --peer-runs 0; \
	  try lab intruders; \
	  for method in answers hybrid; do try lab gateway --method $$method; done; \
	  for victim in avf avg both; do try lab gateway-failover --victim $$victim --how return --runs $(RUNS); done; \
	  try lab gateway-matrix --timers skein --timers fast --runs $(RUNS) --peer-runs $(PEERS); \
	  try lab gateway-matrix --timers cisco --runs $(RUNS) --peer-runs 0; \
	fi; \
	try simulate --seeds $(SEEDS) --loss 5%; \
	try simulate --seeds $(SEEDS) --loss 5% --partition majority; \
	for rule in lease order return authentication handover; do try simulate --seeds $(RULE_SEEDS) --duration 20s --loss 5% --without $$rule; done; \
	try simulate --seeds $(SEEDS) --gateways 5 --duration 30s; \
	try simulate --seeds $(SEEDS) --gateways 8 --duration 30s --loss 5%; \
	try simulate --seeds $(GATEWAY_SEEDS) --members 5 --duration 30s --loss 3% --gateway-in-cluster; \
	for rule in lease release authentication; do try simulate --seeds $(RULE_SEEDS) --gateways 5 --duration 20s --without $$rule; done; \
	echo "$$passed passed, $$failed failed"; [ $$failed = 0 ]

.PHONY: mutants
mutants: dependencies ## Faults put into a copy of the code: does a test notice each? (LIMIT=60 minutes at most)
	@Tools/mutants/run

bench: build ## Nanoseconds, packets per second, idle cost, simulated hours
	@$(SKEIN) bench all

lint: ## swift-format, strict
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests Plugins Tools

check: lint test ## lint and test

# Where everything goes. The package has its unit and zsh's completions where Debian keeps them.
UNITDIR ?= /etc/systemd/system
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions

install: build stage ## The program, its manual pages, completions, systemd unit, alarm rules and example configurations

# What is installed, into DESTDIR: `make install` and `make deb` share it. The program is stripped of its symbols, half of its size.
.PHONY: stage deb machines
stage:
	install -D -s -m 755 $(SKEIN) $(DESTDIR)$(PREFIX)/bin/skein
	install -D -m 644 packaging/skein.service $(DESTDIR)$(UNITDIR)/skein.service
	sed -i 's|/usr/local/bin/skein|$(PREFIX)/bin/skein|' $(DESTDIR)$(UNITDIR)/skein.service
	install -d -m 700 $(DESTDIR)/etc/skein
	install -m 644 packaging/skein.yaml $(DESTDIR)/etc/skein/skein.yaml.example
	install -m 644 packaging/skein-gateway.yaml $(DESTDIR)/etc/skein/skein-gateway.yaml.example
	install -d $(DESTDIR)$(PREFIX)/share/skein/prometheus
	install -m 644 packaging/prometheus/skein.rules.yaml packaging/prometheus/skein.rules.test.yaml $(DESTDIR)$(PREFIX)/share/skein/prometheus
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	$(SKEIN) manual --directory $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 packaging/skein.yaml.5 $(DESTDIR)$(PREFIX)/share/man/man5/skein.yaml.5
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(SKEIN) --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/skein
	$(SKEIN) --generate-completion-script zsh > $(DESTDIR)$(ZSHDIR)/_skein
	$(SKEIN) --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/skein.fish

uninstall: ## Takes away what install put there, but not your configuration
	rm -f $(DESTDIR)$(PREFIX)/bin/skein $(DESTDIR)$(UNITDIR)/skein.service $(DESTDIR)/etc/skein/skein.yaml.example $(DESTDIR)/etc/skein/skein-gateway.yaml.example
	rm -rf $(DESTDIR)$(PREFIX)/share/skein
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/skein*.1 $(DESTDIR)$(PREFIX)/share/man/man5/skein.yaml.5
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/skein $(DESTDIR)$(ZSHDIR)/_skein $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/skein.fish

.PHONY: rules
rules: PACKAGES := prometheus
rules: dependencies ## Prometheus' alarm rules, by promtool: are they well formed, and do they fire when they should and at no other time
	promtool check rules packaging/prometheus/skein.rules.yaml
	promtool test rules packaging/prometheus/skein.rules.test.yaml

deb: PACKAGES += dpkg-dev
deb: build ## A Debian package, which installs where no Swift is: .build/skein_*.deb
	@rm -rf .build/deb .build/skein_*.deb
	@$(MAKE) --no-print-directory --silent stage DESTDIR=$(CURDIR)/.build/deb PREFIX=/usr UNITDIR=/usr/lib/systemd/system ZSHDIR=/usr/share/zsh/vendor-completions >/dev/null
	@packaging/debian/deb .build/deb .build

.PHONY: kernels
kernels: PACKAGES += $(MACHINE_PACKAGES)
kernels: build-tests ## The packet path and the labs on Debian's kernels, 6.1 and 6.12, booted in QEMU, and on this one (root)
	@if [ "$$(id -u)" != 0 ]; then echo "The machines show the kernels this one's files: run it as root (sudo make kernels)"; exit 1; fi
	@Tools/kernels/run full

machines: PACKAGES += dpkg-dev $(MACHINE_PACKAGES)
machines: deb ## The package on Debian 12 in emulated machines: one, then three as a cluster (root)
	@packaging/machines/machines .build/skein_*.deb

clean: ## Removes what was built, and what an interrupted lab left behind
	@[ ! -x $(SKEIN) ] || [ "$$(id -u)" != 0 ] || $(SKEIN) lab down
	rm -rf .build
