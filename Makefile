# make alone lists the targets.

SWIFT ?= swift
PREFIX ?= /usr/local
CONFIGURATION ?= release
HTML ?= .build/bench.html
DOCS ?= .build/docs
PORT ?= 8000
PYTHON ?= python3
ROUNDS ?= 20
FILTER ?=
NEEDED := 6.3
# The tool, and what it starts from beside it.
PROGRAMS := ipc ipc-https-worker
# Built with other options, so in a folder of its own: the ordinary build stays as it is.
STATIC := .build/static
# The sanitizers build with other options, too.
ADDRESS := .build/address
THREAD := .build/thread
FUZZ := .build/fuzz
READER ?= answers
DURATION ?= 600

.DEFAULT_GOAL := help
.PHONY: help run bench demos build static test sanitize-address sanitize-thread fuzz lint format docs docs-serve kills install uninstall clean toolchain curl python3

help:
	@echo "swift-ipc: channels between processes, over every mechanism that the system has"
	@echo
	@echo "To see something:"
	@echo "  make run                     runs the same crawl over every mechanism, and prints what each cost"
	@echo "  make bench                   measures each mechanism beside plain C: prints a table, writes $(HTML)"
	@echo "  make demo-NAME               runs one demo: make demo-pipe, make demo-select; 'ipc demo' lists them"
	@echo "  make demos                   runs every demo in turn"
	@echo
	@echo "To build and install the tool:"
	@echo "  make build                   builds the tool ipc, optimized"
	@echo "  make static                  builds an ipc that runs where Swift isn't installed"
	@echo "  make install PREFIX=DIR      builds the tool and copies it to DIR/bin (/usr/local/bin)"
	@echo "  make uninstall PREFIX=DIR    removes it from there"
	@echo "  make clean                   removes everything that was built"
	@echo
	@echo "To change something (see CONTRIBUTING.md):"
	@echo "  make test                    runs every test"
	@echo "  make test FILTER=NAME        runs one suite (named as its file) or one test: CommandTests/aDemoRunsByItsName"
	@echo "  make sanitize-address        runs the tests of the channels under AddressSanitizer, which also finds leaks"
	@echo "  make sanitize-thread         runs them, and those of pools, under ThreadSanitizer"
	@echo "  make fuzz READER=answers     reads made-up bytes for DURATION=600 seconds, as answers, pages or addresses of a crawl"
	@echo "  make lint                    checks the sources' format"
	@echo "  make format                  formats the sources"
	@echo "  make docs                    builds the documentation of every library as one site, in $(DOCS)"
	@echo "  make docs-serve PORT=8000    builds it and serves it to this machine: http://127.0.0.1:8000"
	@echo "  make kills ROUNDS=20         kills processes that use this library, and other libraries: which go on?"

# What is missing is reported before the compiler fails over it, with what to install.
toolchain:
	@command -v $(SWIFT) >/dev/null 2>&1 || { \
	  echo "The command '$(SWIFT)' is missing: install Swift $(NEEDED) or later from https://www.swift.org/install/linux/" >&2; \
	  echo "and put it on the PATH, or give its path: make SWIFT=/opt/swift/usr/bin/swift" >&2; exit 1; }
	@found=$$($(SWIFT) --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1); \
	  [ -n "$$found" ] && [ "$$(printf '%s\n%s\n' $(NEEDED) $$found | sort -V | head -n 1)" = "$(NEEDED)" ] || { \
	  echo "Swift $${found:-?} is too old: this needs $(NEEDED) or later, from https://www.swift.org/install/linux/" >&2; exit 1; }
	@pkg-config --exists libxml-2.0 2>/dev/null || { \
	  echo "libxml2's headers are missing (Swift's own list of Debian packages has them): apt-get install libxml2-dev pkg-config" >&2; exit 1; }
	@pkg-config --exists zlib 2>/dev/null || { \
	  echo "zlib's headers are missing: apt-get install zlib1g-dev pkg-config" >&2; exit 1; }

build: toolchain
	@$(foreach program,$(PROGRAMS),$(SWIFT) build -c $(CONFIGURATION) --product $(program) &&) true

# libxml2 and zlib stay dynamic, and so does libcurl, which FoundationNetworking as a static library wants: every distribution has them.
static: toolchain curl
	@$(SWIFT) build -c release --product ipc --static-swift-stdlib --scratch-path $(STATIC)
	@$(SWIFT) build -c release --product ipc-https-worker --static-swift-stdlib -Xlinker -lcurl --scratch-path $(STATIC)
	@for program in $(PROGRAMS); do \
	  ! ldd $(STATIC)/release/$$program | grep -E 'libswift|libFoundation|lib_Foundation|libdispatch|not found' >&2 || { \
	    echo "$(STATIC)/release/$$program still needs the libraries above" >&2; exit 1; }; \
	  echo "$(STATIC)/release/$$program runs without Swift's libraries; ldd lists what it needs"; done

