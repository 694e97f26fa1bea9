# make help      what there is
#
# The parts bring their own rules: policy/policy.mk and t/unit/unit.mk.

ROOT    := $(CURDIR)
BUILD   ?= build
CC      ?= gcc

# SAN=address builds everything below build/asan with ASan and UBSan.
ifeq ($(SAN),address)
BUILD   := $(BUILD)/asan
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
            -fno-omit-frame-pointer
endif

WARN    := -Wall -Wextra -Werror -Wshadow -Wpointer-arith \
           -Wstrict-prototypes -Wmissing-prototypes
CFLAGS  ?= -g -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIC

.DEFAULT_GOAL := all

-include policy/policy.mk
-include t/unit/unit.mk
