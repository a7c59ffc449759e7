# GNU make.  Adding a program (cmd/NAME/*.c), a module (lib/NAME/*.c), a manual page or a test adds
# files and edits nothing here.  Output goes under $(B).
#
## make              build every program into build/bin
## make demo         install what is missing, build, serve a test picture and print what to open
## make run          the same server without the test picture

B       ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
ifeq ($(origin CC),default)
CC      := gcc
endif
# V=1 shows the commands whole.
V       ?= 0
SAY     := $(if $(filter 0,$(V)),@echo,@:)
QUIET   := $(if $(filter 0,$(V)),@)
VERSION := 0.1.0

PKGS := libuv openssl libsrtp2 libcurl opus libavcodec libavformat libavfilter libavutil \
        libswresample libswscale libmicrohttpd libwebsockets jansson
# Packages are checked before anything is compiled. The goals that a newcomer types first also
# install what is missing (DEPS=0 forbids it); the others name the command to run.
GOALS      := $(or $(MAKECMDGOALS),all)
TEST_GOALS := check check-long asan tsan tidy fuzz
DEPS_JOB   := $(if $(filter check-long,$(GOALS)),long,$(if $(filter $(TEST_GOALS),$(GOALS)),test,\
              $(or $(filter demo bench,$(GOALS)),$(if $(filter run,$(GOALS)),demo,build))))
DEPS       ?= $(if $(filter $(TEST_GOALS) demo run bench,$(GOALS)),1,0)
ifneq ($(filter-out help clean install-conformance,$(GOALS)),)
ifndef DEPS_DONE
DEPS_STATE := $(shell DEPS=$(DEPS) tools/deps.sh $(DEPS_JOB) >&2 || echo missing)
ifneq ($(strip $(DEPS_STATE)),)
$(error packages are missing; see the lines above)
endif
export DEPS_DONE := 1
endif
endif
# One compiler per processor, unless told otherwise.
ifeq ($(filter -j%,$(MAKEFLAGS))$(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
        -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2
OPT      ?= -O2
SAN      ?=
CPPFLAGS += -D_GNU_SOURCE -DRTCKIT_VERSION='"$(VERSION)"' -Ilib $(PKG_CFLAGS)
CFLAGS   += -std=gnu11 -g $(OPT) $(WARN) -fno-strict-aliasing -fstack-protector-strong $(SAN)
LDFLAGS  += -Wl,--as-needed -pthread $(SAN)
LIBS     := $(PKG_LIBS) -lm

LIB_SRC  := $(wildcard lib/*/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
PROG_DIR := $(wildcard cmd/*)
C_PROGS  := $(sort $(foreach d,$(PROG_DIR),$(if $(wildcard $(d)/*.c),$(notdir $(d)))))
SH_PROGS := $(sort $(foreach d,$(PROG_DIR),$(if $(wildcard $(d)/*.sh),$(notdir $(d)))))
PROGS    := $(addprefix $(B)/bin/,$(C_PROGS) $(SH_PROGS))
UNITS    := $(patsubst tests/unit/%.c,$(B)/tests/unit/%.t,$(wildcard tests/unit/*.c))
SIMS     := $(patsubst tests/sim/%.c,$(B)/tests/sim/%.t,$(wildcard tests/sim/*.c))
FUZZ     := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAYS  := $(patsubst %,$(B)/tests/fuzz/%.t,$(FUZZ))
HELPERS  := $(patsubst tests/e2e/%.c,$(B)/tests/e2e/%,$(wildcard tests/e2e/*.c))

all: $(PROGS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) "  CC   $@"
	$(QUIET)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/librtckit.a: $(LIB_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

# One program = the objects of its folder and what it needs of the archive.
define program
$(B)/bin/$(1): $(patsubst %.c,$(B)/%.o,$(wildcard cmd/$(1)/*.c)) $(B)/librtckit.a
	@mkdir -p $$(@D)
	$(SAY) "  LINK $$@"
	$(QUIET)$(CC) $(LDFLAGS) -o $$@ $$(filter %.o,$$^) $(B)/librtckit.a $(LIBS)
endef
$(foreach p,$(C_PROGS),$(eval $(call program,$(p))))

define script
$(B)/bin/$(1): cmd/$(1)/$(1).sh
	@mkdir -p $$(@D)
	@sed 's/@VERSION@/$(VERSION)/' $$< >$$@.new && chmod 755 $$@.new && mv $$@.new $$@
endef
$(foreach p,$(SH_PROGS),$(eval $(call script,$(p))))

demo: all
	@exec $(B)/bin/rtc-server --demo -c conf/rtc.conf

run: all
	@exec $(B)/bin/rtc-server -c conf/rtc.conf

-include tests/tests.mk

## make install      programs, manual pages, web pages, configuration under DESTDIR and PREFIX
install: all install-conformance
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	    $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/rtckit/www \
	    $(DESTDIR)$(PREFIX)/share/rtckit/conf $(DESTDIR)$(PREFIX)/share/doc/rtckit
	install -m 755 $(PROGS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(wildcard man/*.1) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(wildcard man/*.5) $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 conf/* $(DESTDIR)$(PREFIX)/share/rtckit/conf
	install -m 644 README.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/rtckit
	cp -R --no-preserve=ownership www/. $(DESTDIR)$(PREFIX)/share/rtckit/www

## make install-conformance   rtc-conformance(1) alone: any WHIP server; needs Python, builds nothing
install-conformance:
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	    $(DESTDIR)$(PREFIX)/share/rtckit/conform
	sed 's/@VERSION@/$(VERSION)/' tests/conformance >$(DESTDIR)$(PREFIX)/bin/rtc-conformance
	chmod 755 $(DESTDIR)$(PREFIX)/bin/rtc-conformance
	install -m 644 $(wildcard tests/conform/*.py) $(DESTDIR)$(PREFIX)/share/rtckit/conform
	install -m 644 man/rtc-conformance.1 $(DESTDIR)$(PREFIX)/share/man/man1

## make clean        remove everything that was built
clean:
	rm -rf $(B) build-*

## make help         this list
help:
	@sed -n 's/^## //p' Makefile tests/tests.mk

.PHONY: all demo run install install-conformance clean help
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
