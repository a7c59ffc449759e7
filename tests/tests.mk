# How the tests are built and run. All of them speak TAP and all run under one prove, so that every
# target closes with one summary line.
#
#   tests/unit/NAME.c      cmocka; pure, fast
#   tests/sim/NAME.c       cmocka; two peers, or the workers of the relay, on virtual time
#   tests/fuzz/fuzz_X.c    one parser, or what may happen in any order; replays tests/vectors/X and
#                          seeded mutations of them
#   tests/e2e/NAME.t       any executable: real programs, sockets and browsers; one after the other,
#                          but for those with a line `# runs beside others`: four at a time, first
#                          (`, from the beginning` is for those that take the longest); then, two
#                          at a time, one marked `# runs with the browsers` and one marked
#                          `# runs with the servers`, which leave each other enough
#   tests/e2e/NAME.c       a helper program of those, built as $RTC_BUILD/tests/e2e/NAME
#   tests/preload/NAME.c   a library to preload, built as $RTC_BUILD/tests/preload/NAME.so
#   tests/conformance   rtc-conformance(1), made of tests/conform/*.py
#   tests/long/NAME.t      what takes minutes: `make check-long` only
#   tests/e2e/lib/client_pion   a client of the matrix there: $RTC_BUILD/tests/e2e/client_pion
#
# A test finds the programs in $RTC_BIN and runs from the top of the tree.  A line of an e2e test
# that reads `# runs under: address thread` (or `//` in place of `#`) names the sanitizers it also
# runs under; `none` keeps it out of both; without such a line it runs under address.  A unit test
# with threads has it in a comment on its first line.
#
## make check        install what is missing, build, run every test
## make check-long   the tests that take minutes
## make asan         the tests under the address and undefined behaviour sanitizers
## make tsan         the tests of what has threads under the thread sanitizer
## make tidy         no warning of clang either; the mechanical half of the house style, as a test
## make fuzz         libFuzzer on every parser, FUZZ_SECONDS each (10)
## make bench        CPU per packet, memory per player: table, JSON and picture; see tools/bench
## make unit/NAME    one unit test, verbosely; likewise sim/NAME, replay/NAME, e2e/NAME

