# Skein. `make demo` shows it, `make test` checks it; both install what is missing first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=
SKEIN := .build/release/skein

# What a fresh Debian 12 lacks: libbpf for the program, the rest for the lab.
PACKAGES := libbpf-dev libelf-dev zlib1g-dev iproute2 nftables ethtool iputils-ping curl nginx-light keepalived

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
	$(SWIFT) build -c release --product skein

demo: build ## Three machines behind one address; one dies; nobody minds (root)
	@if [ "$$(id -u)" != 0 ]; then echo "The demo makes network namespaces: run it as root (sudo make demo)"; exit 1; fi
	@$(SKEIN) lab demo

test: dependencies ## Every test
	$(SWIFT) build -c release --build-tests
	$(SWIFT) test -c release --skip-build --disable-xctest

bench: build ## Nanoseconds, packets per second, idle cost, simulated hours
	@$(SKEIN) bench all

lint: ## swift-format, strict
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests Plugins

check: lint test ## lint and test

install: build ## The program, its manual pages, completions, systemd unit and an example configuration
	install -D -m 755 $(SKEIN) $(DESTDIR)$(PREFIX)/bin/skein
	install -D -m 644 packaging/skein.service $(DESTDIR)/etc/systemd/system/skein.service
	sed -i 's|/usr/local/bin/skein|$(PREFIX)/bin/skein|' $(DESTDIR)/etc/systemd/system/skein.service
	install -D -m 644 packaging/skein.yaml $(DESTDIR)/etc/skein/skein.yaml.example
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	$(SKEIN) manual --directory $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 packaging/skein.yaml.5 $(DESTDIR)$(PREFIX)/share/man/man5/skein.yaml.5
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(SKEIN) --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/skein
	$(SKEIN) --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_skein
	$(SKEIN) --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/skein.fish

uninstall: ## Takes away what install put there, but not your configuration
	rm -f $(DESTDIR)$(PREFIX)/bin/skein $(DESTDIR)/etc/systemd/system/skein.service $(DESTDIR)/etc/skein/skein.yaml.example
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/skein*.1 $(DESTDIR)$(PREFIX)/share/man/man5/skein.yaml.5
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/skein $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_skein $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/skein.fish

clean: ## Removes what was built, and what an interrupted lab left behind
	@[ ! -x $(SKEIN) ] || [ "$$(id -u)" != 0 ] || $(SKEIN) lab down
	rm -rf .build
