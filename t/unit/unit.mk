# Check tests of the C parts that need no nginx, and what shares their
# objects: token minting, the benchmark, the fuzz targets.
#
#   make test-unit         make test-unit SAN=address
#   make coverage-unit     line coverage of the identity parts
#   make bench-identity    microseconds per verification, cache hit
#   make fuzz-identity     FUZZ_SECONDS=30 each

UNIT_CFLAGS   := -std=c11 -D_DEFAULT_SOURCE $(CFLAGS) $(WARN) $(SANFLAGS) \
                 -I$(ROOT)/ngx_tenant_module/identity \
                 -I$(ROOT)/ngx_tenant_module/routing \
                 -I$(ROOT)/ngx_tenant_module/registry -I$(ROOT)/t/unit
UNIT_LIBS     := -ljansson -lcrypto
UNIT_CHECK    := -lcheck -lsubunit -lrt -lm -lpthread

IDENTITY_SRCS := $(wildcard ngx_tenant_module/identity/tenant_*.c)
IDENTITY_OBJS := $(IDENTITY_SRCS:ngx_tenant_module/%.c=$(BUILD)/pure/%.o)

ROUTING_SRCS  := $(wildcard ngx_tenant_module/routing/tenant_*.c)
ROUTING_OBJS  := $(ROUTING_SRCS:ngx_tenant_module/%.c=$(BUILD)/pure/%.o)

REGISTRY_SRCS := $(wildcard ngx_tenant_module/registry/tenant_*.c)
REGISTRY_OBJS := $(REGISTRY_SRCS:ngx_tenant_module/%.c=$(BUILD)/pure/%.o)

UNIT_SRCS     := $(wildcard t/unit/test_*.c) t/unit/unit.c \
                 t/unit/mint.c t/unit/jws_fixture.c t/unit/json_rows.c \
                 t/unit/change.c
UNIT_OBJS     := $(UNIT_SRCS:t/unit/%.c=$(BUILD)/unit/%.o)

BENCH_OBJS    := $(BUILD)/unit/bench_identity.o $(BUILD)/unit/mint.o

.PHONY: test-unit coverage-unit bench-identity fuzz-identity

$(BUILD)/pure/%.o: ngx_tenant_module/%.c
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit/%.o: t/unit/%.c
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit-tests: $(UNIT_OBJS) $(IDENTITY_OBJS) $(ROUTING_OBJS) \
                     $(REGISTRY_OBJS)
	$(CC) $(CFLAGS) $(SANFLAGS) -o $@ $^ $(UNIT_CHECK) -ljwt $(UNIT_LIBS)

$(BUILD)/bench-identity: $(BENCH_OBJS) $(IDENTITY_OBJS)
	$(CC) $(CFLAGS) $(SANFLAGS) -o $@ $^ $(UNIT_LIBS)

$(BUILD)/make-token: t/tools/make_token.c
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $< -ljwt $(UNIT_LIBS)

test-unit: $(BUILD)/unit-tests
	$(BUILD)/unit-tests

bench-identity: $(BUILD)/bench-identity
	$(BUILD)/bench-identity

coverage-unit:
	$(MAKE) BUILD=$(BUILD)/coverage CFLAGS="-g -O0 --coverage -fPIC" test-unit
	gcovr -r $(ROOT) -f 'ngx_tenant_module/[a-z]*/tenant_' \
	    --object-directory $(BUILD)/coverage $(BUILD)/coverage

FUZZ_SECONDS  ?= 30
FUZZ_CC       ?= clang-14
FUZZ_TARGETS  := fuzz_token fuzz_jwks fuzz_rules fuzz_value fuzz_discovery \
                 fuzz_introspection fuzz_target fuzz_lines

$(BUILD)/fuzz/%: t/fuzz/%.c $(IDENTITY_SRCS) $(REGISTRY_SRCS)
	@mkdir -p $(@D)
	$(FUZZ_CC) -std=c11 -D_DEFAULT_SOURCE -g -O1 $(WARN) \
	    -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	    -Ingx_tenant_module/identity -Ingx_tenant_module/registry -o $@ $^ $(UNIT_LIBS)

# New inputs go below $(BUILD); the seeds in t/fuzz stay as they are.
fuzz-identity: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
	@failed=0; for target in $(FUZZ_TARGETS); do \
	    mkdir -p $(BUILD)/fuzz/corpus/$$target; \
	    log=$(BUILD)/fuzz/$$target.log; \
	    $(BUILD)/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) \
	        -max_len=4096 -print_final_stats=1 -verbosity=0 \
	        -artifact_prefix=$(BUILD)/fuzz/ \
	        $(BUILD)/fuzz/corpus/$$target t/fuzz/seeds/$$target \
	        > $$log 2>&1 || { tail -n 40 $$log; failed=$$((failed + 1)); }; \
	    echo "$$target: $$(awk '/executed_units/ { print $$2 }' $$log) runs"; \
	done; \
	echo "$$(($(words $(FUZZ_TARGETS)) - failed)) passed, $$failed failed"; \
	[ $$failed = 0 ]

-include $(IDENTITY_OBJS:.o=.d) $(ROUTING_OBJS:.o=.d) \
         $(REGISTRY_OBJS:.o=.d) $(UNIT_OBJS:.o=.d) $(BENCH_OBJS:.o=.d)
