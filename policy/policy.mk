# The policy engine: library, tool, tests.  Included by the top Makefile.

-include policy/test/oracle/oracle.mk

POLICY          := policy
POLICY_OUT      := $(BUILD)/policy
POLICY_CFLAGS   := -std=c11 $(WARN) $(CFLAGS) $(SANFLAGS) -I$(POLICY)
POLICY_SRCS     := $(wildcard $(POLICY)/*.c)
POLICY_OBJS     := $(POLICY_SRCS:$(POLICY)/%.c=$(POLICY_OUT)/%.o)
POLICY_HDRS     := $(wildcard $(POLICY)/*.h)

# without schemas and validation, which are tested on their own
POLICY_CORE     := $(filter-out $(POLICY)/schema% $(POLICY)/validate%, \
                   $(POLICY_SRCS))

POLICY_CLI      := $(wildcard $(POLICY)/cli/*.c)
POLICY_CLI_OBJS := $(POLICY_CLI:$(POLICY)/%.c=$(POLICY_OUT)/%.o)

$(POLICY_OUT)/%.o: $(POLICY)/%.c $(POLICY_HDRS) \
                   $(wildcard $(POLICY)/cli/*.h $(POLICY)/test/*.h)
	@mkdir -p $(@D)
	@$(CC) $(POLICY_CFLAGS) -c -o $@ $<

$(BUILD)/libpolicy.a: $(POLICY_OBJS)
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/tenant-policy: $(POLICY_CLI_OBJS) $(BUILD)/libpolicy.a
	@$(CC) $(POLICY_CFLAGS) -o $@ $^

# The reference is measured in the same run where npm can fetch it.
POLICY_BENCH := $(POLICY_OUT)/bench

$(POLICY_OUT)/bench-run: $(POLICY)/test/bench.c $(BUILD)/libpolicy.a
	@mkdir -p $(@D)
	@$(CC) $(POLICY_CFLAGS) -o $@ $^

.PHONY: bench-policy
bench-policy: $(POLICY_OUT)/bench-run $(ORACLE_READY)
	@$(NODE) $(ORACLE)/bench.mjs --emit $(POLICY_BENCH)
	@$(NODE) $(ORACLE)/bench.mjs --budget 100 > $(POLICY_BENCH)/reference
	@$(POLICY_OUT)/bench-run $(POLICY_BENCH) $(POLICY_BENCH)/reference


POLICY_TEST_SRCS := $(wildcard $(POLICY)/test/test*.c)
POLICY_TEST_OBJS := $(POLICY_TEST_SRCS:$(POLICY)/%.c=$(POLICY_OUT)/%.o)
CHECK_LIBS       := -lcheck -lsubunit -lrt -lm -lpthread

$(BUILD)/policy-tests: $(POLICY_TEST_OBJS) $(BUILD)/libpolicy.a
	@$(CC) $(POLICY_CFLAGS) -o $@ $^ $(CHECK_LIBS)

.PHONY: test-policy
test-policy: $(BUILD)/policy-tests $(BUILD)/tenant-policy
	$(BUILD)/policy-tests
	$(POLICY)/test/run_cases $(abspath $(BUILD))/tenant-policy
	$(POLICY)/test/validate $(abspath $(BUILD))/tenant-policy
	$(POLICY)/test/cli $(abspath $(BUILD))/tenant-policy
	$(POLICY)/test/readme $(CC) $(BUILD)/libpolicy.a $(SANFLAGS)


# Coverage of the engine by all its tests; the tool is not counted.
POLICY_COV := $(BUILD)/coverage
POLICY_OWN := $(POLICY_SRCS:$(POLICY)/%.c=%.o)

.PHONY: coverage-policy
coverage-policy:
	@mkdir -p $(POLICY_COV)
	@find $(POLICY_COV) -name '*.gcda' -delete
	@$(MAKE) --no-print-directory BUILD=$(POLICY_COV) \
	    CFLAGS="-g -O0" SANFLAGS=--coverage test-policy
	@cd $(POLICY_COV)/policy && gcov -n -o . $(POLICY_OWN) \
	    2>/dev/null \
	    | awk -f $(ROOT)/$(POLICY)/test/coverage.awk


# libFuzzer comes with clang; new inputs go to the build, seeds stay as
# they are.  FUZZ_TIME: seconds for each target.
CLANG        ?= clang-14
FUZZ_TIME    ?= 10
POLICY_FUZZ  := text json ext schema

$(POLICY_OUT)/fuzz-%: $(POLICY)/fuzz/fuzz_%.c $(POLICY)/fuzz/fuzz.h \
                      $(POLICY_CORE) $(POLICY_HDRS)
	@mkdir -p $(@D)
	@$(CLANG) -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=undefined -I$(POLICY) -o $@ $< $(POLICY_CORE)

$(POLICY_OUT)/fuzz-schema: $(POLICY)/fuzz/fuzz_schema.c \
                           $(POLICY)/fuzz/fuzz.h $(POLICY_SRCS) \
                           $(POLICY_HDRS)
	@mkdir -p $(@D)
	@$(CLANG) -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=undefined -I$(POLICY) -o $@ $< $(POLICY_SRCS)

.PHONY: fuzz-policy
fuzz-policy: $(POLICY_FUZZ:%=$(POLICY_OUT)/fuzz-%)
	@for name in $(POLICY_FUZZ); do \
	    mkdir -p $(POLICY_OUT)/corpus-$$name; \
	    $(POLICY_OUT)/fuzz-$$name -max_total_time=$(FUZZ_TIME) \
	        -print_final_stats=0 -verbosity=0 -timeout=10 \
	        -artifact_prefix=$(POLICY_OUT)/ \
	        $(POLICY_OUT)/corpus-$$name $(POLICY)/fuzz/seeds/$$name \
	        || exit 1; \
	done
	@echo "$(words $(POLICY_FUZZ)) passed, 0 failed"
