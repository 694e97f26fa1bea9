#: make                 the module, tenant-policy, unit tests, below build/
#: make run             the demo gateway, as scripts/run
#: make test            every test, as scripts/test
#: make asan            the suites and unit tests under ASan and UBSan
#: make bench           CPU and throughput as ratios to bare proxy_pass
#: make bench-ir        instructions of a request (valgrind)
#: make bench-registry  a database of a million tenants
#: make bench-policy    decisions of the policy engine, in ns
#: make bench-identity  verifications and token cache
#: make fuzz            fuzz targets, FUZZ_SECONDS=30 each
#: make crash           nginx killed while it writes, CRASH_SECONDS=600
#: make oracle          100,000 cases against the reference Cedar engine
#: make coverage-policy coverage-unit
#: make compat NGINX_TREES="DIR..."  compile against other nginx sources
#: make clean
#
# The parts bring their own rules: policy/policy.mk and t/unit/unit.mk.

ROOT    := $(CURDIR)
BUILD   ?= build
CC      ?= gcc

# SAN=address builds everything below build/asan with ASan and UBSan.
ifeq ($(SAN),address)
override BUILD := $(BUILD)/asan
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
            -fno-omit-frame-pointer

# nginx unloads modules before LeakSanitizer looks: keep the names
MODULE_SANLD := $(SANFLAGS) -Wl,-z,nodelete
endif

WARN    := -Wall -Wextra -Werror -Wshadow -Wpointer-arith \
           -Wstrict-prototypes -Wmissing-prototypes
CFLAGS  ?= -g -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIC

.DEFAULT_GOAL := all

-include policy/policy.mk
-include t/unit/unit.mk

# The module is configured by nginx's own script, out of the tree of
# nginx-dev, which stays unwritten.

NGINX_SRC   ?= /usr/share/nginx/src
MODULE      := $(BUILD)/ngx_http_tenant_module.so
MODULE_DIR  := $(abspath $(BUILD))/module
MODULE_SRCS := $(wildcard ngx_tenant_module/*.[ch] \
               ngx_tenant_module/*/*.[ch] policy/*.[ch])

# The list of files is part of the configuration, their contents are not.
MODULE_LIST := $(MODULE_DIR)/files

.PHONY: all module run test asan bench bench-ir bench-registry fuzz crash compat clean help FORCE

all: module $(BUILD)/tenant-policy $(BUILD)/unit-tests $(BUILD)/make-token

module: $(MODULE)

$(MODULE_LIST): FORCE
	@mkdir -p $(@D)
	@echo "$(sort $(MODULE_SRCS))" | cmp -s - $@ \
	    || echo "$(sort $(MODULE_SRCS))" > $@

$(MODULE_DIR)/Makefile: config $(MODULE_LIST)
	@cd $(NGINX_SRC) && bash -c '. ./conf_flags && bash ./configure \
	    --with-cc-opt="$(CFLAGS) $(SANFLAGS)" \
	    --with-ld-opt="-Wl,-z,relro -Wl,-z,now -fPIC $(MODULE_SANLD)" \
	    "$${NGX_CONF_FLAGS[@]}" --add-dynamic-module=$(ROOT) \
	    --builddir=$(MODULE_DIR)' > $(MODULE_DIR)/configure.log 2>&1 \
	    || { tail -20 $(MODULE_DIR)/configure.log; rm -f $@; exit 1; }

# Renamed into place: a gateway that runs has the old file mapped.
$(MODULE): $(MODULE_DIR)/Makefile $(MODULE_SRCS)
	@$(MAKE) -f $(MODULE_DIR)/Makefile -C $(NGINX_SRC) modules \
	    > $(MODULE_DIR)/make.log 2>&1 \
	    || { grep -A8 'error:' $(MODULE_DIR)/make.log; exit 1; }
	@cp $(MODULE_DIR)/ngx_http_tenant_module.so $@.new
	@mv $@.new $@

run:
	scripts/run

test:
	scripts/test

# The module with ASan and UBSan inside the packaged nginx, and the C parts.
asan:
	$(MAKE) SAN=address module
	$(MAKE) SAN=address test-unit test-policy
	TEST_BUILD_DIR=$(abspath $(BUILD)) scripts/prove --asan t/*.t

bench:
	scripts/bench

bench-registry:
	scripts/bench-registry

bench-ir:
	scripts/bench --instructions

fuzz:
	scripts/install build test fuzz
	$(MAKE) fuzz-policy fuzz-identity

crash:
	CRASH_SECONDS=$${CRASH_SECONDS:-600} scripts/prove -v t/registry_crash.t

# make compat NGINX_TREES="nginx-1.28.3 nginx-1.30.4": unpacked sources
compat:
	scripts/compat $(NGINX_TREES)

clean:
	rm -rf $(BUILD)

help:
	@sed -n 's/^#: //p' Makefile
