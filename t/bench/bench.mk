# The load generator and the yardstick of scripts/bench, which calls this
# file by itself; the top Makefile may include it.

BUILD ?= build
CC    ?= gcc
WARN  ?= -Wall -Wextra -Werror -Wshadow -Wpointer-arith \
         -Wstrict-prototypes -Wmissing-prototypes

LOAD_CFLAGS := -std=c11 -D_GNU_SOURCE -g -O2 $(WARN) $(SANFLAGS)

.PHONY: bench-tools

bench-tools: $(BUILD)/bench-load $(BUILD)/bench-verify

$(BUILD)/bench-load: t/bench/load.c
	@mkdir -p $(@D)
	$(CC) $(LOAD_CFLAGS) -o $@ $<

$(BUILD)/bench-verify: t/bench/verify.c
	@mkdir -p $(@D)
	$(CC) $(LOAD_CFLAGS) -o $@ $< -lcrypto