curl:
	@pkg-config --exists libcurl 2>/dev/null || { \
	  echo "libcurl's headers are missing: apt-get install libcurl4-openssl-dev pkg-config" >&2; exit 1; }

run: build
	@$(SWIFT) run -c $(CONFIGURATION) --skip-build ipc crawl

bench: build
	@$(SWIFT) run -c $(CONFIGURATION) --skip-build ipc bench --html $(HTML)

demo-%: build
	@$(SWIFT) run -c $(CONFIGURATION) --skip-build ipc demo $*

demos: build
	@$(SWIFT) run -c $(CONFIGURATION) --skip-build ipc demo --all

# One test at a time: each checks that it left nothing behind. FILTER is the whole name of a target, a suite or a test.
PATTERN := (^|[./])$(FILTER)([./(]|$$)
test: toolchain
ifeq ($(FILTER),)
	@$(SWIFT) test --no-parallel
else
	@$(SWIFT) build --build-tests
	@$(SWIFT) test list --skip-build 2>/dev/null | grep -qE '$(PATTERN)' || { \
	  echo "No target, suite or test is named '$(FILTER)': $(SWIFT) test list prints the names" >&2; exit 1; }
	@$(SWIFT) test --no-parallel --skip-build --filter '$(PATTERN)'
endif

sanitize-address: toolchain
	@IPC_SANITIZE=address $(SWIFT) build --build-tests --sanitize=address --disable-xctest --scratch-path $(ADDRESS)
	@IPC_SANITIZE=address ASAN_OPTIONS=detect_leaks=1 $(SWIFT) test --skip-build --sanitize=address --disable-xctest \
	  --scratch-path $(ADDRESS) --no-parallel --filter '^IPCTests\.'

sanitize-thread: toolchain
	@IPC_SANITIZE=thread $(SWIFT) build --build-tests --sanitize=thread --disable-xctest --scratch-path $(THREAD)
	@IPC_SANITIZE=thread TSAN_OPTIONS="suppressions=$(CURDIR)/Tests/thread.suppressions" $(SWIFT) test --skip-build --sanitize=thread --disable-xctest \
	  --scratch-path $(THREAD) --no-parallel --filter '^IPC(Workers)?Tests\.'

# libFuzzer, which clang has; with Swift it links with lld. Inputs that it found worth keeping stay beside the build.
fuzz: toolchain
	@IPC_FUZZ=yes $(SWIFT) build -c release --product ipc-fuzz --sanitize=fuzzer -Xswiftc -use-ld=lld --scratch-path $(FUZZ)
	@mkdir -p $(FUZZ)/$(READER)
	@IPC_FUZZ_READER=$(READER) $(FUZZ)/release/ipc-fuzz -max_total_time=$(DURATION) -timeout=20 -rss_limit_mb=4096 \
	  -artifact_prefix=$(FUZZ)/ $(FUZZ)/$(READER)

lint: toolchain
	@$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Demos

format: toolchain
	@$(SWIFT) format --in-place --recursive Package.swift Sources Tests Demos

docs: toolchain
	@SWIFT="$(SWIFT)" OUTPUT="$(DOCS)" Scripts/docs

docs-serve: python3 docs
	@echo "http://127.0.0.1:$(PORT)/documentation (Ctrl-C ends it)"
	@$(PYTHON) -m http.server --bind 127.0.0.1 --directory $(DOCS) $(PORT)

# PYTHON may be that of an environment in which iceoryx2 is installed.
kills: toolchain python3
	@SWIFT="$(SWIFT)" $(PYTHON) Scripts/kills/kills.py --rounds $(ROUNDS)

python3:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "The command '$(PYTHON)' is missing: apt-get install python3" >&2; exit 1; }

install: build
	install -d $(DESTDIR)$(PREFIX)/bin
	for program in $(PROGRAMS); do \
	  install -m 755 $$($(SWIFT) build -c $(CONFIGURATION) --show-bin-path)/$$program $(DESTDIR)$(PREFIX)/bin/$$program || exit 1; done

uninstall:
	rm -f $(PROGRAMS:%=$(DESTDIR)$(PREFIX)/bin/%)

clean:
	@rm -rf .build
