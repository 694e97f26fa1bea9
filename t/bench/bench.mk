# The load generator and the yardstick of scripts/bench, which calls this
# file by itself; the top Makefile may include it.

BUILD ?= build
CC    ?= gcc
WARN  ?= -Wall -Wextra -Werror -Wshadow -Wpointer-arith \
         -Wstrict-prototypes -Wmissing-prototypes

LOAD_CFLAGS := -std=c11 -D_GNU_SOURCE -g -O2 $(WARN) $(SANFLAGS)

.PHONY: bench-tools

bench-tools: $(BUILD)/bench-load $(BUILD)/bench-verify \
    $(BUILD)/ngx_http_bench_verify_module.so

$(BUILD)/bench-load: t/bench/load.c
	@mkdir -p $(@D)
	$(CC) $(LOAD_CFLAGS) -o $@ $<

$(BUILD)/bench-verify: t/bench/verify.c t/bench/raw.c t/bench/raw.h
	@mkdir -p $(@D)
	$(CC) $(LOAD_CFLAGS) -o $@ $(filter %.c,$^) -lcrypto

# Of the bare gateway that verifies; built as the module is.
NGINX_SRC    ?= /usr/share/nginx/src
BENCH_MODULE := $(abspath $(BUILD))/bench-module

$(BENCH_MODULE)/Makefile: t/bench/module/config
	@mkdir -p $(@D)
	@cd $(NGINX_SRC) && bash -c '. ./conf_flags && bash ./configure \
	    --with-cc-opt="-g -O2 -fPIC" \
	    --with-ld-opt="-Wl,-z,relro -Wl,-z,now -fPIC" \
	    "$${NGX_CONF_FLAGS[@]}" --builddir=$(BENCH_MODULE) \
	    --add-dynamic-module=$(CURDIR)/t/bench/module' \
	    > $(BENCH_MODULE)/configure.log 2>&1 \
	    || { tail -20 $(BENCH_MODULE)/configure.log; rm -f $@; exit 1; }

$(BUILD)/ngx_http_bench_verify_module.so: $(BENCH_MODULE)/Makefile \
    t/bench/module/ngx_http_bench_verify_module.c t/bench/raw.c t/bench/raw.h
	@$(MAKE) -f $(BENCH_MODULE)/Makefile -C $(NGINX_SRC) modules \
	    > $(BENCH_MODULE)/make.log 2>&1 \
	    || { grep -A8 'error:' $(BENCH_MODULE)/make.log; exit 1; }
	@cp $(BENCH_MODULE)/ngx_http_bench_verify_module.so $@
