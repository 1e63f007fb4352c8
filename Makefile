# make alone prints what there is.

SWIFT ?= swift
PREFIX ?= /usr/local
CONFIGURATION ?= release
HTML ?= .build/bench.html
NEEDED := 6.3

.DEFAULT_GOAL := help
.PHONY: help run test bench demos build lint format install clean toolchain

help:
	@echo "swift-ipc: channels between processes, over every mechanism that the system has"
	@echo
	@echo "  make run               the same crawl over every mechanism, and what each cost"
	@echo "  make test              every test"
	@echo "  make bench             what each mechanism costs here, beside plain C: a table, and $(HTML)"
	@echo "  make demo-NAME         one demo: pipe, fifo, …; 'ipc demo' lists them"
	@echo "  make demos             all of them"
	@echo "  make build             the library and the tool, optimized"
	@echo "  make lint              whether the sources are formatted as they should be"
	@echo "  make format            format them"
	@echo "  make install PREFIX=…  the tool into PREFIX/bin (/usr/local)"
	@echo "  make clean             remove what was built"

# A missing or old Swift is said before the compiler says something stranger; so is a missing libxml2.
toolchain:
	@command -v $(SWIFT) >/dev/null 2>&1 || { \
	  echo "There is no '$(SWIFT)' here: install Swift $(NEEDED) or later from https://www.swift.org/install/linux/" >&2; \
	  echo "and put it on the PATH, or say where it is: make SWIFT=/opt/swift/usr/bin/swift" >&2; exit 1; }
	@found=$$($(SWIFT) --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1); \
	  [ -n "$$found" ] && [ "$$(printf '%s\n%s\n' $(NEEDED) $$found | sort -V | head -n 1)" = "$(NEEDED)" ] || { \
	  echo "Swift $${found:-?} is too old: this needs $(NEEDED) or later, from https://www.swift.org/install/linux/" >&2; exit 1; }
	@pkg-config --exists libxml-2.0 2>/dev/null || { \
	  echo "libxml2's headers are missing (Swift's own list of Debian packages has them): apt-get install libxml2-dev pkg-config" >&2; exit 1; }

build: toolchain
	@$(SWIFT) build -c $(CONFIGURATION) --product ipc

run: build
	@$(SWIFT) run -c $(CONFIGURATION) --skip-build ipc crawl

bench: build
	@$(SWIFT) run -c $(CONFIGURATION) --skip-build ipc bench --html $(HTML)

demo-%: build
	@$(SWIFT) run -c $(CONFIGURATION) --skip-build ipc demo $*

demos: build
	@$(SWIFT) run -c $(CONFIGURATION) --skip-build ipc demo --all

# One at a time: each test looks whether it left anything behind.
test: toolchain
	@$(SWIFT) test --no-parallel

lint: toolchain
	@$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Demos

format: toolchain
	@$(SWIFT) format --in-place --recursive Package.swift Sources Tests Demos

install: build
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $$($(SWIFT) build -c $(CONFIGURATION) --show-bin-path)/ipc $(DESTDIR)$(PREFIX)/bin/ipc

clean:
	@$(SWIFT) package clean
	@rm -rf .build