E2E      := $(sort $(wildcard tests/e2e/*.t))
LONG     := $(sort $(wildcard tests/long/*.t))
PRELOADS := $(patsubst tests/preload/%.c,$(B)/tests/preload/%.so,$(wildcard tests/preload/*.c))
MARKED    = $(shell grep -lE '^(\#|//|/\*) runs under:.*\b($(1))\b' /dev/null $(E2E))
E2E_ASAN := $(filter-out $(call MARKED,none|thread only),$(E2E))
E2E_TSAN := $(call MARKED,thread)
LONGEST  := $(shell grep -lE '^(\#|//) runs beside others, from the beginning' /dev/null $(E2E))
BESIDE   := $(LONGEST) $(filter-out $(LONGEST),\
    $(shell grep -lE '^(\#|//) runs beside others' /dev/null $(E2E)))
BROWSERS := $(shell grep -lE '^\# runs with the browsers' /dev/null $(E2E))
SERVERS  := $(shell grep -lE '^\# runs with the servers' /dev/null $(E2E))
UNITS_TSAN := $(patsubst tests/%.c,$(B)/tests/%.t,$(shell grep -lE '^/\* runs under: thread' \
        /dev/null $(wildcard tests/unit/*.c)))

FUZZ_SECONDS  ?= 10
BENCH_OUT     ?= $(B)/bench/results

ENV := RTC_BIN=$(CURDIR)/$(B)/bin RTC_BUILD=$(CURDIR)/$(B) RTC_VECTORS=$(CURDIR)/tests/vectors \
       CMOCKA_MESSAGE_OUTPUT=TAP HARNESS_RULESFILE=$(B)/prove.yml
PROVE := prove --exec tools/run-test -j 4 --timer
# The longest begins first: e2e tests wait for the last.
QUICK := $(B)/tests/fuzz/fuzz_gather.t $(filter-out %/fuzz_gather.t,$(UNITS) $(SIMS) $(REPLAYS))

# The order of one prove: what is pure side by side, then what has sockets and clocks but little
# to do, then a row of tests with browsers beside a row of tests of servers, then what measures,
# one after the other, then what looks at the whole.
$(B)/prove.yml: $(E2E) tests/tests.mk
	@mkdir -p $(@D)
	@{ printf '%s\n' --- seq: '  - par:' '    - build*/**' '  - par:'; \
	    printf '    - %s\n' $(BESIDE); \
	    printf '%s\n' '  - par:' '    - seq:'; \
	    printf '      - %s\n' $(BROWSERS); \
	    printf '%s\n' '    - seq:'; \
	    printf '      - %s\n' $(SERVERS); \
	    printf '%s\n' '  - seq: tests/**' '  - seq: tools/**'; } >$@

check: check-build
	@$(ENV) $(PROVE) $(QUICK) $(E2E)

check-build: all $(B)/prove.yml $(QUICK) $(HELPERS) $(PRELOADS) npm

check-long: check-build $(B)/tests/e2e/client_pion
	@$(ENV) $(PROVE) $(LONG)

# Debian has Pion for builds without modules, which find packages with a version in their paths only
# for what lies in GOPATH and has a go.mod.
PION := $(B)/go/src/client_pion
$(B)/tests/e2e/client_pion: $(wildcard tests/e2e/lib/client_pion/*.go)
	@mkdir -p $(PION) $(@D)
	@cp $^ $(PION)
	@printf 'module client_pion\n\ngo 1.19\n' >$(PION)/go.mod
	$(SAY) "  GO   $@"
	$(QUIET)cd $(PION) && GO111MODULE=off GOFLAGS= GOCACHE=$(CURDIR)/$(B)/go/cache \
	    GOPATH=$(CURDIR)/$(B)/go:/usr/share/gocode go build -o $(CURDIR)/$@ .

# The sanitizers' options: a report ends the program with exit 99 and is kept as a file, which
# tools/reports finds at the end even if no test looked at that program's code. An assertion that
# fails counts as one.
REPORT = $(CURDIR)/$(B)/reports/report
ASAN = ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:handle_abort=1:exitcode=99:log_path=$(REPORT) \
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:exitcode=99:log_path=$(REPORT) \
        LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0 \
        RTC_SANITIZER=address
TSAN_OPTS := halt_on_error=1:handle_abort=1:exitcode=99
TSAN_SUPP := $(CURDIR)/tests/tsan.supp
TSAN = TSAN_OPTIONS=$(TSAN_OPTS):log_path=$(REPORT):suppressions=$(TSAN_SUPP) \
        RTC_SANITIZER=thread
# The thread sanitizer of this compiler needs a fixed memory map; where a container forbids asking
# for one the kernel's own setting decides.
FIXED := $(shell setarch -R true 2>/dev/null && echo setarch -R)

ifneq ($(filter asan tsan,$(GOALS)),)
.NOTPARALLEL: asan tsan
endif
asan:
	$(MAKE) B=build-asan SAN='-fsanitize=address,undefined' OPT=-O1 check-asan
tsan:
	$(MAKE) B=build-tsan SAN='-fsanitize=thread' OPT=-O1 check-tsan

check-asan: all $(B)/prove.yml $(QUICK) $(HELPERS) npm
	@rm -rf $(B)/reports && mkdir -p $(B)/reports
	@$(ENV) $(ASAN) $(PROVE) $(QUICK) $(E2E_ASAN) tools/reports

check-tsan: all $(B)/prove.yml $(HELPERS) $(UNITS_TSAN) npm
	@rm -rf $(B)/reports && mkdir -p $(B)/reports
	@$(ENV) $(TSAN) $(FIXED) $(PROVE) $(UNITS_TSAN) $(E2E_TSAN) tools/reports

tidy:
	$(MAKE) B=build-clang CC=clang OPT=-O0 all fuzz-objects
	@$(ENV) $(PROVE) tools/tidy

# They are built by clang alone, which has warnings of its own.
fuzz-objects: $(patsubst %,$(B)/tests/fuzz/%.o,$(FUZZ))

fuzz:
	$(MAKE) B=build-fuzz CC=clang OPT=-O1 run-fuzz \
	    SAN='-fsanitize=fuzzer-no-link,address,undefined'

run-fuzz: $(patsubst %,$(B)/fuzz/%,$(FUZZ))
	@$(ENV) FUZZ_SECONDS=$(FUZZ_SECONDS) prove --exec '' --timer -v tools/fuzz

bench: all $(B)/bench/floor
	@$(ENV) BENCH_OUT='$(BENCH_OUT)' tools/bench >/dev/null
	@echo "kept in $(BENCH_OUT)"

# Unit and simulation tests: cmocka programs.
$(B)/tests/unit/%.t: $(B)/tests/unit/%.o $(B)/tests/support.a $(B)/librtckit.a
	$(SAY) "  LINK $@"
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(B)/tests/support.a $(B)/librtckit.a $(LIBS) -lcmocka
$(B)/tests/sim/%.t: $(B)/tests/sim/%.o $(B)/tests/support.a $(B)/librtckit.a
	$(SAY) "  LINK $@"
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(B)/tests/support.a $(B)/librtckit.a $(LIBS) -lcmocka
# That of the relay runs its workers.
RELAY := $(patsubst %.c,$(B)/%.o,$(wildcard cmd/rtc-relay/worker*.c tests/support/rig/*.c)) \
         $(B)/tests/support.a $(B)/librtckit.a
$(B)/tests/sim/relay.t: $(B)/tests/sim/relay.o $(RELAY)
	$(SAY) "  LINK $@"
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(RELAY) $(LIBS) -lcmocka
$(B)/tests/support.a: $(patsubst %.c,$(B)/%.o,$(wildcard tests/support/*.c))
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^
# A fuzz target with our own driver: replays its vectors and seeded mutations of them, as a test.
DRIVER := $(B)/tests/fuzz/driver.o $(B)/tests/support.a $(B)/librtckit.a
$(B)/tests/fuzz/%.t: $(B)/tests/fuzz/%.o $(DRIVER)
	$(SAY) "  LINK $@"
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(DRIVER) $(LIBS)
# What the relay is measured against.
$(B)/bench/%: $(B)/bench/%.o $(B)/librtckit.a
	$(SAY) "  LINK $@"
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(B)/librtckit.a $(LIBS)
# The same target with libFuzzer.
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/librtckit.a
	@mkdir -p $(@D)
	$(SAY) "  LINK $@"
	$(QUIET)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(B)/librtckit.a $(LIBS)
# Helper programs of the end-to-end tests, and libraries they preload.
$(B)/tests/e2e/%: $(B)/tests/e2e/%.o $(B)/tests/support.a $(B)/librtckit.a
	$(SAY) "  LINK $@"
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $< $(B)/tests/support.a $(B)/librtckit.a $(LIBS) -ldl
$(B)/tests/preload/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(SAY) "  CC   $@"
	$(QUIET)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -fPIC -shared -o $@ $< -ldl

# The browser driver, as tests/e2e/package-lock.json fixes it.
NPM_MARK := $(if $(wildcard tests/e2e/package-lock.json),tests/e2e/node_modules/.package-lock.json)
npm: $(NPM_MARK)
ifneq ($(NPM_MARK),)
$(NPM_MARK): tests/e2e/package-lock.json
	cd tests/e2e && npm ci --no-audit --no-fund
	@touch $@
endif

unit/%: $(B)/tests/unit/%.t
	@$(ENV) prove --exec '' -v $<
sim/%: $(B)/tests/sim/%.t
	@$(ENV) prove --exec '' -v $<
replay/%: $(B)/tests/fuzz/fuzz_%.t
	@$(ENV) prove --exec '' -v $<
e2e/%: all $(HELPERS) $(PRELOADS) npm
	@$(ENV) prove --exec '' -v tests/e2e/$*.t

.PHONY: check check-build check-long check-asan check-tsan asan tsan tidy fuzz fuzz-objects \
        run-fuzz bench npm
