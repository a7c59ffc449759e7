# GNU make.  Adding a program (cmd/NAME/*.c), a module (lib/NAME/*.c), a manual page or a test adds
# files and edits nothing here.  Output goes under $(B); `make help` lists the targets.

B       ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= gcc
VERSION := 0.1.0

PKGS := libuv openssl libsrtp2 libcurl opus libavcodec libavformat libavfilter libavutil \
        libswresample libswscale libmicrohttpd jansson
ifneq ($(filter-out help deps deps-check clean,$(or $(MAKECMDGOALS),all)),)
# Packages are checked (and with DEPS=1 installed) before anything is compiled.
DEPS_STATE := $(shell DEPS=$(DEPS) tools/deps.sh build >&2 || echo missing)
ifneq ($(strip $(DEPS_STATE)),)
$(error packages are missing; see the line above)
endif
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
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/librtckit.a: $(LIB_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

# One program = the objects of its folder and what it needs of the archive.
define program
$(B)/bin/$(1): $(patsubst %.c,$(B)/%.o,$(wildcard cmd/$(1)/*.c)) $(B)/librtckit.a
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS) -o $$@ $$(filter %.o,$$^) $(B)/librtckit.a $(LIBS)
endef
$(foreach p,$(C_PROGS),$(eval $(call program,$(p))))

define script
$(B)/bin/$(1): cmd/$(1)/$(1).sh
	@mkdir -p $$(@D)
	install -m 755 $$< $$@
endef
$(foreach p,$(SH_PROGS),$(eval $(call script,$(p))))

# Unit and simulation tests: cmocka programs that speak TAP.
$(B)/tests/unit/%.t: $(B)/tests/unit/%.o $(B)/tests/support.a $(B)/librtckit.a
	$(CC) $(LDFLAGS) -o $@ $< $(B)/tests/support.a $(B)/librtckit.a $(LIBS) -lcmocka
$(B)/tests/sim/%.t: $(B)/tests/sim/%.o $(B)/tests/support.a $(B)/librtckit.a
	$(CC) $(LDFLAGS) -o $@ $< $(B)/tests/support.a $(B)/librtckit.a $(LIBS) -lcmocka
$(B)/tests/support.a: $(patsubst %.c,$(B)/%.o,$(wildcard tests/support/*.c))
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^
# A fuzz target with our own driver: replays its vectors and seeded mutations of them, as a test.
$(B)/tests/fuzz/%.t: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/driver.o $(B)/tests/support.a $(B)/librtckit.a
	$(CC) $(LDFLAGS) -o $@ $< $(B)/tests/fuzz/driver.o $(B)/tests/support.a $(B)/librtckit.a $(LIBS)
# Helper programs of the end-to-end tests.
$(B)/tests/e2e/%: $(B)/tests/e2e/%.o $(B)/tests/support.a $(B)/librtckit.a
	$(CC) $(LDFLAGS) -o $@ $< $(B)/tests/support.a $(B)/librtckit.a $(LIBS) -ldl

-include tests/tests.mk

clean:
	rm -rf $(B) build-*

help:
	@sed -n 's/^## //p' Makefile tests/tests.mk

.PHONY: all clean help
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
